# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed since the last run, table by table, before anything is touched: counts and conditions, no rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.merkle import Cut
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import delta_state, differential, incremental, slot
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.copying import run_all
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_rows import Key, need, read_keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_state import Horizon, Known
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of

SMALL = 20_000  # rows of a table without a key that are copied whole
DELETES = ("counts", "scan", "off")
SAME, VERSIONS, WATERMARK, SLOT, CONTENT, WHOLE = "same", "versions", "watermark", "slot", "content", "whole"


class Item(NamedTuple):
    """One table: how its changes are found, and what a first look says."""

    table: Table  # as the source has it
    live: Table  # as the target has it
    key: Optional[Key]
    how: str
    condition: Any  # over alias t of the source: the rows that may have changed
    rows: int  # of the source now
    changed: int
    known_rows: Optional[int]  # of the target, as the last run left it
    check_keys: bool  # compare the keys of both sides whatever the counts say
    drifted: tuple[tuple[str, ...], ...] = ()  # keys of the target that others wrote
    cutting: Optional[tuple[Cut, list[int]]] = None  # ranges of keys whose contents differ
    drift: int = 0  # how many rows of the target others wrote or deleted, at least
    partial: bool = False  # rows that came or went without the watermark's knowing were not looked for

    @property
    def touched(self) -> bool:
        return bool(self.changed or self.check_keys or self.drifted or self.how in (CONTENT, WHOLE))


class Look(NamedTuple):
    items: dict[str, Item]
    source: Horizon
    known: Optional[Known]
    trusted: bool  # the versions of the source tell what changed
    slot: Optional[slot.Peek]
    watermarks: dict[str, Optional[str]]
    target: Optional[Horizon]  # where the search for writes of others began; None: nobody searched
    restored: bool  # the target's row versions say nothing about who wrote them
    seconds: float


def deletes(job: Any) -> str:
    found = str(job.options.get("deletes") or "counts")
    if found not in DELETES:
        raise SyncError(f"deletes: found {found!r}, allowed are {', '.join(DELETES)}.")
    return found


def check_known(job: Any, sides: Any, state: Mapping[str, Any], mode: str) -> Optional[Known]:
    """The mark of the last run, or why only a full copy helps."""
    known = delta_state.parse(state)
    if known is None:
        if state or mode == "incremental":
            raise NeedsFull(f"{mode} needs the mark of a full copy by this policy, and the target has none.")
        return None
    if known.shape != delta_state.shape(job, sides):
        raise NeedsFull("The key, the policy or the columns changed since the last run, so that every row may look different.")
    if known.numbers != delta_state.numbers(sides.source, sides.here):
        raise NeedsFull("A table or a column of the source was dropped and made again since the last run.")
    return known


def look(job: Any, sides: Any, workers: list[Any], mode: str, state: Mapping[str, Any]) -> Look:
    started = time.monotonic()
    known = check_known(job, sides, state, mode)
    now = delta_state.horizon(workers[0].source)
    trusted = known is not None and not delta_state.distrust(known.source, now, side="source")
    peek = slot.peek(workers[0].source, job, sides) if mode == "incremental" and job.options.get("slot") else None
    # A slot that the last run hadn't seen may lack what came before it was made.
    told = peek if peek is not None and known is not None and peek.follows(known.slot) else None
    keys = read_keys(sides.target, sides.there, job.rules)
    drift = Drift(sides, known) if mode == "differential" else None
    marks = incremental.watermarks(job, sides) if mode == "incremental" else {}
    found: dict[str, Item] = {}

    def act(worker: Any, table: Table, _stopped: threading.Event) -> None:
        plan = _Plan(table, keys[table.full], known, trusted, told, marks.get(table.full))
        found[table.full] = _look_at(job, sides, worker, plan, drift)

    run_all(workers, sorted(sides.here.values(), key=lambda one: -one.blocks), act)
    latest = {name: incremental.latest(workers[0].source, sides.here[name], column) for name, column in marks.items()}
    items = {name: found[name] for name in sides.here}
    begun = drift.now if drift is not None else None
    return Look(items, now, known, trusted, peek, latest, begun, drift is not None and bool(drift.reason), time.monotonic() - started)


