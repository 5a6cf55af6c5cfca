# SPDX-License-Identifier: GPL-3.0-or-later
"""Ids that sort by time, after RFC 9562 UUID version 7, and the times they carry."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import datetime, timedelta, timezone

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now_us() -> int:
    return time.time_ns() // 1000


def at(microseconds: int) -> str:
    """RFC 3339 in UTC, always with six digits, so that the text sorts like the time."""
    return (EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def microseconds(text: str) -> int:
    return (datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH) // timedelta(microseconds=1)


def new_id(microseconds: int, *, random: int | None = None) -> str:
    """48 bits of milliseconds, 12 bits that hold the microseconds below them (RFC 9562 section 6.2, method 3), 62 random bits."""
    milliseconds, rest = divmod(microseconds, 1000)
    tail = secrets.randbits(62) if random is None else random
    return str(uuid.UUID(int=(milliseconds << 80) | (7 << 76) | (rest << 64) | (2 << 62) | tail))
