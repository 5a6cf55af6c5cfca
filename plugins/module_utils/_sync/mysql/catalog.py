# SPDX-License-Identifier: GPL-3.0-or-later
"""What information_schema says about the tables of one database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, ForeignKey
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

LONGEST = 64  # characters of a database's name
TABLES = """
select table_name, table_type, coalesce(engine, ''), coalesce(table_rows, 0), coalesce(data_length, 0), coalesce(auto_increment, 0)
from information_schema.tables where table_schema = %s and table_type <> 'VIEW' order by 1
"""
COLUMNS = """
select table_name, column_name, column_type, is_nullable, coalesce(generation_expression, '') <> '', data_type,
       coalesce(character_set_name, ''), coalesce(collation_name, ''), coalesce(column_default, ''), extra
from information_schema.columns where table_schema = %s order by table_name, ordinal_position
"""
KEYS = """
select table_name, index_name, non_unique, column_name, seq_in_index from information_schema.statistics
where table_schema = %s order by table_name, index_name, seq_in_index
"""
# Who may only read a source sees its keys, but not their rules: those of the target are the ones that count.
FOREIGN_KEYS = """
select k.table_name, k.constraint_name, k.column_name, k.referenced_table_schema, k.referenced_table_name, k.referenced_column_name,
       coalesce(r.update_rule, ''), coalesce(r.delete_rule, '')
from information_schema.key_column_usage k left join information_schema.referential_constraints r
  on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name and r.table_name = k.table_name
