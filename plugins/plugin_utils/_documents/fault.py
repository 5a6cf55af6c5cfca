# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault of a document, and how the value that was found may be shown."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

REDACTED = "[REDACTED]"
LONGEST = 80
Path = tuple[str | int, ...]
_SECRET = re.compile(r"password|secret|token|key", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(://)[^/\s@]+@")


@dataclass(frozen=True, order=True)
class Fault:
    """`path` is the dotted key path below the document; `line` counts from 1 and is 0 where it is not known."""

    file: str
    line: int
    path: str
    found: str
    allowed: str
    hint: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def dotted(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: Any, path: Iterable[str | int] = ()) -> str:
    """The value as a report may print it: never what looks like a secret, never a whole tree."""
    if any(isinstance(part, str) and _SECRET.search(part) for part in path):
        return REDACTED
    if isinstance(value, Mapping):
        return f"a mapping with {len(value)} keys" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, str):
        value = _CREDENTIALS.sub(rf"\1{REDACTED}@", value)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), [str(name) for name in known], n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def listed(names: Iterable[object]) -> str:
    return ", ".join(str(name) for name in names) or "none"
