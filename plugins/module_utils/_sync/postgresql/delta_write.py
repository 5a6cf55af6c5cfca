# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes go into the live tables of the target, all in one transaction in which every foreign key holds at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.catalog import Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.delta_rows import Key, live, names, need
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.statement import rows_of

# What a delete of a referenced row does, and whether its check may wait: only NO ACTION is looked at when the transaction ends.
REFERENCES = """
select k.conrelid::bigint, k.confrelid::bigint, k.conname::text, n.nspname::text, c.relname::text, k.confdeltype::text, k.condeferrable, k.condeferred
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
where k.contype = 'f' and k.conparentid = 0 and coalesce((to_jsonb(k) ->> 'conenforced')::bool, true)
  and (k.conrelid = any(%(oids)s::oid[]) or k.confrelid = any(%(oids)s::oid[])) order by 3, 1
"""
TRIGGERS = """
select n.nspname::text, c.relname::text, g.tgname::text, g.tgenabled::text from pg_trigger g
join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
where g.tgrelid = any(%s::oid[]) and not g.tgisinternal and g.tgenabled <> 'D' order by 1, 2, 3
"""
STATES = {"O": "enable", "R": "enable replica", "A": "enable always"}
UNIQUES = """
select count(*) from pg_index i where i.indrelid = %s and (i.indisunique or (to_jsonb(i) ->> 'indisexclusion')::bool)
"""


class Reference(NamedTuple):
    child: int
    parent: int
    name: str
    schema: str
    table: str
    action: str
    deferrable: bool
    deferred: bool


class Change(NamedTuple):
    """What waits in temporary tables for one table."""

    table: Table
    key: Optional[Key]
    stage: Any  # rows that differ from the target's, or are new
    matches: Optional[Any]  # which rows of the stage differ, and where the target has them
    doomed: Optional[Any]  # keys that go
    staged: int
    new: int
    gone: int


class Done(NamedTuple):
    inserted: int
    updated: int
    deleted: int


def lock(target: Any, tables: Sequence[Table]) -> None:
    """Nobody else may write while the changes go in; everybody may read."""
    listed = [rows_of(table) for table in sorted(tables, key=lambda one: one.full)]
    if listed:
        target.execute(sql.SQL("lock table {} in share row exclusive mode").format(sql.SQL(", ").join(listed)))


def match(target: Any, table: Table, key: Key, stage: Any, place: Any) -> tuple[int, int]:
    """(rows of the stage that differ, those of them that are new). One walk through the key's index: whoever writes then knows the
    place of each row. What the target holds already, byte for byte, isn't listed and so never written."""
    target.execute(sql.SQL("drop table if exists {}").format(place))
    text = sql.SQL(
        "create temporary table {} on commit drop as select s.ctid as item, t.ctid as place from {} s left join {} t on {}"
        " where t.ctid is null or record_image_ne(row({}), row({}))"
    )
    target.execute(text.format(place, stage, rows_of(table), key.equal("t", "s"), names(table, "t"), names(table, "s")))
    row = target.execute(sql.SQL("select count(*), count(*) filter (where place is null) from {}").format(place)).fetchone()
    return row[0], row[1]


def references(target: Any, tables: Sequence[Table]) -> list[Reference]:
    rows = target.execute(REFERENCES, {"oids": [table.oid for table in tables]}).fetchall()
    return [Reference(*row) for row in rows]


def children_first(tables: Sequence[Table], found: Sequence[Reference]) -> list[Table]:
    """Tables in the order in which rows may go. Within a cycle the order is that of the names."""
    left = {table.oid: table for table in sorted(tables, key=lambda one: one.full)}
    order: list[Table] = []
    while left:
        held = {one.parent for one in found if one.child in left and one.parent in left and one.child != one.parent}
        free = [oid for oid in left if oid not in held] or [next(iter(left))]
        order += [left.pop(oid) for oid in free]
    return order


def cyclic(tables: Sequence[Table], found: Sequence[Reference]) -> list[Reference]:
    """Foreign keys between different tables that no order of tables satisfies."""
    busy = {table.oid for table in tables}
    parents: dict[int, set[int]] = {}
    for one in found:
        if one.child in busy and one.parent in busy and one.child != one.parent:
            parents.setdefault(one.child, set()).add(one.parent)

    def reaches(start: int, goal: int) -> bool:
        seen, waiting = {start}, [start]
        while waiting:
            for oid in parents.get(waiting.pop(), set()) - seen:
                if oid == goal:
                    return True
                seen.add(oid)
                waiting.append(oid)
        return False

    return [one for one in found if one.parent in parents.get(one.child, set()) and reaches(one.parent, one.child)]


