# SPDX-License-Identifier: GPL-3.0-or-later
"""What the catalogs of a database say about its tables."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Column, ForeignKey
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

NEW, OLD, STATE = "evenkeel_new", "evenkeel_old", "evenkeel"
LONGEST_NAME = 63
TABLES = """
select n.nspname, c.relname, c.oid, c.relkind::text, greatest(c.reltuples, 0)::bigint,
       pg_relation_size(c.oid) / current_setting('block_size')::int, pg_get_userbyid(c.relowner), c.reloptions,
       array(select a.attname from pg_partitioned_table k cross join unnest(k.partattrs) with ordinality u(num, place)
             left join pg_attribute a on a.attrelid = k.partrelid and a.attnum = u.num and u.num > 0
             where k.partrelid in (select relid from pg_partition_tree(c.oid)) order by place)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f') and not c.relispartition and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and case when %(only)s::text is null then n.nspname !~ '^evenkeel(_new_.*|_old_.*)?$' else n.nspname = %(only)s end
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1, 2
"""
LEAVES = """
select r.oid, n.nspname, c.relname, c.oid, c.relkind::text, greatest(c.reltuples, 0)::bigint,
       pg_relation_size(c.oid) / current_setting('block_size')::int,
       (select string_agg(pg_get_expr(b.relpartbound, b.oid), ' / ' order by a.level)
        from pg_partition_ancestors(c.oid) with ordinality a(relid, level) join pg_class b on b.oid = a.relid)
from unnest(%(roots)s::oid[]) r(oid), pg_partition_tree(r.oid) t join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
where t.isleaf and t.relid <> r.oid order by 2, 3
"""
# Keys of a unique index count, and the columns of its expressions; what it merely includes doesn't.
COLUMNS = """
with recursive base(oid, now, typmod, not_null) as (
  select t.oid, t.oid, -1, false from pg_type t
  union all
  select b.oid, t.typbasetype, t.typtypmod, b.not_null or t.typnotnull from base b join pg_type t on t.oid = b.now where t.typtype = 'd'),
uniques as (
  select i.indexrelid, i.indrelid, i.indisprimary, array(
    select i.indkey[place] from generate_series(0, i.indnkeyatts - 1) place where i.indkey[place] > 0
    union select d.refobjsubid from pg_depend d where i.indexprs is not null and d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
      and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid > 0) as keys,
    (i.indkey::int2[])[0:i.indnkeyatts - 1] as listed
  from pg_index i where i.indisunique and i.indrelid = any(%(oids)s))
select a.attrelid, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull or b.not_null, a.attgenerated <> '',
  case when exists (select from uniques u where u.indrelid = a.attrelid and u.keys = array[a.attnum::int]) then 'alone'
       when exists (select from uniques u where u.indrelid = a.attrelid and a.attnum = any(u.keys)) then 'part' else '' end,
  coalesce((select array_position(u.listed, a.attnum) - array_lower(u.listed, 1) + 1
            from uniques u where u.indrelid = a.attrelid and u.indisprimary limit 1), 0),
  array(select e.enumlabel::text from pg_enum e where e.enumtypid = n.oid order by e.enumsortorder),
  case when t.typtype = 'd' then format_type(n.oid, b.typmod) else '' end,
  case when n.typcategory = 'A' and n.typelem <> 0 then format_type(n.typelem, a.atttypmod) else '' end,
  n.typtype = 'c', a.attidentity::text,
  coalesce(pg_get_expr(f.adbin, f.adrelid), ''),
  coalesce(case when a.attidentity <> '' or f.oid is not null then
    pg_get_serial_sequence(quote_ident(s.nspname) || '.' || quote_ident(c.relname), a.attname) end, ''),
  coalesce((select quote_ident(m.nspname) || '.' || quote_ident(l.collname) from pg_collation l join pg_namespace m on m.oid = l.collnamespace
            where l.oid = a.attcollation and a.attcollation <> t.typcollation), ''),
  array(select k.conname::text from pg_constraint k where k.contype = 'c' and (k.conrelid = a.attrelid and a.attnum = any(k.conkey) or k.contypid = t.oid)
        order by 1),
  a.atttypid < 16384
