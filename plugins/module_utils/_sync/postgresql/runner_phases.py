# SPDX-License-Identifier: GPL-3.0-or-later
"""The phases of a synchronization, each of which finds in the target how far the ones before have come.

prepare -> a shadow that is ready      swap -> the new tables are live, the old ones kept
confirm -> the old ones are gone       revert -> the old ones are live again, the new ones gone
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import catalog, shadow, shadow_swap
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import psycopg
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner_check import Job, Sides
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.state import (
    CONFIRMED,
    PREPARED,
    SWAPPED,
    all_remembered,
    open_policies,
    phase_of,
    remember,
    remembered,
)

# Sequences that no table owns, with their values; those that a table which is not synchronized draws from stay as they are.
NUMBERS = """
select quote_ident(n.nspname) || '.' || quote_ident(c.relname), n.nspname, c.relname, pg_sequence_last_value(c.oid)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S' and n.nspname !~ '^(pg_|evenkeel(_|$))' and c.relpersistence <> 't'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i', 'e'))
  and not exists (select from pg_depend d join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid
                  join pg_class t on t.oid = f.adrelid join pg_namespace m on m.oid = t.relnamespace
                  where d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and f.adrelid <> all(%s::oid[]) and m.nspname !~ '^evenkeel_')
"""


def _shape(relations: list[shadow.Relation], there: Mapping[str, catalog.Table]) -> str:
    """Changes with the structure of the live tables: a shadow made for another one must not take their place."""
    words = [[relation.oid, relation.full, relation.kind, relation.bound] for relation in relations]
    columns = {name: [list(column) for column in table.columns] for name, table in sorted(there.items())}
    return hashlib.sha256(json.dumps([sorted(words), columns], default=str).encode("utf-8")).hexdigest()


def _numbers(source: Any, target: Any, sides: Sides, relations: list[shadow.Relation]) -> dict[str, Any]:
    found = {row[0]: row for row in source.execute(NUMBERS, ([table.oid for table in sides.here.values()],)).fetchall()}
    names = [row[0] for row in target.execute(NUMBERS, ([relation.oid for relation in relations],)).fetchall()]
    return {name: [found[name][1], found[name][2], found[name][3], True] for name in names if name in found and found[name][3] is not None}


def prepared(job: Job, sides: Sides, relations: list[shadow.Relation], *, source: Any, mode: str, rows: Mapping[str, int], automatic: bool) -> dict[str, Any]:
    """What swap has to know of a shadow that is ready."""
    from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import delta

    found: dict[str, Any] = {
        "phase": PREPARED,
        "mode": mode,
        "automatic": automatic,
        "names": sorted(sides.there),
        "shape": _shape(relations, sides.there),
        "numbers": _numbers(sides.source, sides.target, sides, relations),
    }
    if mode == "full":
        found["delta_source"] = delta.mark_source(job, sides, source, rows)
    return found


def keep(target: Any, policy: str, state: Mapping[str, Any]) -> None:
    with target.transaction():
        target.execute("set local synchronous_commit to default")
        remember(target, policy=policy, state={**state, "before": remembered(target, policy)})


def swap(target: Any, policy: str, state: Mapping[str, Any], relations: list[shadow.Relation]) -> None:
    from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import delta

    before = state["before"] if "before" in state else remembered(target, policy)

    def note(moved: dict[str, Any]) -> None:
        found = {"phase": SWAPPED, "mode": state["mode"], "automatic": state["automatic"], "moved": moved, "before": before}
        found.update({name: state[name] for name in ("seconds", "bytes") if name in state})
        if "delta_source" in state:
            found["delta"] = delta.join(state["delta_source"], delta.horizon(target))
        remember(target, policy=policy, state=found)

    shadow_swap.swap(target, relations, numbers=state["numbers"], remember=note)


def confirm(target: Any, policy: str) -> None:
    state = remembered(target, policy)
    if phase_of(state) != SWAPPED:
        return
    kept = {name: value for name, value in state.items() if name not in ("phase", "moved", "before", "automatic")}
    shadow_swap.confirm(target, remember=lambda: remember(target, policy=policy, state={**kept, "phase": CONFIRMED}))


def revert(target: Any, policy: str) -> bool:
    """Whether there was anything to undo."""
    state = remembered(target, policy)
    if phase_of(state) == SWAPPED:
        shadow_swap.revert(target, state["moved"], remember=lambda: remember(target, policy=policy, state=state["before"]))
        return True
    if phase_of(state) == PREPARED:
        with target.transaction():
            shadow.clean(target)
            remember(target, policy=policy, state=state["before"])
        return True
    return False


def recover(params: Mapping[str, Any], target: Any) -> None:
    """What a killed run left: a switch that was to be confirmed at once is confirmed, everything else is undone."""
    policy = params["policy"].get("name")
    states = all_remembered(target)
    for other, phase in open_policies(states).items():
        if phase == SWAPPED and states[other].get("automatic"):
            confirm(target, other)
            continue
        if other == policy:
            revert(target, other)
            continue
        raise SyncError(f"Nothing was moved: policy {other!r} has a synchronization of this target that is {phase}. Confirm or revert that first.")
    shadow.clean(target)


def tidy(target: Any) -> None:
    """After an error. The first one counts: what can't be cleaned now is cleaned by the next run."""
    try:
        if not open_policies(all_remembered(target)):
            shadow.clean(target)
    except psycopg.Error:
        return


def act(phase: str, params: Mapping[str, Any], target: Any, *, check_mode: bool) -> dict[str, Any]:
    """swap, confirm and revert: the source isn't needed any more."""
    policy = params["policy"]["name"]
    if not check_mode:
        shadow.lock(target)
    state = remembered(target, policy)
    now = phase_of(state)
    wanted = {"swap": (PREPARED,), "confirm": (SWAPPED,), "revert": (PREPARED, SWAPPED)}[phase]
    if phase == "confirm" and now == PREPARED:
        raise SyncError(f"Nothing to confirm: the synchronization of policy {policy!r} is prepared, but not switched yet.")
    if now not in wanted:
        return {"changed": False, "phase": phase, "why": f"there is nothing to {phase}"}
    if not check_mode:
        if phase == "swap":
            _swap(target, policy, state)
        elif phase == "confirm":
            confirm(target, policy)
        else:
            revert(target, policy)
    return {"changed": True, "phase": phase, "why": "asked for", "mode": state["mode"]}


def _swap(target: Any, policy: str, state: Mapping[str, Any]) -> None:
    there = {name: table for name, table in catalog.read_tables(target).items() if name in state["names"]}
    relations = shadow.relations(target, list(there.values()))
    if _shape(relations, there) != state["shape"]:
        raise SyncError("Nothing was switched: the target's tables were altered since the preparation. Prepare again.")
    swap(target, policy, state, relations)
