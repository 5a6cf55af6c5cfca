# SPDX-License-Identifier: GPL-3.0-or-later
"""SQL that cuts a table into buckets of keys, on either side, and compares what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.merkle import Cut, Leaf, cut, leaves, runs
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_rows import Key, masked_rows, names
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of

RANGES = 500  # more than this are looked up as a set


def find_cut(source: Any, table: Table, key: Key, rows: int) -> Cut:
    if not key.whole_number or not key.kept:
        return cut(rows, ends=None)
    text = sql.SQL("select min(t.{0})::bigint, max(t.{0})::bigint from {1} t").format(sql.Identifier(key.columns[0]), rows_of(table))
    least, most = source.execute(text).fetchone()
    return cut(rows, ends=(least or 0, most or 0))


def _key_hash(key: Key, alias: str) -> Any:
    if key.whole_number:
        return sql.SQL("hashint8extended({}::bigint, 0)").format(sql.Identifier(alias, key.columns[0]))
    if len(key.columns) == 1:
        return sql.SQL("hashtextextended({}::text, 0)").format(sql.Identifier(alias, key.columns[0]))
    return sql.SQL("hashtextextended(row({})::text, 0)").format(key.of(alias))


def bucket(key: Key, parts: Cut, alias: str) -> Any:
    if parts.shift is not None:
        return sql.SQL("({}::bigint >> {})").format(sql.Identifier(alias, key.columns[0]), sql.SQL(str(parts.shift)))
    return sql.SQL("({} & {}::bigint)").format(_key_hash(key, alias), sql.SQL(str(parts.mask)))


def within(key: Key, parts: Cut, found: Sequence[int], alias: str) -> Any:
    """Condition over an alias: its key is in one of these buckets."""
    if not found:
        return sql.SQL("false")
    joined = runs(found)
    if parts.shift is not None and len(joined) <= RANGES:
        spans = [parts.span(first, last) for first, last in joined]
        name = sql.Identifier(alias, key.columns[0])
        pairs = [sql.SQL("{0} between {1}::bigint and {2}::bigint").format(name, sql.Literal(str(a)), sql.Literal(str(b))) for a, b in spans]
        return sql.SQL("({})").format(sql.SQL(" or ").join(pairs))
    listed = sql.Literal("{" + ",".join(map(str, found)) + "}")
    return sql.SQL("{} = any({}::bigint[])").format(bucket(key, parts, alias), listed)


def _leaves(connection: Any, rows: Any, *, of: Any, hashed: Any) -> dict[int, Leaf]:
    """`hashed`: None where one side can only hold more keys than the other, so that counting them tells."""
    total = sql.SQL("0") if hashed is None else sql.SQL("sum({})").format(hashed)
    text = sql.SQL("select {}, count(*), {} from {} group by 1").format(of, total, rows)
    return leaves(connection.execute(text).fetchall())


def keys_here(source: Any, job: Any, table: Table, key: Key, parts: Cut, *, counted: bool = False) -> dict[int, Leaf]:
    """The source's keys, masked where the policy masks them."""
    alias = "t" if key.kept else "m"
    rows = sql.SQL("{} t").format(rows_of(table)) if key.kept else masked_rows(job, table)
    return _leaves(source, rows, of=bucket(key, parts, alias), hashed=None if counted else _key_hash(key, alias))


def keys_there(target: Any, table: Table, key: Key, parts: Cut, stage: Optional[Any], *, counted: bool = False) -> dict[int, Leaf]:
    """The target's keys, with those that wait in the stage."""
    rows = sql.SQL("select {} from {} t").format(key.of("t"), rows_of(table))
    if stage is not None:
        missing = sql.SQL(" union all select {} from {} s where not exists (select from {} t where {})")
        rows += missing.format(key.of("s"), stage, rows_of(table), key.equal("t", "s"))
    return _leaves(target, sql.SQL("({}) m").format(rows), of=bucket(key, parts, "m"), hashed=None if counted else _key_hash(key, "m"))


def _row_hash(table: Table) -> Any:
    # The seed comes from the masking key: sums of two runs under different keys can't be compared by others.
    return sql.SQL("hashtextextended(row({})::text, (select current_setting('evenkeel.seed')::bigint))").format(names(table, "m"))


def seed(connection: Any, value: int) -> None:
    connection.execute("select set_config('evenkeel.seed', %s, false)", (str(value),), binary=False)


def rows_here(source: Any, job: Any, table: Table, key: Key, parts: Cut) -> dict[int, Leaf]:
    return _leaves(source, masked_rows(job, table), of=bucket(key, parts, "m"), hashed=_row_hash(table))


def rows_there(target: Any, table: Table, key: Key, parts: Cut) -> dict[int, Leaf]:
    rows = sql.SQL("(select {} from {} t) m").format(names(table, "t"), rows_of(table))
    return _leaves(target, rows, of=bucket(key, parts, "m"), hashed=_row_hash(table))
