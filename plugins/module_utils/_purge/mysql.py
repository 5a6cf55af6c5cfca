# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._purge.engine import Condition
from ansible_collections.evenkeel.release.plugins.module_utils._purge.order import Edge, Table
from ansible_collections.evenkeel.release.plugins.module_utils._purge.policy import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import connect, describe, is_error, name
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.guard import COMMENTS, DATABASE_COMMENT, MARK

COLUMNS = """
select c.table_name, c.column_name, c.data_type, coalesce(k.ordinal_position, 0)
from information_schema.columns c join information_schema.tables t on t.table_schema = c.table_schema and t.table_name = c.table_name
left join information_schema.key_column_usage k on k.table_schema = c.table_schema and k.table_name = c.table_name
  and k.column_name = c.column_name and k.constraint_name = 'PRIMARY'
where c.table_schema = %s and t.table_type = 'BASE TABLE' order by c.table_name, c.ordinal_position
"""
EDGES = """
select k.constraint_name, k.table_name, k.column_name, k.referenced_table_name, k.referenced_column_name, lower(r.delete_rule)
from information_schema.key_column_usage k join information_schema.referential_constraints r
  on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name and r.table_name = k.table_name
where k.table_schema = %s and k.referenced_table_schema = k.table_schema order by k.table_name, k.constraint_name, k.ordinal_position
"""


class MySQL:
    mark = "%s"

    def __init__(self, place: Mapping[str, Any], *, lock_timeout: float) -> None:
        self.connection = connect(place, role="purged")
        self.database = self.connection.database
        whole = max(1, int(lock_timeout))
        self.connection.run("set session innodb_lock_wait_timeout = %s, lock_wait_timeout = %s", (whole, whole))

    def name(self, *parts: str) -> str:
        return name(*parts).replace("%", "%%")

    def table(self, name_: str) -> str:
        schema, _dot, table = name_.partition(".")
        return self.name(schema, table)

    def tables(self) -> dict[str, Table]:
        found: dict[str, tuple[dict[str, str], dict[int, str]]] = {}
        for table, column, kind, place in self.connection.rows(COLUMNS, (self.database,)):
            columns, key = found.setdefault(f"{self.database}.{table}", ({}, {}))
            columns[column] = str(kind)
            if place:
                key[int(place)] = column
        return {full: Table(full, columns, tuple(key[place] for place in sorted(key))) for full, (columns, key) in found.items()}

    def edges(self) -> list[Edge]:
        found: dict[tuple[str, str], Edge] = {}
        for constraint, child, column, parent, key, action in self.connection.rows(EDGES, (self.database,)):
            edge = found.get((child, constraint))
            columns, keys = (edge.columns, edge.keys) if edge else ((), ())
            full = f"{self.database}.{child}"
            found[child, constraint] = Edge(f"{full}.{constraint}", full, (*columns, column), f"{self.database}.{parent}", (*keys, key), action)
        return list(found.values())

    def rows(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self.connection.rows(text if values else text.replace("%%", "%"), values)

    def run(self, text: str, values: Sequence[Any]) -> int:
        return self.connection.run(text if values else text.replace("%%", "%"), values)

    def age(self, column: str, type_: str, rule: Rule, before: datetime) -> Condition:
        if rule.unit:
            return Condition(f"{column} < %s", (before.timestamp() * (1000 if rule.unit == "milliseconds" else 1),))
        moment = before.astimezone(timezone.utc).strftime("%Y-%m-%d" if type_ == "date" else "%Y-%m-%d %H:%M:%S")
        return Condition(f"{column} < cast(%s as {'date' if type_ == 'date' else 'datetime'})", (moment,))

    def delete(self, place: str, key: Sequence[str], where: str) -> str:
        # A table that a DELETE changes may not be read by its conditions; a derived table is read before.
        equal = " and ".join(f"{self.name('t', one)} = {self.name('d', one)}" for one in key)
        listed = ", ".join(self.name("t", one) for one in key)
        return f"delete t from {place} t join (select distinct {listed} from {place} t where {where}) d on {equal}"

    def delete_some(self, table: str, condition: Condition, batch: int) -> tuple[str, tuple[Any, ...]]:
        # DELETE with LIMIT knows no alias everywhere; the table's own name serves as one.
        place = self.table(table)
        text = condition.text.replace(f"{self.name('t')}.", f"{place}.")
        return f"delete from {place} where {text} limit {int(batch)}", condition.values

    def production(self) -> bool:
        comments = [row[0] or "" for row in self.connection.rows(COMMENTS, (self.database,))]
        if self.connection.mariadb:
            comments += [row[0] or "" for row in self.connection.rows(DATABASE_COMMENT, (self.database,))]
        return any(MARK.search(comment) for comment in comments)

    def is_error(self, exc: BaseException) -> bool:
        return is_error(exc)

    def describe(self, exc: BaseException) -> str:
        return describe(exc)

    def close(self) -> None:
        self.connection.close()
