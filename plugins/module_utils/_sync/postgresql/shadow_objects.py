# SPDX-License-Identifier: GPL-3.0-or-later
"""What hangs on the tables that are replaced: made anew on the new ones, or a reason to refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import kept_of, shadow_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.shadow import Relation, grants

# What a swap of tables would lose. Refused by name, never dropped in silence.
OBSTACLES = """
select 'publication ' || p.pubname || ', whose subscribers would not see it' from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
  where r.prrelid = %(oid)s
union all select 'publication ' || p.pubname || ' of all tables, whose subscribers would not see it' from pg_publication p
  where p.puballtables and %(oid)s = (%(swapped)s::oid[])[1]
union all select distinct 'privileges that ' || pg_get_userbyid(a.grantor) || ' gave on' from pg_class c cross join aclexplode(c.relacl) a
  where c.oid = %(oid)s and a.grantor <> c.relowner
union all select 'columns that it inherits (' || string_agg(a.attname, ', ' order by a.attnum) || ') and doesn''t define itself'
  from pg_attribute a join pg_class c on c.oid = a.attrelid and not c.relispartition
  where c.oid = %(oid)s and a.attnum > 0 and a.attinhcount > 0 and not a.attislocal having count(*) > 0
union all select 'the index ' || i.relname || ', of which not every partition has its part' from pg_index x join pg_class i on i.oid = x.indexrelid
  where x.indrelid = %(oid)s and i.relkind = 'I' and not x.indisvalid
union all select 'a subscription that writes into it' from pg_subscription_rel r where r.srrelid = %(oid)s
union all select 'a security label of provider ' || l.provider from pg_seclabel l where l.classoid = 'pg_class'::regclass and l.objoid = %(oid)s
union all select 'inheritance from or by ' || case when i.inhrelid = %(oid)s then i.inhparent else i.inhrelid end::regclass || ', which is not synchronized'
  from pg_inherits i where %(oid)s in (i.inhrelid, i.inhparent) and not (i.inhrelid = any(%(swapped)s) and i.inhparent = any(%(swapped)s))
union all select distinct 'function ' || d.objid::regprocedure || ', which holds on to it' from pg_depend d
  where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = %(oid)s
union all select 'function ' || d.objid::regprocedure || ', which uses its row type' from pg_depend d join pg_class c on c.oid = %(oid)s
  where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_type'::regclass
    and d.refobjid in (c.reltype, (select typarray from pg_type where oid = c.reltype))
union all select 'a column of its row type: ' || a.attrelid::regclass || '.' || a.attname from pg_attribute a join pg_class c on c.oid = %(oid)s
  where a.atttypid in (c.reltype, (select typarray from pg_type where oid = c.reltype)) and c.reltype <> 0 and not a.attisdropped and a.attrelid <> c.oid
union all select 'a type of its own (' || c.reloftype::regtype || ')' from pg_class c where c.oid = %(oid)s and c.reloftype <> 0
union all select 'foreign key ' || k.conname || ' of ' || k.conrelid::regclass || ', a table that is skipped' from pg_constraint k
  where k.contype = 'f' and k.confrelid = %(oid)s and k.conparentid = 0 and k.conrelid <> all(%(swapped)s::oid[])
union all select 'trigger ' || t.tgname || ' of an extension' from pg_trigger t join pg_depend d on d.classid = 'pg_trigger'::regclass and d.objid = t.oid
  where t.tgrelid = %(oid)s and d.deptype in ('e', 'x')
"""
# From PostgreSQL 15 on.
PUBLISHED = """
select n.nspname, p.pubname from pg_publication_namespace r join pg_publication p on p.oid = r.pnpubid join pg_namespace n on n.oid = r.pnnspid
where r.pnnspid in (select relnamespace from pg_class where oid = any(%s)) order by 1, 2
"""
# Whatever else depends on the tables, their types, their sequences or the views over them would go with the old ones.
DEPENDENTS = """
with kept as (select unnest(%(tables)s::oid[] || %(views)s::oid[]) as oid),
own(class, oid, sequence) as (
  select 'pg_class'::regclass::oid, oid, false from kept
  union all select 'pg_type'::regclass, t.oid, false from kept join pg_class c using (oid) join pg_type t on t.oid = c.reltype or t.typelem = c.reltype
    where c.reltype <> 0
  union all select 'pg_class'::regclass, s.oid, true from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = any(%(tables)s) and d.deptype in ('a', 'i'))
