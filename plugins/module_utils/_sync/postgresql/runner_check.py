# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be known before a row moves: what to do, in which order, and every reason against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import make_plan, refusal
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import catalog, catalog_drift, guard, shadow, shadow_objects, statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql

FEW = 0.1  # less than this part of the values differ: each is masked once and looked up
FEW_VALUES = 200_000  # more of them are no longer at hand for a processor
FEW_ROWS = 10000  # of smaller tables nothing is to be gained
BLOCK = 8192
RATE_RAW, RATE_MASKED = 40_000_000, 12_000_000  # bytes of heap a second and worker, while nothing has been timed
SHADOWED = ("full", "subset", "schema_only")
DISTINCT = """
select schemaname || '.' || tablename, attname, n_distinct from pg_stats
where inherited = any(%s) and schemaname || '.' || tablename = any(%s) and n_distinct <> 0
"""
SAMPLED = """
select coalesce(sum(g.n), 0)::bigint, count(*), count(*) filter (where g.n = 1) from (
  select count(*) as n from (select {} as v {} t tablesample system ({}) repeatable (1)) s where s.v is not null group by s.v) g
"""
SAMPLE = 10000  # rows of a table


class Job(NamedTuple):
    source: Mapping[str, Any]
    target: Mapping[str, Any]
    policy: Mapping[str, Any]
    key: str
    workers: int
    rules: dict[str, dict[str, Rule]]
    domains: list[str]
    options: Mapping[str, Any]
    mapped: Mapping[str, frozenset[str]]  # columns with few different values, by table
    drift: list[str]  # accepted differences of the target's columns
    text: frozenset[str]  # tables whose columns have other types in the target

    def binary(self, here: catalog.Table, there: catalog.Table) -> bool:
        return here.builtin and there.builtin and here.full not in self.text


class Sides(NamedTuple):
    source: Any
    target: Any
    here: dict[str, catalog.Table]  # the synchronized tables, as the source has them
    there: dict[str, catalog.Table]


def refuse(faults: list[str], additions: list[str]) -> None:
    if faults:
        raise SyncError(refusal(faults, additions))


def check(params: Mapping[str, Any], source: Any, target: Any) -> tuple[Job, Sides]:
    """(job, sides), or every reason against in one report."""
    guard.check_logging(source)
    here, there = catalog.read_tables(source), catalog.read_tables(target)
    plan = make_plan(params["policy"], {name: table.columns for name, table in here.items()}, foreign_keys=catalog.read_foreign_keys(source))
    faults = list(plan.faults)
    wanted = params["policy"].get("database")
    if wanted and wanted != source.info.dbname:
        faults.append(f"database: the policy is for {wanted!r}, the source is {source.info.dbname!r}")
    drift: list[str] = []
    text = set()
    for name in plan.tables:
        if name not in there:
            faults.append(f"{name}: the target has no such table; bring both to the same schema version")
            continue
        found = catalog_drift.compare(here[name], there[name])
        faults += found.faults
        drift += found.accepted
        if found.converts:
            text.add(name)
    if drift and params.get("drift") != "accept":
        faults += [f"{line} (the target could take it: drift: accept)" for line in drift]
    faults += [f"{here[name].full}: is a {here[name].kind}, which isn't supported" for name in plan.tables if here[name].kind]
    faults += [f"{name}: is a {there[name].kind} in the target, which isn't supported" for name in plan.tables if name in there and there[name].kind]
    faults += guard.numbers(source, here, plan.tables)
    if params.get("mode", "full") in SHADOWED:
        faults += in_the_way(target, [there[name] for name in plan.tables if name in there])
    refuse(faults, plan.additions)
    tables = {name: here[name] for name in plan.tables}
    job = Job(
        source=params["source"],
        target=params["target"],
        policy=params["policy"],
        key=params["key"],
        workers=max(1, params.get("workers") or 2),
        rules=plan.tables,
        domains=statement.domains(plan.tables),
        options=params,
        mapped={} if params.get("mode") in ("differential", "incremental") else few_values(source, tables, plan.tables),  # for whole tables
        drift=drift,
        text=frozenset(text),
    )
    return job, Sides(source, target, tables, {name: there[name] for name in plan.tables})


