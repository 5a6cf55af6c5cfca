# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reason against a synchronization in one report, and the plan when there is none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import fingerprint
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import make_plan, refusal
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import catalog, constants, drift, masks, shadow

BYTES_PER_SECOND = 12_000_000  # of a masked copy with its indexes; only an estimate is made of it


class Sides(NamedTuple):
    source: Any
    target: Any
    here: dict[str, catalog.Table]  # the synchronized tables, as the source has them
    there: dict[str, catalog.Table]  # the same names, as far as the source fills what the target has
    drift: Sequence[str] = ()  # accepted differences of the target's columns


def refuse(faults: list[str], additions: list[str]) -> None:
    if faults:
        raise SyncError(refusal(faults, additions))


def check(params: Mapping[str, Any], source: Any, target: Any) -> tuple[Sides, Any]:
    """(sides, plan), or every reason against in one report."""
    here = catalog.read_tables(source)
    there = {f"{source.database}.{table.name}": table for table in catalog.read_tables(target).values()}
    keys = [relation.key for table in here.values() for relation in table.relations]
    plan = make_plan(params["policy"], {full: table.columns for full, table in here.items()}, engine="mysql", foreign_keys=keys)
    faults = list(plan.faults)
    wanted = params["policy"].get("database")
    if wanted and wanted != source.database:
        faults.append(f"database: the policy is for {wanted!r}, the source is {source.database!r}")
    accepted: list[str] = []
    for full in plan.tables:
        faults += catalog.unsuited(here[full])
        if full not in there:
            faults.append(f"{full}: the target has no such table; bring both to the same schema version")
        else:
            found = drift.compare(full, here[full], there[full])
            faults += found.faults
            accepted += found.accepted
            here[full] = here[full]._replace(becomes=found.becomes)
            there[full] = drift.narrowed(here[full], there[full])
    if params.get("drift") != "accept":
        faults += [f"{line} (the target could take it: drift: accept)" for line in accepted]
    faults += catalog.obstacles(target, [there[full] for full in plan.tables if full in there])
    if not faults:
        every = [(full, column, plan.tables[full][column.name]) for full in plan.tables for column in here[full].columns]
        faults += [f"{full}.{column.name}: {fault}" for full, column, rule in every for fault in masks.faults(rule)]
    if not faults:
        rules, faults = constants.fitted(target, {full: there[full] for full in plan.tables}, plan.tables)
        plan = plan._replace(tables=rules)
    refuse(faults, plan.additions)
    filled = {
        full: there[full]._replace(plain=frozenset(column for column, rule in plan.tables[full].items() if rule.mask in masks.SAFE)) for full in plan.tables
    }
    return Sides(source, target, {full: here[full] for full in plan.tables}, filled, accepted), plan


def recipe(job: Any, sides: Sides) -> str:
    """Changes whenever the same source rows could give other target rows."""
    columns = {full: [[list(column) for column in table.columns] for table in (here, sides.there[full])] for full, here in sides.here.items()}
    indexes = {full: shadow.later_indexes(sides.target, table) for full, table in sides.there.items()}
    words = json.dumps([job.policy["tables"], columns, indexes, job.policy["name"]], sort_keys=True, default=str)
    return fingerprint(job.key, words)


def describe_tables(job: Any, sides: Sides) -> dict[str, dict[str, Any]]:
    return {
        full: {"rows_estimate": table.rows, "masked": sorted(column for column, rule in job.rules[full].items() if rule.mask)}
        for full, table in sides.here.items()
    }


def describe_plan(job: Any, sides: Sides) -> dict[str, Any]:
    tables = [
        {
            "name": full,
            "rows": table.rows,
            "bytes": table.bytes,
            "masks": {column: rule.mask for column, rule in job.rules[full].items() if rule.mask},
        }
        for full, table in sorted(sides.here.items(), key=lambda one: -one[1].bytes)
    ]
    size = sum(table.bytes for table in sides.here.values())
    return {"tables": tables, "bytes_estimate": size, "seconds_estimate": round(0.5 + size / BYTES_PER_SECOND, 1)}
