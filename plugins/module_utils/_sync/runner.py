# SPDX-License-Identifier: GPL-3.0-or-later
"""One synchronization: check everything, copy into a shadow, prove it, swap."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import fingerprint, key_id
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Rule, make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync import catalog, copying, guard, shadow, statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.driver import SyncError, connect, describe, psycopg

LEAK_SAMPLE = 2000  # rows per table in which no mask may equal its value


class Job(NamedTuple):
    source: Mapping[str, Any]
    target: Mapping[str, Any]
    policy: Mapping[str, Any]
    key: str
    workers: int
    rules: dict[str, dict[str, Rule]]
    domains: list[str]


class Sides(NamedTuple):
    source: Any
    target: Any
    here: dict[str, catalog.Table]  # the synchronized tables, as the source has them
    there: dict[str, catalog.Table]


def refuse(faults: list[str], additions: list[str]) -> None:
    if not faults:
        return
    lines = ["Nothing was moved: the masking policy and the databases don't fit.", *[f"- {fault}" for fault in faults]]
    if additions:
        lines += ["Add to the policy after a review (every guess is by name and type only):", "tables:", *additions]
    raise SyncError("\n".join(lines))


def check(params: Mapping[str, Any], source: Any, target: Any) -> Any:
    """(job, sides), or every reason against in one report."""
    guard.check_logging(source)
    here, there = catalog.read_tables(source), catalog.read_tables(target)
    plan = make_plan(params["policy"], {name: table.columns for name, table in here.items()})
    faults = list(plan.faults)
    wanted = params["policy"].get("database")
    if wanted and wanted != source.info.dbname:
        faults.append(f"database: the policy is for {wanted!r}, the source is {source.info.dbname!r}")
    for name in plan.tables:
        if name not in there:
            faults.append(f"{name}: the target has no such table; bring both to the same schema version")
        else:
            faults += catalog.skew(here[name], there[name])
    short = [here[name].name for name in plan.tables]
    faults += [f"{name}: two schemas have a table of this name, which isn't supported" for name in sorted(set(short)) if short.count(name) > 1]
    faults += [f"{here[name].full}: is a {here[name].kind}, which isn't supported" for name in plan.tables if here[name].kind]
    faults += catalog.obstacles(target, [there[name] for name in plan.tables if name in there])
    refuse(faults, plan.additions)
    job = Job(
        source=params["source"],
        target=params["target"],
        policy=params["policy"],
        key=params["key"],
        workers=max(1, params["workers"]),
        rules=plan.tables,
        domains=statement.domains(plan.tables),
    )
    return job, Sides(source, target, {name: here[name] for name in plan.tables}, {name: there[name] for name in plan.tables})


def recipe(job: Job, sides: Sides) -> str:
    """Changes whenever the same source rows could give other target rows."""
    columns = {name: [list(column) for column in table.columns] for name, table in sides.here.items()}
    words = json.dumps([job.policy["tables"], columns, job.policy["name"]], sort_keys=True, default=str)
    return fingerprint(job.key, words)


def prints(tables: Iterable[catalog.Table], connections: list[Any]) -> dict[str, list[Any]]:
    """{table: [rows, text]}; the text changes with every write to the table."""
    found: dict[str, list[Any]] = {}

    def act(connection: Any, table: catalog.Table, _stopped: threading.Event) -> None:
        found[table.full] = list(connection.execute(statement.fingerprint(table)).fetchone())

    copying.run_all(connections, tables, act)
    return found


def check_leaks(job: Job, sides: Sides, worker: copying.Worker) -> dict[str, int]:
    """{column: 0}: compared inside the source, only counts leave it."""
    found: dict[str, int] = {}
    for name, table in sides.here.items():
        checked, text = statement.leaks(table, job.rules[name], job.domains, sample=LEAK_SAMPLE)
        counts = worker.source.execute(text).fetchone() or ()
        found.update({f"{name}.{column}": count for column, count in zip(checked, counts)})
    leaking = [column for column, count in found.items() if count]
    if leaking:
        raise SyncError(f"The mask equals the value in {', '.join(leaking)}. Nothing was moved; use another transformer.")
    return found


def load(sides: Sides, workers: list[copying.Worker]) -> dict[str, copying.Tally]:
    """Fills the shadow: rows, then all indexes, then what is proved of them. Each phase uses every worker."""
    there = list(sides.there.values())
    shadow.create(sides.target, there)
    sent = copying.copy_all(workers, list(sides.here.values()))
    targets = [worker.target for worker in workers]
    copying.run_all(targets, shadow.index_jobs(sides.target, there), lambda target, text, _stopped: target.execute(text))
    for table in there:
        shadow.add_keys(sides.target, table)
    unproved = shadow.add_foreign_keys(sides.target, there)
    largest = sorted(there, key=lambda one: -one.blocks)
    copying.run_all(targets, largest, lambda target, table, _stopped: shadow.finish(target, table, unproved.get(table.full, [])))
    shadow.set_sequences(sides.source, sides.target, [(sides.here[name], sides.there[name]) for name in sides.here])
    for table in there:
        shadow.hand_on(sides.target, table)
    return sent


def arrived(sides: Sides, sent: Mapping[str, copying.Tally], targets: list[Any]) -> dict[str, list[Any]]:
    """The state of the filled shadow, when it holds as many rows as were sent."""
    new = catalog.read_tables(sides.target, schema=catalog.NEW)
    names = {f"{catalog.NEW}.{table.name}": name for name, table in sides.there.items()}
    found = {names[name]: state for name, state in prints(new.values(), targets).items()}
    for name, (rows, _text) in found.items():
        if rows != sent[name].rows:
            raise SyncError(f"{name}: {sent[name].rows} rows were sent, {rows} arrived. The target is as it was.")
    return found


def compare(job: Job, sides: Sides, sources: list[Any], targets: list[Any]) -> tuple[dict[str, Any], bool]:
    """(state of the source, whether the target already holds what would be copied)."""
    # Keyed: what the state of a table tells is for those who hold the key.
    held = fingerprint(job.key, json.dumps(prints(sides.here.values(), sources), sort_keys=True))
    state: dict[str, Any] = {"recipe": recipe(job, sides), "source": held}
    known = shadow.remembered(sides.target, job.policy["name"])
    same = all(known.get(part) == state[part] for part in state)
    return state, same and known.get("target") == prints(sides.there.values(), targets)


def describe_plan(job: Job, sides: Sides) -> dict[str, Any]:
    return {
        name: {
            "rows_estimate": table.rows,
            "masked": sorted(column for column, rule in job.rules[name].items() if rule.mask),
        }
        for name, table in sides.here.items()
    }


def refresh(job: Job, sides: Sides, snapshot: str) -> dict[str, Any]:
    workers: list[copying.Worker] = []
    started = time.monotonic()
    tables = describe_plan(job, sides)
    try:
        for _number in range(job.workers):
            workers.append(copying.Worker(job, snapshot))
        sources, targets = [worker.source for worker in workers], [worker.target for worker in workers]
        state, same = compare(job, sides, sources, targets)
        if same:
            return {"changed": False, "tables": tables, "seconds": round(time.monotonic() - started, 3)}
        leaks = check_leaks(job, sides, workers[0])
        sent = load(sides, workers)
        state["target"] = arrived(sides, sent, targets)
        shadow.swap(sides.target, list(sides.there.values()), policy=job.policy["name"], state=state)
    finally:
        for worker in workers:
            worker.close()
    for name, tally in sent.items():
        tables[name].update(rows=tally.rows, bytes=tally.bytes, seconds=round(tally.seconds, 3))
    checked = {"sample": LEAK_SAMPLE, "columns": len(leaks), "equal": sum(leaks.values())}
    return {"changed": True, "tables": tables, "leak_check": checked, "seconds": round(time.monotonic() - started, 3)}


def synchronize(params: Mapping[str, Any], *, check_mode: bool) -> dict[str, Any]:
    identifier = key_id(params["key"])
    source = connect(params["source"], role="source")
    try:
        target = copying.connect_target(params["target"])
        try:
            guard.check_target(source, target, tier=params["target_tier"])
            found = _synchronize(params, source, target, check_mode=check_mode)
        finally:
            target.close()
    except psycopg.Error as exc:
        raise SyncError(f"Data synchronization failed before the swap was confirmed: {describe(exc)}.") from None
    finally:
        source.close()
    return {**found, "key_id": identifier, "mode": params["mode"]}


def _synchronize(params: Mapping[str, Any], source: Any, target: Any, *, check_mode: bool) -> dict[str, Any]:
    source.execute("begin isolation level repeatable read, read only")
    if not check_mode:
        shadow.lock(target)
        shadow.clean(target)
    job, sides = check(params, source, target)
    if check_mode:
        return {"changed": not compare(job, sides, [source], [target])[1], "tables": describe_plan(job, sides)}
    try:
        return refresh(job, sides, source.execute("select pg_export_snapshot()").fetchone()[0])
    except BaseException:
        _tidy(target)
        raise


def _tidy(target: Any) -> None:
    """The first error counts: what can't be cleaned now is cleaned by the next run."""
    try:
        shadow.clean(target)
    except psycopg.Error:
        return
