# SPDX-License-Identifier: GPL-3.0-or-later
"""Changed rows only: found in the source, masked there, and written into the live target in one transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import buckets, delta_state, delta_write, differential, slot
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_ahead import Ahead
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_look import (
    CONTENT,
    SMALL,
    WHOLE,
    Item,
    Look,
    deletes,
    look,
    settle,
)
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_rows import carry, give_out, live, make, need, pour
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_write import Change, Done
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import describe, psycopg, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.incremental import by_keys, latest, watermarks
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.shadow import SEQUENCES, quoted
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.state import remember, remembered
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of

Before = Callable[[Any, Mapping[str, Any], Mapping[str, Any]], None]  # target, {table: counts}, {table: (condition here, there)}


class Apply:
    """One run: what it looked at, and the temporary tables of its transaction."""

    def __init__(self, job: Any, sides: Any, workers: list[Any], mode: str, found: Look) -> None:
        self.job, self.sides, self.workers, self.mode, self.found = job, sides, workers, mode, found
        self.source = workers[0].source
        self.target = sides.target
        self.sizes: dict[str, int] = {}
        self.ahead: Optional[Ahead] = None
        self.rows: dict[str, int] = {}  # of the target, when all is written

    def place(self, kind: str, item: Item) -> Any:
        return sql.Identifier("pg_temp", f"evenkeel_{kind}_{item.live.oid}")

    def gather(self, item: Item) -> Optional[Change]:
        """Brings what may differ into temporary tables, and drops from them what doesn't."""
        if item.how == WHOLE:
            return self._whole(item)
        if item.key is None or not _open(self.job, item):
            return None
        stage = self.place("rows", item)
        make(self.target, stage, item.live)
        compared = None
        if item.how == CONTENT:
            compared = differential.compare(self, item, stage)
        elif item.changed:
            self._stage(item, item.condition, stage, ahead=True)
        if item.drifted:
            self._stage_missing(item, by_keys(need(item.key, item.live), item.drifted), stage)
        matches = self.place("match", item)
        staged, new = delta_write.match(self.target, item.live, item.key, stage, matches)
        doomed = compared
        if doomed is None and self._lost(item, new):
            doomed, more = differential.compare_keys(self, item, stage)
            if more:
                staged, new = delta_write.match(self.target, item.live, item.key, stage, matches)
        gone = self.target.execute(sql.SQL("select count(*) from {}").format(doomed)).fetchone()[0] if doomed is not None else 0
        return Change(item.live, item.key, stage, matches, doomed, staged, new, gone)

    def look_ahead(self) -> Optional[Ahead]:
        """A second worker masks what the first look named, in the order in which it is gathered."""
        wanted = [item for item in self.found.items.values() if item.key is not None and item.changed and item.how not in (CONTENT, WHOLE)]
        if len(self.workers) < 2 or not wanted:
            return None
        return Ahead(self.workers[1].source, [(item.table.full, give_out(self.job, item.table, condition=item.condition)) for item in wanted])

    def _stage(self, item: Item, condition: Any, place: Any, *, ahead: bool = False) -> int:
        if ahead and self.ahead is not None:
            rows, size = pour(self.ahead.take(item.table.full), self.target, place=place, table=item.live)
        else:
            text = give_out(self.job, item.table, condition=condition)
            rows, size = carry(self.source, self.target, text, place=place, table=item.live)
        self.sizes[item.table.full] = self.sizes.get(item.table.full, 0) + size
        return rows

    def _stage_missing(self, item: Item, condition: Any, stage: Any) -> None:
        """Rows by a condition, without those that are in the stage already."""
        more = self.place("more", item)
        make(self.target, more, item.live)
        self._stage(item, condition, more)
        text = sql.SQL("insert into {} as s select * from {} m where not exists (select from {} s where {})")
        self.target.execute(text.format(stage, more, stage, need(item.key, item.live).equal("s", "m")))
        self.target.execute(sql.SQL("drop table {}").format(more))

    def _lost(self, item: Item, new: int) -> bool:
        """Whether the target may have keys that the source lost. What the source has is in the target or in the stage, so counts tell."""
        if deletes(self.job) == "off":
            return False
        return item.check_keys or item.known_rows is None or item.known_rows + new != item.rows

    def _whole(self, item: Item) -> Optional[Change]:
        """A small table without a key, or one whose masks depend on all of its rows."""
        stage = self.place("rows", item)
        make(self.target, stage, item.live)
        staged = self._stage(item, None, stage)
        if item.key is not None:
            doomed = differential.not_in(self, item, stage)
            matches = self.place("match", item)
            staged, new = delta_write.match(self.target, item.live, item.key, stage, matches)
            gone = self.target.execute(sql.SQL("select count(*) from {}").format(doomed)).fetchone()[0]
            return Change(item.live, item.key, stage, matches, doomed, staged, new, gone)
        held = differential.whole_hash(self.target, item.live, live(item.live))
        if held == differential.whole_hash(self.target, item.live, stage):
            return None
        return Change(item.live, None, stage, None, None, staged, staged, held[0])


