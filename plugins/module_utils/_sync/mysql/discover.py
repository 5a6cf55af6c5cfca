# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy is proposed from: catalog, sampled rows, and which columns share values. Everything read in one read-only snapshot.

Sampled values live in the memory of this process only, until they are counted. For the overlap of columns not even that: the server
hashes with a text that is new in each run, and hashes travel.
"""

from __future__ import annotations

import datetime
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._masking import detect_facts
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_facts import Candidate, Seen
from ansible_collections.evenkeel.release.plugins.module_utils._masking.detect_propose import Facts, Place
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import JSON, ForeignKey
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import BINARY, Table, read_tables
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import connect, describe, literal, name, pymysql

LARGE = 5_000_000  # rows of a table of which only a part is looked through
LONGEST = 4000
LONGEST_DOCUMENT = 100_000
HASH_BITS = 60
COMMENTS = "select table_name, column_name, column_comment from information_schema.columns where table_schema = %s and column_comment <> ''"


def gather(place: Mapping[str, Any], *, rows: int, statement_timeout: int, look: bool = True, schemas: Sequence[str] = ()) -> Facts:
    """With `look` false no row is read. A connection sees one database, so `schemas` has to name that one when it names any."""
    connection = connect(place, role="source")
    try:
        limit = f"max_statement_time = {int(statement_timeout)}" if connection.mariadb else f"max_execution_time = {int(statement_timeout) * 1000}"
        connection.run(f"set session {limit}")
        connection.run("set session transaction isolation level repeatable read")
        connection.run("start transaction with consistent snapshot, read only")
        return _gather(connection, rows=rows, look=look, schemas=schemas)
    except pymysql.MySQLError as exc:
        raise SyncError(f"Can't read the source database {place.get('dbname')}: {describe(exc)}") from None
    finally:
        connection.close()


def _gather(connection: Any, *, rows: int, look: bool, schemas: Sequence[str]) -> Facts:
    tables = {full: table for full, table in read_tables(connection).items() if not table.kind and (not schemas or table.schema in schemas)}
    keys = [relation.key for table in tables.values() for relation in table.relations]
    catalog = {full: table.columns for full, table in tables.items()}
    comments = {(f"{connection.database}.{table}", column): text for table, column, text in connection.rows(COMMENTS, (connection.database,))}
    if not look:
        return Facts(catalog, keys, comments)
    seen = {full: _look(connection, table, rows) for full, table in tables.items()}
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


def _chosen(table: Table, rows: int) -> str:
    """About four times as many rows as are wanted, from all over the table; the choice is the same in each run."""
    source = name(table.schema, table.name)
    if table.rows <= 20 * rows:
        return source
    return f"(select * from {source} where rand(1) < {min(1.0, 4 * rows / table.rows):.6f} limit {4 * rows}) chosen"


def _look(connection: Any, table: Table, rows: int) -> Seen:
    columns = [column for column in table.columns if table.types[column.name] not in BINARY and table.types[column.name] != "bit"]
    if not columns:
        return Seen({}, {})
    texts = []
    for column in columns:
        long = LONGEST_DOCUMENT if column.family == JSON else LONGEST
        texts.append(f"left(cast({name(column.name)} as char), {long})")
    found = connection.rows(f"select {', '.join(texts)} from {_chosen(table, rows)} order by rand(2) limit {int(rows)}")
    values: dict[str, list[Any]] = {column.name: [row[place] for row in found if row[place] is not None] for place, column in enumerate(columns)}
    for place, column in enumerate(columns):
        if found and not values[column.name] and table.rows <= LARGE and not column.not_null:
            sparse = f"select {texts[place]} from {name(table.schema, table.name)} where {name(column.name)} is not null limit {int(rows)}"
            values[column.name] = [row[0] for row in connection.rows(sparse)]
    return detect_facts.look(table.columns, values, today=datetime.date.today())


def _value(candidate: Candidate, alias: str) -> str:
    column = name(alias, candidate.column)
    if not candidate.path:
        return f"cast({column} as char)"
    steps = "".join(f".{json.dumps(key, ensure_ascii=False)}" for key in detect_facts.keys_of(candidate.path))
    return f"json_unquote(json_extract({column}, {literal('$' + steps)}))"


def _overlaps(connection: Any, tables: Mapping[str, Table], seen: Mapping[str, Seen]) -> list[tuple[Place, Place, int, int]]:
    salt = secrets.token_hex(16)
    hashes: dict[Place, tuple[int, set[int]]] = {}
    for full, found in seen.items():
        table = tables[full]
        part = f" where rand(1) < {LARGE / table.rows:.6f}" if table.rows > LARGE else ""
        for one in detect_facts.candidates(table.columns, found):
            thinned = 1 if one.few else detect_facts.thinning(table.rows)
            hashed = f"conv(substr(sha2(concat('{salt}', {_value(one, 't')}), 256), 1, {HASH_BITS // 4}), 16, 10)"
            rows = connection.rows(
                f"select distinct h from (select {hashed} h from {name(table.schema, table.name)} t{part}) s where h is not null and h % {thinned} = 0"
            )
            hashes[(full, one.column + one.path)] = (thinned, {int(row[0]) for row in rows})
    return detect_facts.overlaps(hashes)


def _same_rows(
    connection: Any, tables: Mapping[str, Table], keys: Sequence[ForeignKey], shared: Sequence[tuple[Place, Place, int, int]], rows: int
) -> dict[tuple[Place, Place], tuple[int, int]]:
    """Along each foreign key: do the copies in the child equal what stands in the row they point at?"""
    found: dict[tuple[Place, Place], tuple[int, int]] = {}
    for key, child, parent, copy, origin in detect_facts.along(keys, shared, tables):
        here, there = _value(copy, "c"), _value(origin, "p")
        text = (
            f"select coalesce(sum(binary {here} = binary {there}), 0), count(*) from (select * from {_chosen(tables[child[0]], rows)} limit {int(rows)}) c"
            f" join {name(tables[parent[0]].schema, tables[parent[0]].name)} p on p.{name(key.keys[0])} = c.{name(key.columns[0])} where {here} is not null"
        )
        equal, compared = connection.one(text)
        found[(child, parent)] = (int(equal), int(compared))
    return found
