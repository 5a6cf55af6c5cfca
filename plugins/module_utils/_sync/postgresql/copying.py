# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows on their way: out of the source masked, into the target, counted, never in a file."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import schedule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Leaf, Table, shadow_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.copying_relay import Broken, Reader, possible, relay
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect_source, connect_target, describe, psycopg, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import (
    NOTHING,
    Blocks,
    copy_in,
    copy_out,
    hand_over,
    light,
    masked_select,
)
from ansible_collections.evenkeel.release.plugins.module_utils._sync.progress import Progress, Throttle

BATCH = 262144  # bytes of rows gathered before a write: one call per row costs more than the row
RANGE = 8192  # blocks of 8 KiB in a range of a table that several workers share
LAST_BLOCK = 4294967295


class Tally:
    """Rows that both servers counted, and what they weighed on the way."""

    def __init__(self) -> None:
        self.rows = 0
        self.bytes = 0
        self.seconds = 0.0
        self.checksum = 0  # of the rows as the source made them, in any order

    def merge(self, other: Tally) -> None:
        self.rows += other.rows
        self.bytes += other.bytes
        self.seconds += other.seconds
        self.checksum += other.checksum


class Unit(NamedTuple):
    """What one worker copies in one go."""

    here: Table
    there: Table
    leaf: Optional[Leaf]  # a partition of the source instead of the whole table
    into: str  # name of the shadow's table, or of its partition
    schema: str
    blocks: Blocks
    freeze: bool
    weight: int

    @property
    def name(self) -> str:
        part = "" if self.leaf is None else f" {self.leaf.schema}.{self.leaf.name}"
        return f"copy {self.here.full}{part}{'' if self.blocks is None else f' {self.blocks[0]}'}"


class Worker:
    """One connection to each side; the source sees the snapshot of the whole synchronization."""

    def __init__(self, job: Any, snapshot: str, *, prepare: Optional[Callable[[Any], None]] = None) -> None:
        self.job = job
        self.source = connect_source(job.options)
        self.target: Any = None
        try:
            self.source.execute("begin isolation level repeatable read, read only")
            self.source.execute(sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot)))
            hand_over(self.source, key=job.key, names=job.domains)
            if prepare is not None:
                prepare(self.source)
            self.target = connect_target(job.options)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for connection in (self.source, self.target):
            if connection is not None:
                connection.close()

    def cancel(self) -> None:
        """Wakes this worker when it waits for a server; called by another thread."""
        for connection in (self.source, self.target):
            try:
                connection.cancel()
            except psycopg.Error:
                continue

    def copy(self, unit: Unit, stopped: threading.Event, *, condition: Any = None, progress: Progress, throttle: Throttle, seal: Any = None) -> Tally:
        try:
            return self._copy(unit, stopped, condition=condition, progress=progress, throttle=throttle, seal=seal)
        except Broken as exc:
            raise SyncError(f"Copying failed: {unit.here.full}: {exc}. The target is as it was.") from None

    def _copy(self, unit: Unit, stopped: threading.Event, *, condition: Any, progress: Progress, throttle: Throttle, seal: Any) -> Tally:
        tally, started, name = Tally(), time.monotonic(), unit.here.full
        binary = self.job.binary(unit.here, unit.there)
        rules, mapped = self.job.rules[name], self.job.mapped.get(name, ())
        rows: dict[str, Any] = {"blocks": unit.blocks, "condition": condition, "leaf": unit.leaf, "mapped": mapped}
        twice = seal is not None and light(unit.here, rules, mapped=mapped)
        text = copy_out(unit.here, rules, self.job.domains, **rows, binary=binary, seal=None if twice else seal)
        # The names of the source's columns: a target that has more of them fills those by itself.
        into = copy_in(unit.here, unit.schema, name=unit.into, binary=binary, freeze=unit.freeze)
        with self.target.transaction(), self.source.cursor() as reader, self.target.cursor() as writer:
            if unit.freeze:
                # Rows of a table made or emptied in the same transaction can be born frozen: nobody else sees it before the end.
                writer.execute(sql.SQL("truncate only {}").format(sql.Identifier(unit.schema, unit.into)))

            def passed(size: int) -> None:
                if stopped.is_set():
                    raise SyncError("Stopped, because another worker failed.")
                tally.bytes += size
                progress.moved(name, size)
                throttle.take(size)

            if possible(self.source, self.target):
                with writer.copy(into) as copy:
                    sent = relay(Reader(self.source, text), copy, each=passed).rows
            else:
                with reader.copy(text) as rows, writer.copy(into) as copy:
                    stream = Stream(rows)
                    for batch in stream:
                        copy.write(batch)
                        passed(len(batch))
                    sent = stream.rows
            tally.rows = writer.rowcount
        if sent != tally.rows:
            raise SyncError(f"{name}: the source sent {sent} rows, the target took {tally.rows}. The target is as it was.")
        if twice:
            tally.checksum = seal.apart(self.source, masked_select(unit.here, rules, self.job.domains, **rows), unit.here)
        elif seal is not None:
            tally.checksum = seal.read(self.source)
        progress.counted(name, tally.rows)
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


