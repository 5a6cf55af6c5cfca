# SPDX-License-Identifier: GPL-3.0-or-later
"""Change single members of a JSON text and leave every other character as its author wrote it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError

_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
SHORT = 60  # characters that a value may have in one line


class Member(NamedTuple):
    """One `"key": value` of an object; offsets into the text."""

    key: str
    start: int
    value: int
    end: int


class _Object(NamedTuple):
    start: int  # of the brace
    members: tuple[Member, ...]
    end: int  # of the closing brace


def load(text: str, *, name: str) -> Any:
    """The document. A key that occurs twice is a fault: evaluators would see another one of the two than a reader."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except ValueError as exc:
        raise FlagError(f"{name} is not JSON: {exc}. Nothing was changed; mend the file first.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _value in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} occurs twice in one object")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")


def same(one: Any, other: Any) -> bool:
    """Python takes 1 for true, JSON doesn't."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def change(text: str, path: Sequence[str], value: Any) -> str:
    """The member at `path` has `value`; its parent exists. The text is valid JSON."""
    parent, member = _find(text, path)
    unit, newline = _style(text)
    if member is not None:
        if same(_DECODER.raw_decode(text, member.value)[0], value):
            return text
        return text[: member.value] + _render(value, _indent(text, member.start), unit, newline) + text[member.end :]
    return _insert(text, parent, path[-1], value)


def remove(text: str, path: Sequence[str]) -> str:
    parent, member = _find(text, path)
    if member is None:
        return text
    place = parent.members.index(member)
    if len(parent.members) == 1:
        return text[: parent.start + 1] + text[parent.end :]
    if place:
        return text[: parent.members[place - 1].end] + text[member.end :]
    return text[: member.start] + text[parent.members[1].start :]


def _find(text: str, path: Sequence[str]) -> tuple[_Object, Optional[Member]]:
    found = _object(text, _blank(text, 0))
    for step in path[:-1]:
        member = next(one for one in found.members if one.key == step)
        found = _object(text, member.value)
    return found, next((one for one in found.members if one.key == path[-1]), None)


def _object(text: str, start: int) -> _Object:
    at = _blank(text, start + 1)
    members = []
    while text[at] != "}":
        if text[at] == ",":
            at = _blank(text, at + 1)
        key, after = _DECODER.raw_decode(text, at)
        value = _blank(text, _blank(text, after) + 1)
        end = _DECODER.raw_decode(text, value)[1]
        members.append(Member(key, at, value, end))
        at = _blank(text, end)
    return _Object(start, tuple(members), at)


def _insert(text: str, parent: _Object, key: str, value: Any) -> str:
    unit, newline = _style(text)
    if parent.members:
        last = parent.members[-1]
        one_line = newline not in text[parent.start : parent.members[0].start]
        indent = _indent(text, last.start)
        before = ", " if one_line else f",{newline}{indent}"
        rendered = _render(value, indent, "" if one_line else unit, newline)
        return f"{text[: last.end]}{before}{json.dumps(key)}: {rendered}{text[last.end :]}"
    outer = _indent(text, parent.start)
    inner = outer + unit
    rendered = _render(value, inner, unit, newline)
    return f"{text[: parent.start]}{{{newline}{inner}{json.dumps(key)}: {rendered}{newline}{outer}}}{text[parent.end + 1 :]}"


def _render(value: Any, indent: str, unit: str, newline: str) -> str:
    """What is short stands in one line, as people write it; without a unit everything does."""
    short = json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict) and value:
        short = "{ " + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_render(part, '', '', newline)}" for key, part in value.items()) + " }"
    if not unit or len(short) <= SHORT or not value or not isinstance(value, (dict, list)):
        return short
    inner = indent + unit
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_render(part, inner, unit, newline)}" for key, part in value.items()]
    else:
        parts = [_render(part, inner, unit, newline) for part in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return opening + newline + inner + f",{newline}{inner}".join(parts) + newline + indent + closing


def _style(text: str) -> tuple[str, str]:
    newline = "\r\n" if "\r\n" in text else "\n"
    found = re.search(r"\{\r?\n([ \t]+)\"", text)
    return (found.group(1) if found else "  "), newline


def _indent(text: str, at: int) -> str:
    """The blanks that begin the line of that offset."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at
