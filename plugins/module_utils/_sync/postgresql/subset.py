# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of the source that is whole in itself: which rows of each table go along."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync import subset_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import subset_catalog
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import describe, psycopg, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_closure import close
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_crew import SETTINGS, Crew, apply
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_rows import SEED, Book, columns_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_walk import Counts

NOTHING = "nothing"  # no row of this table
T = columns_of("t")
VOLATILE = "select proname from pg_proc where provolatile = 'v' and proname = any(%s) limit 1"
# Each reader has a transaction of its own, so each would see another time.
TIMES = re.compile(r"\b(now|transaction_timestamp|current_timestamp|current_date|current_time|localtime|localtimestamp)\b", re.IGNORECASE)


class Selection:
    """What is copied of each table, and the settings that its conditions need."""

    def __init__(self, book: Book, order: subset_plan.Order, counts: Counts, *, workers: int):
        self.order = order
        self._book = book
        self._counts = counts
        self.tables: dict[str, Any] = {}  # full name: condition over `t`, None for all rows, NOTHING
        self.parts: dict[str, int] = {}  # full name: at most so many statements for this table
        for name in book.request.tables:
            self.tables[name] = self._condition(name, workers)
        self.settings = {**SETTINGS, **book.settings()}
        self.edges: list[dict[str, Any]] = self._report(None)

    def _condition(self, name: str, workers: int) -> Any:
        rows = self._book.rows[name]
        if rows.whole:
            return None
        if rows.empty:
            return NOTHING
        self._book.lookups = self._book.builds = 0
        found = self._book.condition(name, T)
        asked = (len(rows.ways) if rows.members is None else 1) + sum(1 for keys in rows.added.values() if len(keys))
        if self._book.lookups == asked:
            self.parts[name] = 1
        elif self._book.builds or self._book.lookups:
            self.parts[name] = workers
        return found

    def prepare(self, connection: Any) -> None:
        """On each reader of the source, inside the transaction that holds the snapshot."""
        apply(connection, self.settings)

    def finish(self, copied: Mapping[str, int]) -> list[dict[str, Any]]:
        """How many rows each edge brought, once the copy has counted; before the swap, as `max_rows` may refuse it."""
        rows = {**dict.fromkeys(self._book.request.tables, 0), **copied}
        check_size(self._book.request, sum(rows.values()))
        self.edges = self._report(rows)
        return self.edges

    def _report(self, rows: Optional[Mapping[str, int]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def note(direction: str, edge: str, table: str, count: Optional[int]) -> None:
            found.append({"direction": direction, "edge": edge, "table": table, "rows": count})

        for component in self.order.down:
            for name in component.tables:
                ways = [] if self._book.rows[name].whole else self._book.rows[name].ways
                rest = None if rows is None else rows[name] - self._counts.added.get(name, 0)
                shares: list[Optional[int]] = list(self._counts.ways.get(name, [rest] * len(ways)))
                for way, share in zip(ways, shares):
                    note("children" if way.edge else "start", way.edge.name if way.edge else "", name, share)
        for edge in self._book.request.edges:
            if edge.name in self._counts.parents:
                note("parents", edge.name, edge.parent, self._counts.parents[edge.name])
        for name in self.order.whole:
            note("whole", "", name, None if rows is None else rows[name])
        for name in self.order.unreached:
            note("unreached", "", name, 0)
        return found


def check_size(request: subset_plan.Request, rows: int) -> None:
    if request.max_rows is not None and rows > request.max_rows:
        raise SyncError(
            f"The subset has at least {rows} rows, subset.max_rows allows {request.max_rows}. The target is as it was. "
            "Take fewer start rows, set limits on edges, or stop edges that bring too much."
        )


def options(job: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (getattr(job, "options", None) or {}).get("subset") or {}
    return found


def read(document: Mapping[str, Any], source: subset_catalog.Source) -> tuple[subset_plan.Request, subset_plan.Order]:
    request, faults = subset_plan.read(document, source.plain, source.edges)
    if faults:
        raise SyncError("\n".join(["Nothing was moved: the subset document and the source don't fit.", *[f"- {fault}" for fault in faults]]))
    return request, subset_plan.arrange(request)


def check_starts(book: Book, crew: Crew) -> None:
    """Each start is one condition that the server understands, and finds a row."""
    for place, start in enumerate(book.request.starts):
        where = f"subset.start[{place}] ({start.table})"
        if start.sql:
            check_expression(crew.connections[0], book.source.relation(start.table), start.sql, where=f"{where}.sql")
        text = sql.SQL("select 1 from {} t where {} limit 1").format(book.source.relation(start.table), book.start(start).condition(T))
        try:
            found = crew.run(0, text)
        except psycopg.errors.DataError:
            raise SyncError(f"{where}: a value doesn't fit the type of its column. Nothing was moved.") from None
        except psycopg.Error as exc:
            raise SyncError(f"{where}: the source refuses the condition: {describe(exc)}. Nothing was moved.") from None
        if not found:
            raise SyncError(f"{where}: no row of the source fits the condition. Nothing was moved.")


def check_expression(connection: Any, relation: Any, text: str, *, where: str) -> None:
    """One expression by itself: it must parse between brackets of two kinds, so it can't close either. Trusted besides."""
    volatile = connection.execute(VOLATILE, ([word.lower() for word in re.findall(r"([A-Za-z_][\w$]*)\s*\(", text)],)).fetchone()
    clock = TIMES.search(text)
    if volatile or clock:
        named = clock.group(1) if clock else f"{volatile[0]}()"
        raise SyncError(f"{where}: {named} can give another answer each time; a subset must be the same for every reader. Nothing was moved.")
    for frame in ("explain select 1 from {} start where (\n{}\n)", "explain select 1 from {} start where (array[\n{}\n])[1]"):
        connection.execute("savepoint subset_expression")
        try:
            connection.execute(sql.SQL(frame).format(relation, sql.SQL(text)), prepare=False, binary=True)
        except psycopg.Error as exc:
            connection.execute("rollback to savepoint subset_expression")
            raise SyncError(f"{where}: this isn't one expression over the table's columns: {describe(exc)}. Nothing was moved.") from None
        connection.execute("release savepoint subset_expression")


def select(job: Any, sides: Any, source_connection: Any) -> Selection:
    """Reads the source, in the snapshot of its connection; writes nothing anywhere."""
    source = subset_catalog.read(source_connection, sides.here)
    request, order = read(options(job), source)
    book = Book(source, request, subset_plan.seed(job.key))
    crew = Crew(job, source, source_connection)
    try:
        crew.share({SEED: str(book.seed)})
        check_starts(book, crew)
        counts = close(book, crew, order)
    finally:
        crew.close()
    check_size(request, sum(counts.added.values()) + sum(map(sum, counts.ways.values())))
    return Selection(book, order, counts, workers=job.workers)


def plan(job: Any, sides: Any, source_connection: Any) -> dict[str, Any]:
    """For check mode; reads catalogs only."""
    source = subset_catalog.read(source_connection, sides.here)
    return subset_plan.outline(*read(options(job), source))