@contextmanager
def quiet(target: Any, tables: Sequence[Table], late: Sequence[Reference]) -> Iterator[list[str]]:
    """No trigger of a user fires, and the foreign keys of `late` are looked at when all is written; both are as before afterwards."""
    oids = [table.oid for table in tables] + [leaf.oid for table in tables for leaf in table.leaves]
    triggers = target.execute(TRIGGERS, (oids,)).fetchall()
    fixed = [one for one in late if not one.deferrable]
    for schema, table, name, _state in triggers:
        target.execute(sql.SQL("alter table only {} disable trigger {}").format(sql.Identifier(schema, table), sql.Identifier(name)))
    for one in fixed:
        _alter(target, one, "deferrable initially deferred")
    target.execute("set constraints all deferred")
    yield [f"{schema}.{table}.{name}" for schema, table, name, _state in triggers]
    target.execute("set constraints all immediate")
    for one in fixed:
        _alter(target, one, "not deferrable")
    for schema, table, name, state in triggers:
        text = sql.SQL("alter table only {} {} trigger {}")
        target.execute(text.format(sql.Identifier(schema, table), sql.SQL(STATES[state]), sql.Identifier(name)))


def _alter(target: Any, one: Reference, how: str) -> None:
    text = sql.SQL("alter table {} alter constraint {} {}")
    target.execute(text.format(sql.Identifier(one.schema, one.table), sql.Identifier(one.name), sql.SQL(how)))


def write(target: Any, changes: Mapping[str, Change], *, careful: bool) -> tuple[dict[str, Done], list[str]]:
    """Parents come before their children, and go after them. What cascades then finds only rows that go anyway.

    `careful` is for rows that hand a unique value on: they go first, and all foreign keys wait for the end. It costs readers a
    pause, because a constraint can't be altered beside them.
    """
    tables = [one.table for one in changes.values()]
    found = references(target, tables)
    order = [changes[table.full] for table in children_first(tables, found)]
    early = {one.table.oid for one in order if careful and all(link.action == "a" for link in found if link.parent == one.table.oid)}
    late = [link for link in found if link.parent in early] if careful else []
    gone: dict[str, int] = {}
    put: dict[str, tuple[int, int]] = {}
    with quiet(target, tables, [*late, *[link for link in cyclic(tables, found) if link not in late]]) as triggers:
        for one in order:
            if one.table.oid in early:
                gone[one.table.full] = _delete(target, one)
        for one in reversed(order):
            put[one.table.full] = _put(target, one, anew=_anew(target, one, careful=careful, early=early))
        for one in order:
            if one.table.oid not in early:
                gone[one.table.full] = _delete(target, one)
    return {name: Done(pair[0], pair[1], gone[name]) for name, pair in put.items()}, triggers


def _anew(target: Any, one: Change, *, careful: bool, early: set[int]) -> bool:
    """Whether changed rows have to be deleted and put again."""
    if one.key is None or not one.staged:
        return False
    # A column GENERATED ALWAYS AS IDENTITY takes no update.
    fixed = any(getattr(column, "identity", "") == "a" and column.name not in one.key.columns for column in one.table.columns)
    more = careful and target.execute(UNIQUES, (one.table.oid,)).fetchone()[0] > 1
    if (fixed or more) and careful and one.table.oid not in early:
        raise NeedsFull(f"{one.table.full}: rows hand unique values on to each other, and rows of other tables would go with them.")
    return bool(fixed or more)


def _delete(target: Any, one: Change) -> int:
    if not one.gone:
        return 0
    if one.key is None:
        return one.gone  # went before the new ones came
    text = sql.SQL("delete from {} t using {} d where {}").format(rows_of(one.table), one.doomed, one.key.equal("t", "d"))
    return int(target.execute(text).rowcount)


def _put(target: Any, one: Change, *, anew: bool) -> tuple[int, int]:
    """(inserted, updated). New rows come first: a changed one may refer to them."""
    if one.key is None:
        target.execute(sql.SQL("delete from {}").format(rows_of(one.table)))
    if not one.staged:
        return 0, 0
    if one.key is None:
        return _insert(target, one, condition=""), 0
    if anew:
        text = sql.SQL("delete from {} t using {}").format(rows_of(one.table), _by_place(one))
        removed = int(target.execute(text).rowcount)
        return _insert(target, one, condition="true") - removed, removed
    inserted = _insert(target, one, condition="m.place is null") if one.new else 0
    return inserted, _update(target, one) if one.staged > one.new else 0


def _by_place(one: Change) -> Any:
    """The rows whose places are known; the key tells partitions apart, in which a place may occur again."""
    text = sql.SQL("{} m, {} s where t.ctid = m.place and s.ctid = m.item").format(one.matches, one.stage)
    return text + sql.SQL(" and {}").format(need(one.key, one.table).equal("t", "s")) if one.table.partitioned else text


def _update(target: Any, one: Change) -> int:
    key = need(one.key, one.table)
    pairs = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Identifier("s", name)) for name in one.table.stored if name not in key.columns]
    text = sql.SQL("update {} t set {} from {}").format(rows_of(one.table), sql.SQL(", ").join(pairs), _by_place(one))
    return int(target.execute(text).rowcount)


def _insert(target: Any, one: Change, *, condition: str) -> int:
    """`condition` is over the list m of what differs; without one all of the stage goes in."""
    text = sql.SQL("insert into {} ({}) overriding system value select {} from {} s").format(
        live(one.table), names(one.table), names(one.table, "s"), one.stage
    )
    if condition:
        text += sql.SQL(" join {} m on s.ctid = m.item where ").format(one.matches) + sql.SQL(condition)
    return int(target.execute(text).rowcount)
