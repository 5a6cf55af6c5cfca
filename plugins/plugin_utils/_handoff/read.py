# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that touches files and the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.errors import HandoffError
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.faults import document_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.state import KIND, Teams, subject
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry, NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import entries as table
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from sqlalchemy import Connection, select, text

Entries = list[dict[str, Any]]


def documents(places: Sequence[str], *, teams: Teams, today: date) -> list[dict[str, Any]]:
    """Raises HandoffError with every fault of every file."""
    found, faults = files.read("handoff", places, today=today)
    if not faults:
        faults = document_faults(found, teams=teams)
    if faults:
        raise HandoffError("The handoffs can't be used. " + render(faults, {"handoffs": len(found)}))
    return [each.value for each in found]


def entries(store: Store) -> Entries:
    """All of the kind, oldest first."""
    with store.reading() as connection:
        return _entries(connection)


def decided(store: Store, document: Mapping[str, Any], checkpoint: str, decide: Callable[[Entries], dict[str, Any] | None]) -> Entry | None:
    """Writes the body that `decide` gives. One decision at a time, so that two who sign at once see each other."""
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('evenkeel:handoffs', 2))"))
        body = decide(_entries(connection))
        if body is None:
            return None
        entry = NewEntry(KIND, "fact", release=str(document.get("release", "")), subject=subject(document, checkpoint), body=body)
        return store.append_in(connection, [store.clean(entry)])[0]


def _entries(connection: Connection) -> Entries:
    query = select(table.c.bytes).where(table.c.kind == KIND, table.c.environment == "").order_by(table.c.id)
    return [json.loads(bytes(row.bytes)) for row in connection.execute(query)]
