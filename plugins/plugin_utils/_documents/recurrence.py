# SPDX-License-Identifier: GPL-3.0-or-later
"""RFC 5545 recurrence rules over local times of day: what is allowed, and the days that they give."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

_USUAL = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTH")
# No BYHOUR and below: one rule must not give thousands of times a day. By frequency as in the table of RFC 5545 section 3.3.10, but for days of
# the month in DAILY: a rule that never fits is searched until the year 9999, day by day.
PARTS = {
    "DAILY": _USUAL,
    "WEEKLY": _USUAL,
    "MONTHLY": (*_USUAL, "BYMONTHDAY", "BYSETPOS"),
    "YEARLY": (*_USUAL, "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"),
}
LONGEST = 500
MOST = 10_000
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


def is_rule(text: str) -> bool:
    try:
        _parsed(text, datetime(2000, 1, 1), ZoneInfo("UTC"))
    except (ValueError, OverflowError):
        return False
    return True


def times(text: str, start: datetime, zone: ZoneInfo, *, until: datetime) -> Iterator[datetime]:
    """Local times without a zone, from `start` (local, no zone) to `until` (likewise), in order. Raises ValueError."""
    rule = _parsed(text, start, zone)
    end = until if rule._until is None else min(rule._until, until)  # type: ignore[attr-defined]  # dateutil tells it nowhere else
    with warnings.catch_warnings():
        # COUNT together with an end is no fault here: the end only bounds the search.
        warnings.simplefilter("ignore", DeprecationWarning)
        bounded = rule.replace(until=end)
    for number, time in enumerate(bounded):
        if number >= MOST:
            raise ValueError(f"the rule {text} gives more than {MOST} times")
        yield time


def _parsed(text: str, start: datetime, zone: ZoneInfo) -> rrule:
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    if len(text) > LONGEST or len(parts) != len(text.split(";")) or not set(parts) <= set(PARTS.get(parts.get("FREQ", ""), ())):
        raise ValueError(f"{text!r} is not a rule of RFC 5545 that is allowed here")
    for name in ("INTERVAL", "COUNT"):
        # INTERVAL=0 would never end.
        if name in parts and not re.fullmatch(r"[1-9]\d{0,3}", parts[name]):
            raise ValueError(f"{name} of {text!r} is not a number from 1 to 9999")
    if not re.fullmatch(r"(1[0-2]|[1-9])(,(1[0-2]|[1-9]))*", parts.get("BYMONTH", "1")):
        raise ValueError(f"BYMONTH of {text!r} is not a list of months from 1 to 12")
    if "UNTIL" in parts:
        if "COUNT" in parts:
            raise ValueError(f"{text!r} has COUNT and UNTIL")
        parts["UNTIL"] = _local(parts["UNTIL"], zone)
    made = rrulestr(";".join(f"{name}={value}" for name, value in parts.items()), dtstart=start)
    if not isinstance(made, rrule):
        raise ValueError(f"{text!r} is not one rule")
    return made


def _local(until: str, zone: ZoneInfo) -> str:
    """A day ends with it; a time in UTC becomes the local one, as RFC 5545 section 3.3.10 wants it."""
    found = _UNTIL.fullmatch(until)
    if not found:
        raise ValueError(f"UNTIL={until} is neither a day nor a time")
    if not found[2]:
        return f"{found[1]}T235959"
    moment = datetime.strptime(f"{found[1]}{found[2]}", "%Y%m%d%H%M%S")
    if found[3]:
        moment = moment.replace(tzinfo=ZoneInfo("UTC")).astimezone(zone).replace(tzinfo=None)
    return moment.strftime("%Y%m%dT%H%M%S")
