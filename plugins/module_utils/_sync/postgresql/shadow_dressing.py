# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a table or a view has besides its rows, as lines: what replaces it must have the very same ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

# NOT VALID of a check isn't compared: the new rows have all been checked.
LINES = """
with c as (select * from pg_class where oid = any(%(oids)s)),
acl(oid, place, owner, list) as (
  select oid, '', relowner, coalesce(relacl, acldefault('r', relowner)) from c
  union all select a.attrelid, ' of column ' || a.attname, c.relowner, a.attacl from pg_attribute a join c on c.oid = a.attrelid where a.attacl is not null)
select c.oid, format('owner %%s, kept as %%s %%s, access method %%s, tablespace %%s', pg_get_userbyid(c.relowner), c.relkind, c.relpersistence,
    coalesce((select amname from pg_am m where m.oid = c.relam), 'none'), coalesce((select spcname from pg_tablespace s where s.oid = c.reltablespace), ''))
  from c
union all select c.oid, format('row security %%s, forced %%s, replica identity %%s, populated %%s, partition %%s', c.relrowsecurity, c.relforcerowsecurity,
    c.relreplident, c.relispopulated, coalesce(pg_get_expr(c.relpartbound, c.oid), '')) from c
union all select c.oid, 'option ' || o from c cross join unnest(c.reloptions) o
union all select c.oid, 'toast option ' || o from c join pg_class t on t.oid = c.reltoastrelid cross join unnest(t.reloptions) o
union all select c.oid, 'comment ' || d.description from c join pg_description d on d.objoid = c.oid and d.classoid = 'pg_class'::regclass and d.objsubid = 0
union all select c.oid, 'security label ' || l.label from c join pg_seclabel l on l.objoid = c.oid and l.classoid = 'pg_class'::regclass
union all select c.oid, 'comment on column ' || a.attname || ' ' || d.description from c join pg_description d on d.objoid = c.oid
  and d.classoid = 'pg_class'::regclass join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid where d.objsubid > 0
union all select acl.oid, format('privilege %%s%%s of %%s by %%s%%s', a.privilege_type, acl.place, case when a.grantee = 0 then 'public'
    else pg_get_userbyid(a.grantee) end, pg_get_userbyid(a.grantor), case when a.is_grantable then ' with grant option' else '' end)
  from acl cross join aclexplode(acl.list) a
union all select c.oid, format('column %%s %%s%%s collate %%s default %%s generated %%s identity %%s storage %%s compression %%s statistics %%s '
    || 'options %%s own %%s, parents %%s', a.attname, format_type(a.atttypid, a.atttypmod),
    case when a.attnotnull then ' not null' else '' end, a.attcollation::regcollation,
    coalesce(pg_get_expr(f.adbin, f.adrelid), ''), a.attgenerated, a.attidentity, a.attstorage, a.attcompression,
    coalesce(a.attstattarget::int, -1), coalesce(array_to_string(a.attoptions, ','), ''), a.attislocal or c.relispartition, a.attinhcount)
  from c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped left join pg_attrdef f on f.adrelid = c.oid and f.adnum = a.attnum
union all select c.oid, format('constraint %%s %%s own %%s, parents %%s, %%s', k.conname, case when k.contype in ('c', 'n')
    then regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', '') else pg_get_constraintdef(k.oid) end, k.conislocal or c.relispartition, k.coninhcount,
    coalesce(obj_description(k.oid, 'pg_constraint'), ''))
  from c join pg_constraint k on k.conrelid = c.oid and k.contype <> 't' and (k.contype <> 'f' or k.conparentid = 0)
union all select c.oid, format('index %%s, tablespace %%s, clustered %%s, replica identity %%s, below %%s, statistics %%s, %%s', pg_get_indexdef(i.indexrelid),
    coalesce((select spcname from pg_tablespace s where s.oid = x.reltablespace), ''), i.indisclustered, i.indisreplident,
    coalesce((select h.inhparent::regclass::text from pg_inherits h where h.inhrelid = i.indexrelid), ''),
    array(select coalesce(a.attstattarget::int, -1) from pg_attribute a where a.attrelid = i.indexrelid order by a.attnum),
    coalesce(obj_description(i.indexrelid, 'pg_class'), ''))
  from c join pg_index i on i.indrelid = c.oid and (i.indisvalid or c.relkind = 'p') join pg_class x on x.oid = i.indexrelid
union all select c.oid, format('statistics %%s, owner %%s, target %%s, %%s', pg_get_statisticsobjdef(s.oid), pg_get_userbyid(s.stxowner),
    coalesce(s.stxstattarget::int, -1), coalesce(obj_description(s.oid, 'pg_statistic_ext'), ''))
  from c join pg_statistic_ext s on s.stxrelid = c.oid
union all select c.oid, format('trigger %%s, enabled %%s, %%s', pg_get_triggerdef(t.oid), t.tgenabled, coalesce(obj_description(t.oid, 'pg_trigger'), ''))
  from c join pg_trigger t on t.tgrelid = c.oid and not t.tgisinternal
union all select c.oid, format('rule %%s, enabled %%s, %%s', pg_get_ruledef(w.oid), w.ev_enabled, coalesce(obj_description(w.oid, 'pg_rewrite'), ''))
  from c join pg_rewrite w on w.ev_class = c.oid
union all select c.oid, format('policy %%s %%s %%s %%s using %%s check %%s, %%s', p.polname, p.polpermissive, p.polcmd, p.polroles::regrole[],
    coalesce(pg_get_expr(p.polqual, p.polrelid), ''), coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''), coalesce(obj_description(p.oid, 'pg_policy'), ''))
  from c join pg_policy p on p.polrelid = c.oid
union all select c.oid, 'parent ' || h.inhparent::regclass || ' ' || h.inhseqno from c join pg_inherits h on h.inhrelid = c.oid
union all select c.oid, format('sequence %%s as %%s start %%s increment %%s from %%s to %%s cache %%s cycle %%s, %%s, owner %%s, %%s, '
    || 'of column %%s by %%s, privileges %%s', s.relname, format_type(q.seqtypid, null),
    q.seqstart, q.seqincrement, q.seqmin, q.seqmax, q.seqcache, q.seqcycle, s.relpersistence,
    pg_get_userbyid(s.relowner), coalesce(obj_description(s.oid, 'pg_class'), ''), a.attname, d.deptype,
    array(select format('%%s of %%s by %%s %%s', e.privilege_type, e.grantee, e.grantor, e.is_grantable)
          from aclexplode(coalesce(s.relacl, acldefault('s', s.relowner))) e order by 1))
  from c join pg_depend d on d.refobjid = c.oid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
  join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_sequence q on q.seqrelid = s.oid
  join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
"""
OIDS = "select %s::regclass::oid"
QUOTED = "select quote_ident(%s) || '.', quote_ident(%s) || '.'"


