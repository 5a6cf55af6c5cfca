# SPDX-License-Identifier: GPL-3.0-or-later
"""Bookings as code: what a document means in the time that is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import formats, recurrence
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import LONGEST
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World

# Nobody knows when a file was merged: what is declared counts as there from the beginning.
ALWAYS = datetime(1970, 1, 1, tzinfo=moments.UTC)


def bookings(world: World, first: datetime, last: datetime) -> list[Booking]:
    """Every occurrence that touches the time from `first` to `last`, as approved: a merge is an approval."""
    return [booking for file, declared in world.declared for booking in _occurrences(world, file, declared, first, last)]


def environments(world: World, booking: Mapping[str, Any]) -> tuple[str, ...]:
    """In a fixed order; of a lane all that are in it."""
    if lane := booking.get("lane"):
        return tuple(sorted(world.lanes.get(lane, ())))
    return tuple(sorted(booking.get("environments") or ()))


def span(booking: Mapping[str, Any]) -> tuple[datetime, datetime]:
    """(start, end) of the first occurrence in UTC. Raises ReservationError."""
    return next(_spans(booking, ALWAYS, None))


def _occurrences(world: World, file: str, declared: Mapping[str, Any], first: datetime, last: datetime) -> Iterator[Booking]:
    known = world.rules
    setup = moments.seconds(declared["setup"]) if "setup" in declared else known.setup
    teardown = moments.seconds(declared["teardown"]) if "teardown" in declared else known.teardown
    for start, end in _spans(declared, moments.later(first, -LONGEST - teardown), moments.later(last, setup)):
        places = environments(world, declared)
        booking = Booking(
            id=f"{declared['id']}@{start:%Y%m%dT%H%M%SZ}" if "recurrence" in declared else declared["id"],
            environments=places,
            lane=declared.get("lane", ""),
            mode=declared["mode"],
            purpose=declared["purpose"],
            team=declared["team"],
            by=declared["team"],
            start=start,
            end=end,
            made=ALWAYS,
            since=ALWAYS,
            state="approved",
            reason=declared["reason"],
            release=declared.get("release", ""),
            origin=file,
            setup=setup,
            teardown=teardown,
            approvals=tuple((place, "merged") for place in places),
        )
        begins, ends = booking.blocked
        if begins < last and ends > first:
            yield booking


def _spans(declared: Mapping[str, Any], first: datetime, last: datetime | None) -> Iterator[tuple[datetime, datetime]]:
    """With `last` None only the first one. `to` is a time of day for every occurrence, `length` a time that passes."""
    zone = declared.get("timezone", "")
    start = moments.utc(declared["from"], zone)
    if "recurrence" not in declared:
        yield start, _end(declared, start, zone)
        return
    place = ZoneInfo(zone)
    local = _local(declared["from"], place)
    lasts = _local(declared["to"], place) - local if "to" in declared else None
    left_out = set(declared.get("except") or ())
    until = local if last is None else last.astimezone(place).replace(tzinfo=None)
    for time in recurrence.times(declared["recurrence"], local, place, until=until):
        begins = time.replace(tzinfo=place).astimezone(moments.UTC)
        if (begins < first or time.date().isoformat() in left_out) and last is not None:
            continue
        ends = _end(declared, begins, zone) if lasts is None else (time + lasts).replace(tzinfo=place).astimezone(moments.UTC)
        yield begins, ends


def _end(declared: Mapping[str, Any], start: datetime, zone: str) -> datetime:
    return moments.utc(declared["to"], zone) if "to" in declared else start + timedelta(seconds=moments.seconds(declared["length"]))


def _local(text: str, place: ZoneInfo) -> datetime:
    found = formats.moment(text)
    if found is None:
        raise ReservationError(f"{text!r} is not a time.")
    return found if found.tzinfo is None else found.astimezone(place).replace(tzinfo=None)
