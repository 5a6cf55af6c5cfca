# SPDX-License-Identifier: GPL-3.0-or-later
"""From clocks on a wall to moments: the one place that decides what summer time does.

RFC 5545 section 3.3.5: a local time that does not exist is read with the offset before the gap, one that exists twice is the first of the two.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def seconds(local: datetime, zone: str) -> int:
    """Seconds since 1970 of a local time; of an aware one whatever its zone is."""
    aware = local if local.tzinfo is not None else local.replace(tzinfo=ZoneInfo(zone), fold=0)
    return (aware.astimezone(timezone.utc) - EPOCH) // timedelta(seconds=1)


def midnight(day: date, zone: str) -> int:
    return seconds(datetime.combine(day, time()), zone)


def clock_span(day: date, begin: time, end: time, zone: str) -> tuple[int, int]:
    """(begin, end) of what begins on the day; one that ends before it begins ends on the next day. Empty when the gap swallows it."""
    last = day if end > begin else day + timedelta(days=1)
    return seconds(datetime.combine(day, begin), zone), seconds(datetime.combine(last, end), zone)


def utc(at: int) -> datetime:
    return EPOCH + timedelta(seconds=at)


def text(at: int, zone: str = "UTC") -> str:
    """RFC 3339; UTC as Z."""
    if zone == "UTC":
        return utc(at).strftime("%Y-%m-%dT%H:%M:%SZ")
    return utc(at).astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")


def shown(at: int, zone: str) -> str:
    """For people: local, with the name of its offset."""
    local = utc(at).astimezone(ZoneInfo(zone))
    return f"{local:%a %Y-%m-%d %H:%M} {local.tzname()}"
