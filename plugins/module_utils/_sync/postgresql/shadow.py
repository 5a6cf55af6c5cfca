# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy that grows beside the target's tables: every relation of them, empty at first, with all that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table, shadow_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import psycopg, sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.state import remember, remembered

__all__ = ("remember", "remembered")

LOCK = 7881209417  # advisory lock of the target: one synchronization at a time
OWN_SCHEMAS = "select nspname from pg_namespace where nspname ~ %s order by 1"
# The synchronized tables and everything below their roots, those above first.
RELATIONS = """
select r.oid, c.oid, n.nspname, c.relname, c.relkind::text, c.relispartition, c.relpersistence::text, c.reloptions, x.reloptions,
       pg_get_userbyid(c.relowner), coalesce(s.spcname, ''), obj_description(c.oid, 'pg_class'),
       case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end, pg_get_expr(c.relpartbound, c.oid),
       (select i.inhparent from pg_inherits i where c.relispartition and i.inhrelid = c.oid), t.level,
       pg_relation_size(c.oid) / current_setting('block_size')::int, c.reloftype <> 0, coalesce((select amname from pg_am m where m.oid = c.relam), '')
from unnest(%(oids)s::oid[]) r(oid)
cross join lateral (select relid::oid, level from pg_partition_tree(r.oid) union select r.oid, 0) t
join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace
left join pg_class x on x.oid = c.reltoastrelid left join pg_tablespace s on s.oid = c.reltablespace
order by t.level, 3, 4
"""
PARENTS = """
select i.inhrelid, i.inhparent from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhrelid = any(%s) and not c.relispartition order by i.inhrelid, i.inhseqno
"""
OWNED = """
select d.refobjid, a.attname, n.nspname, s.relname, s.oid, d.deptype::text,
       format('%%sincrement %%s minvalue %%s maxvalue %%s start %%s cache %%s%%s',
              case when d.deptype = 'a' then 'as ' || format_type(q.seqtypid, null) || ' ' else '' end, q.seqincrement, q.seqmin, q.seqmax,
              q.seqstart, q.seqcache, case when q.seqcycle then ' cycle' else '' end), a.attidentity::text
from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_sequence q on q.seqrelid = s.oid
join pg_namespace n on n.oid = s.relnamespace join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass and d.refobjid = any(%s) and d.deptype in ('a', 'i') order by 1, 2
"""
SEQUENCES = """
select a.attname, pg_sequence_last_value(pg_get_serial_sequence(%(table)s, a.attname)::regclass) from pg_attribute a
where a.attrelid = %(oid)s and a.attnum > 0 and not a.attisdropped
  and pg_get_serial_sequence(%(table)s, a.attname) is not null
"""
DEFAULTS = """
select f.adrelid, a.attname, pg_get_expr(f.adbin, f.adrelid), n.nspname, s.relname from pg_attrdef f
join pg_attribute a on a.attrelid = f.adrelid and a.attnum = f.adnum
join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_class'::regclass and d.refobjid = any(%(sequences)s)
join pg_class s on s.oid = d.refobjid join pg_namespace n on n.oid = s.relnamespace
where f.adrelid = any(%(oids)s)
"""
FOREIGN_KEYS = """
select k.conname, pg_get_constraintdef(k.oid), k.confrelid, k.confrelid::regclass::text, c.relkind = 'p' or f.relkind = 'p',
  obj_description(k.oid, 'pg_constraint')
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_class f on f.oid = k.confrelid
where k.conrelid = %s and k.contype = 'f' and k.conparentid = 0 order by 1
"""
# A primary key or a unique constraint is an index first, so that all indexes of a table can be built at the same time.
INDEXES = """
select pg_get_indexdef(i.indexrelid), i.indrelid::regclass::text, k.conname, k.contype::text, k.condeferrable, k.condeferred, pg_get_constraintdef(k.oid)
from pg_index i left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
where i.indrelid = %s and (i.indisvalid or i.indrelid in (select partrelid from pg_partitioned_table))
  and (k.contype is null or k.contype <> 'x' and pg_get_constraintdef(k.oid) !~ 'WITHOUT OVERLAPS')
order by 1
"""
DIRECT = """
select conname, pg_get_constraintdef(oid) from pg_constraint where conrelid = %s and conparentid = 0
and (contype = 'x' or contype in ('p', 'u') and pg_get_constraintdef(oid) ~ 'WITHOUT OVERLAPS') order by 1
"""
GRANTS = """
select coalesce(quote_ident(r.rolname), 'public'), a.privilege_type, a.is_grantable, null::text
from pg_class c, aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee where c.oid = %(oid)s and a.grantee <> c.relowner
union all
select coalesce(quote_ident(r.rolname), 'public'), a.privilege_type, a.is_grantable, t.attname
from pg_attribute t, aclexplode(t.attacl) a left join pg_roles r on r.oid = a.grantee where t.attrelid = %(oid)s
"""
OWNERS = """
select quote_ident(pg_get_userbyid(c.relowner)), array(
  select a.privilege_type from aclexplode(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner))) a
  where a.grantee = c.relowner order by 1)
from pg_class c where c.oid = %s
"""


