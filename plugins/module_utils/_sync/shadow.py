# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy that grows beside the target's tables and takes their place in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.catalog import NEW, OLD, STATE, Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.driver import SyncError, sql

LOCK = 7881209417  # advisory lock of the target: one synchronization at a time
SERIALS = """
select a.attname, s.relname, format_type(q.seqtypid, null), s.oid from pg_depend d
join pg_class s on s.oid = d.objid and s.relkind = 'S' join pg_sequence q on q.seqrelid = s.oid
join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass and d.refobjid = %s and d.deptype = 'a'
"""
FOREIGN_KEYS = """
select conname, pg_get_constraintdef(oid), confrelid, confrelid::regclass::text from pg_constraint
where conrelid = %s and contype = 'f' order by conname
"""
# A primary key or a unique constraint is an index first, so that all indexes of a table can be built at the same time.
INDEXES = """
select pg_get_indexdef(i.indexrelid), i.indrelid::regclass::text, k.conname, k.contype::text, k.condeferrable, k.condeferred from pg_index i
left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
where i.indrelid = %s and (k.contype is null or k.contype <> 'x' and pg_get_constraintdef(k.oid) !~ 'WITHOUT OVERLAPS')
order by 1
"""
DIRECT = """
select conname, pg_get_constraintdef(oid) from pg_constraint
where conrelid = %s and (contype = 'x' or contype in ('p', 'u') and pg_get_constraintdef(oid) ~ 'WITHOUT OVERLAPS') order by 1
"""
GRANTS = """
select coalesce(quote_ident(r.rolname), 'public'), a.privilege_type, a.is_grantable, null::text
from pg_class c, aclexplode(c.relacl) a left join pg_roles r on r.oid = a.grantee where c.oid = %(oid)s and a.grantee <> c.relowner
union all
select coalesce(quote_ident(r.rolname), 'public'), a.privilege_type, a.is_grantable, t.attname
from pg_attribute t, aclexplode(t.attacl) a left join pg_roles r on r.oid = a.grantee where t.attrelid = %(oid)s
"""
SEQUENCES = """
select a.attname, pg_sequence_last_value(pg_get_serial_sequence(%(table)s, a.attname)::regclass) from pg_attribute a
where a.attrelid = %(oid)s and a.attnum > 0 and not a.attisdropped
  and pg_get_serial_sequence(%(table)s, a.attname) is not null
"""


def quoted(*names: str) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def clean(connection: Any) -> None:
    """What a killed run left behind."""
    for schema in (NEW, OLD):
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))


def lock(connection: Any) -> None:
    connection.execute("set lock_timeout = '20s'")
    connection.execute("select pg_advisory_lock(%s)", (LOCK,))


def create(connection: Any, tables: list[Table]) -> None:
    connection.execute(sql.SQL("create schema {}").format(sql.Identifier(NEW)))
    for table in tables:
        new, old = sql.Identifier(NEW, table.name), sql.Identifier(table.schema, table.name)
        text = sql.SQL("create table {} (like {} including all excluding indexes excluding statistics)")
        connection.execute(text.format(new, old))
        for option in table.options:
            name, _equals, value = option.partition("=")
            connection.execute(sql.SQL("alter table {} set ({} = {})").format(new, sql.Identifier(name), sql.Literal(value)))
        for column, sequence, kind, _oid in connection.execute(SERIALS, (table.oid,)).fetchall():
            name = sql.Identifier(NEW, sequence)
            made = sql.SQL("create sequence {} as {} owned by {}")
            connection.execute(made.format(name, sql.SQL(kind), sql.Identifier(NEW, table.name, column)))
            text = sql.SQL("alter table {} alter {} set default nextval({}::regclass)")
            connection.execute(text.format(new, sql.Identifier(column), sql.Literal(quoted(NEW, sequence))))


def index_jobs(connection: Any, tables: list[Table]) -> list[Any]:
    """Statements that build the indexes of the shadow, largest table first."""
    jobs = []
    for table in sorted(tables, key=lambda one: -one.blocks):
        for definition, old, *_constraint in connection.execute(INDEXES, (table.oid,)).fetchall():
            jobs.append(sql.SQL(moved(definition, f" ON {old} USING ", f" ON {quoted(NEW, table.name)} USING ")))
    return jobs


def add_keys(connection: Any, table: Table) -> None:
    new = sql.Identifier(NEW, table.name)
    for _definition, _old, name, kind, deferrable, deferred in connection.execute(INDEXES, (table.oid,)).fetchall():
        if name is not None:
            word = "primary key" if kind == "p" else "unique"
            when = " deferrable" * deferrable + " initially deferred" * deferred
            text = sql.SQL("alter table {} add constraint {} {} using index {}{}")
            connection.execute(text.format(new, sql.Identifier(name), sql.SQL(word), sql.Identifier(name), sql.SQL(when)))
    for name, definition in connection.execute(DIRECT, (table.oid,)).fetchall():
        connection.execute(sql.SQL("alter table {} add constraint {} {}").format(new, sql.Identifier(name), sql.SQL(definition)))


