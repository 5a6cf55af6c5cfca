# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows on their way: out of the source masked, into the target, counted, never in a file."""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Optional, Union

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import masks, statement, subset_keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import connect, describe, is_error, name

RANGE = 20_000  # rows per job, so that workers finish together
MOST = 256  # ranges of a table
BUCKET = 500  # rows, about, that a differential synchronization compares at once
BUCKETS = 20_000  # at most, of a table: they are kept in the target
BARRIER_WAIT = 5  # seconds in which the read lock must be had; it is held for milliseconds
Ranges = list[Optional[statement.Range]]  # None: the whole table
Part = Union[None, statement.Range, subset_keys.Batch]
NOT_ALLOWED = (1044, 1045, 1142, 1227)


class Tally:
    """Rows that both servers counted, the sum of their CRCs, and what they weighed on the way."""

    def __init__(self) -> None:
        self.rows = 0
        self.crc = 0
        self.bytes = 0
        self.seconds = 0.0


class Worker:
    """One connection to each side; all sources see the database of one moment."""

    def __init__(self, job: Any) -> None:
        self.job = job
        self.source = connect(job.source, role="source")
        try:
            self.target = connect_target(job)
        except BaseException:
            self.source.close()
            raise

    def begin(self) -> None:
        self.source.run("set session transaction isolation level repeatable read")
        self.source.run("start transaction with consistent snapshot, read only")
        limit_statements(self.source, self.job.options.get("statement_timeout"))
        self.source.run(masks.typed())
        self.source.hand_over(masks.keys(self.job.key, self.job.purposes))

    def close(self) -> None:
        self.source.close()
        self.target.close()

    def copy(self, table: Table, schema: str, *, part: Part = None, where: str = "", replace: bool = False, stopped: Optional[threading.Event] = None) -> Tally:
        tally, started = Tally(), time.monotonic()
        batch = part if isinstance(part, subset_keys.Batch) else None
        if batch is not None:
            self.source.hand_over({subset_keys.KEYS: batch.data})
            where = batch.where
        cut = part if isinstance(part, statement.Range) else None
        text = statement.masked_select(table, self.job.rules[table.full], part=cut, where=where)
        lines = self._lines(table.full, text, tally, stopped or threading.Event())
        taken = self.target.load(statement.load(table, schema, replace=replace), lines)
        # Of REPLACE the server counts what it took away, too.
        if taken != tally.rows and not (replace and taken > tally.rows):
            raise SyncError(f"{table.full}: the source sent {tally.rows} rows, the target took {taken}. The target is as it was.")
        if batch is not None and batch.rows not in (None, tally.rows):
            raise SyncError(f"{table.full}: {batch.rows} rows were chosen, the source sent {tally.rows}. The target is as it was.")
        tally.seconds = time.monotonic() - started
        return tally

    def _lines(self, full: str, text: str, tally: Tally, stopped: threading.Event) -> Iterator[bytes]:
        crc32, throttle, progress = zlib.crc32, self.job.throttle, self.job.progress
        for lines in self.source.stream(text):
            if stopped.is_set():
                raise SyncError("Stopped, because another worker failed.")
            tally.rows += len(lines)
            tally.crc += sum(map(crc32, lines))
            lines.append(b"")
            batch = b"\n".join(lines)
            tally.bytes += len(batch)
            throttle.take(len(batch))
            progress.moved(full, len(batch))
            yield batch


def connect_target(job: Any) -> Any:
    found = connect(job.target, role="target")
    found.run("set session foreign_key_checks = 0")  # rows come in any order; the keys are proved before the swap
    limit_locks(found, job.options.get("lock_timeout"))
    return found


def limit_locks(connection: Any, seconds: Any) -> None:
    wait = max(1, int(float(seconds or 30)))
    connection.run(f"set session lock_wait_timeout = {wait}, innodb_lock_wait_timeout = {wait}")


def limit_statements(connection: Any, seconds: Any) -> None:
    if not seconds:
        return
    if connection.mariadb:
        connection.run(f"set session max_statement_time = {float(seconds)}")
    else:
        connection.run(f"set session max_execution_time = {int(float(seconds) * 1000)}")


def open_workers(job: Any, tables: list[Table]) -> tuple[list[Worker], str]:
    """(workers that all see one moment of the source, why there are fewer than wanted)."""
    workers: list[Worker] = []
    try:
        for _number in range(job.workers):
            workers.append(Worker(job))
        why = _begin(workers, tables)
        for worker in workers[1:] if why else []:
            worker.close()
        return (workers[:1] if why else workers), why
    except BaseException:
        for worker in workers:
            worker.close()
        raise


