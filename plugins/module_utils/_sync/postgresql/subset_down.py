# SPDX-License-Identifier: GPL-3.0-or-later
"""Downwards: start rows and their children. A cycle goes round with what was new in the last round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_keys import Keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_rows import Way, both, either
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_walk import Kind, T, Walk
from ansible_collections.evenkeel.release.plugins.module_utils._sync.subset_plan import Component, Edge, Start


class Down(Walk):
    def base(self, component: Component) -> None:
        for start in self.book.request.starts:
            if start.table in component.tables:
                self.book.rows[start.table].ways.append(self._start(start))
        for edge in component.into:
            if self.book.rows[edge.parent].ways:
                self.gather((edge.parent, edge.references), edge)
                way = self._choose(edge) if edge.limited else self.book.along(edge)
                self.book.rows[edge.child].ways.append(way)
        if component.cyclic:
            self._rounds(component)

    def _start(self, start: Start) -> Way:
        way = self.book.start(start)
        if start.limit is None:
            return way
        keys = self._identity(start.table)
        order = sql.SQL("{} desc nulls last").format(T(start.newest))
        self._first(start.table, way.condition(T), keys, order=order, total=start.limit)
        return self.book.chosen(None, start.table, keys)

    def _identity(self, table: str) -> Keys:
        columns = self.book.source.key(table)
        if not columns:
            raise SyncError(f"subset: rows of {table} can't be chosen one by one: it has partitions and no key. Give it a primary key, or drop the limit.")
        return self.book.new_keys(table, columns)

    def _first(self, table: str, condition: Any, keys: Keys, *, order: Any, total: int) -> None:
        columns = self.book.source.key(table)
        names = sql.SQL(", ").join(map(T, columns))
        text = sql.SQL("select {} from (select {} from {} t where {} order by {}, {} limit {}) t").format(
            self.collected((table, columns), sql.SQL("true")), names, self.book.source.relation(table), condition, order, names, sql.Literal(total)
        )
        self.crew.share(self.book.settings())
        for row in self.crew.run(0, text):
            keys.load(row[0])

    def _ranked(self, edge: Edge, condition: Any) -> Any:
        """The first rows of each parent, as a table `t` with the columns that the closure asks for."""
        source = self.book.source
        needed = {*source.key(edge.child), *(column for kind in self._kinds(edge.child) for column in kind[1])}
        names = sql.SQL(", ").join(map(T, sorted(needed)))
        first = sql.SQL("select {}, row_number() over (partition by {} order by {}) as {} from {} t where {}").format(
            names,
            sql.SQL(", ").join(map(T, edge.columns)),
            self._rank(edge),
            sql.Identifier("#n"),
            source.relation(edge.child),
            condition,
        )
        return sql.SQL("({}) t where t.{} <= {}").format(first, sql.Identifier("#n"), sql.Literal(edge.per_parent))

    def _rank(self, edge: Edge) -> Any:
        first = sql.SQL("{} desc nulls last").format(T(edge.newest)) if edge.newest else self.book.hashed(edge.child, T)
        return sql.SQL("{}, {}").format(first, sql.SQL(", ").join(map(T, self.book.source.key(edge.child))))

    def _kinds(self, table: str) -> list[Kind]:
        return sorted({(table, edge.references) for edge in self.book.request.edges if edge.parent == table})

    def _choose(self, edge: Edge) -> Way:
        keys = self._identity(edge.child)
        columns = self.book.source.key(edge.child)
        condition = both([self.present(edge.columns), self.book.along(edge).condition(T)])
        if edge.per_parent is not None:
            text = sql.SQL("select {} from {}").format(self.collected((edge.child, columns), sql.SQL("true")), self._ranked(edge, condition))
            self.crew.share(self.book.settings())
            for row in self.crew.run(0, text):
                keys.load(row[0])
            if edge.total is None or len(keys) <= edge.total:
                return self.book.chosen(edge, edge.child, keys)
            condition, keys = self.book.chosen(edge, edge.child, keys).condition(T), self._identity(edge.child)
        first = sql.SQL("{} desc nulls last").format(T(edge.newest)) if edge.newest else self.book.hashed(edge.child, T)
        self._first(edge.child, condition, keys, order=first, total=edge.total or 0)
        return self.book.chosen(edge, edge.child, keys)

    def _rounds(self, component: Component) -> None:
        """A cycle: each round asks for the children of the keys that the round before found."""
        kinds: dict[str, list[Kind]] = {name: [] for name in component.tables}
        for parent, references in sorted({(edge.parent, edge.references) for edge in component.inside}):
            kinds[parent].append((parent, references))
        before = {name: list(self.book.rows[name].ways) for name in component.tables}
        for name in component.tables:
            self.book.keys.update({kind: self.book.new_keys(*kind) for kind in kinds[name]})
        limited = {edge.name: self._identity(edge.child) for edge in component.inside if edge.limited}
        for edge in component.inside:
            way = self.book.chosen(edge, edge.child, limited[edge.name]) if edge.limited else self.book.along(edge)
            self.book.rows[edge.child].ways.append(way)
        brought: dict[str, int] = {}
        fresh: dict[Kind, list[Any]] = {}
        seeds = {name: self._seeds(name, kinds[name], ways, fresh) for name, ways in before.items()}
        while fresh:
            asked, fresh = fresh, {}
            for edge in component.inside:
                values = asked.get((edge.parent, edge.references))
                if values:
                    new = self._children(edge, values, kinds[edge.child], fresh, limited.get(edge.name))
                    brought[edge.name] = brought.get(edge.name, 0) + new
        for name in component.tables:
            kind = (name, self.book.source.key(name))
            if kind in kinds[name]:
                self.book.rows[name].members = (kind[1], self.book.keys[kind])
                inside = [brought.get(edge.name, 0) for edge in component.inside if edge.child == name]
                self.counts.ways[name] = [*seeds[name], *inside]

    def _seeds(self, name: str, kinds: list[Kind], ways: list[Way], fresh: dict[Kind, list[Any]]) -> list[int]:
        """Rows per way into the cycle."""
        if not ways:
            return []
        wanted = [self.collected(kind, self.present(kind[1])) for kind in kinds]
        found = self.scan(name, either([way.condition(T) for way in ways]), [*wanted, *self.shares(ways)])
        self._note(fresh, kinds, found)
        return [sum(column) for column in list(zip(*found))[len(kinds) :]]

    def _note(self, fresh: dict[Kind, list[Any]], kinds: Sequence[Kind], found: Sequence[Any]) -> int:
        """How many rows are new, as far as the table's own key is asked for."""
        count = 0
        for row in found:
            for kind, values in zip(kinds, row):
                keys = self.book.keys[kind]
                new = keys.add(keys.read(values))
                if new:
                    fresh.setdefault(kind, []).extend(new)
                    count += len(new) if kind[1] == self.book.source.key(kind[0]) else 0
        return count

    def _children(self, edge: Edge, values: list[Any], kinds: list[Kind], fresh: dict[Kind, list[Any]], chosen: Optional[Keys]) -> int:
        condition, once = self.asking(edge.child, edge.columns, (edge.parent, edge.references), values)
        condition = both([condition, self.book.holds(edge, T)])
        wanted = [self.collected(kind, self.present(kind[1])) for kind in kinds]
        if chosen is None:
            return self._note(fresh, kinds, self.scan(edge.child, condition, wanted, once=once))
        identity = self.collected((edge.child, self.book.source.key(edge.child)), sql.SQL("true"))
        self.crew.share(self.book.settings())
        text = sql.SQL("select {} from {}").format(sql.SQL(", ").join([*wanted, identity]), self._ranked(edge, condition))
        found = self.crew.run(0, text)
        for row in found:
            chosen.load(row[-1])
        return self._note(fresh, kinds, found)
