# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._purge.engine import Condition
from ansible_collections.evenkeel.release.plugins.module_utils._purge.order import Edge, Table
from ansible_collections.evenkeel.release.plugins.module_utils._purge.policy import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.sqlite.driver import connect, name

TABLES = "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by 1"


class SQLite:
    mark = "?"

    def __init__(self, place: Mapping[str, Any], *, lock_timeout: float) -> None:
        self.connection = connect(str(place["path"]), role="purged", timeout=lock_timeout)
        self.connection.execute("pragma foreign_keys = on")

    def name(self, *parts: str) -> str:
        return name(*parts)

    def table(self, name_: str) -> str:
        schema, _dot, table = name_.partition(".")
        return name(schema, table)

    def tables(self) -> dict[str, Table]:
        found = {}
        for (table,) in self.connection.execute(TABLES).fetchall():
            rows = self.connection.execute(f"pragma main.table_info({name(table)})").fetchall()
            keys = {row[5]: row[1] for row in rows if row[5]}
            columns = {row[1]: str(row[2]).lower() for row in rows}
            found[f"main.{table}"] = Table(f"main.{table}", columns, tuple(keys[place] for place in sorted(keys)))
        return found

    def edges(self) -> list[Edge]:
        found = []
        tables = self.tables()
        for child in tables:
            grouped: dict[int, list[Any]] = {}
            for row in self.connection.execute(f"pragma main.foreign_key_list({name(child.partition('.')[2])})").fetchall():
                grouped.setdefault(row[0], []).append(row)
            for number, rows in sorted(grouped.items()):
                rows.sort(key=lambda row: int(row[1]))
                parent = f"main.{rows[0][2]}"
                keys = tuple(row[4] for row in rows)
                if None in keys:
                    keys = tables[parent].key if parent in tables else ()
                found.append(Edge(f"{child}.{number}", child, tuple(row[3] for row in rows), parent, keys, str(rows[0][6]).lower()))
        return found

    def rows(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self.connection.execute(text, tuple(values)).fetchall()

    def run(self, text: str, values: Sequence[Any]) -> int:
        return self.connection.execute(text, tuple(values)).rowcount

    def age(self, column: str, _type: str, rule: Rule, before: datetime) -> Condition:
        if rule.unit:
            return Condition(f"{column} < ?", (before.timestamp() * (1000 if rule.unit == "milliseconds" else 1),))
        # julianday() reads every form of ISO 8601 and is NULL for what is no time: such a row stays.
        return Condition(f"julianday({column}) < julianday(?)", (before.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S"),))

    def delete(self, place: str, _key: Sequence[str], where: str) -> str:
        return f"delete from {place} as t where {where}"

    def delete_some(self, table: str, condition: Condition, batch: int) -> tuple[str, tuple[Any, ...]]:
        place = self.table(table)
        return f"delete from {place} where rowid in (select t.rowid from {place} t where {condition.text} limit {int(batch)})", condition.values

    def production(self) -> bool:
        return False

    def is_error(self, exc: BaseException) -> bool:
        return isinstance(exc, sqlite3.Error)

    def describe(self, exc: BaseException) -> str:
        # Messages of constraints name columns; none quotes a value.
        return str(exc)

    def close(self) -> None:
        self.connection.close()
