# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes of a report as a document: XML, JSON or text, of bounded size and depth."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timezone, tzinfo
from typing import Any, NoReturn

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import xml
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import File

LARGEST = 64 * 1024 * 1024
DEEPEST = 100
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]')


@dataclass(frozen=True)
class Document:
    """`syntax` is xml (value: xml.Node), json (plain data) or text. `zone` is that of times without one."""

    file: File
    syntax: str
    value: Any
    zone: tzinfo = timezone.utc

    def refuse(self, place: str, *, found: str, allowed: str, next_step: str = "write the report again with its tool") -> NoReturn:
        raise EvidenceError(self.file.name, place, found=found, allowed=allowed, next_step=next_step)


def parse(file: File, zone: tzinfo = timezone.utc) -> Document:
    """EvidenceError for what is empty, too large, too deep or neither XML, JSON nor UTF-8 text."""
    if len(file.data) > LARGEST:
        _refuse(file, f"{len(file.data)} bytes", f"at most {LARGEST} bytes", "split the report")
    head = file.data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not head:
        _refuse(file, "nothing in the file", "a report", "look why its tool wrote nothing")
    if head == b"<" or file.data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Document(file, "xml", xml.parse(file), zone)
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        _refuse(file, f"a byte that is not UTF-8 at offset {exc.start}", "XML, JSON or text in UTF-8", "write the report as UTF-8")
    if "\0" in text:
        _refuse(file, "a NUL byte", "XML, JSON or text", "check that it is a report, and not compressed")
    if head in (b"{", b"["):
        return Document(file, "json", _json(file, text), zone)
    return Document(file, "text", text, zone)


def _json(file: File, text: str) -> Any:
    depth = 0
    for match in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(match[0], 0)
        if depth > DEEPEST:
            _refuse(file, f"JSON nested deeper than {DEEPEST}", f"at most {DEEPEST} levels", "check what wrote the file", line=_line(text, match.start()))
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as exc:
        _refuse(file, f"JSON that is broken ({exc.msg})", "one JSON document", "write the report again; it may be cut off", line=exc.lineno)
    except (ValueError, RecursionError) as exc:  # also a number of more digits than Python converts
        _refuse(file, f"JSON that can't be read ({str(exc)[:100]})", "JSON of RFC 8259, each key once", "write the report again with its tool")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that is written twice nobody knows which value other readers take."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:60]!r} twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"the number {name}")


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def _refuse(file: File, found: str, allowed: str, next_step: str, *, line: int = 0) -> NoReturn:
    raise EvidenceError(file.name, f"line {line}" if line else "", found=found, allowed=allowed, next_step=next_step) from None