select distinct pg_describe_object(d.refclassid, d.refobjid, 0), pg_describe_object(d.classid, d.objid, d.objsubid)
from own o join pg_depend d on d.refclassid = o.class and d.refobjid = o.oid
where d.deptype in ('n', 'a') and case d.classid
  when 'pg_attrdef'::regclass then not exists (select from pg_attrdef f join kept on kept.oid = f.adrelid where f.oid = d.objid)
  when 'pg_constraint'::regclass then not exists (select from pg_constraint k where k.oid = d.objid and (k.contype = 'f' or k.conrelid in (table kept)))
  when 'pg_rewrite'::regclass then not exists (select from pg_rewrite w join kept on kept.oid = w.ev_class where w.oid = d.objid)
  when 'pg_trigger'::regclass then not exists (select from pg_trigger t join kept on kept.oid = t.tgrelid where t.oid = d.objid)
  when 'pg_policy'::regclass then not exists (select from pg_policy p join kept on kept.oid = p.polrelid where p.oid = d.objid)
  when 'pg_statistic_ext'::regclass then not exists (select from pg_statistic_ext s join kept on kept.oid = s.stxrelid where s.oid = d.objid)
  when 'pg_class'::regclass then not (d.objid in (table kept) or d.objid in (select oid from own where sequence)
    or exists (select from pg_index i join kept on kept.oid = i.indrelid where i.indexrelid = d.objid)
    or exists (select from pg_inherits h where h.inhrelid = d.objid) or exists (select from pg_class r where r.oid = d.objid and r.relkind = 'c')
    or exists (select from pg_attribute a join pg_type t on t.oid = a.atttypid where d.objsubid > 0 and a.attrelid = d.objid and a.attnum = d.objsubid
      and o.class = 'pg_type'::regclass and o.oid = t.oid and coalesce(nullif(t.typrelid, 0), (select e.typrelid from pg_type e where e.oid = t.typelem))
        = any(%(tables)s)))
  when 'pg_type'::regclass then not exists (select from own t where t.class = 'pg_type'::regclass and t.oid = d.objid)
  when 'pg_proc'::regclass then o.sequence
  else d.classid <> 'pg_publication_rel'::regclass end
order by 1, 2
"""
# Views over the tables and views over those, each once, those below first.
VIEWS = """
with recursive found(oid, depth) as (
  select distinct w.ev_class, 1 from pg_depend d join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid
    where d.refclassid = 'pg_class'::regclass and d.refobjid = any(%(oids)s) and w.ev_class <> d.refobjid and w.ev_class <> all(%(oids)s)
  union
  select w.ev_class, f.depth + 1 from found f
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = f.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite w on w.oid = d.objid where w.ev_class <> f.oid and f.depth < 100)
select c.oid, n.nspname, c.relname, c.relkind::text, pg_get_viewdef(c.oid), c.reloptions, pg_get_userbyid(c.relowner),
  obj_description(c.oid, 'pg_class'), c.relispopulated,
  array(select array[a.attname, col_description(c.oid, a.attnum)] from pg_attribute a
        where a.attrelid = c.oid and col_description(c.oid, a.attnum) is not null),
  array(select pg_get_indexdef(i.indexrelid) from pg_index i where i.indrelid = c.oid order by 1),
  exists (select from pg_attrdef where adrelid = c.oid),
  exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'),
  coalesce((select amname from pg_am m where m.oid = c.relam), ''), coalesce((select spcname from pg_tablespace s where s.oid = c.reltablespace), '')
from (select oid, max(depth) as depth from found group by oid) f join pg_class c on c.oid = f.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('v', 'm') order by f.depth, 2, 3
"""
VIEW_OBSTACLES = """
select 'function ' || d.objid::regprocedure from pg_depend d join pg_class c on c.oid = %(oid)s where d.classid = 'pg_proc'::regclass
  and (d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid
       or d.refclassid = 'pg_type'::regclass and d.refobjid in (c.reltype, (select typarray from pg_type where oid = c.reltype)))
union all select 'statistics ' || s.stxname from pg_statistic_ext s where s.stxrelid = %(oid)s
union all select 'settings of its column ' || a.attname from pg_attribute a join pg_type t on t.oid = a.atttypid
  where a.attrelid = %(oid)s and a.attnum > 0 and (coalesce(a.attstattarget, -1) >= 0 or a.attoptions is not null or a.attcompression <> ''
    or a.attstorage <> t.typstorage)
