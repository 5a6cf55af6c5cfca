# SPDX-License-Identifier: GPL-3.0-or-later
"""The bookings as the ledger and the documents know them together. Every entry carries the whole booking: the last one says how it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import declared, moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking, from_dict
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import FARTHEST, LONGEST
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World

KIND = "reservation"
# What somebody does in an environment: a booking in which nothing of it happened was not used.
USES = (
    "provision",
    "deployment",
    "promotion",
    "rollback",
    "recovery",
    "step",
    "flag",
    "switch",
    "migration",
    "verification",
    "validation",
    "evidence",
    "data_sync",
    "data_purge",
    "drift",
    "repair",
    "baseline",
)


class Readable(Protocol):
    def __getitem__(self, key: str, /) -> Any: ...


def recorded(entries: Iterable[Readable], *, since: datetime | None = None) -> dict[str, Booking]:
    """{id: booking} of entries, oldest first, without those that ended before `since`. Raises ReservationError on an entry that can't be read."""
    found: dict[str, Booking] = {}
    # Times are written alike, so their texts sort like them: most of a year of bookings is not even parsed.
    earliest = moments.text(since) if since else ""
    for entry in entries:
        if entry["kind"] == KIND:
            plain = entry["body"].get("booking")
            if not isinstance(plain, Mapping):
                raise ReservationError(f"The entry {entry['id']} of the ledger is of kind {KIND} and has no booking. Next: verify the ledger.")
            if str(plain.get("end", earliest)) < earliest:
                found.pop(str(plain.get("id")), None)
                continue
            booking = from_dict(plain, where=f"the entry {entry['id']}")
            found[booking.id] = booking
    return found


def bookings(world: World, entries: Iterable[Readable], now: datetime, *, until: datetime | None = None) -> dict[str, Booking]:
    """{id: booking} of the ledger, and of the documents from a month ago until `until` (by default as far as anything may be booked)."""
    found = recorded(entries, since=moments.later(now, -LONGEST))
    # What was recorded about an occurrence of a document is void when the document no longer has it, or at another time or place.
    present = {booking_id: booking for booking_id, booking in found.items() if booking.origin == "ledger"}
    for booking in declared.bookings(world, moments.later(now, -LONGEST), until or moments.later(now, FARTHEST)):
        known = found.get(booking.id)
        if known and known.origin == "ledger":
            raise ReservationError(f"The booking {booking.id} of {booking.origin} has the id of one in the ledger. Next: rename the one in the file.")
        same = known and (known.start, known.environments) == (booking.start, booking.environments)
        present[booking.id] = replace(known, origin=booking.origin) if known and same else booking
    return present


def used(world: World, entries: Iterable[Readable], bookings_of: Iterable[Booking], now: datetime) -> set[str]:
    """Ids of running bookings in which one of their people did something in one of their environments while that was waited for."""
    running = watched(world, bookings_of, now)
    acts = [entry for entry in entries if entry["kind"] in USES] if running else []
    return {booking.id for booking in running if any(is_use(world, booking, entry) for entry in acts)}


def watched(world: World, bookings_of: Iterable[Booking], now: datetime) -> list[Booking]:
    """Those of which it has to be known whether somebody came."""
    if world.rules.no_show is None:
        return []
    return [each for each in bookings_of if each.state == "approved" and not each.used and each.start <= now < each.end]


def is_use(world: World, booking: Booking, entry: Readable) -> bool:
    if entry["environment"] not in booking.environments or not belongs(world, booking, str(entry["actor"]["name"])):
        return False
    return booking.blocked[0] <= moments.utc(str(entry["time"])) < shown_until(world, booking)


def shown_until(world: World, booking: Booking) -> datetime:
    """When nobody is waited for any more. One that got its place late has its time from then."""
    return moments.later(max(booking.start, booking.since), world.rules.no_show or 0)


def belongs(world: World, booking: Booking, person: str) -> bool:
    return bool(person) and (person == booking.by or world.in_team(person, booking.team))
