# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers of the source that share one snapshot and the sets of keys found so far."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect_source, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_catalog import Source

LARGE = 4096  # blocks from which a table is read by several readers
BLOCKS = 16384  # blocks of one range, so that what comes back at once stays small
# Hash tables of key values in memory: a plan that fears for memory would look through the list for every row.
SETTINGS = {"work_mem": "256MB", "max_parallel_workers_per_gather": "0"}


def apply(connection: Any, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        connection.execute("select pg_catalog.set_config(%s, %s, true)", (name, value), binary=False)


class Crew:
    def __init__(self, job: Any, source: Source, connection: Any):
        self.job = job
        self.source = source
        self.connections = [connection]
        self.settings: dict[str, str] = {}
        self.known: list[dict[str, str]] = [{}]
        self.share(SETTINGS)

    def share(self, settings: dict[str, str]) -> None:
        self.settings.update(settings)

    def _hire(self) -> None:
        snapshot = self.connections[0].execute("select pg_catalog.pg_export_snapshot()").fetchone()[0]
        while len(self.connections) < self.job.workers:
            found = connect_source(self.job.options)
            self.connections.append(found)
            self.known.append({})
            found.execute("begin isolation level repeatable read, read only")
            found.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))

    def close(self) -> None:
        for connection in self.connections[1:]:
            connection.close()

    def run(self, place: int, text: Any, words: Any = None) -> list[Any]:
        missing = {name: value for name, value in self.settings.items() if self.known[place].get(name) is not value}
        apply(self.connections[place], missing)
        self.known[place].update(missing)
        found: list[Any] = self.connections[place].execute(text, words, binary=True).fetchall()
        return found

    def scan(self, table: str, condition: Any, wanted: Sequence[Any], *, once: bool = False) -> list[Any]:
        """Rows of the aggregates `wanted` over the table's rows `t` that fulfil the condition, one row for each range."""
        text = sql.SQL("select {} from {} t where {}").format(sql.SQL(", ").join(wanted), self.source.relation(table), condition)
        ranges = self._ranges(table)
        if once or len(ranges) == 1:
            return self.run(0, text)
        if len(self.connections) < self.job.workers:
            self._hire()
        waiting = list(enumerate(ranges))
        found: dict[int, list[Any]] = {}

        def drain(place: int) -> None:
            while waiting:
                number, (low, high) = waiting.pop()
                where = sql.SQL(" and t.ctid >= {}::tid and t.ctid < {}::tid").format(sql.Literal(f"({low},0)"), sql.Literal(f"({high},0)"))
                found[number] = self.run(place, text + where)

        with ThreadPoolExecutor(len(self.connections)) as pool:
            for future in [pool.submit(drain, place) for place in range(len(self.connections))]:
                future.result()
        return [row for number in sorted(found) for row in found[number]]

    def _ranges(self, table: str) -> list[tuple[int, int]]:
        blocks, partitioned = self.source.tables[table].blocks, self.source.tables[table].partitioned
        if partitioned or blocks < LARGE:
            return [(0, 0)]
        step = min(BLOCKS, -(-blocks // self.job.workers))
        starts = list(range(0, blocks, step))
        return list(zip(starts, [*starts[1:], 4294967295]))
