# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as the ledger and the documents write them. Nobody here reads a clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = timedelta(days=31)


class Span(NamedTuple):
    """From the first moment to the first moment after it."""

    name: str
    begin: datetime
    end: datetime


def moment(text: Any, *, name: str) -> datetime:
    """RFC 3339 with its zone, as UTC; anything else is a ChangeError."""
    try:
        found = datetime.fromisoformat(str(text))
        if found.tzinfo is None:
            raise ValueError
        return found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise ChangeError(f"{name} is {str(text)[:40]!r}; allowed is an RFC 3339 time with its zone such as 2027-06-30T08:00:00Z.") from None


def stamp(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def days(since: Any, now: datetime, *, name: str) -> float:
    return (now - moment(since, name=name)).total_seconds() / 86400


def span(name: str, begin: Any, end: Any, *, longest: timedelta | None = LONGEST) -> Span:
    """Refused when it ends before it begins or lasts longer than `longest`; None for what a calendar says."""
    found = Span(name, moment(begin, name=f"the start of {name}"), moment(end, name=f"the end of {name}"))
    if found.end <= found.begin:
        raise ChangeError(f"{name} ends at {stamp(found.end)}, which is not after its start {stamp(found.begin)}.")
    if longest is not None and found.end - found.begin > longest:
        raise ChangeError(f"{name} lasts {(found.end - found.begin).days} days; allowed are {longest.days}.")
    return found


def overlap(one: Span, other: Span) -> bool:
    """Those that touch do not overlap: one may begin when the other ends."""
    return one.begin < other.end and other.begin < one.end


def opened(windows: Sequence[Mapping[str, Any]], begin: datetime, end: datetime) -> Iterator[Span]:
    """The spans of weekly windows (name, days, from, to, timezone) that reach into the time from `begin` to `end`."""
    if end - begin > LONGEST:
        raise ChangeError(f"The time from {stamp(begin)} to {stamp(end)} is longer than {LONGEST.days} days.")
    for window in windows:
        try:
            zone, name = ZoneInfo(window["timezone"]), str(window["name"])
            first, last = time.fromisoformat(window["from"]), time.fromisoformat(window["to"])
            wanted = {DAYS.index(day) for day in window["days"]}
        except (KeyError, TypeError, ValueError, OSError) as exc:
            raise ChangeError(f"The window {str(window)[:80]} can't be read: {type(exc).__name__}.") from exc
        for day in _days(begin.astimezone(zone).date() - timedelta(days=1), end.astimezone(zone).date()):
            if day.weekday() in wanted:
                closes = day if last > first else day + timedelta(days=1)
                found = Span(name, _at(day, first, zone), _at(closes, last, zone))
                if found.begin < end and begin < found.end:
                    yield found


def joined(spans: Sequence[Span]) -> list[Span]:
    """Windows that follow on each other are one: what begins in the first may end in the second."""
    found: list[Span] = []
    for each in sorted(spans, key=lambda one: (one.begin, one.end)):
        if found and each.begin <= found[-1].end:
            found[-1] = found[-1]._replace(end=max(found[-1].end, each.end))
        else:
            found.append(each)
    return found


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(timezone.utc)
