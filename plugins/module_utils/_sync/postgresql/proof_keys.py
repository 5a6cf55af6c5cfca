# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, constraints and sequences of the new tables, and how many rows share their quasi-identifiers."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof import Finding

KINDS = {"f": "foreign_keys", "c": "checks", "u": "unique", "p": "primary_keys", "x": "exclusions"}
CONSTRAINTS = """
select conname::text, contype::text, convalidated from pg_constraint where conrelid = to_regclass(%s) and contype in ('f', 'c', 'u', 'p', 'x') order by 1
"""
INDEXES = """
select c.relname::text, i.indisvalid and i.indisready from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = to_regclass(%s) order by 1
"""
SEQUENCES = """
select a.attname::text, quote_ident(m.nspname) || '.' || quote_ident(s.relname), q.seqincrement > 0 from pg_depend d
join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_namespace m on m.oid = s.relnamespace join pg_sequence q on q.seqrelid = s.oid
join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = to_regclass(%s) and d.deptype in ('a', 'i')
"""
# One that lags behind its column in the source does so in the target: that is how the source is.
LAST = "select pg_sequence_last_value(pg_get_serial_sequence(%s, %s)::regclass)"
SMALL = 5  # rows of a group; smaller ones are counted in the report


def check(case: Any, source: Any, target: Any) -> tuple[dict[str, Any], list[Finding]]:
    counts: dict[str, Any] = {**dict.fromkeys(KINDS.values(), 0), "not_valid_before": 0, "indexes": 0, "sequences": 0}
    findings: list[Finding] = []
    for name, table in case.sides.there.items():
        place = _quoted(table._replace(schema=case.schema(table)), target)
        live = _quoted(table, target)
        _constraints(name, place, live, target, counts, findings)
        for index, valid in target.execute(INDEXES, (place,)).fetchall():
            counts["indexes"] += 1
            if not valid:
                findings.append(Finding("keys", f"{name}, index {index}", 1, "isn't valid"))
        _sequences(case, name, table, place, (source, target), counts, findings)
    return counts, findings


def _constraints(name: str, place: str, live: str, target: Any, counts: dict[str, Any], findings: list[Finding]) -> None:
    made = {row[0]: row for row in target.execute(CONSTRAINTS, (place,)).fetchall()}
    for constraint, kind, validated in target.execute(CONSTRAINTS, (live,)).fetchall():
        if constraint not in made:
            findings.append(Finding("keys", f"{name}, constraint {constraint}", 1, "is missing"))
        elif made[constraint][2]:
            counts[KINDS[kind]] += 1
        elif not validated:
            counts["not_valid_before"] += 1  # the target's own table doesn't promise it either
        else:
            findings.append(Finding("keys", f"{name}, constraint {constraint}", 1, "isn't validated"))


def _sequences(case: Any, name: str, table: Any, place: str, sides: tuple[Any, Any], counts: dict[str, Any], findings: list[Finding]) -> None:
    source, target = sides
    for column, sequence, upwards in target.execute(SEQUENCES, (place,)).fetchall():
        text = sql.SQL("select pg_sequence_last_value({}::regclass), {edge}(t.{column}) from {rows} t").format(
            sql.Literal(sequence),
            edge=sql.SQL("max" if upwards else "min"),
            column=sql.Identifier(column),
            rows=rows_of(table, case.schema(table)),
        )
        last, edge = target.execute(text).fetchone()
        counts["sequences"] += 1
        behind = last is not None and edge is not None and (last < edge if upwards else last > edge)
        if behind and source.execute(LAST, (_quoted(case.sides.here[name], source), column)).fetchone()[0] != last:
            findings.append(Finding("keys", f"{name}.{column}", 1, "its sequence would give a value again that a row has"))


def _quoted(table: Any, connection: Any) -> str:
    return str(sql.Identifier(table.schema, table.name).as_string(connection))


def anonymity(case: Any, target: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, table in case.sides.there.items():
        columns = (case.job.policy["tables"].get(name) or {}).get("quasi_identifiers") or []
        if columns:
            least = max(case.options.minimum_k, SMALL)
            text = sql.SQL(
                "select count(*), min(n), coalesce(sum(n) filter (where n < {least}), 0)::bigint from (select count(*) as n from {rows} t group by {by}) g"
            ).format(
                least=sql.Literal(least),
                rows=rows_of(table, case.schema(table)),
                by=sql.SQL(", ").join([sql.Identifier("t", column) for column in columns]),
            )
            row = target.execute(text).fetchone()
            found[name] = {"columns": list(columns), "groups": row[0], "smallest": row[1], "k": least, "rows_below_k": row[2]}
    return found
