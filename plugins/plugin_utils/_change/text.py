# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts that people put into a change: checked and bounded when they come in, escaped when they go out.

They end up in meeting papers, tickets and web pages, so a text must not be able to look like something that the ledger said.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError

LINE, PARAGRAPH, ITEMS, BYTES, DEPTH = 200, 4000, 50, 65536, 12
# Those that turn the direction of what follows make a text read otherwise than it is written (CVE-2021-42574); so do invisible ones.
_HIDDEN = re.compile("[\u200b-\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]")
_SPECIAL = re.compile(r"([\\`*\[\]{}|~$!])")
_EDGE_UNDERSCORE = re.compile(r"(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])")
_BEGINS = re.compile(r"^(\s*)([#+=:-]|\d+(?=[.)](?:\s|$)))")
_ADDRESS = re.compile(r"(?i)(https?|ftp|mailto|xmpp)(?=:)|(?<=www)(?=\.)|(?<![0-9A-Za-z._+-])(?=@)")


def line(value: Any, *, name: str, limit: int = LINE, empty: bool = False) -> str:
    """One line of text, stripped; ChangeError when it is none, holds control characters or is longer than `limit` characters."""
    text = _text(value, name, limit, empty=empty)
    found = next((char for char in text if unicodedata.category(char) in ("Cc", "Cs")), "") or next(iter(_HIDDEN.findall(text)), "")
    if found:
        raise ChangeError(f"{name} holds the character U+{ord(found):04X}; allowed is one line of plain text.")
    return text


def paragraph(value: Any, *, name: str, limit: int = PARAGRAPH, empty: bool = False) -> str:
    """As line(), where new lines are allowed."""
    text = _text(value, name, limit, empty=empty).replace("\r\n", "\n")
    for number, each in enumerate(text.split("\n"), 1):
        line(each.replace("\t", " "), name=f"{name}, line {number}", limit=limit, empty=True)
    return text


def lines(value: Any, *, name: str, most: int = ITEMS) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > most:
        raise ChangeError(f"{name} is {_kind(value)}; allowed is a list of at most {most} lines of text.")
    return [line(each, name=f"{name}[{number}]") for number, each in enumerate(value)]


def one_of(value: Any, allowed: Sequence[str], *, name: str) -> str:
    if value not in allowed:
        raise ChangeError(f"{name} is {str(value)[:LINE]!r}; allowed are {', '.join(allowed)}.")
    return str(value)


def bounded(value: Any, *, name: str) -> Any:
    """Plain data that is neither deep nor large; returned as it is."""
    _shallow(value, name, DEPTH)
    size = len(json.dumps(value, default=str))
    if size > BYTES:
        raise ChangeError(f"{name} has {size} bytes; allowed are {BYTES}. Keep it short and name where the rest is.")
    return value


def md(value: Any) -> str:
    """Any value as one line of Markdown that shows as it is written and does nothing: no link, picture, mark-up, table cell or HTML."""
    seen = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in _HIDDEN.sub(" ", str(value)))
    text = " ".join(seen.split())
    text = _SPECIAL.sub(r"\\\1", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _EDGE_UNDERSCORE.sub(r"\\_", text)
    text = _ADDRESS.sub(lambda found: f"{found[0]}&#8203;", text)
    return _BEGINS.sub(lambda found: f"{found[1]}\\{found[2]}" if not found[2].isdigit() else f"{found[1]}{found[2]}\\", text)


def _text(value: Any, name: str, limit: int, *, empty: bool) -> str:
    if not isinstance(value, str):
        raise ChangeError(f"{name} is {_kind(value)}; allowed is text.")
    text = value.strip()
    if len(text) > limit:
        raise ChangeError(f"{name} has {len(text)} characters; allowed are {limit}. Keep it short and name where the rest is.")
    if not text and not empty:
        raise ChangeError(f"{name} is empty; a text is needed.")
    return str.__str__(text)


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"


def _shallow(value: Any, name: str, left: int) -> None:
    if left < 0:
        raise ChangeError(f"{name} is nested deeper than {DEPTH} levels; allowed is flat data.")
    if isinstance(value, Mapping):
        for each in value.values():
            _shallow(each, name, left - 1)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for each in value:
            _shallow(each, name, left - 1)
