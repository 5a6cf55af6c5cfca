# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what a synchronization put beside the target's tables, before it takes their place."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import key_id
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import proof_keys, proof_leaks, proof_sample, proof_sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import (
    Finding,
    anonymity_findings,
    conclude,
    count_findings,
    read_options,
)

MEMORY = "64MB"
FEW = 500_000  # rows of all tables; hashing their values takes less than a second


class Lane(NamedTuple):
    """A connection to each side, for one thread at a time."""

    source: Any
    target: Any


class Changed(NamedTuple):
    """Rows that a delta touched, as conditions over t."""

    source: Any
    target: Any


def make_seal(source: Any, target: Any) -> proof_sql.Seal:
    modern = min(source.info.server_version, target.info.server_version) >= proof_sql.ROOT * 10000
    return proof_sql.Seal(secrets.randbits(62), modern)


class Timer:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def run(self, name: str, act: Callable[[], Any]) -> Any:
        began = time.monotonic()
        try:
            return act()
        finally:
            with self._lock:
                self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - began, 3)


class Step(NamedTuple):
    """A check that may run as soon as the rows of these tables are in the target and the steps named are done."""

    name: str
    tables: tuple[str, ...]
    after: tuple[str, ...]
    act: Callable[[Lane], None]


class Proof:
    """The checks of one synchronization as steps, and what they find.

    `new_schema` gives the shadow's schema of a table's schema; None: the live tables, as the open transaction of the target sees them."""

    def __init__(
        self,
        job: Any,
        sides: Any,
        new_schema: Optional[Callable[[str], str]],
        *,
        seal: Optional[proof_sql.Seal] = None,
        changed: Optional[Mapping[str, tuple[Any, Any]]] = None,
    ) -> None:
        touched = {name: Changed(*pair) for name, pair in changed.items()} if changed is not None else None
        self.case = Case(job, sides, read_options(job.options), new_schema, seal, touched)
        self.found, self.timer = Facts(), Timer()
        self.hidden, self.shown = proof_leaks.survey(self.case)
        self.found.leaks.masks = {field.place: field.transformer for fields in self.hidden.values() for field in fields}

    def steps(self) -> list[Step]:
        """Each behind those it needs."""
        case, found, timer = self.case, self.found, self.timer
        made = []
        for name in case.names:
            made.append(Step(f"rows {name}", (name,), (), _counting(case, found, timer, name, case.sides.there[name], self.hidden.get(name, []))))
            if case.options.remask_percent:
                made.append(Step(f"sample {name}", (name,), (), _sampling(case, found, timer, name)))
        if not case.options.leak_scan:
            return made
        fields = [field for field in self.shown if field.table in case.names]
        gathered = [Step(f"words {field.place}", (field.table,), (), _gathering(case, found, timer, field)) for field in fields]
        return made + gathered + self._searches(tuple(step.name for step in gathered))

    def _searches(self, gathered: tuple[str, ...]) -> list[Step]:
        case, found, timer = self.case, self.found, self.timer
        made = []
        pairs = proof_leaks.compared(self.hidden)
        if pairs:
            tables = tuple({field.table: None for field in pairs if field.table in case.names})
            made.append(Step("values", tables, (), lambda lane: timer.run("leaks_compared", lambda: proof_leaks.compare(case, found.leaks, pairs, lane))))
        for number, fields in enumerate(proof_leaks.groups(case, self.hidden)):
            made.append(Step(f"search {number}", (), gathered, _searching(case, found, timer, fields)))
        return made

    def finish(self, sent: Mapping[str, Any], lane: Lane) -> dict[str, Any]:
        """The evidence, when all steps are done; a finding raises SyncError."""
        self.found.keys, faults = self.timer.run("keys", lambda: proof_keys.check(self.case, lane.source, lane.target))
        self.found.anonymity = self.timer.run("k_anonymity", lambda: proof_keys.anonymity(self.case, lane.target))
        return _report(self.case, self.found, self.timer, sent, faults, self.hidden, lane)


def make_ready(lane: Lane) -> None:
    lane.source.execute("select set_config('work_mem', %s, true)", (MEMORY,))
    lane.target.execute("select set_config('work_mem', %s, false)", (MEMORY,))


def prove(
    job: Any,
    sides: Any,
    sent: Mapping[str, Any],
    source: Any,
    target: Any,
    new_schema: Optional[Callable[[str], str]],
    *,
    seal: Optional[proof_sql.Seal] = None,
    changed: Optional[Mapping[str, tuple[Any, Any]]] = None,
) -> dict[str, Any]:
    """All steps one after the other. `source` is in the copy's snapshot and holds the key."""
    if not read_options(job.options).enabled:
        return {"verdict": "off"}
    proof, lane = Proof(job, sides, new_schema, seal=seal, changed=changed), Lane(source, target)
    make_ready(lane)
    for step in proof.steps():
        step.act(lane)
    return proof.finish(sent, lane)