def lines(connection: Any, oids: list[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {oid: set() for oid in oids}
    for oid, text in connection.execute(LINES, {"oids": oids}).fetchall():
        found[oid].add(text)
    return found


def compare(connection: Any, pairs: Mapping[str, tuple[int, str]], *, places: Mapping[str, str]) -> None:
    """`pairs`: name -> (number of the old one, name of the new one, quoted); `places`: schema -> where the old ones are now."""
    new = {name: connection.execute(OIDS, (text,)).fetchone()[0] for name, (_old, text) in pairs.items()}
    seen = lines(connection, [*[old for old, _text in pairs.values()], *new.values()])
    names = [tuple(connection.execute(QUOTED, (kept, live)).fetchone()) for live, kept in places.items()]
    faults = []
    for name, (old, _text) in pairs.items():
        before, after = {_as_live(text, names) for text in seen[old]}, seen[new[name]]
        faults += [f"- {name}: would lose {text}" for text in sorted(before - after)]
        faults += [f"- {name}: would get {text}" for text in sorted(after - before)]
    if faults:
        raise SyncError("\n".join(["Nothing was switched: the new tables would not have everything that those of the target have.", *faults]))


def _as_live(text: str, names: list[Any]) -> str:
    for kept, live in names:
        text = text.replace(kept, live).replace(kept.replace("'", "''"), live.replace("'", "''"))
    return text
