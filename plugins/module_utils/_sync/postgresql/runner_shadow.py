# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a shadow of the target's tables: rows, then indexes, keys and foreign keys, each as soon as what it needs is there."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import copying, proof, shadow, shadow_objects
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner_check import Job, Sides
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.schedule import ALONE, SHARED, Task
from ansible_collections.evenkeel.release.plugins.module_utils._sync.progress import Progress, Throttle

# Blocks of a table weigh so much more in each step than in a raw copy; only the order of the tasks depends on it.
MASKED, INDEX, VALIDATE, ANALYZE, PROVE = 3.0, 0.3, 0.2, 0.05, 0.05


class Load(NamedTuple):
    job: Job
    sides: Sides
    relations: list[shadow.Relation]
    keys: list[shadow.ForeignKey]
    conditions: Mapping[str, Any]
    parts: Mapping[str, int]  # at most so many ranges of a table
    progress: Progress
    throttle: Throttle
    checks: Optional[proof.Proof]
    sent: dict[str, copying.Tally]
    lock: threading.Lock

    @property
    def seal(self) -> Any:
        return self.checks.case.seal if self.checks else None


def tasks(load: Load) -> list[Task]:
    """The whole graph."""
    found: list[Task] = []
    ready: dict[int, list[str]] = {}  # relation -> names of the tasks that finish its rows
    roots = {load.sides.there[name].oid: name for name in load.sides.here}
    pairs = [(load.sides.here[name], load.sides.there[name]) for name in load.sides.here]
    wanted = copying.units(load.job, pairs, conditions=load.conditions, parts=load.parts)
    for unit in wanted:
        found.append(_copy(load, unit))
    for relation in load.relations:
        name = roots[relation.root]
        ready[relation.oid] = [unit.name for unit in wanted if unit.here.full == name and _fills(unit, relation)]
    for relation in load.relations:
        if relation.kind != "p":
            found += _indexes(load, relation, ready[relation.oid])
    below = sorted((relation for relation in load.relations if relation.kind == "p"), key=lambda one: -one.level)
    for relation in below:
        children = [f"keys {one.full}" for one in load.relations if one.parent == relation.oid]
        claims = {thing: ALONE for one in load.relations if one.root == relation.root for thing in (one.full, _reading(one))}
        found.append(Task(f"keys {relation.full}", _root(load, relation), tuple(children), relation.blocks * INDEX, claims))
    return found + _foreign_keys(load) + _checks(load, wanted)


def _reading(relation: shadow.Relation) -> str:
    """What who only reads a table shares; a lock on the table itself would keep foreign keys and ANALYZE waiting for nothing."""
    return f"rows of {relation.full}"


def _checks(load: Load, wanted: list[copying.Unit]) -> list[Task]:
    """Proofs need the rows and nothing else, so they fill the gaps that indexes and keys leave."""
    found = []
    for step in load.checks.steps() if load.checks else ():
        after = [unit.name for unit in wanted if unit.here.full in step.tables] + [f"proof {name}" for name in step.after]
        roots = {load.sides.there[name].oid: load.sides.there[name] for name in step.tables}
        claims = {_reading(one): SHARED for one in load.relations if one.root in roots}
        cost = sum(table.blocks for table in (load.sides.here[name] for name in step.tables)) * PROVE
        found.append(Task(f"proof {step.name}", _check(load, step), tuple(after), cost, claims))
    return found


def _check(load: Load, step: proof.Step) -> Any:
    def act(worker: copying.Worker, _stopped: threading.Event) -> None:
        load.progress.phase("proof", ", ".join(step.tables))
        step.act(proof.Lane(worker.source, worker.target))

    return act


def _fills(unit: copying.Unit, relation: shadow.Relation) -> bool:
    """A unit that goes into a partition fills that one alone."""
    return unit.into == relation.name or not unit.freeze


def _copy(load: Load, unit: copying.Unit) -> Task:
    name = unit.here.full
    masked = any(rule.mask for rule in load.job.rules[name].values())

    def act(worker: copying.Worker, stopped: threading.Event) -> None:
        tally = worker.copy(unit, stopped, condition=load.conditions.get(name), progress=load.progress, throttle=load.throttle, seal=load.seal)
        with load.lock:
            load.sent[name].merge(tally)

    return Task(unit.name, act, cost=unit.weight * (MASKED if masked else 1.0))


