# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a file that should be evidence."""

from __future__ import annotations

from typing import Any

LONGEST = 120


class EvidenceError(Exception):
    """`place` is a line, a key path or empty for the whole file."""

    def __init__(self, file: str, place: str, *, found: str, allowed: str, next_step: str) -> None:
        where = f"{file}, {place}" if place else file
        super().__init__(_printable(f"{where}: found {found}; allowed: {allowed}. Next: {next_step}."))
        self.file, self.place, self.found, self.allowed, self.next_step = map(_printable, (file, place, found, allowed, next_step))

    def as_dict(self) -> dict[str, str]:
        return {"file": self.file, "place": self.place, "found": self.found, "allowed": self.allowed, "next": self.next_step}


def _printable(text: str) -> str:
    """What a file holds must not steer the terminal of whoever reads the error."""
    return "".join(one if one.isprintable() else "?" for one in text)


def shown(value: Any) -> str:
    """A value of a file as a message may print it: one short line, and never a whole tree."""
    if isinstance(value, dict):
        return f"a mapping with {len(value)} keys"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**18:
        return "a number of more than 18 digits"
    text = repr(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
