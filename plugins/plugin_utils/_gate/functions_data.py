# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets, quantifiers, numbers, texts and versions."""

from __future__ import annotations

import fnmatch
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.values import GateFunctionError, precedence, same, semver_compare
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.version_range import satisfies
from jmespath import functions

LONGEST_PATTERN = 500
TEXT: Any = {"types": ["string"]}
LIST: Any = {"types": ["array"]}
NUMBER: Any = {"types": ["number"]}
EACH: Any = {"types": ["expref"]}
ANYTHING: Any = {"types": []}


class SetFunctions:
    """A list as a set: order and repetitions don't matter."""

    @functions.signature(LIST, LIST)
    def _func_contains_all(self, every: list[Any], wanted: list[Any]) -> bool:
        return _keys(wanted).keys() <= _keys(every).keys()

    @functions.signature(LIST, LIST)
    def _func_contains_any(self, every: list[Any], wanted: list[Any]) -> bool:
        return not _keys(wanted).keys().isdisjoint(_keys(every))

    @functions.signature(LIST, LIST)
    def _func_subset(self, part: list[Any], whole: list[Any]) -> bool:
        return _keys(part).keys() <= _keys(whole).keys()

    @functions.signature(LIST, LIST)
    def _func_disjoint(self, left: list[Any], right: list[Any]) -> bool:
        return _keys(left).keys().isdisjoint(_keys(right))

    @functions.signature(LIST, LIST)
    def _func_same_set(self, left: list[Any], right: list[Any]) -> bool:
        return _keys(left).keys() == _keys(right).keys()

    @functions.signature(LIST, LIST)
    def _func_intersection(self, left: list[Any], right: list[Any]) -> list[Any]:
        other = _keys(right)
        return [value for key, value in _keys(left).items() if key in other]

    @functions.signature(LIST, LIST)
    def _func_union(self, left: list[Any], right: list[Any]) -> list[Any]:
        return list(_keys([*left, *right]).values())

    @functions.signature(LIST, LIST)
    def _func_difference(self, left: list[Any], right: list[Any]) -> list[Any]:
        other = _keys(right)
        return [value for key, value in _keys(left).items() if key not in other]

    @functions.signature(LIST)
    def _func_unique(self, every: list[Any]) -> list[Any]:
        return list(_keys(every).values())


class QuantifierFunctions:
    """For each element of a list. Nothing is true of an empty list unless the function says so in its name: a list without elements is often a
    list that nobody filled."""

    @functions.signature(EACH, LIST)
    def _func_all(self, condition: Any, every: list[Any]) -> bool:
        return all(_answers("all", condition, every))

    @functions.signature(EACH, LIST)
    def _func_none(self, condition: Any, every: list[Any]) -> bool:
        return not any(_answers("none", condition, every))

    @functions.signature(EACH, LIST)
    def _func_all_or_empty(self, condition: Any, every: list[Any]) -> bool:
        return all(_each("all_or_empty", condition, every))

    @functions.signature(EACH, LIST)
    def _func_none_or_empty(self, condition: Any, every: list[Any]) -> bool:
        return not any(_each("none_or_empty", condition, every))

    @functions.signature(EACH, LIST)
    def _func_any(self, condition: Any, every: list[Any]) -> bool:
        return any(_each("any", condition, every))

    @functions.signature(EACH, LIST)
    def _func_count(self, condition: Any, every: list[Any]) -> int:
        return sum(_each("count", condition, every))

    @functions.signature(ANYTHING)
    def _func_exists(self, value: Any) -> bool:
        return value is not None


class NumberFunctions:
    @functions.signature(NUMBER, NUMBER)
    def _func_percent(self, part: float, whole: float) -> float:
        return 100.0 * part / _not_zero("percent", whole)

    @functions.signature(NUMBER, NUMBER)
    def _func_percent_change(self, before: float, after: float) -> float:
        return 100.0 * (after - before) / abs(_not_zero("percent_change", before))


class TextFunctions:
    @functions.signature(TEXT, TEXT)
    def _func_glob(self, text: str, pattern: str) -> bool:
        _short(pattern)
        return fnmatch.fnmatchcase(text, pattern)

    @functions.signature(TEXT, TEXT)
    def _func_regex(self, text: str, pattern: str) -> bool:
        """Of the whole text, by RE2, whose time grows with the length of the text and never with the ways to read it."""
        _short(pattern)
        try:
            import re2  # type: ignore[import-untyped]
        except ImportError as exc:
            raise GateFunctionError("regex needs google-re2 on the controller: pip install google-re2") from exc
        options = re2.Options()
        options.log_errors = False
        try:
            return re2.fullmatch(pattern, text, options) is not None
        except re2.error as exc:
            raise GateFunctionError(f"{pattern!r} is not a pattern of RE2: {exc}") from exc

    @functions.signature(TEXT)
    def _func_lower(self, text: str) -> str:
        return text.lower()

    @functions.signature(TEXT, TEXT)
    def _func_split(self, text: str, separator: str) -> list[str]:
        if not separator:
            raise GateFunctionError("split needs a separator, found an empty text")
        return text.split(separator)


class VersionFunctions:
    @functions.signature(TEXT, TEXT)
    def _func_semver_compare(self, left: str, right: str) -> int:
        return semver_compare(left, right)

    @functions.signature(TEXT, TEXT)
    def _func_semver_satisfies(self, version: str, wanted: str) -> bool:
        return satisfies(version, wanted)

    @functions.signature(TEXT, TEXT)
    def _func_semver_change(self, before: str, after: str) -> str:
        old, new = precedence(before), precedence(after)
        if new <= old:
            return "none" if new == old else "downgrade"
        return next((name for name, place in (("major", 0), ("minor", 1), ("patch", 2)) if new[place] != old[place]), "prerelease")


def _keys(every: list[Any]) -> dict[str, Any]:
    """{text of the value: the first such value}."""
    found: dict[str, Any] = {}
    for value in every:
        found.setdefault(same(value), value)
    return found


def _answers(name: str, condition: Any, every: list[Any]) -> list[bool]:
    if not every:
        raise GateFunctionError(f"{name} was asked about an empty list; write {name}_or_empty when that is fine")
    return _each(name, condition, every)


def _each(name: str, condition: Any, every: list[Any]) -> list[bool]:
    """Of all elements, even when the first has decided: one that can't be told makes the whole untold."""
    answers = [condition.visit(condition.expression, element) for element in every]
    for place, answer in enumerate(answers):
        if not isinstance(answer, bool):
            found = "nothing" if answer is None else f"{type(answer).__name__} {answer!r:.60}"
            raise GateFunctionError(f"the condition of {name} is neither true nor false for element {place}: found {found}")
    return answers


def _not_zero(name: str, number: float) -> float:
    if number == 0:
        raise GateFunctionError(f"{name} of zero can't be told")
    return number


def _short(pattern: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise GateFunctionError(f"the pattern has {len(pattern)} characters, allowed {LONGEST_PATTERN}")
