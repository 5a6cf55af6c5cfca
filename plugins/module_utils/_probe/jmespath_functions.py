# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The functions of JMESPath: what each takes, and what it gives."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple


class FunctionError(ValueError):
    pass


class Reference:
    """`&expression`: applied by the function that it is given to."""

    def __init__(self, apply: Callable[[Any], Any]) -> None:
        self.apply = apply


class Function(NamedTuple):
    run: Callable[..., Any]
    takes: tuple[str, ...]  # one per argument: names of types, | between; array-number is an array of numbers only
    variadic: bool = False  # the last may come again


def type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    for kinds, name in (((int, float), "number"), (str, "string"), (list, "array"), (dict, "object"), (Reference, "expression")):
        if isinstance(value, kinds):
            return name
    return "null"


def call(name: str, arguments: Sequence[Any]) -> Any:
    function = FUNCTIONS[name]
    least = len(function.takes)
    if len(arguments) < least or (len(arguments) > least and not function.variadic):
        raise FunctionError(f"{name}() got {len(arguments)} arguments; allowed: {least}{' or more' if function.variadic else ''}")
    for number, argument in enumerate(arguments):
        allowed = function.takes[min(number, least - 1)]
        if not _fits(argument, allowed):
            raise FunctionError(f"{name}() got {_described(argument)} as its argument {number + 1}; allowed: {allowed.replace('|', ' or ')}")
    return function.run(*arguments)


def _fits(value: Any, allowed: str) -> bool:
    kind = type_of(value)
    for one in allowed.split("|"):
        outer, _dash, inner = one.partition("-")
        if outer == "any" and kind != "expression":
            return True
        if kind == outer and (not inner or all(type_of(element) == inner for element in value)):
            return True
    return False


def _described(value: Any) -> str:
    kind = type_of(value)
    return f"{kind} of {', '.join(sorted({type_of(element) for element in value}))}" if kind == "array" and value else kind


def _number(value: Any) -> Any:
    if type_of(value) == "number":
        return value
    for convert in (int, float):
        try:
            return convert(value) if isinstance(value, str) else None
        except ValueError:
            continue
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _contains(subject: Any, wanted: Any) -> bool:
    return (isinstance(wanted, str) if isinstance(subject, str) else True) and wanted in subject


def _keys(elements: Sequence[Any], reference: Reference, name: str) -> list[Any]:
    """The keys to order by: all numbers or all texts."""
    keys = [reference.apply(element) for element in elements]
    kinds = {type_of(key) for key in keys}
    if kinds and kinds not in ({"number"}, {"string"}):
        raise FunctionError(f"{name}() got keys of the types {', '.join(sorted(kinds))}; allowed: all number or all string")
    return keys


def _sort_by(elements: list[Any], reference: Reference) -> list[Any]:
    keys = _keys(elements, reference, "sort_by")
    return [elements[index] for index in sorted(range(len(keys)), key=keys.__getitem__)]


def _extreme(choose: Callable[..., int], name: str) -> Callable[[list[Any], Reference], Any]:
    def run(elements: list[Any], reference: Reference) -> Any:
        keys = _keys(elements, reference, name)
        return elements[choose(range(len(keys)), key=keys.__getitem__)] if keys else None

    return run


def _merge(*objects: dict[str, Any]) -> dict[str, Any]:
    return {key: value for one in objects for key, value in one.items()}


_ORDERED = "array-number|array-string"
FUNCTIONS: dict[str, Function] = {
    "abs": Function(abs, ("number",)),
    "avg": Function(lambda values: sum(values) / len(values) if values else None, ("array-number",)),
    "ceil": Function(math.ceil, ("number",)),
    "contains": Function(_contains, ("array|string", "any")),
    "ends_with": Function(lambda text, end: text.endswith(end), ("string", "string")),
    "floor": Function(math.floor, ("number",)),
    "join": Function(lambda glue, parts: glue.join(parts), ("string", "array-string")),
    "keys": Function(list, ("object",)),
    "length": Function(len, ("string|array|object",)),
    "map": Function(lambda reference, values: [reference.apply(value) for value in values], ("expression", "array")),
    "max": Function(lambda values: max(values, default=None), (_ORDERED,)),
    "max_by": Function(_extreme(max, "max_by"), ("array", "expression")),
    "merge": Function(_merge, ("object",), variadic=True),
    "min": Function(lambda values: min(values, default=None), (_ORDERED,)),
    "min_by": Function(_extreme(min, "min_by"), ("array", "expression")),
    "not_null": Function(lambda *values: next((value for value in values if value is not None), None), ("any",), variadic=True),
    "reverse": Function(lambda value: value[::-1], ("array|string",)),
    "sort": Function(sorted, (_ORDERED,)),
    "sort_by": Function(_sort_by, ("array", "expression")),
    "starts_with": Function(lambda text, start: text.startswith(start), ("string", "string")),
    "sum": Function(sum, ("array-number",)),
    "to_array": Function(lambda value: value if isinstance(value, list) else [value], ("any",)),
    "to_number": Function(_number, ("any",)),
    "to_string": Function(_text, ("any",)),
    "type": Function(type_of, ("any",)),
    "values": Function(lambda mapping: list(mapping.values()), ("object",)),
}