class Relation(NamedTuple):
    """A table, a root or a partition of the target, that gets a new one."""

    root: int  # the synchronized table it belongs to
    oid: int
    schema: str
    name: str
    kind: str
    partition: bool
    persistence: str
    options: Optional[list[str]]
    toast_options: Optional[list[str]]
    owner: str
    tablespace: str
    comment: Optional[str]
    split: Optional[str]
    bound: Optional[str]
    parent: Optional[int]
    level: int
    blocks: int
    typed: bool
    method: str

    @property
    def new(self) -> Any:
        return sql.Identifier(shadow_of(self.schema), self.name)

    @property
    def live(self) -> Any:
        return sql.Identifier(self.schema, self.name)

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"


def quoted(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def clean(connection: Any, *, pattern: str = "^evenkeel_(new|old)(_|$)") -> None:
    """What a killed run left behind."""
    for (schema,) in connection.execute(OWN_SCHEMAS, (pattern,)).fetchall():
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


def lock(connection: Any) -> None:
    try:
        connection.execute("select pg_advisory_lock(%s)", (LOCK,))
    except psycopg.errors.LockNotAvailable:
        raise SyncError("Nothing was moved: another synchronization of this target is running. Run again when it has ended.") from None


def relations(connection: Any, tables: list[Table]) -> list[Relation]:
    return [Relation(*row) for row in connection.execute(RELATIONS, {"oids": [table.oid for table in tables]}).fetchall()]


def create(connection: Any, found: list[Relation]) -> None:
    for schema in sorted({relation.schema for relation in found}):
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(shadow_of(schema))))
    for relation in found:
        _create(connection, relation)
    by_oid = {relation.oid: relation for relation in found}
    _sequences(connection, by_oid)
    for relation in found:
        if relation.parent is not None and relation.bound is not None:
            text = sql.SQL("alter table {} attach partition {} {}")
            connection.execute(text.format(by_oid[relation.parent].new, relation.new, sql.SQL(relation.bound)))
    for child, parent in connection.execute(PARENTS, (list(by_oid),)).fetchall():
        connection.execute(sql.SQL("alter table {} inherit {}").format(by_oid[child].new, by_oid[parent].new))


def _create(connection: Any, relation: Relation) -> None:
    text = sql.SQL("create {}table {} (like {} including all excluding indexes excluding statistics excluding identity){}{}{}")
    words = (
        sql.SQL("unlogged " if relation.persistence == "u" else ""),
        relation.new,
        relation.live,
        sql.SQL(f" partition by {relation.split}" if relation.split else ""),
        sql.SQL(" using {}").format(sql.Identifier(relation.method)) if relation.method else sql.SQL(""),
        sql.SQL(" tablespace {}").format(sql.Identifier(relation.tablespace)) if relation.tablespace else sql.SQL(""),
    )
    connection.execute(text.format(*words))
    options = [("", option) for option in relation.options or []] + [("toast", option) for option in relation.toast_options or []]
    for space, option in options:
        name, _equals, value = option.partition("=")
        option_name = sql.Identifier(space, name) if space else sql.Identifier(name)
        connection.execute(sql.SQL("alter table {} set ({} = {})").format(relation.new, option_name, sql.Literal(value)))