from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace s on s.oid = c.relnamespace join pg_type t on t.oid = a.atttypid
join lateral (select * from base where base.oid = a.atttypid and (select typtype from pg_type where pg_type.oid = base.now) <> 'd') b on true
join pg_type n on n.oid = b.now left join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum
where a.attrelid = any(%(oids)s) and a.attnum > 0 and not a.attisdropped order by a.attrelid, a.attnum
"""
FOREIGN_KEYS = """
select k.conname, n.nspname || '.' || c.relname,
  array(select a.attname::text from unnest(k.conkey) with ordinality u(num, place)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num order by place),
  m.nspname || '.' || f.relname,
  array(select a.attname::text from unnest(k.confkey) with ordinality u(num, place)
        join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num order by place)
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class f on f.oid = k.confrelid join pg_namespace m on m.oid = f.relnamespace
where k.contype = 'f' and k.conparentid = 0 and not c.relispartition and n.nspname !~ '^evenkeel(_new_.*|_old_.*)?$' order by 2, 1
"""
KINDS = {"f": "foreign table"}


class Leaf(NamedTuple):
    """One partition that holds rows."""

    schema: str
    name: str
    oid: int
    kind: str
    rows: int
    blocks: int
    bound: str  # of it and of those above it


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
    partitioned: bool = False
    leaves: tuple[Leaf, ...] = ()
    split_by: tuple[Optional[str], ...] = ()  # columns that tell a row's partition; None: an expression does
    version: int = 0  # of the server

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def stored(self) -> list[str]:
        return [column.name for column in self.columns if not column.generated]


def _own(prefix: str, schema: str) -> str:
    found = f"{prefix}_{schema}"
    if len(found.encode("utf-8")) <= LONGEST_NAME:
        return found
    return f"{prefix}_{hashlib.sha256(schema.encode('utf-8')).hexdigest()[:32]}"


def shadow_of(schema: str) -> str:
    """Where the new tables of a schema grow. One for each, because names are unique only within a schema."""
    return _own(NEW, schema)


def kept_of(schema: str) -> str:
    """Where the old tables of a schema wait for a confirmation."""
    return _own(OLD, schema)


def read_tables(connection: Any, *, schema: Optional[str] = None) -> dict[str, Table]:
    """The tables of one schema, or of all but those of the synchronization itself. A partition is part of its root."""
    rows = connection.execute(TABLES, {"only": schema}).fetchall()
    leaves: dict[int, list[Leaf]] = {}
    for root, *leaf in connection.execute(LEAVES, {"roots": [row[2] for row in rows if row[3] == "p"]}).fetchall():
        leaves.setdefault(root, []).append(Leaf(*leaf))
    columns: dict[int, list[Any]] = {}
    for oid, *column in connection.execute(COLUMNS, {"oids": [row[2] for row in rows]}).fetchall():
        columns.setdefault(oid, []).append(column)
    version = connection.info.server_version
    names = [f"{row[0]}.{row[1]}" for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise SyncError(f"Nothing was moved: {', '.join(twice)} is the name of two tables, because names hold dots; a policy can't tell them apart.")
    return {f"{row[0]}.{row[1]}": _table(row, columns.get(row[2], []), tuple(leaves.get(row[2], ())), version) for row in rows}


def _table(row: Any, columns: list[Any], leaves: tuple[Leaf, ...], version: int) -> Table:
    foreign = sorted({KINDS.get(leaf.kind, "") for leaf in leaves} - {""})
    return Table(
        schema=row[0],
        name=row[1],
        oid=row[2],
        kind=KINDS.get(row[3], f"table with a partition that is a {foreign[0]}" if foreign else ""),
        rows=row[4] if not leaves else sum(leaf.rows for leaf in leaves),
        blocks=row[5] if not leaves else sum(leaf.blocks for leaf in leaves),
        owner=row[6],
        options=row[7] or [],
        columns=[_column(column[:-1]) for column in columns],
        builtin=all(column[-1] for column in columns),
        partitioned=row[3] == "p",
        leaves=leaves,
        split_by=tuple(row[8]),
        version=version,
    )


def _column(values: Any) -> Column:
    found: Any = [tuple(value) if isinstance(value, list) else value for value in values]
    return Column(*found)


def read_foreign_keys(connection: Any) -> list[ForeignKey]:
    return [ForeignKey(row[0], row[1], tuple(row[2]), row[3], tuple(row[4])) for row in connection.execute(FOREIGN_KEYS).fetchall()]


def identity(connection: Any) -> tuple[str, str]:
    """(cluster, database): equal for two connections to one database, whatever address they used."""
    row = connection.execute("select (select system_identifier from pg_control_system())::text, current_database()").fetchone()
    return (row[0], row[1])