def in_the_way(target: Any, tables: list[catalog.Table]) -> list[str]:
    """What a swap of the live tables would lose."""
    return shadow_objects.obstacles(target, shadow.relations(target, tables))


def few_values(source: Any, tables: Mapping[str, catalog.Table], rules: Mapping[str, Mapping[str, Rule]]) -> dict[str, frozenset[str]]:
    """By the statistics of the source: what ANALYZE found of each column."""
    found: dict[str, set[str]] = {}
    for inherited in (False, True):
        names = [name for name, table in tables.items() if table.partitioned is inherited and table.rows >= FEW_ROWS]
        for name, column, distinct in source.execute(DISTINCT, ([inherited], names)).fetchall():
            share = -distinct if distinct < 0 else distinct / max(tables[name].rows, 1)
            if share < min(FEW, FEW_VALUES / max(tables[name].rows, 1)):
                found.setdefault(name, set()).add(column)
    kinds = {name: {column.name: column for column in table.columns} for name, table in tables.items()}
    return {name: frozenset(column for column in columns if statement.mappable(kinds[name][column], rules[name][column])) for name, columns in found.items()}


def few_leaves(source: Any, tables: Mapping[str, catalog.Table], rules: Mapping[str, Mapping[str, Rule]]) -> dict[str, frozenset[str]]:
    """The same of leaves of JSON documents, which no statistics tell of: a sample does."""
    found: dict[str, set[str]] = {}
    for name, table in tables.items():
        for column in table.columns if table.rows >= FEW_ROWS else ():
            text = statement.leaf_texts(column, rules[name].get(column.name))
            for place, value in text.items():
                if _distinct(source, table, value) < min(FEW, FEW_VALUES / max(table.rows, 1)):
                    found.setdefault(name, set()).add(statement.leaf_name(column.name, place))
    return {name: frozenset(places) for name, places in found.items()}


def _distinct(source: Any, table: catalog.Table, value: str) -> float:
    """Part of the rows whose values differ, by the estimator of Haas and Stokes that ANALYZE uses, too."""
    part = sql.Literal(min(100.0, 100.0 * SAMPLE / max(table.rows, 1)))
    rows, different, once = source.execute(sql.SQL(SAMPLED).format(sql.SQL(value), sql.SQL("from {}").format(statement.rows_of(table)), part)).fetchone()
    if not rows:
        return 1.0
    whole = max(table.rows, rows)
    return float(rows * different / (rows - once + once * rows / whole) / whole)


def with_leaves(job: Job, sides: Sides) -> Job:
    """Only for a copy of whole tables, as the samples take a moment."""
    found = few_leaves(sides.source, sides.here, job.rules)
    return job._replace(mapped={name: job.mapped.get(name, frozenset()) | found.get(name, frozenset()) for name in sides.here})


def describe_tables(job: Job, sides: Sides) -> dict[str, Any]:
    return {
        name: {"rows_estimate": table.rows, "masked": sorted(column for column, rule in job.rules[name].items() if rule.mask)}
        for name, table in sides.here.items()
    }


def describe_plan(job: Job, sides: Sides, *, mode: str) -> dict[str, Any]:
    """For check mode: the tables in the order in which their copies start, and what that may take."""
    tables = []
    seconds = 0.0
    for name, table in sorted(sides.here.items(), key=lambda item: -item[1].blocks):
        masks = {column: str(rule.mask) for column, rule in job.rules[name].items() if rule.mask}
        rows, size = (0, 0) if mode == "schema_only" else (table.rows, table.blocks * BLOCK)
        tables.append({"name": name, "rows": rows, "bytes": size, "masks": masks})
        seconds += size / (RATE_MASKED if masks else RATE_RAW) / job.workers
    return {"tables": tables, "seconds_estimate": round(seconds, 1), "bytes_estimate": sum(table["bytes"] for table in tables)}
