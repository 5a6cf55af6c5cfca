# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids that sort by time, after RFC 9562 UUID version 7, and the times they carry."""

from __future__ import annotations

import functools
import os
import time
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now_us() -> int:
    return time.time_ns() // 1000


def at(microseconds: int) -> str:
    """RFC 3339 in UTC, always with six digits, so that the text sorts like the time."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@functools.lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    """Thousands of entries are written in one, and calendars take longer than all the rest of an id."""
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def microseconds(text: str) -> int:
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // timedelta(microseconds=1)


def new_id(microseconds: int, *, random: int | None = None) -> str:
    """48 bits of milliseconds, 12 bits that hold the microseconds below them (RFC 9562 section 6.2, method 3), 62 random bits."""
    milliseconds, rest = divmod(microseconds, 1000)
    tail = int.from_bytes(os.urandom(8), "big") >> 2 if random is None else random
    text = f"{(milliseconds << 80) | (7 << 76) | (rest << 64) | (2 << 62) | tail:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
