# SPDX-License-Identifier: GPL-3.0-or-later
"""The little of flagd that the shop needs: a plain roll-out in a flag file, read again when the file changes."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any, Optional

LOOK_EVERY = 0.2  # seconds


class Flags:
    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self._lock = threading.Lock()
        self._looked = 0.0
        self._seen: Optional[tuple] = None
        self._flags: dict = {}

    def variant(self, name: str, subject: str) -> str:
        """The variant of that flag for that subject; "off" for whatever can't be told."""
        with self._lock:
            self._refresh()
            flag = self._flags.get(name)
        return evaluate(name, flag, subject) if isinstance(flag, dict) else "off"

    def _refresh(self) -> None:
        now = time.monotonic()
        if self._path is None or now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        try:
            found = self._path.stat()
            if (found.st_ino, found.st_mtime_ns) != self._seen:
                self._flags = json.loads(self._path.read_text(encoding="utf-8"))["flags"]
                self._seen = (found.st_ino, found.st_mtime_ns)
        except (OSError, ValueError, KeyError):
            pass  # what was read last still holds


def evaluate(name: str, flag: dict, subject: str) -> str:
    default = flag.get("defaultVariant") or "off"
    rule = flag.get("targeting") or {}
    if flag.get("state") != "ENABLED":
        return "off"
    pairs = rule.get("fractional")
    if not pairs:
        return "off" if rule else default
    return _bucket([(pair[0], pair[1]) for pair in pairs], name, subject) if subject else default


def _bucket(pairs: list, name: str, subject: str) -> str:
    place = murmur3(b"\x82" + _cbor(name) + _cbor(subject)) * sum(weight for _variant, weight in pairs) >> 32
    for variant, weight in pairs:
        place -= weight
        if place < 0:
            return str(variant)
    return "off"


def _cbor(text: str) -> bytes:
    """A text of up to 255 bytes in CBOR (RFC 8949), of which flagd takes the hash."""
    data = text.encode("utf-8")[:255]
    return (bytes([0x60 + len(data)]) if len(data) < 24 else bytes([0x78, len(data)])) + data


def murmur3(data: bytes) -> int:
    """MurmurHash3 x86 32 bit with the seed 0."""
    value, whole = 0, len(data) // 4 * 4
    for at in range(0, whole, 4):
        value = _turn(value ^ _mixed(int.from_bytes(data[at : at + 4], "little")), 13) * 5 + 0xE6546B64 & 0xFFFFFFFF
    if data[whole:]:
        value ^= _mixed(int.from_bytes(data[whole:], "little"))
    value ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = (value ^ value >> shift) * factor & 0xFFFFFFFF
    return value ^ value >> 16


def _mixed(block: int) -> int:
    return _turn(block * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF


def _turn(value: int, by: int) -> int:
    return (value << by | value >> 32 - by) & 0xFFFFFFFF


def subject_of(path: str, query: dict) -> str:
    """The customer that a request is about: its number keeps the variant from one request to the next."""
    parts = path.strip("/").split("/")
    found: Any = parts[1] if len(parts) == 2 and parts[0] == "customers" else query.get("customer", [""])[0]
    return str(found)
