# SPDX-License-Identifier: GPL-3.0-or-later
"""Who waits for a lease: first come, first served, emergencies before all others. A place in this queue is a row that its waiter keeps fresh; one whose
process is gone, or that nobody has refreshed for a while from another machine, counts no more. So nobody has to be alive for the queue to move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids, process
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import waiters as table
from sqlalchemy import Connection, delete, func, insert, select, update

PRIORITIES = {"normal": 0, "emergency": 1}
# A waiter asks twice a second and says so every REFRESH; STALE is what a machine that hangs may take from those behind it.
REFRESH_SECONDS, STALE_SECONDS = 5, 30
_SHOWN = ("holder", "host", "pid", "job", "since", "priority", "release", "message")
Row = dict[str, Any]


def live(connection: Connection, name: str, now: int) -> list[Row]:
    """Those who wait, the next one first; whoever is gone is taken out. Only with the lock of the lease."""
    rows = _rows(connection, name)
    gone = [row["ticket"] for row in rows if not _lives(row, now)]
    if gone:
        connection.execute(delete(table).where(table.c.name == name, table.c.ticket.in_(gone)))
    return [row for row in rows if row["ticket"] not in gone]


def seen(connection: Connection, name: str, now: int) -> list[dict[str, Any]]:
    """The same to look at, changing nothing: [{place, holder, host, pid, job, since, priority, release, message}]."""
    return shown([row for row in _rows(connection, name) if _lives(row, now)])


def shown(rows: Sequence[Row]) -> list[dict[str, Any]]:
    words = {number: word for word, number in PRIORITIES.items()}
    return [{"place": place, **{key: row[key] for key in _SHOWN}, "priority": words[row["priority"]]} for place, row in enumerate(rows, start=1)]


def mine(rows: Sequence[Row], owner: int, begun: str) -> Row | None:
    return next((row for row in rows if (row["host_id"], row["pid"], row["started"]) == (process.host_id(), owner, begun)), None)


def ahead(rows: Sequence[Row], own: Row | None, priority: int) -> list[Row]:
    """Who goes first. Somebody who does not wait yet comes after all of the same priority."""
    if own is not None:
        return [row for row in rows if _order(row) < _order(own)]
    return [row for row in rows if row["priority"] >= priority]


def join(connection: Connection, name: str, now: int, own: Row | None, fields: Mapping[str, Any]) -> None:
    """Takes a place, or keeps the one that it has."""
    if own is None:
        ticket = connection.execute(select(func.coalesce(func.max(table.c.ticket), 0)).where(table.c.name == name)).scalar_one() + 1
        connection.execute(insert(table).values(name=name, ticket=ticket, since=ids.at(now), seen=ids.at(now), **fields))
    elif now - ids.microseconds(own["seen"]) >= REFRESH_SECONDS * 1_000_000:
        connection.execute(update(table).where(table.c.name == name, table.c.ticket == own["ticket"]).values(seen=ids.at(now)))


def leave(connection: Connection, name: str, owner: int, begun: str) -> None:
    here = (table.c.host_id == process.host_id()) & (table.c.pid == owner) & (table.c.started == begun)
    connection.execute(delete(table).where(table.c.name == name, here))


def _rows(connection: Connection, name: str) -> list[Row]:
    query = select(table).where(table.c.name == name).order_by(table.c.priority.desc(), table.c.ticket)
    return [dict(row) for row in connection.execute(query).mappings()]


def _order(row: Row) -> tuple[int, int]:
    return -row["priority"], row["ticket"]


def _lives(row: Row, now: int) -> bool:
    if row["host_id"] == process.host_id():
        return process.is_running(row["pid"], row["started"])
    return now - ids.microseconds(row["seen"]) < STALE_SECONDS * 1_000_000