"""
RULES = """
select pg_get_ruledef(oid), rulename, ev_enabled::text, obj_description(oid, 'pg_rewrite') from pg_rewrite
where ev_class = %s and rulename <> '_RETURN' order by 2
"""
TRIGGERS = """
select pg_get_triggerdef(oid), tgname, tgenabled::text, obj_description(oid, 'pg_trigger') from pg_trigger
where tgrelid = %s and not tgisinternal and tgparentid = 0 order by 2
"""
# A trigger of a partitioned table comes to its partitions by itself; whether it fires there may differ.
INHERITED = """
select t.tgname, t.tgenabled::text from pg_trigger t join pg_trigger p on p.oid = t.tgparentid
where t.tgrelid = %s and not t.tgisinternal and t.tgenabled <> p.tgenabled order by 1
"""
POLICIES = """
select polname, polpermissive, polcmd::text, pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(oid, 'pg_policy'),
  array(select coalesce((select quote_ident(rolname) from pg_roles r where r.oid = u.id), 'public') from unnest(polroles) u(id))
from pg_policy where polrelid = %s order by 1
"""
FLAGS = """
select relrowsecurity, relforcerowsecurity, relreplident::text,
  (select i.relname from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = c.oid and x.indisreplident),
  (select i.relname from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = c.oid and x.indisclustered)
from pg_class c where oid = %s
"""
TARGETS = """
select attname, attstattarget, attoptions from pg_attribute
where attrelid = %s and attnum > 0 and not attisdropped and (coalesce(attstattarget, -1) >= 0 or attoptions is not null)
"""
STATISTICS = """
select n.nspname, s.stxname, pg_get_statisticsobjdef(s.oid), quote_ident(n.nspname) || '.' || quote_ident(s.stxname), s.stxrelid::regclass::text,
  pg_get_userbyid(s.stxowner), obj_description(s.oid, 'pg_statistic_ext'), s.stxstattarget
from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace where s.stxrelid = %s order by 1, 2
"""
REMARKS = """
select 'constraint', k.conname::text, obj_description(k.oid, 'pg_constraint') from pg_constraint k
  where k.conrelid = %(oid)s and k.contype not in ('c', 'f', 't')
union all select 'index', i.relname, obj_description(i.oid, 'pg_class') from pg_index x join pg_class i on i.oid = x.indexrelid
  where x.indrelid = %(oid)s
order by 1, 2
"""
INDEXES = """
select i.relname, coalesce(s.spcname, ''), array(select array[a.attnum, a.attstattarget] from pg_attribute a where a.attrelid = i.oid and a.attstattarget >= 0)
from pg_index x join pg_class i on i.oid = x.indexrelid left join pg_tablespace s on s.oid = i.reltablespace where x.indrelid = %s order by 1
"""
COMMANDS = {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"}
ENABLED = {"O": "enable", "D": "disable", "R": "enable replica", "A": "enable always"}


class View(NamedTuple):
    oid: int
    schema: str
    name: str
    kind: str
    definition: str
    options: list[str] | None
    owner: str
    comment: str | None
    populated: bool
    remarks: list[list[str]]
    indexes: list[str]
    defaults: bool
    extension: bool
    method: str
    tablespace: str

    @property
    def word(self) -> str:
        return "materialized view" if self.kind == "m" else "view"

    @property
    def live(self) -> Any:
        return sql.Identifier(self.schema, self.name)


def views(connection: Any, oids: list[int]) -> list[View]:
    return [View(*row) for row in connection.execute(VIEWS, {"oids": oids}).fetchall()]


def obstacles(connection: Any, found: list[Relation]) -> list[str]:
    """Everything that can't be carried over to new tables, by name."""
    oids = [relation.oid for relation in found]
    faults = []
    for relation in found:
        rows = connection.execute(OBSTACLES, {"oid": relation.oid, "swapped": oids}).fetchall()
        faults += [f"{relation.full}: has {row[0]}; the swap would lose it" for row in rows]
    if connection.info.server_version >= 150000:
        rows = connection.execute(PUBLISHED, (oids,)).fetchall()
        faults += [f"schema {row[0]}: has publication {row[1]}, whose subscribers would not see the swap" for row in rows]
    seen = views(connection, oids)
    rows = connection.execute(DEPENDENTS, {"tables": oids, "views": [view.oid for view in seen]}).fetchall()
    faults += [f"{row[0]}: {row[1]} holds on to it; the swap would lose that" for row in rows]
    for view in seen:
        rows = [row[0] for row in connection.execute(VIEW_OBSTACLES, {"oid": view.oid}).fetchall()]
        rows += ["defaults of its columns"] * view.defaults + ["an extension that it is part of"] * view.extension
        faults += [f"{view.schema}.{view.name}: a {view.word} over synchronized tables with {what}; the swap would lose it" for what in rows]
    return faults


