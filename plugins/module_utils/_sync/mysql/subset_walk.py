# SPDX-License-Identifier: GPL-3.0-or-later
"""The closure itself: keys come from the source, go back in batches, and bring the keys of children and of parents."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.catalog import WHOLE, Table
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import describe, is_error, literal, name
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.subset_keys import KEYS, SEED, Key, Rows
from ansible_collections.evenkeel.release.plugins.module_utils._sync.subset_plan import Component, Condition, Edge, Order, Request, Start, implied, threshold

NUMBER = "#n"
NUMBERS = ("decimal", "float", "double")
# Another answer each time, or an effect: not for a condition that says which rows belong together.
UNSTEADY = re.compile(
    r"\b(now|sysdate|curdate|curtime|current_date|current_time|current_timestamp|localtime|localtimestamp|utc_date|utc_time|utc_timestamp|unix_timestamp"
    r"|rand|random_bytes|uuid|uuid_short|sys_guid|sleep|benchmark|get_lock|release_lock|load_file|connection_id|nextval|lastval|setval)\b|@",
    re.IGNORECASE,
)


class Walk:
    def __init__(self, tables: Mapping[str, Table], request: Request, connection: Any, *, seed: int) -> None:
        self.tables = {full: Rows(table) for full, table in tables.items()}
        self.request = request
        self.connection = connection
        self.base: dict[str, set[Key]] = {full: set() for full in tables}
        self.added: dict[str, set[Key]] = {full: set() for full in tables}
        self.ways: dict[str, list[Optional[Edge]]] = {full: [] for full in tables}
        self.whole: set[str] = set()
        self.brought: dict[tuple[str, str, str], int] = {}
        connection.hand_over({SEED: str(seed).encode("ascii")})

    def chosen(self, full: str) -> set[Key]:
        return self.base[full] | self.added[full]

    def _count(self, direction: str, edge: str, full: str, rows: int) -> None:
        if full not in self.whole:
            place = (direction, edge, full)
            self.brought[place] = self.brought.get(place, 0) + rows

    def _ask(self, rows: Rows, text: str) -> set[Key]:
        return {rows.key(row) for row in self.connection.rows(text)}

    def _batches(self, rows: Rows, keys: Iterable[Key]) -> Iterable[None]:
        """Each time, a part of the keys has been handed over."""
        for data, _count in rows.batches(keys):
            self.connection.hand_over({KEYS: data})
            yield None

    # ---- base rows

    def down(self, order: Order) -> None:
        self.whole = set(order.whole)
        for component in order.down:
            fresh: dict[str, set[Key]] = {}
            for place, start in enumerate(self.request.starts):
                if start.table in component.tables:
                    self._enter("start", None, start.table, self._start(place, start), fresh)
            for edge in component.into:
                self._enter("children", edge, edge.child, self._children(edge, self.base[edge.parent]), fresh)
            while fresh:
                asked, fresh = fresh, {}
                for edge in component.inside:
                    if asked.get(edge.parent):
                        self._enter("children", edge, edge.child, self._children(edge, asked[edge.parent]), fresh)

    def _enter(self, direction: str, edge: Optional[Edge], full: str, found: set[Key], fresh: dict[str, set[Key]]) -> None:
        new = found - self.base[full]
        self.base[full] |= new
        if edge not in self.ways[full]:
            self.ways[full].append(edge)
        if new:
            fresh.setdefault(full, set()).update(new)
        self._count(direction, edge.name if edge else "", full, len(new))

    def _start(self, place: int, start: Start) -> set[Key]:
        rows, where = self.tables[start.table], f"subset.start[{place}] ({start.table})"
        if start.sql:
            self._check_expression(rows, start.sql, where=f"{where}.sql")
        parts = [self._compare(rows, one, where=where) for one in start.where]
        parts += [f"(\n{start.sql}\n)"] if start.sql else []
        if start.percent is not None and start.percent < 100:
            parts.append(f"cast(conv(left({rows.rank('t')}, 16), 16, 10) as unsigned) >> 1 < {threshold(start.percent)}")
        tail = f" order by {name('t', start.newest)} desc, {rows.ordered('t')} limit {int(start.limit)}" if start.limit is not None else ""
        text = f"select {', '.join(rows.shown('t'))} from {rows.relation} t where {' and '.join(parts) or 'true'}{tail}"
        try:
            found = self._ask(rows, text)
        except Exception as exc:
            if not is_error(exc):
                raise
            raise SyncError(f"{where}: the source refuses the condition: {describe(exc)}. Nothing was moved.") from None
        if not found:
            raise SyncError(f"{where}: no row of the source fits the condition. Nothing was moved.")
        return found

    def _compare(self, rows: Rows, one: Condition, *, where: str) -> str:
        place = name("t", one.column)
        if one.op in ("null", "not_null"):
            return f"{place} is {'null' if one.op == 'null' else 'not null'}"
        values = one.value if one.op == "in" else [one.value]
        kind = rows.table.types[one.column]
        if one.op != "like" and not all(self._fits(kind, value) for value in values):
            raise SyncError(f"{where}: a value doesn't fit the type of its column. Nothing was moved.")
        listed = ", ".join(map(_value, values))
        return f"{place} {one.op} {f'({listed})' if one.op == 'in' else listed}"  # op is one of subset_plan.OPERATORS

    def _fits(self, kind: str, value: Any) -> bool:
        """The server would compare with a zero, or with nothing, in silence."""
        if kind in (*WHOLE, *NUMBERS):
            return isinstance(value, (int, float)) or re.fullmatch(r"-?\d+([.]\d+)?", value) is not None
        if kind in ("date", "datetime", "timestamp"):
            return isinstance(value, str) and self.connection.one("select cast(%s as datetime) is null", (value,)) == (0,)
        return True

    def _check_expression(self, rows: Rows, text: str, *, where: str) -> None:
        """One expression by itself: it must parse between brackets of two kinds, so it can't close either. Trusted besides."""
        found = UNSTEADY.search(text)
        if found:
            raise SyncError(f"{where}: {found.group(0)} can give another answer each time; a subset must be the same for every reader. Nothing was moved.")
        for frame in ("(\n{}\n)", "(case when\n{}\nthen 1 else 0 end)"):
            try:
                self.connection.rows(f"select 1 from {rows.relation} t where {frame.format(text)} limit 0")
            except Exception as exc:
                if not is_error(exc):
                    raise
                raise SyncError(f"{where}: this isn't one expression over the table's columns: {describe(exc)}. Nothing was moved.") from None

    def _children(self, edge: Edge, parents: Collection[Key]) -> set[Key]:
        child, parent = self.tables[edge.child], self.tables[edge.parent]
        if edge.references == parent.columns:
            inner = f"select {', '.join(parent.values())} from {parent.listed}"
        else:
            inner = f"select {', '.join(name('o', one) for one in edge.references)} from {parent.listed} join {parent.relation} o on {parent.match('o')}"
        condition = f"({', '.join(name('t', one) for one in edge.columns)}) in ({inner}){_when(edge)}"
        text = f"select {', '.join(child.shown('t'))} from {child.relation} t where {condition}"
        if edge.per_parent is not None:
            self._need_key(edge)
            first = f"row_number() over (partition by {', '.join(name('t', one) for one in edge.columns)} order by {_rank(edge, child)})"
            text = f"select t.*, {first} as {name(NUMBER)} from {child.relation} t where {condition}"
            text = f"select {', '.join(child.shown('t'))} from ({text}) t where {name('t', NUMBER)} <= {int(edge.per_parent)}"
        found: set[Key] = set()
        for _batch in self._batches(parent, sorted(parents)):
            found |= self._ask(child, text)
        return found if edge.total is None or len(found) <= edge.total else self._first(edge, child, found)

    def _need_key(self, edge: Edge) -> None:
        if self.tables[edge.child].hashed:
            raise SyncError(f"subset: rows of {edge.child} can't be chosen one by one. Give it a primary key, or drop the limit of {edge.name}.")

    def _first(self, edge: Edge, child: Rows, keys: set[Key]) -> set[Key]:
        """The first of all that the edge would bring: one statement has to see them all."""
        self._need_key(edge)
        room = int(self.connection.one("select @@max_allowed_packet")[0]) - 1000
        batches = list(child.batches(sorted(keys), most=len(keys), most_bytes=room))
        if len(batches) > 1:
            raise SyncError(f"subset: total of {edge.name} has more rows to choose from than max_allowed_packet holds; use per_parent. Nothing was moved.")
        self.connection.hand_over({KEYS: batches[0][0]})
        tail = f"order by {_rank(edge, child)} limit {int(edge.total or 0)}"
        return self._ask(child, f"select {', '.join(child.shown('t'))} from {child.relation} t where {child.condition()} {tail}")

    # ---- what they refer to

    def up(self, order: Order) -> None:
        for component in order.up:
            edges = [one for one in (*component.inside, *component.out) if one.parent not in self.whole]
            waiting: dict[str, set[Key]] = {}
            for edge in edges:
                if edge.child in self.whole:
                    self._add(edge, self._parents(edge, None), component, waiting)
                    continue
                base = set() if implied(edge, self.ways[edge.child]) else self.base[edge.child]
                self._add(edge, self._parents(edge, base | self.added[edge.child]), component, waiting)
            while waiting:
                asked, waiting = waiting, {}
                for edge in edges:
                    if asked.get(edge.child):
                        self._add(edge, self._parents(edge, asked[edge.child]), component, waiting)

    def _add(self, edge: Edge, found: set[Key], component: Component, waiting: dict[str, set[Key]]) -> None:
        new = found - self.base[edge.parent] - self.added[edge.parent]
        if not new:
            return
        self.added[edge.parent] |= new
        self._count("parents", edge.name, edge.parent, len(new))
        if edge.parent in component.tables:
            waiting.setdefault(edge.parent, set()).update(new)

    def _parents(self, edge: Edge, children: Optional[Collection[Key]]) -> set[Key]:
        """None: of all children."""
        child, parent = self.tables[edge.child], self.tables[edge.parent]
        joined = " and ".join(f"{name('o', there)} = {name('t', here)}" for here, there in zip(edge.columns, edge.references))
        tail = f"join {parent.relation} o on {joined} where true{_when(edge)}"
        shown = f"select distinct {', '.join(parent.shown('o'))} from"
        if children is None:
            return self._ask(parent, f"{shown} {child.relation} t {tail}")
        text = f"{shown} {child.listed} join {child.relation} t on {child.match('t')} {tail}"
        found: set[Key] = set()
        for _batch in self._batches(child, sorted(children)):
            found |= self._ask(parent, text)
        return found


def _rank(edge: Edge, child: Rows) -> str:
    first = f"{name('t', edge.newest)} desc" if edge.newest else child.rank("t")
    return f"{first}, {child.ordered('t')}"


def _when(edge: Edge) -> str:
    return "".join(f" and {name('t', column)} = {_value(value)}" for column, value in edge.when)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return repr(value) if isinstance(value, (int, float)) else literal(str(value))
