# SPDX-License-Identifier: GPL-3.0-or-later
"""Only what changed, in one transaction on the live tables: by checksums of key ranges, or by a watermark.

What the last synchronization left in the target's record says what both sides held then, bucket by bucket. Raw rows of the
source are summed in the source; only buckets that differ are masked and moved.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import fingerprint
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import checks, copying, proving, shadow, statement, triggers
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import literal, name

GROUP = 200  # buckets of one statement
DELETES = ("counts", "scan", "off")
Buckets = Mapping[int, tuple[int, int]]


class Look(NamedTuple):
    known: dict[str, Any]
    here: dict[str, dict[int, tuple[int, int]]]
    there: dict[str, dict[int, tuple[int, int]]]
    changed: dict[str, list[int]]  # buckets to move again
    drifted: int  # rows in buckets that others wrote in the target
    seconds: float

    @property
    def rows(self) -> int:
        return sum(self.here[full].get(bucket, (0, 0))[0] for full, buckets in self.changed.items() for bucket in buckets)

    @property
    def any(self) -> bool:
        return any(self.changed.values())


def deletes(job: Any) -> str:
    found = str(job.options.get("deletes") or "counts")
    if found not in DELETES:
        raise SyncError(f"deletes: found {found!r}, allowed are {', '.join(DELETES)}.")
    return found


def plain(found: Buckets) -> dict[str, list[int]]:
    """As it comes back out of JSON."""
    return {str(bucket): list(one) for bucket, one in found.items()}


def sealed(job: Any, full: str, found: Buckets) -> dict[str, str]:
    # Keyed: the checksum of a few rows would tell them to those who guess.
    return {str(bucket): fingerprint(job.key, f"{full}|{bucket}|{rows}|{crc}")[:20] for bucket, (rows, crc) in found.items()}


def known_state(job: Any, sides: Any) -> dict[str, Any]:
    """What the last full synchronization left, or NeedsFull with the reason why it doesn't help."""
    phase, known = shadow.remembered(sides.target, job.name)
    if phase != "confirmed" or "source" not in known:
        raise NeedsFull("no earlier full copy is recorded in the target")
    if known.get("recipe") != checks.recipe(job, sides) or set(known["source"]) != set(sides.here):
        raise NeedsFull("the policy, the key or the tables changed since the last full copy")
    return known


def look(job: Any, sides: Any, workers: list[Any], *, only: Any = None) -> Look:
    known, began = known_state(job, sides), time.monotonic()
    chosen = [full for full in sides.here if only is None or full in only]
    plan = {full: copying.parts(sides.source, sides.here[full]) for full in chosen}
    here = copying.checksums([worker.source for worker in workers], plan, sides.here, known["widths"], query=statement.digest)
    there = copying.checksums([worker.target for worker in workers], plan, sides.there, known["widths"])
    changed: dict[str, list[int]] = {}
    drifted = 0
    for full in chosen:
        seals, held = sealed(job, full, here[full]), plain(there[full])
        before, after = known["source"][full], known["target"][full]
        moved = {bucket for bucket in {*seals, *before} if seals.get(bucket) != before.get(bucket)}
        foreign = {bucket for bucket in {*held, *after} if held.get(bucket) != after.get(bucket)}
        drifted += sum(max(held.get(bucket, [0])[0], 1) for bucket in foreign)
        unequal = _unequal(here[full], there[full]) if deletes(job) != "off" else set()
        changed[full] = sorted({*map(int, moved | foreign), *unequal})
    return Look(known, here, there, changed, drifted, time.monotonic() - began)


def _unequal(here: Buckets, there: Buckets) -> set[int]:
    """Buckets in which an earlier run left rows that the source had deleted."""
    return {bucket for bucket in {*here, *there} if here.get(bucket, (0, 0))[0] != there.get(bucket, (0, 0))[0]}


def blocked(sides: Any) -> str:
    """Why only a full copy is able to; empty when a delta is."""
    found = triggers.read(sides.target, [table.name for table in sides.there.values()])
    return f"the target's table {found[0]['table']} has trigger {found[0]['name']}, which changed rows would fire" if found else ""


