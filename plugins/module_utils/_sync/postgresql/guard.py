# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasons not to start: the wrong target, a log that would keep the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table, identity
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql

LOGGING = (
    "log_statement",
    "log_min_duration_statement",
    "log_min_duration_sample",
    "log_transaction_sample_rate",
    "log_parameter_max_length",
    "log_parameter_max_length_on_error",
    "pgaudit.log",
    "pgaudit.log_parameter",
    "auto_explain.log_min_duration",
    "auto_explain.log_parameter_max_length",
)
# The snapshot's catalog knows the file of a table from when it began, the function knows the one of now.
REWRITTEN = """
select c.oid::regclass::text from pg_class c
where c.oid = any(%s) and c.relkind = 'r' and pg_relation_filenode(c.oid) is distinct from c.relfilenode order by 1
"""
# Such a number means something in its own database alone; a role's name could be the same elsewhere, but needn't.
NUMBERED = re.compile(r"^reg[a-z]+$")
LARGE_OBJECTS = "select exists (select from pg_largeobject_metadata)"
MARK = re.compile(r"evenkeel:\s*tier\s*=\s*production")


def check_tier(target: Any, *, tier: str) -> None:
    if tier == "production":
        raise SyncError("Won't write into the target: its tier is production, and masked data never goes there.")
    mark = "select current_database(), shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
    name, comment = target.execute(mark).fetchone()
    if MARK.search(comment or ""):
        raise SyncError(f"Won't write into the target: the comment of database {name!r} marks it as production.")


def check_other(source: Any, target: Any) -> None:
    here, there = identity(source), identity(target)
    if here == there:
        raise SyncError(
            f"Won't write into the target: source and target are the same database {there[1]!r} of cluster {there[0]}. Name two different databases."
        )


def numbers(source: Any, tables: Mapping[str, Table], rules: Mapping[str, Mapping[str, Rule]]) -> list[str]:
    """Columns whose values are numbers of objects that the target doesn't have under them."""
    known = [(table, rules.get(name) or {}) for name, table in tables.items()]
    found = [(table.full, column) for table, mine in known for column in table.columns if column.name in mine and not mine[column.name].mask]
    faults = [
        f"{full}.{column.name}: its type {column.type} names an object by its number in the source; use mask: null, or text instead"
        for full, column in found
        if NUMBERED.match(column.kind) or NUMBERED.match(column.element)
    ]
    pointers = [f"{full}.{column.name}" for full, column in found if "oid" in (column.kind, column.element)]
    if pointers and source.execute(LARGE_OBJECTS).fetchone()[0]:
        faults += [f"{place}: may point at a large object, and the large objects of the source aren't copied; use mask: null" for place in pointers]
    return faults


def check_still(source: Any, tables: list[Table]) -> None:
    """Locks the tables against TRUNCATE and ALTER, which an older snapshot would see as a loss, until the copy is done."""
    if not tables:
        return
    places = sql.SQL(", ").join(sql.Identifier(table.schema, table.name) for table in tables)
    source.execute(sql.SQL("lock table {} in access share mode").format(places))
    rows = source.execute(REWRITTEN, ([oid for table in tables for oid in (table.oid, *[leaf.oid for leaf in table.leaves])],)).fetchall()
    if rows:
        raise SyncError(f"Nothing was moved: {', '.join(row[0] for row in rows)} of the source changed its structure meanwhile. Run again.")


def _reasons(found: dict[str, str]) -> str:
    """Which settings, together, would write bound values into the server's log."""
    whole = found.get("log_parameter_max_length", "-1") != "0"
    statement = found.get("log_statement") == "all"
    slow = any(found.get(name, "-1") != "-1" for name in ("log_min_duration_statement", "log_min_duration_sample"))
    sampled = float(found.get("log_transaction_sample_rate", "0")) > 0
    if whole and (statement or slow or sampled):
        return "log_statement, log_min_duration_* or log_transaction_sample_rate together with log_parameter_max_length"
    if found.get("log_parameter_max_length_on_error", "0") != "0":
        return "log_parameter_max_length_on_error"
    if found.get("pgaudit.log_parameter") == "on" and found.get("pgaudit.log", "none") != "none":
        return "pgaudit.log_parameter"
    explained = found.get("auto_explain.log_min_duration", "-1") != "-1"
    return "auto_explain" if explained and found.get("auto_explain.log_parameter_max_length", "-1") != "0" else ""


def check_logging(source: Any) -> None:
    rows = source.execute("select name, setting from pg_settings where name = any(%s)", (list(LOGGING),)).fetchall()
    reasons = _reasons(dict(rows))
    if reasons:
        raise SyncError(
            f"Won't hand the key to the source: its log would keep bound parameters ({reasons}). "
            "Set log_parameter_max_length to 0 for the role that reads (alter role ... set log_parameter_max_length = 0)."
        )
