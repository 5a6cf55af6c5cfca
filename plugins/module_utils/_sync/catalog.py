# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalogs of a database say about its tables."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import Column

NEW, OLD, STATE = "evenkeel_new", "evenkeel_old", "evenkeel"
TABLES = """
select n.nspname, c.relname, c.oid, c.relkind::text, c.relispartition, greatest(c.reltuples, 0)::bigint,
       pg_relation_size(c.oid) / current_setting('block_size')::int, pg_get_userbyid(c.relowner), c.reloptions
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and case when %(only)s::text is null then n.nspname <> all(%(own)s) else n.nspname = %(only)s end
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1, 2
"""
COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '', a.atttypid < 16384
from pg_attribute a where a.attrelid = %s and a.attnum > 0 and not a.attisdropped order by a.attnum
"""
# What a swap of tables would lose. Refused by name, never dropped in silence.
OBSTACLES = """
select 'trigger ' || tgname from pg_trigger where tgrelid = %(oid)s and not tgisinternal
union all select 'row security policy ' || polname from pg_policy where polrelid = %(oid)s
union all select 'rule ' || rulename from pg_rewrite where ev_class = %(oid)s
union all select 'publication ' || p.pubname from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
  where r.prrelid = %(oid)s
union all select 'extended statistics ' || stxname from pg_statistic_ext where stxrelid = %(oid)s
union all select 'a replica identity of its own' from pg_class where oid = %(oid)s and relreplident <> 'd'
union all select 'inheritance from or by ' || i.inhrelid::regclass from pg_inherits i
  where %(oid)s in (i.inhrelid, i.inhparent)
union all select distinct case v.relkind when 'm' then 'materialized view ' else 'view ' end || v.oid::regclass
  from pg_depend d join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
  join pg_class v on v.oid = w.ev_class
  where d.refclassid = 'pg_class'::regclass and d.refobjid = %(oid)s and v.oid <> %(oid)s
union all select distinct 'function ' || d.objid::regprocedure from pg_depend d
  where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = %(oid)s
union all select 'function using the row type: ' || d.objid::regprocedure from pg_depend d join pg_class c on c.oid = %(oid)s
  where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_type'::regclass and d.refobjid = c.reltype
union all select 'foreign key ' || k.conname || ' of ' || k.conrelid::regclass || ', a table that is skipped' from pg_constraint k
  where k.contype = 'f' and k.confrelid = %(oid)s and k.conrelid <> all(%(synced)s::oid[])
"""
KINDS = {"p": "partitioned table", "f": "foreign table", "m": "materialized view"}


class Table(NamedTuple):
    schema: str
    name: str
    oid: int
    kind: str
    rows: int
    blocks: int
    owner: str
    options: list[str]
    columns: list[Column]
    builtin: bool  # every type has the same number on all servers, so the binary format is safe

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def stored(self) -> list[str]:
        return [column.name for column in self.columns if not column.generated]


def read_tables(connection: Any, *, schema: Optional[str] = None) -> dict[str, Table]:
    """The tables of one schema, or of all but those of the synchronization itself."""
    found: dict[str, Table] = {}
    for row in connection.execute(TABLES, {"only": schema, "own": [NEW, OLD, STATE]}).fetchall():
        columns = connection.execute(COLUMNS, (row[2],)).fetchall()
        kind = "partition" if row[4] else KINDS.get(row[3], "")
        table = Table(
            schema=row[0],
            name=row[1],
            oid=row[2],
            kind=kind,
            rows=row[5],
            blocks=row[6],
            owner=row[7],
            options=row[8] or [],
            columns=[Column(*column[:4]) for column in columns],
            builtin=all(column[4] for column in columns),
        )
        found[table.full] = table
    return found


def obstacles(connection: Any, tables: list[Table]) -> list[str]:
    found = [f"{table.full}: is a {table.kind}, which isn't supported" for table in tables if table.kind]
    synced = [table.oid for table in tables]
    for table in tables:
        rows = connection.execute(OBSTACLES, {"oid": table.oid, "synced": synced}).fetchall()
        found += [f"{table.full}: has {row[0]}, which the swap would lose" for row in rows]
    return found


def skew(source: Table, target: Table) -> list[str]:
    """Differences between two tables that should be alike, in words."""
    here, there = ({column.name: column for column in table.columns} for table in (source, target))
    found = [f"{source.full}.{name}: only the source has it" for name in here if name not in there]
    found += [f"{source.full}.{name}: only the target has it" for name in there if name not in here]
    for name in here:
        if name in there and here[name] != there[name]:
            shown = [f"{column.type}{' not null' if column.not_null else ''}{' generated' if column.generated else ''}" for column in (here[name], there[name])]
            found.append(f"{source.full}.{name}: {shown[0]} in the source, {shown[1]} in the target")
    if not found and list(here) != list(there):
        found.append(f"{source.full}: the columns stand in another order")
    return found


def identity(connection: Any) -> tuple[str, str]:
    """(cluster, database): equal for two connections to one database, whatever address they used."""
    row = connection.execute("select (select system_identifier from pg_control_system())::text, current_database()").fetchone()
    return (row[0], row[1])
