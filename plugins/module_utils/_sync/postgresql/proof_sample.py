# SPDX-License-Identifier: GPL-3.0-or-later
"""Some rows of the target against the same rows of the source, masked once more: column by column, hashes only."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.proof_sql import ROOT, row_hash
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import masked_select, rows_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import MIXED, SILENT, UNCHANGED, Finding

LEAST, MOST = 1000, 10000  # rows per table


def _key(table: Table) -> list[Any]:
    return sorted((column for column in table.columns if column.key), key=lambda column: column.key)


def _hash(alias: str, name: str, seed: int) -> Any:
    value = sql.Identifier(alias, name)
    return sql.SQL('hashtextextended({}::text collate "C", {})').format(value, sql.Literal(seed))


class Probe(NamedTuple):
    """How rows are summed up: whole, which costs a tenth, or column by column, to name those that differ."""

    seed: int
    modern: bool
    columns: bool = False

    def sums(self, table: Table, alias: str) -> Any:
        whole = [] if self.columns else [row_hash(table, alias=alias, seed=self.seed, modern=self.modern)]
        parts = whole or [_hash(alias, name, self.seed) for name in table.stored]
        return sql.SQL(", ").join([sql.SQL("coalesce(sum({}), 0)::text").format(part) for part in parts])


def compare(case: Any, name: str, source: Any, target: Any) -> dict[str, Any]:
    here, there, rules = case.sides.here[name], case.sides.there[name], case.job.rules[name]
    key = _key(there)
    if not key:
        return {"rows": 0, "why": "no primary key"}
    if any(rules[column.name].mask for column in key):
        return {"rows": 0, "why": "the primary key is masked"}
    if any(rule.table_level for rule in rules.values()):
        return {"rows": 0, "why": "a mask of this table needs all of its rows"}
    probe = Probe(secrets.randbits(62), min(here.version, there.version) >= ROOT * 10000)
    taken, keys, sums = _taken(case, there, key, target, probe=probe)
    if not taken:
        return {"rows": 0, "why": "no rows"}
    for place, words in enumerate(keys):
        source.execute("select set_config(%s, %s, true)", (f"evenkeel.k{place}", words))
    found, made, unchanged = _masked_again(case, here, key, source, probe=probe)
    result: dict[str, Any] = {"rows": taken, "found": found, "unchanged": unchanged, "differs": []}
    if sums != made and found == taken:
        probe = probe._replace(columns=True)
        sums = _taken(case, there, key, target, probe=probe)[2]
        made = _masked_again(case, here, key, source, probe=probe)[1]
        result["differs"] = [column for column, left, right in zip(there.stored, sums, made) if left != right]
    return result


def _taken(case: Any, table: Table, key: list[Any], target: Any, *, probe: Probe) -> tuple[int, list[str], list[str]]:
    total = max(table_rows(case, table, target), 1)
    share = min(100.0, max(case.options.remask_percent, 100.0 * LEAST / total), 100.0 * MOST / total)
    whole = (
        sql.SQL("")
        if share >= 100
        else sql.SQL("tablesample {} ({}) repeatable ({})").format(
            sql.SQL("system" if total > 50000 else "bernoulli"), sql.Literal(share), sql.Literal(probe.seed % 2**31)
        )
    )
    only = case.only(table.full, "target")
    where = sql.SQL(" where ({})").format(only) if only is not None else sql.SQL("")
    inner = sql.SQL("select * from {} t {}{}").format(rows_of(table, case.schema(table)), whole, where)
    arrays = sql.SQL(", ").join([sql.SQL("array_agg({})::text").format(sql.Identifier("t", column.name)) for column in key])
    row = target.execute(sql.SQL("select count(*), {}, {} from ({}) t").format(arrays, probe.sums(table, "t"), inner)).fetchone()
    return row[0], list(row[1 : 1 + len(key)]), list(row[1 + len(key) :])


def table_rows(case: Any, table: Table, target: Any) -> int:
    """Estimated; the shadow may not be analysed yet, but its size is known."""
    text = (
        "select case when c.reltuples > 0 then c.reltuples else greatest(pg_relation_size(c.oid) / 100, 0) end::bigint from pg_class c "
        "join pg_namespace n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s"
    )
    row = target.execute(text, (case.schema(table), table.name)).fetchone()
    return int(row[0]) if row and row[0] else max(table.rows, case.sides.here[table.full].rows)


def _masked_again(case: Any, table: Table, key: list[Any], source: Any, *, probe: Probe) -> tuple[int, list[str], dict[str, int]]:
    settings = [
        sql.SQL("unnest((select current_setting({})::{}[]))").format(sql.Literal(f"evenkeel.k{place}"), sql.SQL(column.type))
        for place, column in enumerate(key)
    ]
    names = sql.SQL(", ").join([sql.Identifier("t", column.name) for column in key])
    listed = sql.SQL(", ").join(settings)
    condition = sql.SQL("({}) in (select {})").format(names, listed)
    rules = case.job.rules[table.full]
    watched = [name for name in table.stored if (mask := rules[name].mask) and mask not in SILENT + MIXED and not rules[name].leaves]
    # Signs alone (an empty text, a dash) and endless dates hold nothing to hide.
    equal = [
        sql.SQL(
            "count(*) filter (where m.{name}::text = t.{name}::text collate \"C\" and t.{name}::text ~ '[^ ()*+,./-]' and t.{name}::text !~ '^-?infinity$')"
        ).format(name=sql.Identifier(name))
        for name in watched
    ]
    joined = sql.SQL(" and ").join([sql.SQL("m.{name} = t.{name}").format(name=sql.Identifier(column.name)) for column in key])
    text = sql.SQL("with m as materialized ({}) select count(*), {} from m join {} t on {}").format(
        masked_select(table, rules, case.job.domains, condition=condition),
        sql.SQL(", ").join([probe.sums(table, "m"), *equal]),
        rows_of(table),
        joined,
    )
    row = list(source.execute(text).fetchone())
    ends = len(row) - len(watched)
    return row[0], row[1:ends], dict(zip(watched, row[ends:]))


def findings(samples: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    found = []
    for name, sample in samples.items():
        rows = sample["rows"]
        if rows and sample["found"] != rows:
            text = f"of {rows} sampled rows {sample['found']} are in the source"
            found.append(Finding("sample", name, rows - sample["found"], text))
        for column in sample.get("differs", []) if rows and sample["found"] == rows else ():
            found.append(Finding("sample", f"{name}.{column}", rows, f"isn't what the mask makes of the source, in some of {rows} sampled rows"))
        for column, count in sample.get("unchanged", {}).items():
            if count > max(1, UNCHANGED * rows):
                found.append(Finding("sample", f"{name}.{column}", count, f"{count} of {rows} sampled rows have the source's own value"))
    return found
