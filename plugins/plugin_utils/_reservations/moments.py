# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and lengths as the documents write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import formats
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError

UTC = timezone.utc
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def utc(text: str, zone: str = "") -> datetime:
    """The moment in UTC. A time without a zone is one of `zone`: in the hour that a clock skips it counts as if the clock had not been changed, in the
    one that comes twice it is the first (RFC 5545 section 3.3.5)."""
    found = formats.moment(text)
    if found is None:
        raise ReservationError(f"{text!r} is not a time, allowed is {formats.ALLOWED['evenkeel-local-time']}.")
    if found.tzinfo is None:
        if not zone:
            raise ReservationError(f"The time {text!r} has no zone. Next: write it as in 2027-03-01T22:00:00Z, or set timezone.")
        found = found.replace(tzinfo=ZoneInfo(zone))
    return found.astimezone(UTC)


def text(moment: datetime) -> str:
    """RFC 3339 in UTC, to the second where nothing is lost."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")


def seconds(value: str) -> int:
    found = re.fullmatch(r"([1-9]\d{0,9})([smhd])", value)
    if not found:
        raise ReservationError(f"{value!r} is not a length of time, allowed is {formats.ALLOWED['evenkeel-duration']}.")
    return int(found[1]) * _UNITS[found[2]]


def length(whole: float) -> str:
    """As people say it: 1 h 30 min."""
    minutes, left = divmod(int(whole), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (left, "s")) if number]
    return " ".join(parts[:2]) or "0 s"


def later(moment: datetime, by: float) -> datetime:
    return moment + timedelta(seconds=by)