def _indexes(load: Load, relation: shadow.Relation, after: list[str]) -> list[Task]:
    """One task for each index, then one that makes them constraints."""
    found = []
    for place, text in enumerate(shadow.index_texts(load.sides.target, relation)):

        def build(worker: copying.Worker, _stopped: threading.Event, text: Any = text) -> None:
            load.progress.phase("index", relation.full)
            worker.target.execute(text)

        found.append(Task(f"index {relation.full} {place}", build, tuple(after), relation.blocks * INDEX, {relation.full: SHARED}))

    def keys(worker: copying.Worker, _stopped: threading.Event) -> None:
        shadow.add_keys(worker.target, relation)
        shadow_objects.settle(worker.target, relation)
        shadow_objects.dress(worker.target, relation)

    claims = {relation.full: ALONE, _reading(relation): ALONE}
    return [*found, Task(f"keys {relation.full}", keys, (*after, *[task.name for task in found]), 1.0, claims)]


def _root(load: Load, relation: shadow.Relation) -> Any:
    def act(worker: copying.Worker, _stopped: threading.Event) -> None:
        load.progress.phase("index", relation.full)
        shadow.add_root_indexes(worker.target, relation)
        shadow_objects.settle(worker.target, relation)
        shadow_objects.dress(worker.target, relation)

    return act


def _foreign_keys(load: Load) -> list[Task]:
    by_oid = {relation.oid: relation for relation in load.relations}
    found = []
    last = {relation.full: [f"keys {relation.full}"] for relation in load.relations}
    for place, key in enumerate(load.keys):
        other = by_oid.get(key.other) if key.other is not None else None
        names = [key.relation.full, *([other.full] if other else [])]
        made = f"foreign key {place}"
        after = tuple(f"keys {name}" for name in names)
        # Both tables are locked for a moment, and as long as it takes when the key is proved at once.
        cost = 0.0 if key.validate else key.relation.blocks * VALIDATE
        found.append(Task(made, _act(load, shadow.add_foreign_key, key), after, cost, dict.fromkeys(names, ALONE)))
        last[key.relation.full].append(made)
        if key.validate:
            proved = f"validate {place}"
            claims = {key.relation.full: ALONE, **({other.full: SHARED} if other and other is not key.relation else {})}
            found.append(Task(proved, _act(load, shadow.validate, key), (made,), key.relation.blocks * VALIDATE, claims))
            last[key.relation.full].append(proved)
    for relation in load.relations:
        if not relation.partition:  # a root's ANALYZE takes its partitions with it
            family = [one for one in load.relations if one.root == relation.root]
            after = tuple(name for one in family for name in last[one.full])
            claims = {one.full: ALONE for one in family}
            found.append(Task(f"analyze {relation.full}", _analyze(load, relation), after, relation.blocks * ANALYZE, claims))
    return found


def _act(load: Load, what: Any, key: shadow.ForeignKey) -> Any:
    def act(worker: copying.Worker, _stopped: threading.Event) -> None:
        load.progress.phase("foreign key", key.relation.full)
        what(worker.target, key)

    return act


def _analyze(load: Load, relation: shadow.Relation) -> Any:
    def act(worker: copying.Worker, _stopped: threading.Event) -> None:
        load.progress.phase("analyze", relation.full)
        worker.target.execute(sql.SQL("analyze {}").format(relation.new))

    return act


def fill(load: Load, workers: list[copying.Worker]) -> None:
    shadow.create(load.sides.target, load.relations)
    for worker in workers if load.checks else ():
        proof.make_ready(proof.Lane(worker.source, worker.target))
    copying.run_tasks(workers, tasks(load))
    shadow.set_sequences(load.sides.source, load.sides.target, [(load.sides.here[name], load.sides.there[name]) for name in load.sides.here])
    for relation in load.relations:
        shadow.hand_on(load.sides.target, relation)
