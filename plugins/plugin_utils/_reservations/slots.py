# SPDX-License-Identifier: GPL-3.0-or-later
"""When environments are taken, and when they are free next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.conflicts import clash
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.fold import bookings, used
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import HOLDING, Booking
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import DAY, Rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.settle import applied, settle
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import world

SEARCH = 60 * DAY


def next_free(rules: Rules, wanted: Booking, others: Sequence[Booking], *, after: datetime, within: float = SEARCH) -> tuple[datetime, datetime] | None:
    """The first time from `after` on at which `wanted` fits with its length, its buffers and its mode; None when there is none within that many seconds."""
    before, behind = timedelta(seconds=wanted.setup), wanted.end - wanted.start + timedelta(seconds=wanted.teardown)
    # A start within one of these meets that booking, whatever its own time is.
    taken = sorted((other.blocked[0] - behind, other.blocked[1] + before) for other in others if _in_the_way(rules, wanted, other))
    start, last = after, moments.later(after, within)
    for begins, ends in taken:
        if begins < start < ends:
            start = ends
        elif begins >= start:
            break
    return (start, start + (wanted.end - wanted.start)) if start <= last else None


def _in_the_way(rules: Rules, wanted: Booking, other: Booking) -> bool:
    met = clash(rules, wanted, replace(other, start=wanted.start, end=wanted.end))
    return met is not None and met.one_in_conflict


def busy(documents: Mapping[str, Any], entries: Iterable[Any], environment: str, begin: datetime, end: datetime, now: datetime) -> list[dict[str, Any]]:
    """[{from, to, start, end, id, state, mode, purpose, team, by, reason, release, lane, origin}] by time: from and to are the time that is
    blocked, with setup and teardown; start and end are the booking itself. Raises ReservationError."""
    declared, known = world(documents), list(entries)
    present = bookings(declared, known, now, until=max(end, now))
    present = applied(present, settle(declared, present, used(declared, known, present.values(), now), now))
    found = [each for each in present.values() if environment in each.environments and each.state in HOLDING]
    return [interval(each) for each in sorted(found, key=lambda each: (each.start, each.id)) if each.blocked[0] < end and each.blocked[1] > begin]


def interval(booking: Booking) -> dict[str, Any]:
    begins, ends = booking.blocked
    plain = booking.as_dict()
    shown = ("id", "start", "end", "state", "mode", "purpose", "team", "by", "reason", "release", "lane", "origin", "environments")
    return {"from": moments.text(begins), "to": moments.text(ends), **{name: plain[name] for name in shown}}