def dress(connection: Any, relation: Relation) -> None:
    """What the new table can have before it is live and names nothing else: statistics, targets, remarks on what it has."""
    for name, target, options in connection.execute(TARGETS, (relation.oid,)).fetchall():
        if target is not None and target >= 0:
            connection.execute(sql.SQL("alter table {} alter {} set statistics {}").format(relation.new, sql.Identifier(name), sql.Literal(target)))
        for option in options or []:
            key, _equals, value = option.partition("=")
            connection.execute(
                sql.SQL("alter table {} alter {} set ({} = {})").format(relation.new, sql.Identifier(name), sql.Identifier(key), sql.Literal(value))
            )
    for _schema, name, definition, called, table, owner, comment, target in connection.execute(STATISTICS, (relation.oid,)).fetchall():
        made = sql.Identifier(shadow_of(relation.schema), name)
        head, tail = f"CREATE STATISTICS {called}", f" FROM {table}"
        body = definition[len(head) : len(definition) - len(tail)]
        connection.execute(sql.SQL("create statistics {}{} from {}").format(made, sql.SQL(body), relation.new))
        if comment is not None:
            connection.execute(sql.SQL("comment on statistics {} is {}").format(made, sql.Literal(comment)))
        if target is not None and target >= 0:
            connection.execute(sql.SQL("alter statistics {} set statistics {}").format(made, sql.Literal(target)))
        connection.execute(sql.SQL("alter statistics {} owner to {}").format(made, sql.Identifier(owner)))


def settle(connection: Any, relation: Relation) -> None:
    """Flags and remarks that need the indexes and constraints to be there."""
    _security, _forced, identity, replica_index, clustered = connection.execute(FLAGS, (relation.oid,)).fetchone()
    if identity != "d":
        word = {"n": sql.SQL("nothing"), "f": sql.SQL("full")}.get(identity) or sql.SQL("using index {}").format(sql.Identifier(replica_index))
        connection.execute(sql.SQL("alter table {} replica identity {}").format(relation.new, word))
    if clustered is not None:
        connection.execute(sql.SQL("alter table {} cluster on {}").format(relation.new, sql.Identifier(clustered)))
    _dress_indexes(connection, relation.oid, shadow_of(relation.schema))
    for kind, name, comment in connection.execute(REMARKS, {"oid": relation.oid}).fetchall():
        if comment is not None:
            place = sql.Identifier(shadow_of(relation.schema), name) if kind == "index" else sql.SQL("{} on {}").format(sql.Identifier(name), relation.new)
            connection.execute(sql.SQL("comment on {} {} is {}").format(sql.SQL(kind), place, sql.Literal(comment)))


def _dress_indexes(connection: Any, oid: int, schema: str) -> None:
    for name, tablespace, targets in connection.execute(INDEXES, (oid,)).fetchall():
        place = sql.Identifier(schema, name)
        if tablespace:
            connection.execute(sql.SQL("alter index {} set tablespace {}").format(place, sql.Identifier(tablespace)))
        for number, target in targets:
            connection.execute(sql.SQL("alter index {} alter {} set statistics {}").format(place, sql.Literal(number), sql.Literal(target)))


class Attached(NamedTuple):
    """What is bound by name to the live tables, read before they move."""

    views: list[View]
    statements: list[Any]  # for the tables, in order
    on_views: list[Any]
    statistics: dict[str, list[tuple[str, str]]]  # table -> (schema, name)


def attached(connection: Any, found: list[Relation]) -> Attached:
    seen = views(connection, [relation.oid for relation in found])
    statements = [text for relation in found for text in _bound(connection, relation.oid, relation.live)]
    on_views = [text for view in seen for text in _bound(connection, view.oid, view.live)]
    statistics = {relation.full: [(row[0], row[1]) for row in connection.execute(STATISTICS, (relation.oid,)).fetchall()] for relation in found}
    return Attached(seen, statements, on_views, statistics)