def apply(job: Any, sides: Any, workers: list[Any], mode: str, *, before_commit: Optional[Before] = None, found: Optional[Look] = None) -> dict[str, Any]:
    """Brings the live target up to date; NeedsFull before any change when only a full copy is able to."""
    started = time.monotonic()
    state = remembered(sides.target, job.policy["name"])
    seen = found or look(job, sides, workers, mode, state)
    items = {name: settle(job, item) for name, item in seen.items.items()}
    seen = seen._replace(items=items)
    run = Apply(job, sides, workers, mode, seen)
    if not any(_open(job, item) for item in items.values()):
        _draw_line(run, state)
        return _result(run, {}, {}, [], time.monotonic() - started)
    for careful in (False, True):
        try:
            changes, done, triggers = _transaction(run, state, careful=careful, before_commit=before_commit, started=started)
            if changes:
                _advance(run)
            else:
                _draw_line(run, state)
            return _result(run, changes, done, triggers, time.monotonic() - started)
        except psycopg.Error as exc:
            clash = (exc.sqlstate or "") in ("23505", "23P01")
            if not clash or careful:
                if clash:
                    raise NeedsFull(f"Rows hand unique values on to each other: {describe(exc)}.") from None
                raise SyncError(f"Writing the changes failed: {describe(exc)}. The target is as it was.") from None
    raise AssertionError


def _open(job: Any, item: Item) -> bool:
    """Whether the first look left anything to do."""
    return item.touched or (item.known_rows is not None and item.rows != item.known_rows and deletes(job) != "off")


def _draw_line(run: Apply, state: Mapping[str, Any]) -> None:
    """Both sides were compared by content and are alike: from now on row versions tell what changes. The one write of such a run."""
    far_behind = run.found.slot is not None and run.found.slot.far_behind
    if run.found.known is not None and run.found.trusted and not run.found.restored and not far_behind:
        return
    with run.target.transaction():
        run.target.execute("set local synchronous_commit to default")
        run.rows = {name: item.rows for name, item in run.found.items.items()}
        _remember(run, state, {}, 0.0)
    _advance(run)


def _transaction(
    run: Apply, state: Mapping[str, Any], *, careful: bool, before_commit: Optional[Before], started: float
) -> tuple[dict[str, Change], dict[str, Done], list[str]]:
    target = run.target
    with target.transaction(force_rollback=False) as transaction:
        # Some rows of a large table are cheaper found by its index than by reading all of it.
        target.execute("set local synchronous_commit to default; set local random_page_cost = 1.1")
        lock_timeout = run.job.options.get("lock_timeout")
        if lock_timeout is not None:
            target.execute("select set_config('lock_timeout', %s, true)", (f"{int(float(lock_timeout) * 1000)}ms",))
        delta_write.lock(target, [item.live for item in run.found.items.values() if _open(run.job, item)])
        run.ahead = run.look_ahead()
        try:
            gathered = {name: run.gather(item) for name, item in run.found.items.items()}
        finally:
            if run.ahead is not None:
                run.ahead.close()
        changes = {name: one for name, one in gathered.items() if one is not None and (one.staged or one.gone)}
        if not changes:
            raise psycopg.Rollback(transaction)
        done, triggers = delta_write.write(target, changes, careful=careful)
        _set_sequences(run, changes)
        run.rows = _counts(run, done)
        if before_commit is not None:
            before_commit(target, {name: _sent(run, name, one) for name, one in done.items()}, {name: _where(run, name, one) for name, one in changes.items()})
        _remember(run, state, done, time.monotonic() - started)
        return changes, done, triggers
    return {}, {}, []