def refuse_triggers(sides: Any) -> None:
    why = blocked(sides)
    if why:
        raise NeedsFull(why)


def _groups(buckets: list[int]) -> list[list[int]]:
    return [buckets[place : place + GROUP] for place in range(0, len(buckets), GROUP)]


class Done(NamedTuple):
    rows: dict[str, int]  # {table: rows that it brought}; tables that stayed as they were are left out
    proof: dict[str, Any]


class Reach:
    """What one table's rows went through."""

    def __init__(self) -> None:
        self.rows = 0
        self.where: list[str] = []  # conditions of rows that came
        self.width = 0
        self.buckets: list[int] = []  # moved whole
        self.left: set[int] = set()  # keys in them that only the target has, and keeps
        self.gone: set[int] = set()  # keys

    @property
    def any(self) -> bool:
        return bool(self.where or self.buckets or self.gone)

    def moved(self, table: Any) -> list[str]:
        """The conditions of all rows that came."""
        if not self.buckets:
            return self.where
        inside = statement.inside(table, self.width, self.buckets)
        left = f" and {name('t', table.ranged)} not in ({', '.join(map(str, sorted(self.left)))})" if self.left else ""
        return [*self.where, f"({inside}){left}"]

    def lost(self, place: str) -> Optional[str]:
        """The condition that a column names a row that may be gone; None: none is."""
        if self.buckets and not self.width:
            return "true"
        words = [statement.within(place, self.width, self.buckets)] if self.buckets else []
        words += [f"{place} in ({', '.join(map(str, sorted(self.gone)))})"] if self.gone else []
        return " or ".join(words) or None


class Apply:
    """One transaction on the live tables, through one worker."""

    def __init__(self, job: Any, sides: Any, worker: Any, state: dict[str, Any]) -> None:
        self.job, self.sides, self.worker, self.state = job, sides, worker, state
        self.keeps = deletes(job) == "off"
        self.reach: dict[str, Reach] = {}

    def of(self, full: str) -> Reach:
        return self.reach.setdefault(full, Reach())

    def again(self, full: str, buckets: list[int], found: Buckets) -> None:
        """Moves these buckets; `found`: what the source holds in all of them."""
        width = self.state["widths"][full]
        for group in _groups(buckets):
            self._group(full, width, group)
        self.of(full).width = width
        self.of(full).buckets += buckets
        seals, chosen = self.state["source"][full], set(buckets)
        for bucket in map(str, buckets):
            seals.pop(bucket, None)
        seals.update(sealed(self.job, full, {bucket: one for bucket, one in found.items() if bucket in chosen}))

    def _group(self, full: str, width: int, group: list[int]) -> None:
        """Takes the rows of these buckets away and brings them anew; the target's sums are kept in `state`."""
        here, there, target = self.sides.here[full], self.sides.there[full], self.worker.target
        where = statement.inside(here, width, group)
        mine = f"({where}){self.but_left(full, where)}"
        target.run(statement.delete(there, there.schema, mine))
        tally = self.worker.copy(here, there.schema, where=where)
        arrived = target.one(statement.total(there, None, mine))
        if tuple(map(int, arrived)) != (tally.rows, tally.crc):
            raise SyncError(f"{full}: the rows that arrived aren't the rows that were sent. The target is as it was.")
        reach, kept = self.of(full), self.state["target"][full]
        for bucket in map(str, group):
            kept.pop(bucket, None)
        kept.update({str(int(row[0])): [int(row[1]), int(row[2])] for row in target.rows(statement.checksum(there, width, where=where))})
        reach.rows += tally.rows

    def but_left(self, full: str, where: str) -> str:
        """With `deletes: off`, rows that only the target has stay."""
        if not self.keeps:
            return ""
        here = self.sides.here[full]
        if not here.ranged:
            raise SyncError(f"{full}: deletes: off needs a primary key of one whole number, to tell which rows only the target has. Nothing was moved.")
        mine, theirs = self.keys_of(full, where)
        left = theirs - mine
        self.of(full).left |= left
        return f" and {name('t', here.ranged)} not in ({', '.join(map(str, sorted(left)))})" if left else ""

    def keys_of(self, full: str, where: str) -> tuple[set[int], set[int]]:
        here, there = self.sides.here[full], self.sides.there[full]
        mine = {int(row[0]) for row in self.worker.source.rows(statement.keys(here, where))}
        return mine, {int(row[0]) for row in self.worker.target.rows(statement.keys(there, where))}

    def finish(self) -> Done:
        """Proves the foreign keys that the changes could have broken and the rows that moved, and records the new state in the same transaction."""
        touched = {full: one for full, one in self.reach.items() if one.any}
        if not touched:
            return Done({}, {})
        keys = sum(self._check_keys(full, table, touched) for full, table in self.sides.there.items())
        target = self.worker.target
        reached = {full: (one, _any(one.moved(self.sides.here[full])) or "false") for full, one in touched.items()}
        moved = {full: proving.Moved(one.rows, where) for full, (one, where) in reached.items()}
        rows = {full: self._rows(full) for full in touched}
        found = proving.prove_moved(self.job, self.sides, self.worker.source, target, moved=moved, rows=rows, keys=keys)
        shadow.record(target, policy=self.job.name, phase="confirmed", state=self.state)
        return Done({full: one.rows for full, one in touched.items()}, found)

    def _rows(self, full: str) -> int:
        if self.reach[full].buckets:
            return sum(one[0] for one in self.state["target"][full].values())
        return int(self.worker.target.one(f"select count(*) {statement.rows_of(self.sides.there[full])}")[0])

    def _check_keys(self, full: str, table: Any, touched: Mapping[str, Reach]) -> int:
        """Foreign keys proved: of rows that moved, and of rows that refer to rows that may be gone."""
        checked = 0
        for relation in table.relations:
            other = relation.key.references.split(".", 1)[1]
            parent = next((one for one, its in self.sides.there.items() if its.name == other and relation.schema == its.schema), "")
            words = touched[full].moved(table) if full in touched else []
            if parent in touched:
                ranged = self.sides.there[parent].ranged
                alone = ranged and relation.key.keys == (ranged,)
                lost = touched[parent].lost(name("t", relation.key.columns[0])) if alone else "true"
                words = [*words, lost] if lost else words
            if words:
                shadow.check_foreign_keys(self.worker.target, table._replace(relations=[relation]), set(), live=True, where=_any(words))
                checked += 1
        return checked