class _Plan(NamedTuple):
    table: Table
    key: Optional[Key]
    known: Optional[Known]
    trusted: bool
    peek: Optional[slot.Peek]
    watermark: Optional[str]


class Drift:
    """What others wrote into the target since the last run."""

    def __init__(self, sides: Any, known: Optional[Known]) -> None:
        self.sides = sides
        self.known = known
        self.now = delta_state.horizon(sides.target)
        self.reason = "there is no earlier run" if known is None else delta_state.distrust(known.target, self.now, side="target")

    def of(self, target: Any, table: Table, key: Optional[Key]) -> tuple[int, list[tuple[str, ...]], int]:
        """(rows of the target, keys of those that are newer, how many are newer)."""
        if self.known is None:
            raise SyncError(f"{table.full}: there is no earlier run to compare with.")
        condition = delta_state.newer(self.known.target)
        text = sql.SQL("select count(*), count(*) filter (where {}) from {} t").format(condition, rows_of(table))
        rows, count = target.execute(text).fetchone()
        if not count or key is None or count > incremental.MOST_KEYS:
            return rows, [], count
        wanted = sql.SQL(", ").join([sql.SQL("{}::text").format(sql.Identifier("t", name)) for name in key.columns])
        text = sql.SQL("select {} from {} t where {}").format(wanted, rows_of(table), condition)
        return rows, [tuple(row) for row in target.execute(text).fetchall()], count


def _look_at(job: Any, sides: Any, worker: Any, plan: _Plan, drift: Optional[Drift]) -> Item:
    return _narrow(job, worker, _target_side(sides, worker, plan, drift, _source_side(job, sides, worker, plan)))


def _narrow(job: Any, worker: Any, item: Item) -> Item:
    """Compares before anything is opened for writing: mostly there is nothing to write."""
    if item.key is None or table_wide(job, item.table):
        return item
    if item.how == CONTENT:
        cutting = differential.rows_differ(job, worker, item)
        return item._replace(cutting=cutting) if cutting[1] else item._replace(how=SAME, check_keys=False, drift=0, known_rows=item.rows)
    if item.check_keys and not item.changed and not item.drifted:
        same = not differential.keys_differ(job, worker, item)
        return item._replace(check_keys=False, known_rows=item.rows) if same else item
    return item


def table_wide(job: Any, table: Table) -> str:
    """The column whose mask depends on all rows of its table, if there is one."""
    return next((name for name, rule in job.rules[table.full].items() if getattr(rule, "table_level", False)), "")


def _target_side(sides: Any, worker: Any, plan: _Plan, drift: Optional[Drift], item: Item) -> Item:
    name = plan.table.full
    if drift is None:
        return item
    if drift.reason:
        return item._replace(how=CONTENT, check_keys=True)
    rows, keys, count = drift.of(worker.target, sides.there[name], plan.key)
    if not count and rows == item.known_rows:
        return item
    drift_rows = max(count, abs(rows - (item.known_rows or 0)), 1)
    if count > len(keys) or (plan.key is not None and not plan.key.kept):
        return item._replace(how=CONTENT, check_keys=True, drift=drift_rows)
    return item._replace(drifted=tuple(keys), check_keys=True, drift=drift_rows)


