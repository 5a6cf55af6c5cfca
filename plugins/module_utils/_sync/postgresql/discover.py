# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy is proposed from: catalog, sampled rows, and which columns share values. Everything read in one read-only snapshot.

Sampled values live in the memory of this process only, until they are counted. For the overlap of columns not even that: the server
hashes with a number that is new in each run, and hashes travel.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._masking import detect_facts
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_facts import Candidate, Seen
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_propose import Facts, Place
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import ARRAY, JSON, Column
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table, read_foreign_keys, read_tables
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect, describe, psycopg, sql

SMALL = 256  # blocks of a table that is read whole
FULL_SCAN = 32768  # blocks of a table that is searched for values of a sparse column
LONGEST = 4000
LONGEST_DOCUMENT = 100_000
COMMENTS = """
select n.nspname || '.' || c.relname, a.attname, d.description
from pg_description d join pg_class c on d.classoid = 'pg_class'::regclass and d.objoid = c.oid join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid where d.objsubid > 0
"""


def gather(place: Mapping[str, Any], *, rows: int, statement_timeout: int, look: bool = True, schemas: Sequence[str] = ()) -> Facts:
    """With `look` false no row is read."""
    connection = connect(place, role="source")
    try:
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read, read only")
            connection.execute("select set_config('statement_timeout', %s, true)", (f"{statement_timeout}s",))
            return _gather(connection, rows=rows, look=look, schemas=schemas)
    except psycopg.Error as exc:
        raise SyncError(f"Can't read the source database {place.get('dbname')}: {describe(exc)}") from None
    finally:
        connection.close()


def _gather(connection: Any, *, rows: int, look: bool, schemas: Sequence[str]) -> Facts:
    tables = {name: table for name, table in read_tables(connection).items() if not schemas or table.schema in schemas}
    keys = [key for key in read_foreign_keys(connection) if key.table in tables]
    catalog = {name: table.columns for name, table in tables.items()}
    comments = {(table, column): text for table, column, text in connection.execute(COMMENTS).fetchall()}
    if not look:
        return Facts(catalog, keys, comments)
    seen = {name: _look(connection, table, rows) for name, table in tables.items() if not table.kind}
    shared = _overlaps(connection, tables, seen)
    return Facts(
        catalog,
        keys,
        comments,
        profiles={(table, column): one for table, found in seen.items() for column, one in found.profiles.items()},
        leaves={(table, column): one for table, found in seen.items() for column, one in found.leaves.items()},
        overlaps=shared,
        same_rows=_same_rows(connection, tables, keys, shared, rows),
    )


def _text(column: Column) -> Any:
    name = sql.Identifier(column.name)
    if column.family == ARRAY:
        return sql.SQL("case when pg_column_size({0}) <= {1} then to_jsonb({0})::text end").format(name, sql.Literal(LONGEST_DOCUMENT))
    if column.family == JSON:
        return sql.SQL("case when pg_column_size({0}) <= {1} then {0}::text end").format(name, sql.Literal(LONGEST_DOCUMENT))
    return sql.SQL("left({}::text, {})").format(name, sql.Literal(LONGEST))


def _sampled(table: Table, rows: int) -> Any:
    """The table, or about four times as many rows of it as are wanted; always the same ones while the table doesn't change."""
    name = sql.Identifier(table.schema, table.name)
    if table.blocks <= SMALL:
        return name
    percent = min(100.0, 100 * max(64 / table.blocks, 4 * rows / max(table.rows, 1)))
    return sql.SQL("{} tablesample system ({}) repeatable (1)").format(name, sql.Literal(percent))


def _look(connection: Any, table: Table, rows: int) -> Seen:
    columns = [column for column in table.columns if column.kind != "bytea" and not column.composite]
    if not columns:
        return Seen({}, {})
    chosen = sql.SQL("select {} from {} order by hashtext(ctid::text) limit {}").format(
        sql.SQL(", ").join(map(_text, columns)), _sampled(table, rows), sql.Literal(rows)
    )
    found = connection.execute(chosen).fetchall()
    values: dict[str, list[Any]] = {column.name: [row[place] for row in found if row[place] is not None] for place, column in enumerate(columns)}
    for column in columns:
        if found and not values[column.name] and table.blocks <= FULL_SCAN and not column.not_null:
            sparse = sql.SQL("select {} from {} where {} is not null limit {}").format(
                _text(column), sql.Identifier(table.schema, table.name), sql.Identifier(column.name), sql.Literal(rows)
            )
            values[column.name] = [row[0] for row in connection.execute(sparse).fetchall()]
    return detect_facts.look(table.columns, values, today=datetime.date.today())


def _value(candidate: Candidate, alias: str) -> Any:
    name = sql.Identifier(alias, candidate.column)
    if not candidate.path:
        return sql.SQL("{}::text").format(name)
    return sql.SQL("{}::jsonb #>> {}").format(name, sql.Literal(detect_facts.keys_of(candidate.path)))


def _overlaps(connection: Any, tables: Mapping[str, Table], seen: Mapping[str, Seen]) -> list[tuple[Place, Place, int, int]]:
    seed = secrets.randbits(62)
    hashes: dict[Place, tuple[int, set[int]]] = {}
    for name, found in seen.items():
        table = tables[name]
        wanted = detect_facts.candidates(table.columns, found)
        if not wanted:
            continue
        thin = [1 if one.few else detect_facts.thinning(table.rows) for one in wanted]
        for one, thinned in zip(wanted, thin):
            hashes[(name, one.column + one.path)] = (thinned, set())
        listed = sql.SQL(", ").join(
            sql.SQL("({}, hashtextextended({}, {}), {}::bigint)").format(sql.Literal(place), _value(one, "t"), sql.Literal(seed), sql.Literal(thinned - 1))
            for place, (one, thinned) in enumerate(zip(wanted, thin))
        )
        query = sql.SQL("select v.place, v.hash from {} t cross join lateral (values {}) v (place, hash, low) where v.hash & v.low = 0 group by 1, 2")
        big = 100 * FULL_SCAN / table.blocks if table.blocks > FULL_SCAN else 0
        source = sql.Identifier(table.schema, table.name)
        sampled = sql.SQL("(select * from {} tablesample system ({}) repeatable (1))").format(source, sql.Literal(big)) if big else source
        for place, hashed in connection.execute(query.format(sampled, listed)).fetchall():
            hashes[(name, wanted[place].column + wanted[place].path)][1].add(hashed)
    return detect_facts.overlaps(hashes)


def _same_rows(
    connection: Any, tables: Mapping[str, Table], keys: Sequence[Any], shared: Sequence[tuple[Place, Place, int, int]], rows: int
) -> dict[tuple[Place, Place], tuple[int, int]]:
    """Along each foreign key: do the copies in the child equal what stands in the row they point at?"""
    found: dict[tuple[Place, Place], tuple[int, int]] = {}
    for key, child, parent, copy, origin in detect_facts.along(keys, shared, tables):
        here, there = _value(copy, "c"), _value(origin, "p")
        query = sql.SQL(
            "select count(*) filter (where {0} = {1}), count(*) from (select * from {2} order by hashtext(ctid::text) limit {3}) c"
            " join {4} p on p.{5} = c.{6} where {0} is not null"
        ).format(
            here,
            there,
            _sampled(tables[child[0]], rows),
            sql.Literal(rows),
            sql.Identifier(tables[parent[0]].schema, tables[parent[0]].name),
            sql.Identifier(key.keys[0]),
            sql.Identifier(key.columns[0]),
        )
        found[(child, parent)] = tuple(connection.execute(query).fetchone())
    return found
