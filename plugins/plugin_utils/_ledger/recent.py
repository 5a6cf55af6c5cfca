# SPDX-License-Identifier: GPL-3.0-or-later
"""Bounded reading: the few entries that say how things stand, found by indexes. None of these reads more as the ledger grows.

All give entries oldest first. What they mean is for the views, which are asked about these entries as they would be about all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import state
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import COLLATIONS, NOT_AUDIT, entries
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.schema import state as kept
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from sqlalchemy import ColumnElement, Select, TextClause, select, text

PAGE = 20
MOST_IDS = 500
# The indexes by subject and release leave the audit trail out; a database takes them only for a query that says so too.
_INDEXED = text(NOT_AUDIT.replace("kind", "evenkeel_entries.kind", 1))
_PLACE = f"evenkeel_entries WHERE {NOT_AUDIT} AND kind = :kind"
# Jumps from one value to the next greater one: as many steps as there are values, however many entries each has. No data is in these texts.
_ENVIRONMENTS = (
    f"WITH RECURSIVE found(value) AS (SELECT min(environment) FROM {_PLACE} UNION ALL"  # noqa: S608
    f" SELECT (SELECT min(environment) FROM {_PLACE} AND environment > found.value) FROM found WHERE found.value IS NOT NULL)"
    " SELECT value FROM found WHERE value IS NOT NULL"
)
_HERE = f"FROM {_PLACE} AND environment = :environment AND subject COLLATE {{order}}"
_JUMP = (
    f"WITH RECURSIVE found(value) AS (SELECT min(subject COLLATE {{order}}) {_HERE} >= :first AND subject COLLATE {{order}} < :last UNION ALL"  # noqa: S608
    f" SELECT (SELECT min(subject COLLATE {{order}}) {_HERE} > found.value AND subject COLLATE {{order}} < :last)"
    " FROM found WHERE found.value IS NOT NULL) "
)
_SUBJECTS = _JUMP + "SELECT value FROM found WHERE value IS NOT NULL"  # noqa: S608
_NEWEST = _JUMP + f"SELECT (SELECT max(id) {_HERE} = found.value) FROM found WHERE value IS NOT NULL"  # noqa: S608
AFTER_ALL = "\U0010ffff"


def open_intents(store: Store, environment: str | None = None) -> list[Entry]:
    """Announced acts without an outcome; what views.open_intents says of the whole ledger."""
    return _of_state(store, state.OPEN, environment)


def deployed(store: Store, environment: str | None = None) -> list[Entry]:
    """Outcomes of which views.deployments says the same as of the whole ledger."""
    return _of_state(store, state.DEPLOYED, environment)


def of_release(store: Store, release: str, kinds: Sequence[str]) -> list[Entry]:
    return store.select(lambda query: query.where(_INDEXED, entries.c.release == release, entries.c.kind.in_(kinds)).order_by(entries.c.id))


def of_subject(store: Store, subject: str, kind: str) -> list[Entry]:
    return store.select(lambda query: query.where(_INDEXED, _subject(store) == subject, entries.c.kind == kind).order_by(entries.c.id))


def newest(store: Store, *, kind: str, environment: str, subjects: Collection[str], limit: int | None = None) -> list[Entry]:
    """The newest entries about any of the subjects in an environment."""
    return _newest(store, kind, environment, [_subject(store).in_(subjects)], limit)[::-1]


def newest_ids(store: Store, *, kind: str, environment: str, prefix: str = "") -> list[str]:
    """Ids of the newest entry of each subject that begins with the prefix, for of_ids()."""
    return _ask(store, _NEWEST, kind=kind, environment=environment, prefix=prefix)


def of_ids(store: Store, ids: Collection[str]) -> list[Entry]:
    """The entries of these ids; no more of them than a database takes in one question at a time."""
    wanted = sorted(set(ids))
    found: list[Entry] = []
    for start in range(0, len(wanted), MOST_IDS):
        part = entries.c.id.in_(wanted[start : start + MOST_IDS])
        found += store.select(functools.partial(_narrowed, part))
    return found


def _narrowed(part: ColumnElement[bool], query: Select[Any]) -> Select[Any]:
    return query.where(part).order_by(entries.c.id)


def until(store: Store, *, kind: str, environment: str, enough: Callable[[Entry], bool]) -> list[Entry]:
    """Of each subject the newest entries, back to one of which `enough` is true, and that one too."""
    found: list[Entry] = []
    for subject in subjects(store, kind=kind, environment=environment):
        before, done = None, False
        while not done:
            older: list[ColumnElement[bool]] = [] if before is None else [entries.c.id < before]
            page = _newest(store, kind, environment, [_subject(store) == subject, *older], PAGE)
            for entry in page:
                found.append(entry)
                done = enough(entry)
                if done:
                    break
            done = done or len(page) < PAGE
            before = page[-1].id if page else None
    return ordered(found)


def subjects(store: Store, *, kind: str, environment: str, prefix: str = "") -> list[str]:
    return _ask(store, _SUBJECTS, kind=kind, environment=environment, prefix=prefix)


def environments(store: Store, *, kind: str) -> list[str]:
    with store.reading() as connection:
        return list(connection.execute(text(_ENVIRONMENTS), {"kind": kind}).scalars())


def ordered(found: Iterable[Entry]) -> list[Entry]:
    """Oldest first, each once."""
    return [entry for _id, entry in sorted({entry.id: entry for entry in found}.items())]


def _of_state(store: Store, view: str, environment: str | None) -> list[Entry]:
    wanted = select(kept.c.entry).where(kept.c.view == view, *([] if environment is None else [kept.c.environment == environment]))
    return store.select(lambda query: query.where(entries.c.id.in_(wanted)).order_by(entries.c.id))


def _ask(store: Store, query: str, *, kind: str, environment: str, prefix: str) -> list[str]:
    with store.reading() as connection:
        asked = _text(query, COLLATIONS[connection.dialect.name])
        values = {"kind": kind, "environment": environment, "first": prefix, "last": prefix + AFTER_ALL}
        return list(connection.execute(asked, values).scalars())


@functools.cache
def _text(query: str, order: str) -> TextClause:
    """Once: reading a text takes longer than executing it."""
    return text(query.format(order=f'"{order}"'))


def _subject(store: Store) -> ColumnElement[Any]:
    """In the order that the index is in, so that it is taken."""
    return entries.c.subject.collate(COLLATIONS[store.url.get_backend_name()])


def _newest(store: Store, kind: str, environment: str, more: Sequence[ColumnElement[bool]], limit: int | None) -> list[Entry]:
    """Newest first."""
    wanted: list[Any] = [_INDEXED, entries.c.kind == kind, entries.c.environment == environment, *more]
    return store.select(lambda query: query.where(*wanted).order_by(entries.c.id.desc()).limit(limit))