def moved(definition: str, old: str, new: str) -> str:
    if definition.count(old) != 1:
        raise SyncError(f"Can't move this definition into the new schema: {definition}")
    return definition.replace(old, new)


def add_foreign_keys(connection: Any, tables: list[Table]) -> dict[str, list[str]]:
    """Unproved as yet. {table: names of the foreign keys to validate}; one that was NOT VALID stays so."""
    synced = {table.oid: table for table in tables}
    found: dict[str, list[str]] = {}
    for table in tables:
        for name, definition, other, text in connection.execute(FOREIGN_KEYS, (table.oid,)).fetchall():
            if other in synced:
                definition = moved(definition, f" REFERENCES {text}(", f" REFERENCES {quoted(NEW, synced[other].name)}(")
            if not definition.endswith((" NOT VALID", " NOT ENFORCED")):
                definition += " NOT VALID"
                found.setdefault(table.full, []).append(name)
            made = sql.SQL("alter table {} add constraint {} {}")
            connection.execute(made.format(sql.Identifier(NEW, table.name), sql.Identifier(name), sql.SQL(definition)))
    return found


def finish(connection: Any, table: Table, foreign_keys: list[str]) -> None:
    new = sql.Identifier(NEW, table.name)
    for name in foreign_keys:
        connection.execute(sql.SQL("alter table {} validate constraint {}").format(new, sql.Identifier(name)))
    connection.execute(sql.SQL("analyze {}").format(new))


def set_sequences(source: Any, target: Any, pairs: list[Any]) -> None:
    for here, there in pairs:
        words = {"table": quoted(here.schema, here.name), "oid": here.oid}
        for column, last in source.execute(SEQUENCES, words).fetchall():
            if last is not None:
                place = (quoted(NEW, there.name), column, last)
                target.execute("select setval(pg_get_serial_sequence(%s, %s), %s)", place)


def hand_on(connection: Any, table: Table) -> None:
    """Owner, comment and grants of the table that is replaced, and of its sequences."""
    new = sql.Identifier(NEW, table.name)
    comment = connection.execute("select obj_description(%s, 'pg_class')", (table.oid,)).fetchone()[0]
    if comment is not None:
        connection.execute(sql.SQL("comment on table {} is {}").format(new, sql.Literal(comment)))
    grants(connection, table.oid, sql.SQL("table"), new)
    for _column, sequence, _kind, oid in connection.execute(SERIALS, (table.oid,)).fetchall():
        grants(connection, oid, sql.SQL("sequence"), sql.Identifier(NEW, sequence))
    connection.execute(sql.SQL("alter table {} owner to {}").format(new, sql.Identifier(table.owner)))


def grants(connection: Any, oid: int, kind: Any, name: Any) -> None:
    # What ALTER DEFAULT PRIVILEGES gave to a new object goes first: the old one alone decides who may do what.
    made = connection.execute("select %s::regclass::oid", (name.as_string(connection),)).fetchone()[0]
    for role in sorted({row[0] for row in connection.execute(GRANTS, {"oid": made}).fetchall()}):
        connection.execute(sql.SQL("revoke all on {} {} from {}").format(kind, name, sql.SQL(role)))
    for role, privilege, grantable, column in connection.execute(GRANTS, {"oid": oid}).fetchall():
        only = sql.SQL(" ({})").format(sql.Identifier(column)) if column else sql.SQL("")
        tail = sql.SQL(" with grant option" if grantable else "")
        text = sql.SQL("grant {}{} on {} {} to {}{}")
        connection.execute(text.format(sql.SQL(privilege), only, kind, name, sql.SQL(role), tail))


def swap(connection: Any, tables: list[Table], *, policy: str, state: Mapping[str, Any]) -> None:
    with connection.transaction():
        connection.execute("set local lock_timeout = '30s'; set local synchronous_commit to default")
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(OLD)))
        for table in tables:
            text = sql.SQL("alter table {} set schema {}")
            connection.execute(text.format(sql.Identifier(table.schema, table.name), sql.Identifier(OLD)))
            connection.execute(text.format(sql.Identifier(NEW, table.name), sql.Identifier(table.schema)))
        remember(connection, policy=policy, state=state)
    clean(connection)


def remember(connection: Any, *, policy: str, state: Mapping[str, Any]) -> None:
    connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(STATE)))
    place = sql.Identifier(STATE, "data_sync")
    connection.execute(sql.SQL("create table if not exists {} (policy text primary key, state jsonb not null)").format(place))
    text = sql.SQL("insert into {} values (%s, %s::jsonb) on conflict (policy) do update set state = excluded.state")
    connection.execute(text.format(place), (policy, json.dumps(state)))


def remembered(connection: Any, policy: str) -> dict[str, Any]:
    if connection.execute("select to_regclass(%s)", (f"{STATE}.data_sync",)).fetchone()[0] is None:
        return {}
    place = sql.Identifier(STATE, "data_sync")
    row = connection.execute(sql.SQL("select state from {} where policy = %s").format(place), (policy,)).fetchone()
    return dict(row[0]) if row else {}
