# SPDX-License-Identifier: GPL-3.0-or-later
"""The document out of a ledger. Hourly scans of a fleet are soon a million entries: only those that count are read whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import entries as table
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, exists
from sqlalchemy import ColumnElement, Select, func, or_, select

CHUNK = 500


def from_ledger(url: str, variables: Mapping[str, Any], *, environment: str = "", service: str = "") -> document.Document:
    with open_existing(url, variables) as store:
        entries = latest(store, environment=environment)
    return document.from_entries(entries, environment=environment, service=service)


def open_existing(url: str, variables: Mapping[str, Any]) -> Store:
    """Reading must not create a ledger."""
    if not exists(url):
        raise LedgerError("there is no ledger at the configured URL yet. Next: run evenkeel.release.drift, or set evenkeel_ledger_url.")
    return session.open_for(url, variables)


def latest(store: Store, *, environment: str = "", since: str | None = None) -> list[dict[str, Any]]:
    """Oldest first: of each subject its newest scan and the one to compare it with, and the newest comparison of each two environments."""
    drift = [table.c.kind == "drift", table.c.phase != "intent"]
    parity = [table.c.kind == "report", table.c.subject.like("parity/%")]
    if environment:
        drift.append(table.c.environment == environment)
        parity.append(table.c.environment == environment)
    wanted = [_newest(drift, 2 if since is None else 1), _newest(parity, 1)]
    if since:
        wanted.append(_newest([*drift, table.c.id <= since], 1))
    with store.reading() as connection:
        ids = sorted(connection.execute(select(table.c.id).where(or_(*(table.c.id.in_(each) for each in wanted)))).scalars())
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), CHUNK):
            rows = connection.execute(select(table.c.bytes).where(table.c.id.in_(ids[start : start + CHUNK])).order_by(table.c.id))
            found += [_entry(bytes(row.bytes)) for row in rows]
    return found


def _newest(conditions: list[ColumnElement[bool]], number: int) -> Select[tuple[str]]:
    """Ids of the newest entries of each subject, so many of each."""
    place = func.row_number().over(partition_by=(table.c.environment, table.c.subject), order_by=table.c.id.desc()).label("place")
    ranked = select(table.c.id, place).where(*conditions).subquery()
    return select(ranked.c.id).where(ranked.c.place <= number)


def _entry(data: bytes) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(data)
        return found
    except ValueError:
        raise LedgerError("an entry of the ledger can't be read: its bytes were changed. Next: run evenkeel.release.ledger_verify.") from None
