# SPDX-License-Identifier: GPL-3.0-or-later
"""How things stand now, without reading what came before: a small table that each append keeps in step with the entries, in the same transaction.

  open      an announced act without an outcome: (its environment, the intent's id) -> the intent
  deployed  what an environment runs: (environment, service) -> the outcome that said so last

It holds ids of entries and nothing else: what they mean is read from the entries by the views. `faults` compares it with all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import entries as table
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import state
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

OPEN, DEPLOYED = "open", "deployed"
COLUMNS = ("view", "environment", "key", "entry")
CHUNK = 500  # values in one statement
Row = tuple[str, str, str, str]  # view, environment, key, entry


def note(connection: Connection, written: Sequence[Entry]) -> None:
    """What these entries change, in a few statements however many they are."""
    opened: dict[str, Row] = {}
    running: dict[tuple[str, str], Row] = {}
    closed, torn = [], []
    for entry in written:
        if entry.phase == "intent":
            opened[entry.id] = (OPEN, entry.environment, entry.id, entry.id)
        elif entry.phase == "outcome":
            intent = str(entry.body.get("intent"))
            if opened.pop(intent, None) is None:
                closed.append(intent)
            if _ended(entry, "teardown"):
                torn.append(entry.environment)
                running = {place: row for place, row in running.items() if place[0] != entry.environment}
            running.update({(entry.environment, service): (DEPLOYED, entry.environment, service, entry.id) for service in services(entry)})
    for first in range(0, len(closed), CHUNK):
        connection.execute(delete(state).where(state.c.view == OPEN, state.c.key.in_(closed[first : first + CHUNK])))
    if torn:
        connection.execute(delete(state).where(state.c.view == DEPLOYED, state.c.environment.in_(torn)))
    _put(connection, [*opened.values(), *running.values()])


def rebuild(connection: Connection) -> None:
    """From all entries, for a ledger that was written before there was this table."""
    connection.execute(delete(state))
    rows = sorted(derived(_acts(connection)))
    if rows:
        connection.execute(insert(state), [dict(zip(COLUMNS, row)) for row in rows])


def faults(connection: Connection) -> list[str]:
    """What the table says otherwise than the entries: a row that somebody took out hides an act that never ended."""
    kept = {tuple(row) for row in connection.execute(select(state.c.view, state.c.environment, state.c.key, state.c.entry))}
    right = derived(_acts(connection))
    lost = [f"{view} {key} of {place or 'no environment'} is missing" for view, place, key, _entry in sorted(right - kept)]
    return [*lost, *(f"{view} {key} of {place or 'no environment'} is there and no entry says so" for view, place, key, _entry in sorted(kept - right))]


def derived(entries: Iterable[Mapping[str, Any]]) -> set[Row]:
    """The rows that these entries, oldest first, give. Pure."""
    rows: dict[tuple[str, str, str], str] = {}
    opened: dict[str, str] = {}
    for entry in entries:
        place = str(entry["environment"])
        if entry["phase"] == "intent":
            opened[entry["id"]] = place
        elif entry["phase"] == "outcome":
            opened.pop(str(entry["body"].get("intent")), None)
            if _ended(entry, "teardown"):
                rows = {row: kept for row, kept in rows.items() if row[1] != place}
            for service in services(entry):
                rows[(DEPLOYED, place, service)] = entry["id"]
    return {(*row, entry) for row, entry in rows.items()} | {(OPEN, place, key, key) for key, place in opened.items()}


def services(entry: views.Readable) -> list[str]:
    """The services that this outcome says something about; none when it did not end well or is of another kind."""
    ended = entry["kind"] in views.DEPLOYING and entry["phase"] == "outcome" and entry["body"].get("verdict") == "passed"
    return sorted(views.services_of(entry)) if ended else []


def _ended(entry: views.Readable, kind: str) -> bool:
    return bool(entry["kind"] == kind and entry["body"].get("verdict") == "passed")


def _put(connection: Connection, rows: Sequence[Row]) -> None:
    """The newest entry stays, whichever of two writers comes last; in one order for all, so that two wait for each other and not in a circle."""
    if not rows:
        return
    wanted = (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(state)
    keys = [state.c.view, state.c.environment, state.c.key]
    newest = wanted.on_conflict_do_update(index_elements=keys, set_={"entry": wanted.excluded.entry}, where=state.c.entry < wanted.excluded.entry)
    connection.execute(newest, [dict(zip(COLUMNS, row)) for row in sorted(rows)])


def _acts(connection: Connection) -> Iterable[Mapping[str, Any]]:
    query = select(table.c.bytes).where(table.c.phase.in_(("intent", "outcome"))).order_by(table.c.id)
    for (data,) in connection.execute(query, execution_options={"yield_per": 1000}):
        yield json.loads(bytes(data))
