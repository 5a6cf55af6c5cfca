# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of package versions, as dpkg has it (deb-version(7)): `~` sorts before the end, letters before other characters, numbers as numbers."""

from __future__ import annotations

import re
from functools import cache

Key = tuple[int, tuple[tuple[tuple[int, ...], int], ...], tuple[tuple[tuple[int, ...], int], ...]]
_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
END = 0


@cache
def version_key(version: str) -> Key:
    epoch, colon, rest = version.strip().partition(":")
    if not colon or not epoch.isascii() or not epoch.isdigit():
        epoch, rest = "0", version.strip()
    upstream, dash, revision = rest.rpartition("-")
    return int(epoch), _key(upstream if dash else rest), _key(revision if dash else "")


def _key(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    pairs = _PARTS.findall(text)
    parts = [((*(_order(char) for char in word), END), int(digits or 0)) for word, digits in pairs]
    while parts and parts[-1] == ((END,), 0):
        parts.pop()  # nothing and 0 are the same
    # The end is a part of its own, so that 1.0 is 1.0 followed by nothing and 1.0~rc1 comes before it.
    return (*parts, ((END,), 0))


def _order(char: str) -> int:
    if char == "~":
        return -1
    return ord(char) if char.isascii() and char.isalpha() else ord(char) + 256
