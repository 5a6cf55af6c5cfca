# SPDX-License-Identifier: GPL-3.0-or-later
"""One synchronization: check everything, copy into a database beside the target's, prove it, swap."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import key_id
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.choose import choose
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import (
    catalog,
    checks,
    copying,
    delta,
    guard,
    lag,
    masks,
    phases,
    proving,
    shadow,
    statement,
    subset,
)
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import connect, describe, pymysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.progress import Progress, Throttle
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew_lag import gate

MODES = ("auto", "full", "differential", "incremental", "subset", "schema_only")
SAME = "neither the source nor the target changed since the last synchronization."
Tell = Callable[[dict[str, Any]], None]


class Job(NamedTuple):
    source: Mapping[str, Any]
    target: Mapping[str, Any]
    policy: Mapping[str, Any]
    key: str
    workers: int
    rules: dict[str, dict[str, Rule]]
    purposes: tuple[str, ...]
    options: Mapping[str, Any]
    throttle: Throttle
    progress: Progress

    @property
    def name(self) -> str:
        return str(self.policy["name"])


def make_job(params: Mapping[str, Any], sides: checks.Sides, plan: Any, tell: Tell) -> Job:
    return Job(
        source=params["source"],
        target=params["target"],
        policy=params["policy"],
        key=params["key"],
        workers=max(1, int(params.get("workers") or 1)),
        rules=plan.tables,
        purposes=masks.purposes(plan.tables),
        options=params,
        throttle=Throttle(float(params.get("throttle") or 0) * 1_000_000),
        progress=Progress(tell, expected={full: (table.rows, table.bytes) for full, table in sides.here.items()}),
    )


def synchronize(params: Mapping[str, Any], *, check_mode: bool, tell: Tell) -> dict[str, Any]:
    phase, mode = params.get("phase") or "all", params.get("mode") or "auto"
    if mode not in MODES:
        raise SyncError(f"mode {mode}: isn't there for MariaDB and MySQL; there are {', '.join(MODES)}.")
    if phase not in ("all", "prepare", "swap", "confirm", "revert"):
        raise SyncError(f"There is no phase {phase!r}; there are all, prepare, swap, confirm, revert.")
    if mode == "subset" and phase in ("all", "prepare") and not params.get("subset"):
        raise SyncError("mode subset needs the option subset, which says the rows to start from.")
    identifier = key_id(params["key"])
    started = time.monotonic()
    try:
        if phase in ("swap", "confirm", "revert"):
            found = _later(params, phase, check_mode=check_mode)
        else:
            found = _now(params, phase, mode, check_mode=check_mode, tell=tell)
    except pymysql.MySQLError as exc:
        raise SyncError(f"Data synchronization failed before the swap was confirmed: {describe(exc)}.") from None
    return {"mode": mode, "why": "", **found, "key_id": identifier, "seconds": round(time.monotonic() - started, 3)}


def _target(params: Mapping[str, Any]) -> Any:
    found = connect(params["target"], role="target")
    found.run("set session foreign_key_checks = 0")
    copying.limit_locks(found, params.get("lock_timeout"))
    return found


def _later(params: Mapping[str, Any], phase: str, *, check_mode: bool) -> dict[str, Any]:
    target = _target(params)
    try:
        if check_mode:
            return {"changed": phases.pending(target, params["policy"]["name"], phase)}
        shadow.lock(target, params.get("lock_timeout"))
        return {"changed": phases.ACTS[phase](target, params["policy"]["name"])}
    finally:
        target.close()


def _now(params: Mapping[str, Any], phase: str, mode: str, *, check_mode: bool, tell: Tell) -> dict[str, Any]:
    if not check_mode and (params.get("max_lag") or params.get("queues")):
        gate(lag, params["source"], max_lag=float(params.get("max_lag") or 0), queues=params.get("queues") or ())
    source = connect(params["source"], role="source")
    try:
        target = _target(params)
        try:
            guard.check_target(source, target, tier=params["target_tier"])
            if not check_mode:
                shadow.lock(target, params.get("lock_timeout"))
                phases.undo(target, params["policy"]["name"])
            guard.check_logging(source)
            sides, plan = checks.check(params, source, target)
            job = make_job(params, sides, plan, tell)
            if check_mode:
                return _plan(job, sides, mode)
            return _refresh(job, sides, phase, mode, tell)
        finally:
            target.close()
    finally:
        source.close()


def _plan(job: Job, sides: checks.Sides, mode: str) -> dict[str, Any]:
    """What would be done; the contents are compared, nothing is written."""
    accepted = list(sides.drift)
    if mode == "subset":
        return {"changed": True, "mode": mode, "why": "", "drift": accepted, "plan": {**checks.describe_plan(job, sides), "subset": subset.plan(job, sides)}}
    workers, why = copying.open_workers(job, list(sides.here.values()))
    try:
        mode, reason, found = decide(job, sides, workers, mode)
    finally:
        for worker in workers:
            worker.close()
    told = " ".join(part for part in (reason, why) if part)
    plan = checks.describe_plan(job, sides)
    return {"changed": found is None or found.any, "mode": mode, "why": told, "drift": accepted, "plan": plan}


def decide(job: Job, sides: checks.Sides, workers: list[Any], mode: str) -> tuple[str, str, Optional[delta.Look]]:
    """(mode, why, what was seen of both sides)."""
    if mode in ("schema_only", "incremental", "subset"):
        return mode, "", None
    try:
        found = delta.look(job, sides, workers)
    except NeedsFull as exc:
        if mode == "differential":
            raise
        return "full", f"{exc}.", None
    if mode != "auto":
        return mode, "" if found.any else SAME, found
    if not found.any:
        return "differential", SAME, found
    facts = {
        "known": True,
        "trusted": True,
        "rows": sum(table.rows for table in sides.here.values()),
        "bytes": sum(table.bytes for table in sides.here.values()),
        "changed": found.rows,
        "full_seconds": found.known.get("seconds"),
        "full_bytes": found.known.get("bytes"),
        "blocked": "the phases of a refresh are those of a full copy" if job.options.get("phase") == "prepare" else delta.blocked(sides),
        "window": job.options.get("window"),
    }
    chosen, why = choose(facts)
    return ("full" if chosen == "full" else "differential"), why, found


def _refresh(job: Job, sides: checks.Sides, phase: str, mode: str, tell: Tell) -> dict[str, Any]:
    workers, why = copying.open_workers(job, list(sides.here.values()))
    try:
        tell({"event": "snapshot"})
        mode, reason, seen = decide(job, sides, workers, mode)
        told = " ".join(part for part in (reason, why) if part)
        found: dict[str, Any] = {"mode": mode, "why": told, "tables": checks.describe_tables(job, sides), "edges": [], "drift": list(sides.drift)}
        if seen is not None and not seen.any:
            return {**found, "changed": False}
        if mode in ("differential", "incremental"):
            return {**found, **_delta(job, sides, workers, phase, mode, found["tables"], seen)}
        return {**found, **_full(job, sides, workers, phase, mode, found["tables"])}
    finally:
        for worker in workers:
            worker.close()


def _delta(job: Job, sides: checks.Sides, workers: list[Any], phase: str, mode: str, tables: dict[str, Any], seen: Optional[delta.Look]) -> dict[str, Any]:
    if phase != "all":
        raise SyncError(f"mode {mode} changes the live tables in one transaction; only a full copy has the phase {phase}.")
    done = delta.differential(job, sides, workers[0], seen) if seen is not None else delta.incremental(job, sides, workers)
    for full in tables:
        tables[full]["rows"] = done.rows.get(full, 0)
    return {"changed": bool(done.rows), **({"proof": done.proof} if done.rows else {})}


def _full(job: Job, sides: checks.Sides, workers: list[Any], phase: str, mode: str, tables: dict[str, Any]) -> dict[str, Any]:
    try:
        state, sent, proof, edges = _prepare(job, sides, workers, mode)
    except BaseException:
        for worker in workers:
            worker.close()  # a load that waits for rows would hold its table
        phases.tidy(sides.target)
        raise
    for full, tallies in sent.items():
        tables[full].update(
            rows=sum(one.rows for one in tallies), bytes=sum(one.bytes for one in tallies), seconds=round(sum(one.seconds for one in tallies), 3)
        )
    shadow.remember(sides.target, policy=job.name, phase="prepared", state=state)
    if phase == "all":
        try:
            phases.swap(sides.target, job.name)
        except BaseException:
            phases.give_up(sides.target, job.name)
            raise
        phases.confirm(sides.target, job.name)
    return {"changed": True, "proof": proof, "edges": edges}


def _chosen(job: Job, sides: checks.Sides, source: Any, ranges: Mapping[str, copying.Ranges]) -> tuple[dict[str, list[copying.Part]], subset.Selection]:
    """What is copied of each table, in how many statements."""
    selection = subset.select(job, sides, source)
    job.progress.expected.update({full: (rows, 0) for full, rows in selection.rows.items()})
    return {full: list(ranges[full]) if batches is None else list(batches) for full, batches in selection.copies.items()}, selection


Prepared = tuple[dict[str, Any], dict[str, list[copying.Tally]], dict[str, Any], list[dict[str, Any]]]


def _prepare(job: Job, sides: checks.Sides, workers: list[Any], mode: str) -> Prepared:
    """Fills the shadow: rows, then indexes and foreign keys, then what is proved of them. Each step uses every worker."""
    began = time.monotonic()
    target, tables = sides.target, list(sides.there.values())
    new = catalog.new_of(target.database)
    synced = {table.name for table in tables}
    source = workers[0].source
    proving.check_equal(job, sides, source)
    ranges = {full: copying.parts(source, table) for full, table in sides.here.items()}
    plan: Mapping[str, Sequence[copying.Part]] = ranges
    selection = None
    if mode == "subset":
        plan, selection = _chosen(job, sides, source, ranges)
        ranges = {full: [None] for full in ranges}
    shadow.create(target, tables)
    if mode == "schema_only":
        sent = {full: [copying.Tally() for _part in parts] for full, parts in plan.items()}
    else:
        sent = copying.copy_all(job, workers, plan, sides.here, new)
    targets = [worker.target for worker in workers]
    pairs = sorted(zip(sides.there.values(), sides.here.values()), key=lambda pair: -pair[1].bytes)
    copying.run_all(targets, pairs, lambda one, pair, _stopped: shadow.finish(one, pair[0], synced, counter=pair[1].counter))
    widths = {full: copying.width(source, table) for full, table in sides.here.items()}
    new_tables = {full: table._replace(schema=new) for full, table in sides.there.items()}
    arrived = copying.checksums(targets, ranges, new_tables, widths)
    edges = [] if selection is None else selection.finish({full: sum(one.rows for one in tallies) for full, tallies in sent.items()})
    proof = proving.prove(job, sides, source, sent=sent, arrived=arrived, targets=targets)
    state: dict[str, Any] = {"tables": sorted(synced), "mode": mode}
    if mode == "full":
        here = copying.checksums([worker.source for worker in workers], ranges, sides.here, widths, query=statement.digest)
        state.update(
            recipe=checks.recipe(job, sides),
            widths=widths,
            source={full: delta.sealed(job, full, found) for full, found in here.items()},
            target={full: delta.plain(found) for full, found in arrived.items()},
            watermarks=delta.watermarks(job, sides, source),
            bytes=sum(table.bytes for table in sides.here.values()),
            seconds=round(time.monotonic() - began, 3),
        )
    return state, sent, proof, edges
