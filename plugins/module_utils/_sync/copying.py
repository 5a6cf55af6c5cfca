# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows on their way: out of the source masked, into the target, counted, never in a file."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._sync.catalog import NEW, Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.driver import SyncError, connect, describe, psycopg, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.statement import copy_in, copy_out, hand_over

BATCH = 262144  # bytes of rows gathered before a write: one call per row costs more than the row
RANGE = 512  # blocks of 8 KiB per job, so that workers finish together
LAST_BLOCK = 4294967295


class Tally:
    """Rows that both servers counted, and what they weighed on the way."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self.seconds = 0.0

    def merge(self, other: Tally) -> None:
        self.rows += other.rows
        self.bytes += other.bytes
        self.seconds += other.seconds


class Worker:
    """One connection to each side; the source sees the snapshot of the whole synchronization."""

    def __init__(self, job: Any, snapshot: str) -> None:
        self.job = job
        self.source = connect(job.source, role="source")
        self.source.execute("begin isolation level repeatable read, read only")
        self.source.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
        hand_over(self.source, key=job.key, names=job.domains)
        self.target = connect_target(job.target)

    def close(self) -> None:
        self.source.close()
        self.target.close()

    def copy(self, table: Table, blocks: tuple[int, int], stopped: threading.Event) -> Tally:
        tally, started = Tally(), time.monotonic()
        text = copy_out(table, self.job.rules[table.full], self.job.domains, blocks)
        with self.source.cursor() as reader, self.target.cursor() as writer:
            with reader.copy(text) as rows, writer.copy(copy_in(table, NEW)) as into:
                stream = Stream(rows)
                for batch in stream:
                    if stopped.is_set():
                        raise SyncError("Stopped, because another worker failed.")
                    into.write(batch)
                    tally.bytes += len(batch)
            tally.rows = writer.rowcount
        if stream.rows != tally.rows:
            raise SyncError(f"{table.full}: the source sent {stream.rows} rows, the target took {tally.rows}. The target is as it was.")
        tally.seconds = time.monotonic() - started
        return tally


class Stream:
    """The rows of a COPY, gathered in batches. A generator per row costs ten times what libpq's own call does."""

    def __init__(self, copy: Any) -> None:
        self.copy = copy
        self.wire = copy.connection.pgconn
        self.rows = -1  # as the server counts them, when all have come
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        while not self.ended:
            batch = self._batch()
            if batch:
                yield batch

    def _batch(self) -> bytes:
        held: list[Any] = []
        size = 0
        while size < BATCH:
            length, message = self.wire.get_copy_data(1)
            if length < 0:
                self._end()
                break
            if not length:
                message = self.copy.read()  # waits without holding other threads up
                if not message:
                    self.ended, self.rows = True, self.copy.cursor.rowcount
                    break
            held.append(message)
            size += len(message)
        return b"".join(held)

    def _end(self) -> None:
        self.ended = True
        while True:
            result = self.wire.get_result()
            if result is None:
                return
            if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
                raise psycopg.errors.error_from_result(result)
            self.rows = result.command_tuples


def connect_target(place: Any) -> Any:
    found = connect(place, role="target")
    # A killed synchronization must not keep a server process, and its locks, busy. What fills the shadow needs no flush of
    # its own: the swap, which is flushed, comes later in the same log.
    found.execute("set client_connection_check_interval = '1s'; set synchronous_commit = off")
    return found


def ranges(tables: list[Table]) -> list[tuple[Table, tuple[int, int]]]:
    """Largest tables first, each in ranges of blocks; the last one is open, as a table may have grown."""
    found = []
    for table in sorted(tables, key=lambda one: -one.blocks):
        starts = list(range(0, max(table.blocks, 1), RANGE))
        ends = [*starts[1:], LAST_BLOCK]
        found += [(table, pair) for pair in zip(starts, ends)]
    return found


def run_all(workers: list[Worker], items: Iterable[Any], act: Callable[..., None]) -> None:
    """act(worker, item, stopped) for each item, by any worker; the first error stops all."""
    waiting: deque[Any] = deque(items)
    stopped = threading.Event()

    def drain(worker: Worker) -> None:
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
    errors = [future.exception() for future in futures if future.exception() is not None]
    for error in sorted(errors, key=lambda one: isinstance(one, SyncError)):
        if isinstance(error, psycopg.Error):
            raise SyncError(f"Copying failed: {describe(error)}. The target is as it was.") from None
        if error is not None:
            raise error


def copy_all(workers: list[Worker], tables: list[Table]) -> dict[str, Tally]:
    found = {table.full: Tally() for table in tables}
    lock = threading.Lock()

    def act(worker: Worker, item: Any, stopped: threading.Event) -> None:
        table, blocks = item
        tally = worker.copy(table, blocks, stopped)
        with lock:
            found[table.full].merge(tally)

    run_all(workers, ranges(tables), act)
    return found