def units(job: Any, pairs: Iterable[tuple[Table, Table]], *, conditions: Mapping[str, Any], parts: Mapping[str, int]) -> list[Unit]:
    """Whole tables and partitions; only what is larger than a worker's share is cut into ranges of blocks, into `parts` at most."""
    wanted = [pair for pair in pairs if conditions.get(pair[0].full) != NOTHING]
    share = sum(here.blocks for here, _there in wanted) / max(1, job.workers)
    found: list[Unit] = []
    for here, there in wanted:
        for part in _parts(job, here, there):
            blocks = here.blocks if part.leaf is None else part.leaf.blocks
            cut = blocks > max(1.2 * share, 2 * RANGE) and not _whole(job, here)
            most = parts.get(here.full, blocks)
            found += _ranges(part, blocks, most=most) if cut and most > 1 else [part._replace(weight=blocks)]
    return found


def _whole(job: Any, table: Table) -> bool:
    """A partitioned table has no blocks of its own, and some masks need all rows in one statement."""
    return any(rule.table_level for rule in job.rules[table.full].values())


def _parts(job: Any, here: Table, there: Table) -> list[Unit]:
    schema = shadow_of(there.schema)
    whole = Unit(here, there, None, there.name, schema, None, not there.partitioned, 0)
    if not here.leaves or _whole(job, here):
        return [whole]
    same = {(leaf.name, leaf.bound): leaf for leaf in there.leaves}
    masked = {name for name, rule in job.rules[here.full].items() if rule.mask}
    # A masked key may belong elsewhere; so may a row when both sides are cut in different places.
    routed = (bool(masked) and bool({None, *masked} & set(here.split_by))) or not all((leaf.name, leaf.bound) in same for leaf in here.leaves)
    if routed:
        return [whole._replace(leaf=leaf) for leaf in here.leaves]
    return [whole._replace(leaf=leaf, into=leaf.name, schema=shadow_of(same[leaf.name, leaf.bound].schema), freeze=True) for leaf in here.leaves]


def _ranges(unit: Unit, blocks: int, *, most: int) -> list[Unit]:
    """The last range is open, as a table may have grown."""
    size = max(RANGE, -(-blocks // most))
    starts = list(range(0, blocks, size))
    ends = [*starts[1:], LAST_BLOCK]
    return [unit._replace(blocks=pair, freeze=False, weight=min(size, blocks - pair[0])) for pair in zip(starts, ends)]


def run_all(workers: list[Any], items: Iterable[Any], act: Callable[..., None]) -> None:
    """act(worker, item, stopped) for each item, by any worker; the first error stops all."""

    def task(place: int, item: Any) -> schedule.Task:
        return schedule.Task(str(place), lambda worker, stopped: act(worker, item, stopped), cost=-place)

    run_tasks(workers, [task(place, item) for place, item in enumerate(items)])


def run_tasks(workers: list[Any], tasks: list[schedule.Task]) -> None:
    errors = schedule.run(workers, tasks, cancel=lambda worker: getattr(worker, "cancel", lambda: None)())
    if not errors:
        return
    cause = errors[0]  # the others were stopped because of it
    if isinstance(cause, psycopg.Error):
        raise SyncError(f"Copying failed: {describe(cause)}. The target is as it was.") from None
    raise cause