def _any(words: Sequence[str]) -> str:
    return " or ".join(f"({word})" for word in words)


def differential(job: Any, sides: Any, worker: Any, found: Look) -> Done:
    """The worker's target connection holds the one transaction."""
    refuse_triggers(sides)
    run = Apply(job, sides, worker, found.known)
    with Transaction(worker.target):
        for full, buckets in found.changed.items():
            if buckets:
                run.again(full, buckets, found.here[full])
        return run.finish()


class Transaction:
    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection.run("start transaction")

    def __exit__(self, kind: Any, _value: Any, _trace: Any) -> None:
        if kind is None:
            self.connection.run("commit")
        else:
            self.connection.close()  # the server rolls back, also in the middle of a statement


def watermarks(job: Any, sides: Any, source: Any) -> dict[str, str]:
    """{table: its watermark} at this moment of the source, for the next incremental synchronization."""
    found = {}
    for full, column in (job.options.get("watermarks") or {}).items():
        _check_watermark(job, sides, full, column)
        (last,) = source.one(f"select cast(max({name(column)}) as char) from {name(sides.here[full].schema, sides.here[full].name)}")
        found[full] = last or ""
    return found


def _check_watermark(job: Any, sides: Any, full: str, column: str) -> None:
    table = sides.here.get(full)
    known = {one.name: one for one in table.columns} if table else {}
    if table is None or column not in known:
        raise SyncError(f"watermarks: {full}.{column}: the source has no such column that is synchronized.")
    if not known[column].not_null or job.rules[full][column].mask:
        raise SyncError(f"watermarks: {full}.{column}: a watermark must be NOT NULL and kept.")
    if not table.ranged:
        raise SyncError(f"watermarks: {full}: deletes are found by the primary key, which must be one whole number.")