def _sequences(connection: Any, by_oid: Mapping[int, Relation]) -> None:
    """Those that the tables own are made anew; the defaults that draw from them draw from the new ones."""
    serial = []
    rows = connection.execute(OWNED, (list(by_oid),)).fetchall()
    for oid, column, schema, name, sequence, kind, options, identity in rows:
        relation = by_oid[oid]
        if schema != relation.schema:
            raise SyncError(f"{relation.full}: its sequence {schema}.{name} is in another schema, which isn't supported.")
        new = sql.Identifier(shadow_of(schema), name)
        if kind == "a":
            serial.append(sequence)
            connection.execute(sql.SQL("create sequence {} {}").format(new, sql.SQL(options)))
        elif not relation.partition:  # a partition's comes from above
            words = (relation.new, sql.Identifier(column), sql.SQL("always" if identity == "a" else "by default"), new, sql.SQL(options))
            connection.execute(sql.SQL("alter table {} alter {} add generated {} as identity (sequence name {} {})").format(*words))
    drawing = {"sequences": serial, "oids": list(by_oid)}
    for oid, column, expression, schema, name in connection.execute(DEFAULTS, drawing).fetchall():
        old = connection.execute("select %s::regclass::text", (quoted(schema, name),)).fetchone()[0]
        new = literal(quoted(shadow_of(schema), name))
        text = moved(expression, f"{literal(old)}::regclass", f"{new}::regclass")
        connection.execute(sql.SQL("alter table {} alter {} set default {}").format(by_oid[oid].new, sql.Identifier(column), sql.SQL(text)))
    for oid, column, schema, name, sequence, *_others in rows:
        if sequence in serial:
            owner = sql.Identifier(shadow_of(schema), by_oid[oid].name, column)
            connection.execute(sql.SQL("alter sequence {} owned by {}").format(sql.Identifier(shadow_of(schema), name), owner))


def _new_text(relation: Relation) -> str:
    return quoted(shadow_of(relation.schema), relation.name)


def moved(definition: str, old: str, new: str) -> str:
    if definition.count(old) != 1:
        raise SyncError(f"Can't move this definition into the new schema: {definition}")
    return definition.replace(old, new)


def index_texts(connection: Any, relation: Relation) -> list[Any]:
    """Statements that build the indexes of a relation that holds rows."""
    rows = connection.execute(INDEXES, (relation.oid,)).fetchall()
    return [sql.SQL(moved(row[0], f" ON {row[1]} USING ", f" ON {_new_text(relation)} USING ")) for row in rows]


def add_keys(connection: Any, relation: Relation) -> None:
    """Constraints take over the indexes built for them."""
    for _definition, _old, name, kind, deferrable, deferred, _whole in connection.execute(INDEXES, (relation.oid,)).fetchall():
        if name is not None:
            word = "primary key" if kind == "p" else "unique"
            when = " deferrable" * deferrable + " initially deferred" * deferred
            text = sql.SQL("alter table {} add constraint {} {} using index {}{}")
            connection.execute(text.format(relation.new, sql.Identifier(name), sql.SQL(word), sql.Identifier(name), sql.SQL(when)))
    for name, definition in connection.execute(DIRECT, (relation.oid,)).fetchall():
        connection.execute(sql.SQL("alter table {} add constraint {} {}").format(relation.new, sql.Identifier(name), sql.SQL(definition)))


def add_root_indexes(connection: Any, relation: Relation) -> None:
    """Those of a root take in what its partitions have already."""
    for definition, old, name, _kind, _deferrable, _deferred, whole in connection.execute(INDEXES, (relation.oid,)).fetchall():
        if name is not None:
            connection.execute(sql.SQL("alter table {} add constraint {} {}").format(relation.new, sql.Identifier(name), sql.SQL(whole)))
        else:
            connection.execute(sql.SQL(moved(definition, f" ON ONLY {old} USING ", f" ON {_new_text(relation)} USING ")))
    for name, definition in connection.execute(DIRECT, (relation.oid,)).fetchall():
        connection.execute(sql.SQL("alter table {} add constraint {} {}").format(relation.new, sql.Identifier(name), sql.SQL(definition)))


class ForeignKey(NamedTuple):
    relation: Relation
    name: str
    definition: str
    other: Optional[int]  # the synchronized relation it points at
    validate: bool  # one that was NOT VALID stays so
    comment: Optional[str]


