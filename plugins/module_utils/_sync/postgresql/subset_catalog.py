# SPDX-License-Identifier: GPL-3.0-or-later
"""What a subset needs to know of the source: keys, relations, indexes, partitions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._sync import subset_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql

# A key of a partition is a copy of its parent's key (conparentid): the partitioned table stands for all of them.
RELATIONS = """
select k.conname, k.conrelid, k.confrelid, k.convalidated,
       (select array_agg(a.attname::text order by u.place) from unnest(k.conkey) with ordinality u (number, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number),
       (select array_agg(a.attname::text order by u.place) from unnest(k.confkey) with ordinality u (number, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number)
from pg_constraint k where k.contype = 'f' and k.conparentid = 0 and k.conrelid = any(%(oids)s) and k.confrelid = any(%(oids)s)
order by k.conrelid, k.conname
"""
INDEXES = """
select i.indrelid, i.indisprimary, i.indisunique and i.indpred is null and i.indimmediate, bool_and(coalesce(a.attnotnull, false)),
       array_agg(a.attname::text order by u.place)
from pg_index i cross join lateral unnest(i.indkey::int2[]) with ordinality u (number, place)
left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number and u.number <> 0
where i.indrelid = any(%(oids)s) and i.indisvalid and u.place <= i.indnkeyatts and i.indexprs is null
group by i.indexrelid, i.indrelid, i.indisprimary, i.indisunique, i.indpred is null, i.indimmediate
order by i.indisprimary desc, count(*), i.indexrelid
"""
# Types of which two equal values have one text and one hash.
EXACT = """
select a.attrelid, a.attname::text from pg_attribute a left join pg_collation c on c.oid = a.attcollation
where a.attrelid = any(%(oids)s) and a.attnum > 0 and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype,
  'date'::regtype, 'text'::regtype, 'varchar'::regtype) and coalesce(c.collisdeterministic, true)
"""


class Source(NamedTuple):
    tables: Mapping[str, Table]
    plain: dict[str, subset_plan.Table]
    edges: list[subset_plan.Edge]
    leading: dict[str, set[str]]  # columns that an index begins with
    exact: dict[str, set[str]]
    filled: dict[str, set[str]]  # columns that are NOT NULL

    def relation(self, name: str) -> Any:
        """FROM of this table alone, which for a partitioned one means all of its partitions."""
        table = self.tables[name]
        return sql.SQL("{}{}").format(sql.SQL("" if self.tables[name].partitioned else "only "), sql.Identifier(table.schema, table.name))

    def types(self, name: str, columns: tuple[str, ...]) -> list[str]:
        return [bare(self.plain[name].columns.get(column, "tid")) for column in columns]

    def integer(self, name: str, columns: tuple[str, ...]) -> bool:
        return len(columns) == 1 and subset_plan.family(self.types(name, columns)[0]) == "integer"

    def key(self, name: str) -> tuple[str, ...]:
        """Columns that tell a row of the table from all others; the place of the row when there are none."""
        return self.plain[name].key or (() if self.tables[name].partitioned else ("ctid",))


def bare(kind: str) -> str:
    """The type without its length: a cast to it cuts nothing off. All whole numbers are one type."""
    found = re.sub(r"\s*\(\d+(,\s*-?\d+)?\)", "", kind)
    if subset_plan.family(found) == "integer":
        return "bigint"
    return {"character": "bpchar", "bit": "bit varying"}.get(found, found)


def read(connection: Any, here: Mapping[str, Table]) -> Source:
    words = {"oids": [table.oid for table in here.values()]}
    names = {table.oid: name for name, table in here.items()}
    keys: dict[str, tuple[str, ...]] = {}
    leading: dict[str, set[str]] = {name: set() for name in here}
    for oid, _primary, unique, not_null, columns in connection.execute(INDEXES, words).fetchall():
        if columns[0]:
            leading[names[oid]].add(columns[0])
        if unique and not_null:
            keys.setdefault(names[oid], tuple(columns))
    exact: dict[str, set[str]] = {name: set() for name in here}
    for oid, column in connection.execute(EXACT, words).fetchall():
        exact[names[oid]].add(column)
    plain = {
        name: subset_plan.Table(name, {column.name: column.type for column in table.columns}, keys.get(name, ()), table.rows) for name, table in here.items()
    }
    edges = [
        subset_plan.Edge(
            name=f"{names[child]}.{','.join(columns)}",
            child=names[child],
            columns=tuple(columns),
            parent=names[parent],
            references=tuple(references),
            declared=True,
            proved=proved,
            constraint=constraint,
        )
        for constraint, child, parent, proved, columns, references in connection.execute(RELATIONS, words).fetchall()
    ]
    filled = {name: {column.name for column in table.columns if column.not_null} for name, table in here.items()}
    return Source(here, plain, edges, leading, exact, filled)
