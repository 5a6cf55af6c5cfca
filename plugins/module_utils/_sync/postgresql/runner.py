# SPDX-License-Identifier: GPL-3.0-or-later
"""One synchronization: check everything, bring the rows, prove them, switch. Each step finds out by itself what is left to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import key_id
from ansible_collections.evenkeel.release.plugins.module_utils._sync import choose
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import (
    copying,
    delta,
    guard,
    lag,
    proof,
    runner_phases,
    runner_shadow,
    shadow,
    statement,
    subset,
)
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import shadow_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect_source, connect_target, describe, psycopg
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner_check import (
    BLOCK,
    SHADOWED,
    Job,
    Sides,
    check,
    describe_plan,
    describe_tables,
    in_the_way,
    refuse,
    with_leaves,
)
from ansible_collections.evenkeel.release.plugins.module_utils._sync.progress import Progress, Throttle
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew_lag import gate

__all__ = ("Job", "Sides", "check", "refuse", "synchronize")

DELTAS = ("differential", "incremental")
MEGABYTE = 1_000_000
Tell = Callable[[dict[str, Any]], None]


def _silent(_event: dict[str, Any]) -> None:
    return None


def synchronize(params: Mapping[str, Any], *, check_mode: bool, tell: Tell = _silent) -> dict[str, Any]:
    identifier = key_id(params["key"])
    phase = params.get("phase") or "all"
    if phase == "prepare" and params.get("mode") in DELTAS:
        raise SyncError(f"Mode {params['mode']} can't be prepared: it writes into the live tables, and a barrier needs a shadow to switch to.")
    try:
        target = connect_target(params)
        try:
            guard.check_tier(target, tier=params["target_tier"])
            if phase in ("swap", "confirm", "revert"):
                found = runner_phases.act(phase, params, target, check_mode=check_mode)
            else:
                found = _with_source(params, target, phase=phase, check_mode=check_mode, tell=tell)
        finally:
            target.close()
    except psycopg.Error as exc:
        raise SyncError(f"Data synchronization failed before the swap was confirmed: {describe(exc)}.") from None
    return {"mode": params.get("mode", "full"), **found, "key_id": identifier}


def _with_source(params: Mapping[str, Any], target: Any, *, phase: str, check_mode: bool, tell: Tell) -> dict[str, Any]:
    if not check_mode and (params.get("max_lag") or params.get("queues")):
        gate(lag, params["source"], max_lag=float(params.get("max_lag") or 0), queues=params.get("queues") or ())
    source = connect_source(params)
    try:
        guard.check_other(source, target)
        source.execute("begin isolation level repeatable read, read only")
        if not check_mode:
            shadow.lock(target)
            runner_phases.recover(params, target)
        job, sides = check(params, source, target)
        snapshot = _snapshot(source, sides)
        tell({"event": "snapshot", "name": params.get("name", "")})
        return Run(job, sides, snapshot, phase=phase, tell=tell).act(check_mode=check_mode)
    finally:
        source.close()


def _snapshot(source: Any, sides: Sides) -> str:
    """Exports what this transaction sees, when the tables are still what they were when it began."""
    guard.check_still(source, list(sides.here.values()))
    return str(source.execute("select pg_export_snapshot()").fetchone()[0])


class Run:
    """One synchronization whose checks have passed."""

    def __init__(self, job: Job, sides: Sides, snapshot: str, *, phase: str, tell: Tell) -> None:
        self.job, self.sides, self.snapshot, self.phase, self.tell = job, sides, snapshot, phase, tell
        self.started = time.monotonic()
        self.workers: list[copying.Worker] = []
        self.tables = describe_tables(job, sides)
        self.mode = str(job.options.get("mode") or "full")
        self.why = "asked for"
        self.look: Any = None  # what choosing found out already

    def act(self, *, check_mode: bool) -> dict[str, Any]:
        try:
            self.workers = [copying.Worker(self.job, self.snapshot) for _number in range(1 if check_mode else self.job.workers)]
            return self._plan() if check_mode else self._move()
        except BaseException:
            if not check_mode:
                runner_phases.tidy(self.sides.target)
            raise
        finally:
            for worker in self.workers:
                worker.close()

    def _unchanged(self) -> bool:
        if self.mode not in ("full", *DELTAS) or "delta" not in shadow.remembered(self.sides.target, self.job.policy["name"]):
            return False
        sources, targets = [worker.source for worker in self.workers], [worker.target for worker in self.workers]
        found: bool = delta.unchanged(self.job, self.sides, sources, targets)
        return found

    def _choose(self) -> None:
        if self.mode != "auto":
            return
        if self.phase == "prepare":
            self.mode, self.why = "full", "a barrier needs a shadow to switch to"
            return
        facts = delta.facts(self.job, self.sides, self.workers)
        self.look = facts.get("found")
        self.mode, self.why = choose.choose(facts)

    def _plan(self) -> dict[str, Any]:
        self._choose()
        if self.mode in SHADOWED and self.job.options.get("mode") == "auto":
            refuse(in_the_way(self.sides.target, list(self.sides.there.values())), [])
        changed = not self._unchanged()
        plan = describe_plan(self.job, self.sides, mode=self.mode)
        if self.mode == "subset":
            plan["subset"] = subset.plan(self.job, self.sides, self.workers[0].source)
        return {"changed": changed, "mode": self.mode, "why": self.why, "tables": self.tables, "plan": plan, "drift": self.job.drift}

    def _move(self) -> dict[str, Any]:
        self._choose()
        if self.mode in DELTAS:
            try:
                return self._done(self._delta())
            except NeedsFull as exc:
                if self.job.options.get("mode") != "auto":
                    raise
                self.mode, self.why = "full", str(exc)
        if self._unchanged():
            return self._done({"changed": False, "tables": self.tables})
        return self._shadow()

    def _delta(self) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def before_commit(target: Any, sent: Mapping[str, Any], changed: Mapping[str, Any]) -> None:
            if self._proved:
                found["proof"] = proof.prove(self.job, self.sides, sent, self.workers[0].source, target, None, changed=changed)

        done = delta.apply(self.job, self.sides, self.workers, self.mode, before_commit=before_commit, found=self.look)
        return {**done, **found}

    @property
    def _proved(self) -> bool:
        return bool((self.job.options.get("proof") or {"enabled": True}).get("enabled", True))

    def _conditions(self) -> tuple[Mapping[str, Any], Any]:
        if self.mode == "schema_only":
            return dict.fromkeys(self.sides.here, statement.NOTHING), None
        if self.mode != "subset":
            return {}, None
        selection = subset.select(self.job, self.sides, self.sides.source)
        for worker in self.workers:
            selection.prepare(worker.source)
        return {name: statement.NOTHING if found is subset.NOTHING else found for name, found in selection.tables.items()}, selection

    def _shadow(self) -> dict[str, Any]:
        job, sides, target = self.job, self.sides, self.sides.target
        if job.options.get("mode") == "auto":
            refuse(in_the_way(target, list(sides.there.values())), [])
        if self.mode == "full":
            self.job = job = with_leaves(job, sides)
            for worker in self.workers:
                worker.job = job
        conditions, selection = self._conditions()
        proved = self._proved and self.mode != "schema_only"
        checks = proof.Proof(job, sides, shadow_of, seal=proof.make_seal(sides.source, target)) if proved else None
        relations = shadow.relations(target, list(sides.there.values()))
        sent = {name: copying.Tally() for name in sides.here}
        expected = {name: (table.rows, table.blocks * BLOCK) for name, table in sides.here.items()}
        progress = Progress(self.tell, expected=expected)
        throttle = Throttle(float(job.options.get("throttle") or 0) * MEGABYTE)
        keys = shadow.foreign_keys(target, relations)
        load = runner_shadow.Load(
            job, sides, relations, keys, conditions, selection.parts if selection else {}, progress, throttle, checks, sent, threading.Lock()
        )
        runner_shadow.fill(load, self.workers)
        result: dict[str, Any] = {"changed": True, "tables": self.tables}
        for name, tally in sent.items():
            self.tables[name].update(rows=tally.rows, bytes=tally.bytes, seconds=round(tally.seconds, 3))
        if selection is not None:
            result["edges"] = selection.finish({name: tally.rows for name, tally in sent.items()})
        if checks:
            result["proof"] = checks.finish(sent, proof.Lane(self.workers[0].source, self.workers[0].target))
        rows = {name: tally.rows for name, tally in sent.items()}
        prepared = runner_phases.prepared(job, sides, relations, source=self.workers[0].source, mode=self.mode, rows=rows, automatic=self.phase == "all")
        prepared["seconds"] = round(time.monotonic() - self.started, 3)
        prepared["bytes"] = sum(size for _rows, size in expected.values())
        if self.phase == "prepare":
            runner_phases.keep(target, job.policy["name"], prepared)
        else:
            progress.phase("swap")
            runner_phases.swap(target, job.policy["name"], prepared, relations)
            runner_phases.confirm(target, job.policy["name"])
        return self._done(result)

    def _done(self, found: Mapping[str, Any]) -> dict[str, Any]:
        seconds = round(time.monotonic() - self.started, 3)
        return {**found, "mode": self.mode, "why": self.why, "drift": self.job.drift, "phase": self.phase, "seconds": seconds}