def _bound(connection: Any, oid: int, place: Any) -> list[Any]:
    """Policies, rules and triggers of one relation as statements."""
    texts = []
    security, forced, *_others = connection.execute(FLAGS, (oid,)).fetchone()
    for word, wanted in (("enable", security), ("force", forced)):
        if wanted:
            texts.append(sql.SQL("alter table {} {} row level security").format(place, sql.SQL(word)))
    for name, permissive, command, using, check, comment, roles in connection.execute(POLICIES, (oid,)).fetchall():
        text = sql.SQL("create policy {} on {} as {} for {} to {}").format(
            sql.Identifier(name), place, sql.SQL("permissive" if permissive else "restrictive"), sql.SQL(COMMANDS[command]), sql.SQL(", ".join(roles))
        )
        text += sql.SQL(f" using ({using})") if using is not None else sql.SQL("")
        text += sql.SQL(f" with check ({check})") if check is not None else sql.SQL("")
        texts += [text, *_remark("policy", name, place, comment)]
    for definition, name, enabled, comment in connection.execute(RULES, (oid,)).fetchall():
        texts += [sql.SQL(definition.rstrip(";")), *_enable("rule", name, place, enabled), *_remark("rule", name, place, comment)]
    for definition, name, enabled, comment in connection.execute(TRIGGERS, (oid,)).fetchall():
        texts += [sql.SQL(definition), *_enable("trigger", name, place, enabled), *_remark("trigger", name, place, comment)]
    for name, enabled in connection.execute(INHERITED, (oid,)).fetchall():
        texts.append(sql.SQL("alter table only {} {} trigger {}").format(place, sql.SQL(ENABLED[enabled]), sql.Identifier(name)))
    return texts


def _remark(kind: str, name: str, place: Any, comment: str | None) -> list[Any]:
    if comment is None:
        return []
    return [sql.SQL("comment on {} {} on {} is {}").format(sql.SQL(kind), sql.Identifier(name), place, sql.Literal(comment))]


def _enable(kind: str, name: str, place: Any, enabled: str) -> list[Any]:
    if enabled == "O":  # as it is made
        return []
    return [sql.SQL("alter table {} {} {} {}").format(place, sql.SQL(ENABLED[enabled]), sql.SQL(kind), sql.Identifier(name))]


def make_view(connection: Any, view: View) -> None:
    """The same view by name over the new tables; the old one waits in the schema of the kept ones, with its grants."""
    body = sql.SQL(view.definition.rstrip().rstrip(";"))
    without = sql.SQL("" if view.populated or view.kind != "m" else " with no data")
    how = sql.SQL(" using {}").format(sql.Identifier(view.method)) if view.method else sql.SQL("")
    how += sql.SQL(" tablespace {}").format(sql.Identifier(view.tablespace)) if view.tablespace else sql.SQL("")
    connection.execute(sql.SQL("create {} {}{} as {}{}").format(sql.SQL(view.word), view.live, how, body, without))
    for option in view.options or []:
        key, _equals, value = option.partition("=")
        connection.execute(sql.SQL("alter {} {} set ({} = {})").format(sql.SQL(view.word), view.live, sql.Identifier(key), sql.Literal(value)))
    for definition in view.indexes:
        connection.execute(sql.SQL(definition))
    for kind, name, comment in connection.execute(REMARKS, {"oid": view.oid}).fetchall():
        if comment is not None:
            place = sql.Identifier(view.schema, name)
            connection.execute(sql.SQL("comment on {} {} is {}").format(sql.SQL(kind), place, sql.Literal(comment)))
    _dress_indexes(connection, view.oid, view.schema)
    clustered = connection.execute(FLAGS, (view.oid,)).fetchone()[4]
    if clustered is not None:
        connection.execute(sql.SQL("alter materialized view {} cluster on {}").format(view.live, sql.Identifier(clustered)))
    if view.comment is not None:
        connection.execute(sql.SQL("comment on {} {} is {}").format(sql.SQL(view.word), view.live, sql.Literal(view.comment)))
    for column, comment in view.remarks:
        place = sql.Identifier(view.schema, view.name, column)
        connection.execute(sql.SQL("comment on column {} is {}").format(place, sql.Literal(comment)))
    connection.execute(sql.SQL("alter {} {} owner to {}").format(sql.SQL(view.word), view.live, sql.Identifier(view.owner)))
    grants(connection, view.oid, sql.SQL("table"), view.live)


def schemas_kept(found: list[Relation], attached_to: Attached) -> Mapping[str, str]:
    names = {relation.schema for relation in found} | {view.schema for view in attached_to.views}
    names |= {schema for places in attached_to.statistics.values() for schema, _name in places}
    return {name: kept_of(name) for name in sorted(names)}
