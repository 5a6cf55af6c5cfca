# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges of semantic versions as npm writes them (https://github.com/npm/node-semver#ranges)."""

from __future__ import annotations

import re

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.values import GateFunctionError, precedence

LONGEST = 256
_PARTIAL = re.compile(r"(<=|>=|<|>|=|\^|~)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?")
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")
_SPACED = re.compile(r"(<=|>=|<|>|=|\^|~)\s+")
Bound = tuple[str, str]  # operator of < <= > >= and a whole version


def satisfies(version: str, wanted: str) -> bool:
    """Whether the version lies in one of the ranges apart by ||. A pre-release does so only when a bound of that range names one of the same x.y.z."""
    if len(wanted) > LONGEST:
        raise GateFunctionError(f"the range has {len(wanted)} characters, allowed {LONGEST}")
    place = precedence(version)
    # Every range is read before one of them decides: a mistake behind || is told too.
    ranges = [_bounds(part) for part in wanted.split("||")]
    return any(_within(version, place[3], bounds) for bounds in ranges)


def _within(version: str, stable: bool, bounds: list[Bound]) -> bool:
    place = precedence(version)
    inside = {"<": lambda at: place < at, "<=": lambda at: place <= at, ">": lambda at: place > at, ">=": lambda at: place >= at}
    if not all(inside[operator](precedence(bound)) for operator, bound in bounds):
        return False
    return stable or any("-" in bound and precedence(bound)[:3] == place[:3] for _operator, bound in bounds)


def _bounds(text: str) -> list[Bound]:
    hyphen = _HYPHEN.fullmatch(text.strip())
    if hyphen:
        return [*_comparator(f">={hyphen[1]}"), *_comparator(f"<={hyphen[2]}")]
    parts = _SPACED.sub(r"\1", text.strip()).split()
    return [bound for part in parts for bound in _comparator(part)]


def _comparator(text: str) -> list[Bound]:
    found = _PARTIAL.fullmatch(text)
    if not found:
        raise GateFunctionError(f"{text!r} is not a range of versions, allowed: as in >=1.2.3 <2, ^1.2.3, ~1.2, 1.x or 1.2 - 1.4")
    operator, tail = found[1] or "=", found[5] or ""
    known = _known(found)
    if tail and len(known) < 3:
        raise GateFunctionError(f"{text!r} is not a range of versions: a pre-release needs all three numbers")
    low = ".".join(map(str, [*known, 0, 0, 0][:3])) + tail
    if operator in ("^", "~"):
        return [(">=", low), ("<", _first_outside(_caret(known) if operator == "^" else known[:2]))] if known else []
    if len(known) == 3:
        return [(">=", low), ("<=", low)] if operator == "=" else [(operator, low)]
    if not known:
        return [("<", "0.0.0-0")] if operator in ("<", ">") else []
    outside = _first_outside(known)
    return {"=": [(">=", low), ("<", outside)], ">": [(">=", outside)], ">=": [(">=", low)], "<": [("<", f"{low}-0")], "<=": [("<", outside)]}[operator]


def _known(found: re.Match[str]) -> list[int]:
    """The numbers before the first wildcard."""
    known = []
    for number in found.groups()[1:4]:
        if number is None or not number.isdigit():
            break
        known.append(int(number))
    return known


def _caret(known: list[int]) -> list[int]:
    """What stays the same: the numbers up to the first one that is not zero."""
    first = next((place for place, number in enumerate(known) if number), len(known) - 1)
    return known[: first + 1]


def _first_outside(fixed: list[int]) -> str:
    """The first version after all those that begin with these numbers; its own pre-releases are after them as well."""
    numbers = [*fixed[:-1], fixed[-1] + 1]
    return ".".join(map(str, [*numbers, 0, 0, 0][:3])) + "-0"