def _sent(run: Apply, name: str, done: Done) -> dict[str, int]:
    return {"rows": run.rows[name], "inserted": done.inserted, "updated": done.updated, "deleted": done.deleted}


def _where(run: Apply, name: str, one: Change) -> tuple[Any, Any]:
    """Which rows moved, as conditions over t: in the source (None: not known so exactly) and in the target."""
    if one.key is None:
        return None, None
    item = run.found.items[name]
    here = item.condition
    if item.cutting is not None and one.key.kept:
        here = buckets.within(one.key, *item.cutting, "t")
    elif here is None and item.drifted:
        here = by_keys(one.key, item.drifted)
    return here, sql.SQL("exists (select from {} s where {})").format(one.stage, one.key.equal("s", "t"))


def _counts(run: Apply, done: Mapping[str, Done]) -> dict[str, int]:
    """Rows of the target's tables; with deletes they must be as many as the source's."""
    found: dict[str, int] = {}
    for name, item in run.found.items.items():
        one = done.get(name)
        if item.how in (CONTENT, WHOLE) or item.check_keys or item.known_rows is None:
            text = sql.SQL("select count(*) from {}").format(rows_of(item.live))
            found[name] = run.target.execute(text).fetchone()[0]
        else:
            found[name] = item.known_rows + (one.inserted - one.deleted if one else 0)
        if deletes(run.job) != "off" and found[name] != item.rows:
            raise SyncError(f"{name}: the source has {item.rows} rows, the target would have {found[name]}. The target is as it was.")
    return found


def _remember(run: Apply, state: Mapping[str, Any], done: Mapping[str, Done], seconds: float) -> None:
    known = run.found.known
    moved = sum(one.inserted + one.updated + one.deleted for one in done.values())
    ours = run.target.execute("select pg_current_xact_id()::text::bigint").fetchone()[0]
    # What others wrote is told from here on, or from where the last search began.
    base = run.found.target or (known.target if known else delta_state.horizon(run.target))
    target = base._replace(own=(*base.own, ours))
    if len(target.own) > delta_state.MOST_OWN:
        raise NeedsFull(f"More than {delta_state.MOST_OWN} incremental runs since the last full or differential one; let one of those draw a line.")
    mark = delta_state.Known(
        run.found.source,
        target,
        delta_state.shape(run.job, run.sides),
        run.rows,
        delta_state.numbers(run.sides.source, run.sides.here),
        {**(known.watermarks if known else {}), **run.found.watermarks},
        round(moved / max(seconds, 0.001), 1) if moved > 1000 or known is None else known.rate,
        {"name": run.found.slot.name, "place": run.found.slot.ends} if run.found.slot is not None else None,
        tuple(name for name, item in run.found.items.items() if item.partial),
    )
    kept = {name: value for name, value in state.items() if name not in ("source", "target")}
    remember(run.target, policy=run.job.policy["name"], state={**kept, "delta": mark.dump()})


def _set_sequences(run: Apply, changes: Mapping[str, Change]) -> None:
    for name in changes:
        here, there = run.sides.here[name], run.sides.there[name]
        words = {"table": quoted(here.schema, here.name), "oid": here.oid}
        for column, last in run.source.execute(SEQUENCES, words).fetchall():
            if last is not None:
                place = (quoted(there.schema, there.name), column, last)
                run.target.execute("select setval(pg_get_serial_sequence(%s, %s), %s)", place)


def _advance(run: Apply) -> None:
    if run.found.slot is not None:
        slot.advance(run.job, run.found.slot)


