# SPDX-License-Identifier: GPL-3.0-or-later
"""The one form of a statement: YAML that a person reads before signing, and that can be written in one way only.

Comments, anchors, keys that come twice, CRLF, a byte order mark, blanks at the end of a line, characters that are not seen: each would make what is
read differ from what is signed. So a text is taken only when writing its content again gives the same bytes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

LONGEST = 64 * 1024
HEAD = "# What you sign is what you read below, byte for byte.\n"
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_STRING = r'"(?:[^"\\]|\\.)*"'
_SCALAR = re.compile(rf"([a-z_]+): ({_STRING})")
_BLOCK = re.compile(r"([a-z_]+):")
_ITEM = re.compile(rf"  - ({_STRING})")
_PAIR = re.compile(rf"  ({_STRING}): ({_STRING})")


def render(data: Mapping[str, Any]) -> str:
    """data: {name: text, list of texts, or {text: text}}; empty ones are left out."""
    lines = []
    for name, value in data.items():
        if isinstance(value, str):
            lines.append(f"{name}: {_quoted(value)}")
        elif isinstance(value, Mapping) and value:
            lines += [f"{name}:", *(f"  {_quoted(key)}: {_quoted(value[key])}" for key in sorted(value))]
        elif value:
            lines += [f"{name}:", *(f"  - {_quoted(item)}" for item in value)]
    return HEAD + "\n".join(lines) + "\n"


def parse(data: bytes) -> dict[str, Any]:
    """ValueError, with the reason, for anything but the one form."""
    if len(data) > LONGEST:
        raise ValueError(f"it has more than {LONGEST} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError("it is not UTF-8") from exc
    unseen = unseen_in(text.replace("\n", ""))
    if unseen:
        raise ValueError(f"it has a character that is not seen or is not a plain blank ({unseen})")
    try:
        found = _read(text.removeprefix(HEAD).split("\n"))
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"it is not in the form that evenkeel.release.approval_request writes ({exc})") from exc
    if render(found) != text:
        raise ValueError("it is not in the form that evenkeel.release.approval_request writes (its bytes differ from what they say)")
    return found


def unseen_in(text: str) -> str:
    """The first character that somebody who reads the text does not see as itself, as U+XXXX; empty when there is none."""
    for character in text:
        category = unicodedata.category(character)
        if category in _UNSEEN or (category == "Zs" and character != " "):
            return f"U+{ord(character):04X}"
    return ""


def _read(lines: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    inside: Any = None
    name = ""
    for number, line in enumerate(lines[:-1], 1):
        scalar, block, item, pair = (pattern.fullmatch(line) for pattern in (_SCALAR, _BLOCK, _ITEM, _PAIR))
        if scalar or block:
            name = (scalar or block)[1]  # type: ignore[index]  # one of them matched
            if name in found:
                raise ValueError(f"{name} comes twice")
            found[name] = inside = json.loads(scalar[2]) if scalar else None
        elif item and not isinstance(inside, (str, dict)) and name:
            inside = found[name] = [*(inside or []), json.loads(item[1])]
        elif pair and not isinstance(inside, (str, list)) and name:
            inside = found[name] = {**(inside or {}), json.loads(pair[1]): json.loads(pair[2])}
        else:
            raise ValueError(f"line {number} of the content")
    return found


def _quoted(value: str) -> str:
    return json.dumps(str.__str__(value), ensure_ascii=False)
