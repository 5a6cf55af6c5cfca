# SPDX-License-Identifier: GPL-3.0-or-later
"""One synchronization between two files: check everything, mask row by row into a third, prove it, exchange."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from typing import Any, Callable, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import fingerprint, key_id
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import make_plan, refusal
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite import catalog, driver, proof, shadow
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.rows import masker

Tell = Callable[[dict[str, Any]], None]
BATCH = 1000
MODES = ("auto", "full", "schema_only")


class Job(NamedTuple):
    params: Mapping[str, Any]
    rules: dict[str, dict[str, Rule]]
    here: dict[str, catalog.Table]  # in the order of the plan
    there: dict[str, catalog.Table]

    @property
    def key(self) -> str:
        return str(self.params["key"])

    @property
    def policy(self) -> str:
        return str(self.params["policy"]["name"])


def synchronize(params: Mapping[str, Any], *, check_mode: bool, tell: Tell) -> dict[str, Any]:
    identifier = key_id(params["key"])
    if params["mode"] not in MODES:
        raise SyncError(f"SQLite databases are copied whole: mode {params['mode']} isn't there for them, allowed are {', '.join(MODES)}.")
    _guard(params)
    try:
        found = _phases(params, check_mode=check_mode, tell=tell)
    except sqlite3.Error as exc:
        raise SyncError(f"Refreshing {params['target']['path']} failed, it is as it was: {exc}.") from None
    except OSError as exc:
        raise SyncError(f"Refreshing {params['target']['path']} failed, it is as it was: {exc.strerror}: {exc.filename}.") from None
    return {**found, "key_id": identifier}


def _guard(params: Mapping[str, Any]) -> None:
    source, target = params["source"]["path"], params["target"]["path"]
    if params["target_tier"] == "production":
        raise SyncError("Won't write into the target: its tier is production, and masked data never goes there.")
    if os.path.exists(source) and os.path.exists(target) and os.path.samefile(source, target):
        raise SyncError(f"Won't write into the target: source and target are the same file {target}. Name two different files.")


def _phases(params: Mapping[str, Any], *, check_mode: bool, tell: Tell) -> dict[str, Any]:
    phase = "check" if check_mode else params["phase"]
    if phase == "check":
        with driver.opened(params["source"], role="source", mode="ro") as source, driver.opened(params["target"], role="target", mode="ro") as target:
            source.execute("begin")
            job = check(params, source, target)
            return {**_told(job), "changed": not _same(job, source, target)[1], "plan": _plan(job, source)}
    found: dict[str, Any] = {"changed": False, **_mode(params)}
    with driver.opened(params["target"], role="target", timeout=params["lock_timeout"]) as target:
        if phase == "revert":
            found["changed"] = _revert(params, target)
        if phase in ("all", "prepare"):
            _confirm(params, target)
            found = _prepare(params, target, tell)
        if phase in ("all", "swap"):
            found["changed"] = _swap(params, target) or found["changed"]
        if phase in ("all", "confirm"):
            _confirm(params, target)
    return found


def _mode(params: Mapping[str, Any]) -> dict[str, Any]:
    if params["mode"] == "auto":
        return {"mode": "full", "why": "SQLite databases are copied whole"}
    return {"mode": params["mode"], "why": "asked for"}


def _told(job: Job) -> dict[str, Any]:
    masked = {name: {"masked": sorted(column for column, rule in rules.items() if rule.mask)} for name, rules in job.rules.items()}
    return {**_mode(job.params), "tables": masked}


def check(params: Mapping[str, Any], source: sqlite3.Connection, target: sqlite3.Connection) -> Job:
    """Every reason against, in one report."""
    here, there = catalog.read_tables(source), catalog.read_tables(target)
    keys = [key for table in here.values() for key in table.foreign_keys]
    plan = make_plan(params["policy"], {name: table.columns for name, table in here.items()}, engine="sqlite", foreign_keys=keys)
    faults = list(plan.faults)
    for name in plan.tables:
        if name not in there:
            faults.append(f"{name}: the target has no such table; bring both to the same schema version")
            continue
        faults += catalog.skew(here[name], there[name])
        faults += [f"{name}: is a virtual table, which isn't supported; skip it" for one in (here[name], there[name]) if one.virtual]
    if faults:
        raise SyncError(refusal(faults, plan.additions))
    return Job(params, plan.tables, {name: here[name] for name in plan.tables}, {name: there[name] for name in plan.tables})


def _recipe(job: Job) -> str:
    columns = {name: [list(column) for column in table.columns] for name, table in job.here.items()}
    return fingerprint(job.key, json.dumps([job.params["policy"], columns, job.params["mode"] == "schema_only"], sort_keys=True, default=str))


def _same(job: Job, source: sqlite3.Connection, target: sqlite3.Connection) -> tuple[dict[str, Any], bool]:
    """(state of the source, whether the target holds already what would be copied)."""
    state = {"recipe": _recipe(job), "source": shadow.digest(source, job.here.values(), job.key)}
    known = shadow.remembered(target, job.policy)
    same = all(known.get(part) == state[part] for part in state)
    return state, same and known.get("target") == shadow.digest(target, job.there.values(), job.key)


def _plan(job: Job, source: sqlite3.Connection) -> dict[str, Any]:
    tables = []
    for name, table in job.here.items():
        rows = 0 if job.params["mode"] == "schema_only" else source.execute(f"select count(*) from main.{driver.name(table.name)}").fetchone()[0]
        masks = {column: rule.mask for column, rule in job.rules[name].items() if rule.mask}
        tables.append({"name": name, "rows": rows, "masks": masks})
    return {"tables": tables, "bytes_estimate": os.path.getsize(job.params["source"]["path"])}


def _prepare(params: Mapping[str, Any], target: sqlite3.Connection, tell: Tell) -> dict[str, Any]:
    started = time.monotonic()
    with driver.opened(params["source"], role="source", mode="ro") as source:
        source.execute("begin")
        job = check(params, source, target)
        tell({"event": "snapshot"})
        state, same = _same(job, source, target)
        found = {**_told(job), "changed": not same}
        if not same:
            new = shadow.create(params["target"], job.there.values(), target)
            try:
                found["tables"], found["proof"] = _fill(job, source, new, tell)
                state["target"] = shadow.digest(new, job.there.values(), job.key)
                shadow.remember(new, job.policy, state)
            except BaseException:
                new.close()
                driver.remove(params["target"]["path"] + shadow.NEW)
                raise
            new.close()
    return {**found, "seconds": round(time.monotonic() - started, 3)}


def _fill(job: Job, source: sqlite3.Connection, new: sqlite3.Connection, tell: Tell) -> tuple[dict[str, Any], dict[str, Any]]:
    tables = _told(job)["tables"]
    new.execute("begin")
    for name, table in job.here.items():
        began = time.monotonic()
        rows = 0 if job.params["mode"] == "schema_only" else _copy(job, table, source, new, tell)
        tables[name].update(rows=rows, seconds=round(time.monotonic() - began, 3))
    new.execute("commit")
    if any("autoincrement" in table.sql.lower() for table in job.here.values()):
        names = [table.name for table in job.here.values()]
        kept = source.execute(f"select name, seq from sqlite_sequence where name in ({', '.join('?' * len(names))})", names).fetchall()
        new.execute("delete from sqlite_sequence")
        new.executemany("insert into sqlite_sequence (name, seq) values (?, ?)", kept)
    return tables, proof.prove(job, source, new, {name: facts["rows"] for name, facts in tables.items()})


def _copy(job: Job, table: catalog.Table, source: sqlite3.Connection, new: sqlite3.Connection, tell: Tell) -> int:
    wanted = ", ".join(map(driver.name, table.stored))
    whole = source.execute(f"select count(*) from main.{driver.name(table.name)}").fetchone()[0]
    mask = masker(table, job.rules[table.full], key=job.key)
    text = f"insert into {driver.name(table.name)} ({wanted}) values ({', '.join('?' * len(table.stored))})"
    done, began = 0, time.monotonic()
    for batch in _batches(source.execute(f"select {wanted} from main.{driver.name(table.name)}")):
        try:
            new.executemany(text, [mask(row) for row in batch])
        except sqlite3.IntegrityError as exc:
            raise SyncError(f"{table.full}: a masked row breaks a constraint ({exc}). The target is as it was.") from None
        done += len(batch)
        rate = done / max(time.monotonic() - began, 0.001)
        tell(
            {
                "event": "progress",
                "phase": "copy",
                "table": table.full,
                "rows": done,
                "rows_estimate": whole,
                "rate": rate,
                "seconds_left": (whole - done) / rate,
            }
        )
    return done


def _batches(cursor: sqlite3.Cursor) -> Iterator[list[tuple[Any, ...]]]:
    while True:
        rows = cursor.fetchmany(BATCH)
        if not rows:
            return
        yield rows


def _swap(params: Mapping[str, Any], target: sqlite3.Connection) -> bool:
    path, policy = params["target"]["path"], params["policy"]["name"]
    if not os.path.exists(path + shadow.NEW):
        return False
    with driver.opened({"path": path + shadow.NEW}, role="new", mode="ro") as new:
        state = shadow.remembered(new, policy)
        tables = list(catalog.read_tables(new).values())
    if not state:
        raise SyncError(f"{path + shadow.NEW} was not finished by the run that made it. Run phase prepare again.")
    try:
        shadow.exchange(target, path + shadow.NEW, tables, policy=policy, state={**state, "unconfirmed": True}, keep=path + shadow.OLD)
    except BaseException:
        driver.remove(path + shadow.OLD)
        if params["phase"] == "all":  # else it stays for another try
            driver.remove(path + shadow.NEW)
        raise
    driver.remove(path + shadow.NEW)
    return True


def _confirm(params: Mapping[str, Any], target: sqlite3.Connection) -> None:
    state = shadow.remembered(target, params["policy"]["name"])
    if state.pop("unconfirmed", None):
        shadow.remember(target, params["policy"]["name"], state)
    driver.remove(params["target"]["path"] + shadow.OLD)


def _revert(params: Mapping[str, Any], target: sqlite3.Connection) -> bool:
    """Undoes a swap that nobody confirmed, and takes away what was only prepared."""
    path, policy = params["target"]["path"], params["policy"]["name"]
    driver.remove(path + shadow.NEW)
    if not shadow.remembered(target, policy).get("unconfirmed"):
        driver.remove(path + shadow.OLD)
        return False
    with driver.opened({"path": path + shadow.OLD}, role="old", mode="ro") as old:
        before = shadow.remembered(old, policy)
        known = catalog.read_tables(old)
    wanted = [known[name] for name in params["policy"]["tables"] if name in known]
    shadow.exchange(target, path + shadow.OLD, wanted, policy=policy, state=before or None, keep="")
    driver.remove(path + shadow.OLD)
    return True