def incremental(job: Any, sides: Any, workers: list[Any]) -> Done:
    """Tables without a watermark are compared by checksums."""
    state = known_state(job, sides)
    wanted = job.options.get("watermarks") or {}
    if not wanted:
        raise SyncError("mode incremental needs the option watermarks ({database.table: column}); else use differential.")
    unknown = sorted(set(wanted) - set(state.get("watermarks", {})))
    if unknown:
        raise NeedsFull(f"the last full copy recorded no watermark of {', '.join(unknown)}")
    refuse_triggers(sides)
    worker = workers[0]
    found = look(job, sides, workers, only=set(sides.here) - set(wanted))
    later = watermarks(job, sides, worker.source)
    run = Apply(job, sides, worker, state)
    with Transaction(worker.target):
        for full, column in wanted.items():
            _by_watermark(run, full, f"{name('t', column)} >= {literal(state['watermarks'][full])}")
        for full, buckets in found.changed.items():
            if buckets:
                run.again(full, buckets, found.here[full])
        state["watermarks"] = {**state["watermarks"], **later}
        return run.finish()


def _by_watermark(run: Apply, full: str, where: str) -> None:
    here, there, worker, how = run.sides.here[full], run.sides.there[full], run.worker, deletes(run.job)
    sent = tuple(map(int, worker.source.one(statement.total(here, run.job.rules[full], where))))
    differs = sent != tuple(map(int, worker.target.one(statement.total(there, None, where))))
    mine = f"({where}){run.but_left(full, where)}" if differs else where
    if mine != f"({where})" and differs:  # but for rows that stay, they may be the same
        differs = sent != tuple(map(int, worker.target.one(statement.total(there, None, mine))))
    if differs:
        tally = worker.copy(here, there.schema, where=where, replace=True)
        if (tally.rows, tally.crc) != sent:
            raise SyncError(f"{full}: the source computed other rows the second time. The target is as it was.")
        run.of(full).rows += tally.rows
        run.of(full).where.append(mine)
    if how != "off":  # which asks the watermark alone
        rows = [int(side.one(f"select count(*) {statement.rows_of(table)}")[0]) for side, table in ((worker.source, here), (worker.target, there))]
        if how == "scan" or rows[0] != rows[1]:
            _compare_keys(run, full)
    if not differs:
        return
    # Rows of the target alone may be among those that the watermark names, until their keys are compared.
    arrived = tuple(map(int, worker.target.one(statement.total(there, None, mine))))
    if how == "counts" and arrived[0] > sent[0]:
        _compare_keys(run, full)
        arrived = tuple(map(int, worker.target.one(statement.total(there, None, mine))))
    if arrived != sent:
        raise SyncError(f"{full}: the rows that arrived aren't the rows that were sent. The target is as it was.")


def _compare_keys(run: Apply, full: str) -> None:
    """Deletes rows that only the target has, where that is wanted, and brings those that only the source has."""
    here, there, worker = run.sides.here[full], run.sides.there[full], run.worker
    width = copying.width(worker.source, here)
    sums = [
        {int(row[0]): (int(row[1]), int(row[2])) for row in side.rows(statement.key_checksum(table, width))}
        for side, table in ((worker.source, here), (worker.target, there))
    ]
    differing = sorted(bucket for bucket in {*sums[0], *sums[1]} if sums[0].get(bucket) != sums[1].get(bucket))
    key, reach = name("t", here.ranged), run.of(full)
    for group in _groups(differing):
        mine, theirs = run.keys_of(full, statement.inside(here, width, group))
        if theirs - mine and not run.keeps:
            worker.target.run(statement.delete(there, there.schema, f"{key} in ({', '.join(map(str, sorted(theirs - mine)))})"))
            reach.gone |= theirs - mine
        if mine - theirs:
            where = f"{key} in ({', '.join(map(str, sorted(mine - theirs)))})"
            tally = worker.copy(here, there.schema, where=where)
            if tuple(map(int, worker.target.one(statement.total(there, None, where)))) != (tally.rows, tally.crc):
                raise SyncError(f"{full}: the rows that arrived aren't the rows that were sent. The target is as it was.")
            reach.rows += tally.rows
            reach.where.append(where)