where k.table_schema = %s and k.referenced_table_name is not null order by k.table_name, k.constraint_name, k.ordinal_position
"""
REFERRERS = """
select distinct table_schema, table_name, constraint_name, referenced_table_name from information_schema.key_column_usage
where referenced_table_schema = %s
"""
CHECKS = "select table_name, constraint_name, check_clause from information_schema.check_constraints where constraint_schema = %s"
WHOLE = ("tinyint", "smallint", "mediumint", "int", "bigint")
BINARY = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
TEXTS = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")
KNOWN = (*WHOLE, *BINARY, *TEXTS, "decimal", "float", "double", "date", "datetime", "timestamp", "time", "year", "bit", "json", "uuid", "inet4", "inet6")


class Relation(NamedTuple):
    """A foreign key with what happens to its rows."""

    key: ForeignKey
    schema: str  # database of the referenced table
    on_update: str
    on_delete: str


class Table(NamedTuple):
    schema: str
    name: str
    kind: str  # empty: an ordinary table
    engine: str
    rows: int
    bytes: int
    columns: list[Column]
    types: dict[str, str]  # data_type
    charsets: dict[str, str]
    primary: tuple[str, ...]
    relations: list[Relation]
    counter: int  # next value of AUTO_INCREMENT, 0 without
    becomes: Mapping[str, str] = {}  # column -> type whose text the target shows for the same value
    plain: frozenset[str] = frozenset()  # columns that hold results of masks, in which a line has nothing to escape

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def stored(self) -> list[Column]:
        return [column for column in self.columns if not column.generated]

    @property
    def ranged(self) -> str:
        """The column by which the table can be cut into ranges: a primary key of one whole number."""
        if len(self.primary) == 1 and self.types[self.primary[0]] in WHOLE:
            return self.primary[0]
        return ""


def new_of(database: str) -> str:
    return _beside(database, "_evenkeel_new")


def old_of(database: str) -> str:
    return _beside(database, "_evenkeel_old")


def state_of(database: str) -> str:
    return _beside(database, "_evenkeel")


def _beside(database: str, tail: str) -> str:
    if len(database) + len("_evenkeel_new") > LONGEST:
        raise SyncError(f"The database name {database!r} is too long: {LONGEST - len('_evenkeel_new')} characters leave room for the databases beside it.")
    return database + tail


def read_tables(connection: Any, *, schema: Optional[str] = None) -> dict[str, Table]:
    """{database.table: table} of the connection's database, or of another one under that one's own name."""
    database = schema or connection.database
    columns: dict[str, list[tuple[Any, ...]]] = {}
    for row in connection.rows(COLUMNS, (database,)):
        columns.setdefault(row[0], []).append(row)
    keys: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    for row in connection.rows(KEYS, (database,)):
        keys.setdefault(row[0], {}).setdefault(row[1], []).append(row)
    checks = _checks(connection, database)
    relations = _relations(connection, database)
    found: dict[str, Table] = {}
    for short, kind, engine, rows, size, counter in connection.rows(TABLES, (database,)):
        mine = keys.get(short, {})
        described = columns.get(short, [])
        found[f"{database}.{short}"] = Table(
            schema=database,
            name=short,
            kind="" if kind == "BASE TABLE" else kind.lower(),
            engine=engine,
            rows=int(rows),
            bytes=int(size),
            columns=[_column(row, mine, checks.get(short, [])) for row in described],
            types={row[1]: row[5] for row in described},
            charsets={row[1]: row[6] for row in described},
            primary=tuple(row[3] for row in mine.get("PRIMARY", [])),
            relations=relations.get(short, []),
            counter=int(counter),
        )
    return found


def _column(row: tuple[Any, ...], keys: dict[str, list[tuple[Any, ...]]], checks: list[tuple[str, str]]) -> Column:
    column, kind, nullable, generated = row[1], row[2], row[3], bool(row[4])
    unique = ""
    for parts in keys.values():
        if not parts[0][2] and column in [part[3] for part in parts]:
            unique = "alone" if len(parts) == 1 or unique == "alone" else "part"
    primary = [part[3] for part in keys.get("PRIMARY", [])]
    named = [name for name, clause in checks if f"`{column}`" in clause]
    is_json = any(re.fullmatch(rf"json_valid\(`{re.escape(column)}`\)", clause) for _name, clause in checks)
    return Column(
        name=column,
        type="json" if is_json and kind == "longtext" else kind,
        not_null=nullable == "NO",
        generated=generated,
        unique=unique,
        key=primary.index(column) + 1 if column in primary else 0,
        labels=labels(kind) if row[5] in ("enum", "set") else (),
        default=str(row[8]),
        collation=row[7],
        checks=tuple(named) if not is_json else (),
    )


def labels(kind: str) -> tuple[str, ...]:
    """Of enum('a','it''s')."""
    return tuple(found.replace("''", "'") for found in re.findall(r"'((?:[^']|'')*)'", kind))


def _checks(connection: Any, database: str) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    text = CHECKS if connection.mariadb else CHECKS.replace("select table_name", "select ''")
    for table, constraint, clause in connection.rows(text, (database,)):
        found.setdefault(table, []).append((constraint, clause))
    return found


def _relations(connection: Any, database: str) -> dict[str, list[Relation]]:
    grouped: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for row in connection.rows(FOREIGN_KEYS, (database,)):
        grouped.setdefault((row[0], row[1]), []).append(row)
    found: dict[str, list[Relation]] = {}
    for (table, constraint), rows in grouped.items():
        first = rows[0]
        key = ForeignKey(
            name=constraint,
            table=f"{database}.{table}",
            columns=tuple(row[2] for row in rows),
            references=f"{first[3]}.{first[4]}",
            keys=tuple(row[5] for row in rows),
        )
        found.setdefault(table, []).append(Relation(key, first[3], first[6], first[7]))
    return found


def obstacles(connection: Any, tables: list[Table]) -> list[str]:
    """What a swap of tables would lose. Refused by name, never dropped in silence."""
    found = [f"{table.full}: is a {table.kind}, which isn't supported" for table in tables if table.kind]
    synced = {table.name for table in tables}
    for schema, table, constraint, referenced in connection.rows(REFERRERS, (connection.database,)):
        if referenced in synced and (schema != connection.database or table not in synced):
            beside = schema in (new_of(connection.database), old_of(connection.database))
            if not beside:
                found.append(f"{connection.database}.{referenced}: has foreign key {constraint} of {schema}.{table}, a table that is skipped")
    return found


def unsuited(table: Table) -> list[str]:
    """Why the rows of a source's table can't be read as one consistent text."""
    found = []
    if table.kind:
        found.append(f"{table.full}: is a {table.kind}, which isn't supported")
    elif table.engine.lower() not in ("innodb", "rocksdb"):
        found.append(f"{table.full}: has the engine {table.engine}, which knows no snapshot; make it InnoDB or skip it")
    found += [f"{table.full}.{column}: the type {kind} isn't supported" for column, kind in table.types.items() if kind not in KNOWN]
    return found
