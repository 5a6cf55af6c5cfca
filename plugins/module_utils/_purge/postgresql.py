# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._purge.engine import Condition
from ansible_collections.evenkeel.release.plugins.module_utils._purge.order import Edge, Table
from ansible_collections.evenkeel.release.plugins.module_utils._purge.policy import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect, describe, psycopg, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.guard import MARK

COLUMNS = """
select n.nspname || '.' || c.relname, n.nspname, c.relname, a.attname, format_type(a.atttypid, null),
  coalesce((select array_position(i.indkey::int2[], a.attnum) - array_lower(i.indkey::int2[], 1) + 1
            from pg_index i where i.indrelid = c.oid and i.indisprimary), 0)
from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and a.attnum > 0 and not a.attisdropped order by 1, a.attnum
"""
EDGES = """
select k.conname, n.nspname || '.' || c.relname,
  array(select a.attname::text from unnest(k.conkey) with ordinality u(num, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by place),
  m.nspname || '.' || f.relname,
  array(select a.attname::text from unnest(k.confkey) with ordinality u(num, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by place),
  case k.confdeltype when 'c' then 'cascade' when 'n' then 'set null' when 'd' then 'set default' when 'r' then 'restrict' else 'no action' end
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class f on f.oid = k.confrelid join pg_namespace m on m.oid = f.relnamespace
where k.contype = 'f' and k.conparentid = 0 order by 2, 1
"""


class PostgreSQL:
    mark = "%s"

    def __init__(self, place: Mapping[str, Any], *, lock_timeout: float, statement_timeout: float) -> None:
        self.connection = connect(place, role="purged")
        wanted = (f"{int(lock_timeout * 1000)}ms", f"{int(statement_timeout * 1000)}ms")
        self.connection.execute("select set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false)", wanted)
        self.places: dict[str, tuple[str, str]] = {}

    def name(self, *parts: str) -> str:
        return str(sql.Identifier(*parts).as_string(self.connection)).replace("%", "%%")

    def table(self, name: str) -> str:
        return self.name(*self.places[name])

    def tables(self) -> dict[str, Table]:
        found: dict[str, tuple[dict[str, str], dict[int, str]]] = {}
        for full, schema, name, column, kind, place in self.connection.execute(COLUMNS).fetchall():
            self.places[full] = (schema, name)
            columns, key = found.setdefault(full, ({}, {}))
            columns[column] = kind
            if place:
                key[place] = column
        return {full: Table(full, columns, tuple(key[place] for place in sorted(key))) for full, (columns, key) in found.items()}

    def edges(self) -> list[Edge]:
        rows = self.connection.execute(EDGES).fetchall()
        return [Edge(f"{row[1]}.{row[0]}", row[1], tuple(row[2]), row[3], tuple(row[4]), row[5]) for row in rows]

    def rows(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.connection.execute(text, tuple(values)).fetchall()
        return found

    def run(self, text: str, values: Sequence[Any]) -> int:
        return int(self.connection.execute(text, tuple(values)).rowcount)

    def age(self, column: str, type_: str, rule: Rule, before: datetime) -> Condition:
        if rule.unit:
            return Condition(f"{column} < %s", (before.timestamp() * (1000 if rule.unit == "milliseconds" else 1),))
        # Texts are read as times; one that is none stops the statement rather than going away.
        cast = "" if type_ in ("date", "timestamp with time zone", "timestamp without time zone") else "::timestamptz"
        kind = {"date": "date", "timestamp without time zone": "timestamp"}.get(type_, "timestamptz")
        moment = before.replace(tzinfo=None) if kind == "timestamp" else before
        return Condition(f"{column}{cast} < %s::{kind}", (moment.isoformat(),))

    def delete(self, place: str, _key: Sequence[str], where: str) -> str:
        return f"delete from {place} t where {where}"

    def delete_some(self, table: str, condition: Condition, batch: int) -> tuple[str, tuple[Any, ...]]:
        place = self.table(table)
        text = f"delete from {place} t where (t.tableoid, t.ctid) in (select t.tableoid, t.ctid from {place} t where {condition.text} limit {int(batch)})"
        return text, condition.values

    def production(self) -> bool:
        row = self.connection.execute("select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()").fetchone()
        return bool(MARK.search(row[0] or ""))

    def is_error(self, exc: BaseException) -> bool:
        return isinstance(exc, psycopg.Error)

    def describe(self, exc: BaseException) -> str:
        return describe(exc)

    def close(self) -> None:
        self.connection.close()
