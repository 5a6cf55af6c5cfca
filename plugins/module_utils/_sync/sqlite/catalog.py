# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file of SQLite says about its tables."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, ForeignKey
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.driver import name

STATE = "evenkeel_data_sync"
TABLES = "select name, sql from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\' and name <> ? order by name"
HIDDEN_GENERATED = (2, 3)


class Table(NamedTuple):
    name: str
    sql: str
    columns: list[Column]
    foreign_keys: list[ForeignKey]
    virtual: bool

    @property
    def full(self) -> str:
        return f"main.{self.name}"

    @property
    def stored(self) -> list[str]:
        return [column.name for column in self.columns if not column.generated]


def read_tables(connection: sqlite3.Connection) -> dict[str, Table]:
    found = {}
    for title, text in connection.execute(TABLES, (STATE,)).fetchall():
        table = Table(title, text, _columns(connection, title), _foreign_keys(connection, title), text.lstrip()[:14].upper() == "CREATE VIRTUAL")
        found[table.full] = table
    return found


def _columns(connection: sqlite3.Connection, table: str) -> list[Column]:
    unique = _unique(connection, table)
    rows = connection.execute(f"pragma table_xinfo({name(table)})").fetchall()
    keys = sum(1 for row in rows if row[5])
    return [
        Column(
            name=title,
            type=(kind or "blob").lower(),
            # A key of one integer column is the row's number itself; other keys may be NULL here, unless they say otherwise.
            not_null=bool(not_null) or (bool(key) and keys == 1 and kind.lower() == "integer"),
            generated=hidden in HIDDEN_GENERATED,
            unique=unique.get(title, ("alone" if keys == 1 else "part") if key else ""),
            key=key,
            default=default or "",
        )
        for _number, title, kind, not_null, default, key, hidden in rows
    ]


def _unique(connection: sqlite3.Connection, table: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for _number, index, unique, *_more in connection.execute(f"pragma index_list({name(table)})").fetchall():
        names = [row[2] for row in connection.execute(f"pragma index_info({name(index)})").fetchall()]
        for column in names if unique else []:
            if found.get(column) != "alone" and column is not None:
                found[column] = "alone" if len(names) == 1 else "part"
    return found


def _foreign_keys(connection: sqlite3.Connection, table: str) -> list[ForeignKey]:
    pairs: dict[int, list[tuple[str, str, str]]] = {}
    for number, _place, other, column, key, *_more in connection.execute(f"pragma foreign_key_list({name(table)})").fetchall():
        pairs.setdefault(number, []).append((other, column, key or column))
    return [
        ForeignKey(
            name=f"{table}.{','.join(column for _other, column, _key in found)}",
            table=f"main.{table}",
            columns=tuple(column for _other, column, _key in found),
            references=f"main.{found[0][0]}",
            keys=tuple(key for _other, _column, key in found),
        )
        for _number, found in sorted(pairs.items())
    ]


def skew(source: Table, target: Table) -> list[str]:
    """Differences between two tables that should be alike, in words."""
    here, there = ({column.name: (column.type, column.not_null, column.generated) for column in table.columns} for table in (source, target))
    found = [f"{source.full}.{column}: only the source has it" for column in here if column not in there]
    found += [f"{source.full}.{column}: only the target has it" for column in there if column not in here]
    for column in here:
        if column in there and here[column] != there[column]:
            shown = [f"{kind}{' not null' if not_null else ''}{' generated' if made else ''}" for kind, not_null, made in (here[column], there[column])]
            found.append(f"{source.full}.{column}: {shown[0]} in the source, {shown[1]} in the target")
    return found