class Case(NamedTuple):
    job: Any
    sides: Any
    options: Any
    new_schema: Optional[Callable[[str], str]]
    seal: Optional[proof_sql.Seal]
    changed: Optional[dict[str, Changed]]

    def schema(self, table: Table) -> str:
        return self.new_schema(table.schema) if self.new_schema else table.schema

    @property
    def names(self) -> list[str]:
        """Largest tables first; of a delta those that it touched."""
        found = [name for name in self.sides.there if self.changed is None or name in self.changed]
        return sorted(found, key=lambda name: -int(self.sides.there[name].blocks))

    def only(self, name: str, side: str) -> Any:
        """The condition that keeps to the changed rows; None: all of them."""
        if self.changed is None or (side == "source" and self.whole_source):
            return None
        return getattr(self.changed[name], side) if name in self.changed else sql.SQL("false")

    @property
    def whole_source(self) -> bool:
        """Whether all source values are looked for: always after a full copy, for a few changed rows only where that is cheap."""
        return self.changed is None or sum(table.rows for table in self.sides.here.values()) <= FEW


class Facts:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: dict[str, int] = {}
        self.checksums: dict[str, Optional[str]] = {}
        self.otherwise: dict[str, int] = {}  # place -> values that aren't of their mask's form
        self.samples: dict[str, dict[str, Any]] = {}
        self.leaks = proof_leaks.Leaks()
        self.keys: dict[str, Any] = {}
        self.anonymity: dict[str, Any] = {}


Act = Callable[[Lane], None]


def _counting(case: Case, found: Facts, timer: Timer, name: str, table: Table, hidden: list[proof_sql.Field]) -> Act:
    """One scan of the target's table: how many rows, their checksum, and values that don't look like their mask's."""
    forms = [field for field in hidden if field.form and field.lateral is None] if case.options.leak_scan else []

    def act(lane: Lane) -> None:
        wanted = [sql.SQL("count(*)"), sql.SQL("null::text")]
        if case.seal is not None:
            digest = proof_sql.row_hash(table, alias="t", seed=case.seal.seed, modern=case.seal.modern)
            wanted[1] = sql.SQL("coalesce(sum({}), 0)::text").format(digest)
        wanted += [proof_sql.counted(field, fitting=False) for field in forms]
        text = sql.SQL("select {} from {} t").format(sql.SQL(", ").join(wanted), rows_of(table, case.schema(table)))
        only = case.only(name, "target")
        text += sql.SQL("") if only is None else sql.SQL(" where ({})").format(only)
        row = lane.target.execute(text).fetchone()
        with found.lock:
            found.rows[name], found.checksums[name] = row[0], row[1]
            found.otherwise.update({field.place: count for field, count in zip(forms, row[2:])})

    return lambda lane: timer.run("counts_and_checksums", lambda: act(lane))


def _sampling(case: Case, found: Facts, timer: Timer, name: str) -> Act:
    def act(lane: Lane) -> None:
        result = proof_sample.compare(case, name, lane.source, lane.target)
        with found.lock:
            found.samples[name] = result

    return lambda lane: timer.run("sample", lambda: act(lane))


def _gathering(case: Case, found: Facts, timer: Timer, field: proof_sql.Field) -> Act:
    def act(lane: Lane) -> None:
        result = proof_leaks.gather(case, field, lane.target, leaks=found.leaks)
        with found.lock:
            found.leaks.shown[field.place] = result

    return lambda lane: timer.run("leaks_in_target", lambda: act(lane))


def _searching(case: Case, found: Facts, timer: Timer, fields: list[proof_sql.Field]) -> Act:
    return lambda lane: timer.run("leaks_in_source", lambda: proof_leaks.search(case, found.leaks, fields, lane.source))


def _report(case: Case, found: Facts, timer: Timer, sent: Mapping[str, Any], faults: list[Finding], hidden: proof_leaks.Hidden, lane: Lane) -> dict[str, Any]:
    findings: list[Finding] = []
    tables = {}
    for name in case.names:
        tally = sent.get(name)
        before = getattr(tally, "checksum", None) if case.seal is not None and case.changed is None else None
        checksum = found.checksums[name]
        sums = (None if before is None else str(before), checksum)
        rows = getattr(tally, "rows", None) if case.new_schema else None
        findings += count_findings(name, sent=rows, arrived=found.rows[name], checksum_sent=sums[0], checksum=sums[1])
        tables[name] = {"sent": rows, "rows": found.rows[name], "checksum": "equal" if sums[0] == sums[1] and sums[0] is not None else "not compared"}
        if sums[0] is not None and sums[0] != sums[1]:
            tables[name]["checksum"] = "differs"
    findings += proof_sample.findings(found.samples)
    if case.options.leak_scan:
        findings += timer.run("leaks_judged", lambda: proof_leaks.findings(case, found, hidden, lane))
    findings += faults + anonymity_findings(found.anonymity, case.options.minimum_k)
    record = {
        "scope": "all rows" if case.changed is None else "changed rows",
        "source_values": "all rows" if case.whole_source else "changed rows",
        "tables": tables,
        "sample": found.samples,
        "leaks": found.leaks.record(case, hidden) if case.options.leak_scan else {"checked": False},
        "keys": found.keys,
        "k_anonymity": found.anonymity,
        "key_id": key_id(case.job.key),
        "took": timer.seconds,
        "seconds": round(sum(timer.seconds.values()), 3),
    }
    return conclude(record, findings)