def foreign_keys(connection: Any, found: list[Relation]) -> list[ForeignKey]:
    by_oid = {relation.oid: relation for relation in found}
    keys = []
    for relation in found:
        for name, definition, other, text, partitioned, comment in connection.execute(FOREIGN_KEYS, (relation.oid,)).fetchall():
            if other in by_oid:
                definition = moved(definition, f" REFERENCES {text}(", f" REFERENCES {_new_text(by_oid[other])}(")
            proved = not definition.endswith((" NOT VALID", " NOT ENFORCED"))
            later = proved and not partitioned
            keys.append(ForeignKey(relation, name, definition + " NOT VALID" * later, other if other in by_oid else None, later, comment))
    return keys


def add_foreign_key(connection: Any, key: ForeignKey) -> None:
    text = sql.SQL("alter table {} add constraint {} {}")
    connection.execute(text.format(key.relation.new, sql.Identifier(key.name), sql.SQL(key.definition)))
    if key.comment is not None:
        text = sql.SQL("comment on constraint {} on {} is {}")
        connection.execute(text.format(sql.Identifier(key.name), key.relation.new, sql.Literal(key.comment)))


def validate(connection: Any, key: ForeignKey) -> None:
    connection.execute(sql.SQL("alter table {} validate constraint {}").format(key.relation.new, sql.Identifier(key.name)))


def set_sequences(source: Any, target: Any, pairs: list[tuple[Table, Table]]) -> None:
    """The sequences of the new tables go on where those of the source are."""
    for here, there in pairs:
        words = {"table": quoted(here.schema, here.name), "oid": here.oid}
        for column, last in source.execute(SEQUENCES, words).fetchall():
            place = (quoted(shadow_of(there.schema), there.name), column)
            if last is not None and target.execute("select pg_get_serial_sequence(%s, %s)", place).fetchone()[0] is not None:
                target.execute("select setval(pg_get_serial_sequence(%s, %s), %s)", (*place, last))


def hand_on(connection: Any, relation: Relation) -> None:
    """Owner, comment and grants of the table that is replaced, and of its sequences."""
    if relation.comment is not None:
        connection.execute(sql.SQL("comment on table {} is {}").format(relation.new, sql.Literal(relation.comment)))
    connection.execute(sql.SQL("alter table {} owner to {}").format(relation.new, sql.Identifier(relation.owner)))
    grants(connection, relation.oid, sql.SQL("table"), relation.new)
    for _oid, _column, _schema, name, sequence, *_others in connection.execute(OWNED, ([relation.oid],)).fetchall():
        new = sql.Identifier(shadow_of(relation.schema), name)
        grants(connection, sequence, sql.SQL("sequence"), new)
        comment = connection.execute("select obj_description(%s, 'pg_class')", (sequence,)).fetchone()[0]
        if comment is not None:
            connection.execute(sql.SQL("comment on sequence {} is {}").format(new, sql.Literal(comment)))


def grants(connection: Any, oid: int, kind: Any, name: Any) -> None:
    """As the relation of that number has them; the new one belongs to the same owner already."""
    made = connection.execute("select %s::regclass::oid", (name.as_string(connection),)).fetchone()[0]
    owner, wanted = connection.execute(OWNERS, (oid,)).fetchone()
    _owner, found = connection.execute(OWNERS, (made,)).fetchone()
    # What ALTER DEFAULT PRIVILEGES gave to a new object goes first: the old one alone decides who may do what.
    for role in sorted({row[0] for row in connection.execute(GRANTS, {"oid": made}).fetchall()}):
        connection.execute(sql.SQL("revoke all on {} {} from {}").format(kind, name, sql.SQL(role)))
    for word, privileges, by in (("revoke", set(found) - set(wanted), "from"), ("grant", set(wanted) - set(found), "to")):
        for privilege in sorted(privileges):
            words = (sql.SQL(word), sql.SQL(privilege), kind, name, sql.SQL(by), sql.SQL(owner))
            connection.execute(sql.SQL("{} {} on {} {} {} {}").format(*words))
    for role, privilege, grantable, column in connection.execute(GRANTS, {"oid": oid}).fetchall():
        only = sql.SQL(" ({})").format(sql.Identifier(column)) if column else sql.SQL("")
        tail = sql.SQL(" with grant option" if grantable else "")
        text = sql.SQL("grant {}{} on {} {} to {}{}")
        connection.execute(text.format(sql.SQL(privilege), only, kind, name, sql.SQL(role), tail))