def _result(run: Apply, changes: Mapping[str, Change], done: Mapping[str, Done], triggers: list[str], seconds: float) -> dict[str, Any]:
    tables = {}
    for name, item in run.found.items.items():
        one = done.get(name, Done(0, 0, 0))
        tables[name] = {
            "how": item.how,
            "rows": one.inserted + one.updated,
            "inserted": one.inserted,
            "updated": one.updated,
            "deleted": one.deleted,
            "bytes": run.sizes.get(name, 0),
            "rows_estimate": item.rows,
            "masked": sorted(column for column, rule in run.job.rules[name].items() if rule.mask),
        }
    notes = [f"{name}: this trigger of the target didn't fire" for name in triggers]
    return {"changed": bool(changes), "mode": run.mode, "tables": tables, "notes": notes, "seconds": round(seconds, 3)}


def horizon(target: Any) -> dict[str, Any]:
    """What the target holds now, for the mark of a full copy: taken in the transaction of its swap."""
    return delta_state.horizon(target).dump()


def mark_source(job: Any, sides: Any, source: Any, rows: Mapping[str, int]) -> dict[str, Any]:
    """The source's part of the mark of a full copy; `source` is a connection in the copy's snapshot."""
    marks = watermarks(job, sides)
    return {
        "source": delta_state.horizon(source).dump(),
        "shape": delta_state.shape(job, sides),
        "rows": dict(rows),
        "numbers": delta_state.numbers(source, sides.here),
        "watermarks": {name: latest(source, sides.here[name], column) for name, column in marks.items()},
    }


def join(source_part: Mapping[str, Any], target_part: Mapping[str, Any]) -> dict[str, Any]:
    return {**source_part, "target": dict(target_part)}


def mark(job: Any, sides: Any, source: Any, target: Any, rows: Mapping[str, int]) -> dict[str, Any]:
    """What a full copy remembers under "delta", so that the next run may move changes only."""
    return join(mark_source(job, sides, source, rows), horizon(target))


def facts(job: Any, sides: Any, workers: list[Any]) -> dict[str, Any]:
    """What choose() decides by. `found` is the look itself, for apply(): nobody looks twice."""
    state = remembered(sides.target, job.policy["name"])
    made: dict[str, Any] = {
        "known": False,
        "rows": sum(table.rows for table in sides.here.values()),
        "bytes": sum(table.blocks for table in sides.here.values()) * 8192,
        "full_seconds": state.get("seconds"),
        "full_bytes": state.get("bytes"),
        "window": float(job.options.get("window") or 0),
    }
    if not state.get("delta"):
        return made
    own = job.options.get("slot") or job.options.get("watermarks")
    try:
        seen = look(job, sides, workers, "incremental" if own else "differential", state)
    except NeedsFull as reason:
        return {**made, "known": True, "trusted": True, "blocked": str(reason).rstrip(".")}
    made.update(known=True, trusted=_usable(seen), found=seen, look_seconds=seen.seconds, delta_rate=seen.known.rate if seen.known else 0.0)
    try:
        items = [settle(job, item) for item in seen.items.values()]
    except NeedsFull as reason:
        return {**made, "blocked": str(reason).rstrip(".")}
    return {**made, **_sums(items)}


def _usable(seen: Look) -> bool:
    return all(item.how != CONTENT or item.rows <= SMALL or item.drift for item in seen.items.values())


def _sums(items: list[Item]) -> dict[str, int]:
    return {
        "rows": sum(item.rows for item in items),
        "changed": sum(item.changed for item in items),
        "deleted": sum(max(0, (item.known_rows or 0) - item.rows) for item in items),
        "drifted": sum(item.drift for item in items),
    }


class Pair(NamedTuple):
    source: Any
    target: Any


def unchanged(job: Any, sides: Any, sources: list[Any], targets: list[Any]) -> bool:
    """Whether neither the source nor the target was written to since the last run, of whatever mode. Reads, and writes nothing."""
    try:
        seen = look(job, sides, [Pair(*both) for both in zip(sources, targets)], "differential", remembered(sides.target, job.policy["name"]))
    except NeedsFull:
        return False
    return seen.known is not None and not any(item.touched or item.rows != item.known_rows for item in seen.items.values())
