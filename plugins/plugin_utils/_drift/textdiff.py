# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded unified diff of two contents that shows no secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import redact_lines

CONTEXT, MAX_LINES, MAX_BYTES = 3, 200, 16384
LARGEST = 1 << 20
MOST_PAIRS = 4_000_000  # comparing lines is quadratic at worst; this is about a second
NO_END = "\\ No newline at end of file"
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def text_diff(before: bytes, after: bytes, *, name: str = "", max_lines: int = MAX_LINES, max_bytes: int = MAX_BYTES) -> str:
    """Empty when they are equal; a sentence when they are no text, or too large to compare."""
    if before == after:
        return ""
    sizes = f"{len(before)} bytes before, {len(after)} bytes after"
    if max(len(before), len(after)) > LARGEST:
        return f"Too large to show: {sizes}."
    old, new = _text(before), _text(after)
    if old is None or new is None:
        return f"Binary: {sizes}."
    left, right = old.split("\n"), new.split("\n")
    head, tail = _alike(left, right)
    if (len(left) - head - tail) * (len(right) - head - tail) > MOST_PAIRS:
        return f"Too many lines differ to show them: {sizes}."
    return _bounded(_lines(left, right, name, (max(0, head - CONTEXT), max(0, tail - CONTEXT))), max_lines=max_lines, max_bytes=max_bytes)


def _text(content: bytes) -> str | None:
    try:
        return None if b"\0" in content else content.decode()
    except UnicodeDecodeError:
        return None


def _alike(left: list[str], right: list[str]) -> tuple[int, int]:
    """How many lines are the same at the beginning and at the end."""
    shortest = min(len(left), len(right))
    head = next((index for index in range(shortest) if left[index] != right[index]), shortest)
    tail = next((index for index in range(shortest - head) if left[-1 - index] != right[-1 - index]), shortest - head)
    return head, tail


def _lines(left: list[str], right: list[str], name: str, skip: tuple[int, int]) -> Iterator[str]:
    """Compared as they are and shown redacted, so that a changed secret is a changed line. skip: lines at both ends that need no comparison."""
    ends = [not lines[-1] for lines in (left, right)]
    shown = [[_CONTROL.sub(_escaped, line) for line in redact_lines(lines)] for lines in (left, right)]
    compared = [[*lines[:-1], *([] if end else [lines[-1] + "\0"])] for lines, end in zip((left, right), ends)]
    yield f"--- {name} before"
    yield f"+++ {name} after"
    start, stops = skip[0], [len(lines) - max(0, skip[1] - 1) for lines in compared]
    middle = [lines[start:stop] for lines, stop in zip(compared, stops)]
    matcher = difflib.SequenceMatcher(None, middle[0], middle[1], autojunk=len(middle[0]) > 2000)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        moved = [(tag, i1 + start, i2 + start, j1 + start, j2 + start) for tag, i1, i2, j1, j2 in group]
        first, last = moved[0], moved[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        for tag, i1, i2, j1, j2 in moved:
            if tag == "equal":
                yield from _side(" ", shown[0], i1, i2, len(compared[0]), ends[0])
                continue
            yield from _side("-", shown[0], i1, i2, len(compared[0]), ends[0])
            yield from _side("+", shown[1], j1, j2, len(compared[1]), ends[1])


def _side(mark: str, lines: list[str], start: int, stop: int, count: int, ends: bool) -> Iterator[str]:
    for index in range(start, stop):
        yield mark + lines[index]
        if index == count - 1 and not ends:
            yield NO_END


def _range(start: int, stop: int) -> str:
    length = stop - start
    return f"{start + 1 if length else start},{length}"


def _bounded(lines: Iterator[str], *, max_lines: int, max_bytes: int) -> str:
    kept: list[str] = []
    size = 0
    for line in lines:
        size += len(line.encode()) + 1
        if len(kept) == max_lines or size > max_bytes:
            left = 1 + sum(1 for _line in lines)
            return "\n".join([*kept, f"... {left} more lines"])
        kept.append(line)
    return "\n".join(kept)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
