# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that touches the ledger: what a decision needs of it, and a decision with its entries as one act that nobody can come between."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry, NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import entries as table
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.fold import KIND, USES, bookings, is_use, shown_until, watched
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking, Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import LOOK_BACK
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World
from sqlalchemy import Connection, func, select, text

SECOND = 1_000_000
Entries = list[dict[str, Any]]
Decide = Callable[[Entries, datetime], list[Change]]


def entries(store: Store, world: World, environments: Sequence[str] | None = None) -> tuple[Entries, datetime]:
    """(entries for standing(), busy() and conflicts(), the time of the store). None is every environment. The index over kind, environment and id gives
    them, from as far back as a booking can reach: on a ledger of a million entries it takes as long as on a small one."""
    with store.reading() as connection:
        return _entries(connection, store.now(connection), world, environments)


def decided(store: Store, world: World, decide: Decide) -> list[Entry]:
    """Writes what `decide` (entries, now) gives; nothing of what it was decided on changes meanwhile: one decision at a time on one ledger."""
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('evenkeel:reservations', 2))"))
        changes = decide(*_entries(connection, store.now(connection), world, None))
        new = [entry for change in changes for entry in new_entries(change)]
        return store.append_in(connection, [store.clean(entry) for entry in new]) if new else []


def new_entries(change: Change) -> list[NewEntry]:
    """One for each environment, so that each finds its bookings by its own name."""
    booking = change.booking
    body = {"event": change.event, "why": change.why, "booking": booking.as_dict()}
    return [NewEntry(KIND, "fact", environment, booking.release, subject=booking.id, body=body) for environment in booking.environments]


def _entries(connection: Connection, now: int, world: World, environments: Sequence[str] | None) -> tuple[Entries, datetime]:
    moment = datetime.fromisoformat(ids.at(now).replace("Z", "+00:00"))
    narrow = [] if environments is None else [table.c.environment.in_(environments)]
    # Each entry carries the whole booking: of each only the last one is read.
    last = select(func.max(table.c.id)).where(table.c.kind == KIND, table.c.id > _id(now - LOOK_BACK * SECOND), *narrow).group_by(table.c.subject)
    found = _select(connection, [table.c.id.in_(last)])
    for booking in watched(world, bookings(world, found, moment).values(), moment):
        first = _first_use(connection, world, booking)
        found += [first] if first and first not in found else []
    return sorted(found, key=lambda entry: str(entry["id"])), moment


def _first_use(connection: Connection, world: World, booking: Booking) -> dict[str, Any] | None:
    """One entry is enough, so no more are kept."""
    span = [table.c.id >= _id(_microseconds(booking.blocked[0])), table.c.id <= _id(_microseconds(shown_until(world, booking)))]
    for environment in booking.environments:
        query = select(table.c.bytes).where(table.c.kind.in_(USES), table.c.environment == environment, *span)
        for row in connection.execute(query, execution_options={"yield_per": 100}):
            entry: dict[str, Any] = json.loads(bytes(row.bytes))
            if is_use(world, booking, entry):
                return entry
    return None


def _select(connection: Connection, conditions: Sequence[Any]) -> Entries:
    return [json.loads(bytes(row.bytes)) for row in connection.execute(select(table.c.bytes).where(*conditions).order_by(table.c.id))]


def _id(microseconds: int) -> str:
    return ids.new_id(max(microseconds, 0), random=0)


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp() * SECOND)
