# SPDX-License-Identifier: GPL-3.0-or-later
"""Globs over item paths: `*` and `?` stay within a folder, `**` crosses folders, `[ab]` is one character, `{a,b}` either text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_PART = re.compile(r"\*\*/?|\*|\?|\[!?\]?[^\]]*\]|\{[^{}]*,[^{}]*\}|.", re.DOTALL)
_SPECIAL = re.compile(r"[*?\[{]")


def matches(pattern: str, path: str) -> bool:
    start, whole = _compiled(pattern)
    # Most patterns are about another kind of thing.
    return path.startswith(start) and whole.fullmatch(path) is not None


def any_matches(patterns: Iterable[str], text: str) -> bool:
    return any(matches(pattern, text) for pattern in patterns)


def literal(path: str) -> str:
    """The pattern that matches this path alone."""
    return _SPECIAL.sub(lambda found: f"[{found[0]}]", path)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> tuple[str, re.Pattern[str]]:
    special = _SPECIAL.search(pattern)
    return pattern[: special.start()] if special else pattern, re.compile(_translated(pattern), re.DOTALL)


def _translated(pattern: str) -> str:
    return "".join(_regex(part) for part in _PART.findall(pattern))


def _regex(part: str) -> str:
    if part == "**/":
        return "(?:.*/)?"  # `/etc/**/x` is also /etc/x
    if part == "**":
        return ".*"
    if part in ("*", "?"):
        return f"[^/]{part.replace('?', '')}"
    if part.startswith("{") and len(part) > 1:
        return f"(?:{'|'.join(_translated(choice) for choice in part[1:-1].split(','))})"
    return _set(part[1:-1]) if len(part) > 2 and part != "[!]" else re.escape(part)


def _set(inner: str) -> str:
    """As in fnmatch, a range that goes backwards is empty; `/` is in no set."""
    negated = inner.startswith("!")
    chars, parts = inner[negated:], []
    while chars:
        low, dash, high = chars[0], chars[1:2], chars[2:3]
        if dash == "-" and high:
            parts += [f"{re.escape(low)}-{re.escape(high)}"] if low <= high else []
            chars = chars[3:]
        else:
            parts.append(re.escape(low))
            chars = chars[1:]
    if not parts:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{''.join(_safe(part) for part in parts)}]"


def _safe(part: str) -> str:
    # re.escape leaves alone what is special in sets only, or will be.
    return part if part[0] == "\\" or part[0] not in "|&~^" else f"\\{part}"