def _source_side(job: Any, sides: Any, worker: Any, plan: _Plan) -> Item:
    table, known = plan.table, plan.known
    made = Item(table, sides.there[table.full], plan.key, SAME, None, 0, 0, None if known is None else known.rows.get(table.full), False)
    if deletes(job) == "scan":
        made = made._replace(check_keys=True)
    if known is None or (not plan.trusted and plan.watermark is None):
        rows = worker.source.execute(sql.SQL("select count(*) from {}").format(rows_of(table))).fetchone()[0]
        return made._replace(how=CONTENT, rows=rows, check_keys=True)
    if plan.peek is not None and plan.key is not None and plan.key.kept:
        return _by_slot(worker, made, plan.peek)
    newer = delta_state.newer(known.source)
    last = None if plan.watermark is None else known.watermarks.get(table.full)
    if plan.watermark is None or (last is None and plan.trusted):
        return _counted(worker, _unasked(job, made, known), newer, VERSIONS)
    since = incremental.since(table, plan.watermark, last)
    if deletes(job) == "off":
        return _by_index(worker, made, since)
    if plan.trusted and table.full not in known.unasked:
        return _by_both(worker, made, since, newer)
    return _counted(worker, made._replace(check_keys=True), since, WATERMARK, indexed=True)


def _by_index(worker: Any, item: Item, since: Any) -> Item:
    """No row is read but those that the watermark names: how many the source has is asked by nobody."""
    text = sql.SQL("select count(*) from {} t where {}").format(rows_of(item.table), since)
    changed = worker.source.execute(text).fetchone()[0]
    rows = item.table.rows if item.known_rows is None else item.known_rows
    return item._replace(how=WATERMARK if changed else SAME, rows=rows, changed=changed, condition=since, partial=True)


def _by_both(worker: Any, item: Item, since: Any, newer: Any) -> Item:
    """Versions tell of rows with an old watermark, too, so that counts tell whether rows went. Without such rows an index finds all others."""
    text = sql.SQL("select count(*), count(*) filter (where {newer}), count(*) filter (where {newer} and not {since}) from {rows} t")
    rows, changed, old = worker.source.execute(text.format(newer=newer, since=since, rows=rows_of(item.table))).fetchone()
    condition = newer if old else sql.SQL("({} and {})").format(since, newer)
    return item._replace(how=WATERMARK if changed else SAME, rows=rows, changed=changed, condition=condition)


def _unasked(job: Any, item: Item, known: Known) -> Item:
    """Since a run that asked a watermark alone, versions don't tell everything: keys do."""
    if item.table.full not in known.unasked:
        return item
    return item._replace(partial=True) if deletes(job) == "off" else item._replace(check_keys=True)


def _by_slot(worker: Any, item: Item, peek: slot.Peek) -> Item:
    rows = worker.source.execute(sql.SQL("select count(*) from {}").format(rows_of(item.table))).fetchone()[0]
    told = peek.tables.get(item.table.full)
    if told is None:
        return item._replace(rows=rows)
    if told.unclear:
        raise NeedsFull(f"{item.table.full}: the slot doesn't tell the keys of its changed rows ({told.unclear}).")
    return item._replace(how=SLOT, rows=rows, changed=len(told.keys), condition=incremental.by_keys(need(item.key, item.table), told.keys))


def _counted(worker: Any, item: Item, condition: Any, how: str, *, indexed: bool = False) -> Item:
    """In one scan, unless an index may find the rows."""
    rows_there = rows_of(item.table)
    if indexed:
        text = sql.SQL("select (select count(*) from {} t), (select count(*) from {} t where {})").format(rows_there, rows_there, condition)
    else:
        text = sql.SQL("select count(*), count(*) filter (where {}) from {} t").format(condition, rows_there)
    rows, changed = worker.source.execute(text).fetchone()
    return item._replace(how=how if changed else SAME, rows=rows, changed=changed, condition=condition)


def settle(job: Any, item: Item) -> Item:
    """How a table that can't go row by row is brought up to date, or why only a full copy helps."""
    lost = item.known_rows is not None and item.rows != item.known_rows
    if not (item.touched or lost):
        return item
    column = table_wide(job, item.table)
    if item.key is None or column:
        why = "it has no primary key" if item.key is None else f"the mask of {column} depends on all of its rows"
        if item.rows > SMALL:
            raise NeedsFull(f"{item.table.full}: changed, and {why}.")
        return item._replace(how=WHOLE, condition=None)
    return item