def _begin(workers: list[Worker], tables: list[Table]) -> str:
    if len(workers) == 1:
        workers[0].begin()
        return ""
    barrier = connect(workers[0].job.source, role="source")
    try:
        barrier.run(f"set session lock_wait_timeout = {BARRIER_WAIT}")
        why = _hold(barrier, tables)
        for worker in workers[:1] if why else workers:
            worker.begin()
    finally:
        barrier.close()
    return why


def _hold(barrier: Any, tables: list[Table]) -> str:
    """Stops writers for the milliseconds in which the workers begin; why it couldn't."""
    listed = ", ".join(f"{name(table.schema, table.name)} read" for table in tables)
    reason = ""
    for text in ("flush tables with read lock", f"lock tables {listed}"):
        try:
            barrier.run(text)
            return ""
        except Exception as exc:
            if not is_error(exc):
                raise
            reason = describe(exc)
            if exc.args[0] not in NOT_ALLOWED:
                break
    return f"one worker, because the source let nobody hold writers for a moment, which several workers need to see the same rows: {reason}"


def parts(connection: Any, table: Table) -> Ranges:
    """Ranges of its key; the first and the last are open, as a table may have grown."""
    count = min(MOST, table.rows // RANGE)
    if not table.ranged or count < 2:
        return [None]
    low, high = connection.one(statement.bounds(table))
    if low is None or high - low < count:
        return [None]
    edges = [low + (high - low) * number // count for number in range(1, count)]
    return [statement.Range(table.ranged, first, last) for first, last in zip([None, *edges], [*edges, None])]


def run_all(workers: list[Any], items: Iterable[Any], act: Callable[..., object]) -> None:
    """act(worker, item, stopped) for each item, by any worker; the first error stops all."""
    waiting: deque[Any] = deque(items)
    stopped = threading.Event()

    def drain(worker: Any) -> None:
        try:
            while not stopped.is_set():
                try:
                    item = waiting.popleft()
                except IndexError:
                    return
                act(worker, item, stopped)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(len(workers)) as pool:
        futures = [pool.submit(drain, worker) for worker in workers]
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    for error in sorted(errors, key=lambda one: isinstance(one, SyncError)):
        if is_error(error):
            raise SyncError(f"Copying failed: {describe(error)}. The target is as it was.") from None
        raise error


def copy_all(job: Any, workers: list[Worker], plan: Mapping[str, Sequence[Part]], tables: Mapping[str, Table], schema: str) -> dict[str, list[Tally]]:
    """{table: a tally for each of its parts}, largest tables first."""
    found = {full: [Tally() for _part in parts] for full, parts in plan.items()}
    items = [(full, number) for full in sorted(plan, key=lambda one: -tables[one].bytes) for number in range(len(plan[full]))]

    def act(worker: Worker, item: tuple[str, int], stopped: threading.Event) -> None:
        full, number = item
        tally = found[full][number] = worker.copy(tables[full], schema, part=plan[full][number], stopped=stopped)
        job.progress.counted(full, tally.rows)

    run_all(workers, items, act)
    return found


def width(connection: Any, table: Table) -> int:
    """How many values of its key a bucket of rows spans; 0: the table is one bucket."""
    if not table.ranged or table.rows < 2 * BUCKET:
        return 0
    low, high = connection.one(statement.bounds(table))
    if low is None:
        return 0
    span = int(high) - int(low) + 1
    return max(1, span * BUCKET // table.rows, span // BUCKETS)


def checksums(
    connections: list[Any],
    plan: Mapping[str, Ranges],
    tables: Mapping[str, Table],
    widths: Mapping[str, int],
    *,
    query: Callable[..., str] = statement.checksum,
) -> dict[str, dict[int, tuple[int, int]]]:
    """{table: {bucket: (rows, sum of CRCs)}}, by several connections."""
    found: dict[str, dict[int, tuple[int, int]]] = {full: {} for full in plan}
    lock = threading.Lock()
    items = [(full, number) for full, parts in plan.items() for number in range(len(parts))]

    def act(connection: Any, item: tuple[str, int], _stopped: threading.Event) -> None:
        full, number = item
        rows = connection.rows(query(tables[full], widths[full], part=plan[full][number]))
        with lock:
            for bucket, count, crc in rows:
                before = found[full].get(int(bucket), (0, 0))
                found[full][int(bucket)] = (before[0] + int(count), before[1] + int(crc))

    run_all(connections, items, act)
    return found
