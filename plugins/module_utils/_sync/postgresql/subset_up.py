# SPDX-License-Identifier: GPL-3.0-or-later
"""Upwards: every parent that a row of the subset refers to, and theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_keys import Keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_rows import both, either
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_walk import Kind, T, Walk, first_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.subset_plan import Component, Edge, implied


class Up(Walk):
    def need(self, component: Component) -> None:
        waiting: list[tuple[Kind, list[Any]]] = []
        for name in component.tables:
            edges = self._leaving(name, component)
            waiting += [((name, columns), list(keys)) for columns, keys in self.book.rows[name].added.items() if edges and len(keys)]
        for name in component.tables:
            self._of_base(name, component, waiting)
        while waiting:
            kind, values = waiting.pop()
            edges = self._leaving(kind[0], component)
            if edges:
                condition, once = self.asking(kind[0], kind[1], kind, values)
                found = self.scan(kind[0], condition, [self._wanted(edge) for edge in edges], once=once)
                self._add(edges, found, component, waiting)
        for name in component.tables:
            self._count_added(name)

    def _leaving(self, name: str, component: Component) -> list[Edge]:
        return [edge for edge in (*component.inside, *component.out) if edge.child == name and not self.book.rows[edge.parent].whole]

    def _of_base(self, name: str, component: Component, waiting: list[tuple[Kind, list[Any]]]) -> None:
        rows = self.book.rows[name]
        if not rows.whole and not rows.ways:
            return
        ways = [None] if rows.whole else [way.edge for way in rows.ways]
        edges = [edge for edge in self._leaving(name, component) if not implied(edge, ways)]
        shares = [] if rows.whole or len(rows.ways) < 2 or name in self.counts.ways else self.shares(rows.ways)
        if not edges and not shares:
            return
        condition = sql.SQL("true") if rows.whole else self.book.base(name, T)
        found = self.scan(name, condition, [*(self._wanted(edge) for edge in edges), *shares])
        if shares:
            self.counts.ways[name] = [sum(column) for column in list(zip(*found))[len(edges) :]]
        self._add(edges, [row[: len(edges)] for row in found], component, waiting)

    def _wanted(self, edge: Edge) -> Any:
        """What rows refer to along this edge that is no base row."""
        parts = [self.book.holds(edge, T)]
        if self.book.rows[edge.parent].ways:
            parts.append(sql.SQL("({}) is not true").format(self._in_base(edge)))
        return self.collected((edge.parent, edge.references), both(parts), columns=edge.columns)

    def _in_base(self, edge: Edge) -> Any:
        self.gather((edge.parent, edge.references), edge)
        return self.book.inside(edge, T)

    def _add(self, edges: Sequence[Edge], found: Sequence[Any], component: Component, waiting: list[tuple[Kind, list[Any]]]) -> None:
        for place, edge in enumerate(edges):
            kind = (edge.parent, edge.references)
            added = self.book.rows[edge.parent].added
            keys = added.setdefault(edge.references, self.book.new_keys(*kind)) if edge.references not in added else added[edge.references]
            fresh: list[Any] = []
            if edge.proved:
                for row in found:
                    fresh += keys.add(keys.read(row[place]))
            else:
                fresh = keys.add(self._existing(edge, keys, [value for row in found for value in keys.read(row[place])]))
            if fresh:
                self.counts.parents[edge.name] = self.counts.parents.get(edge.name, 0) + len(fresh)
                if edge.parent in component.tables:
                    waiting.append((kind, fresh))

    def _existing(self, edge: Edge, keys: Keys, values: list[Any]) -> list[Any]:
        """Without a proved key a value may refer to nothing."""
        kind = (edge.parent, edge.references)
        if not values:
            return []
        condition, once = self.asking(edge.parent, edge.references, kind, values)
        rows = self.scan(edge.parent, condition, [self.collected(kind, sql.SQL("true"))], once=once)
        return [value for row in rows for value in keys.read(row[0])]

    def _count_added(self, name: str) -> None:
        """A row that was added for its one key and for its other is one row; a key without a proof may name several."""
        kinds = {columns: keys for columns, keys in self.book.rows[name].added.items() if len(keys)}
        unique = {edge.references for edge in self.book.request.edges if edge.parent == name and edge.declared}
        if not kinds:
            return
        if len(kinds) == 1 and set(kinds) <= unique:
            self.counts.added[name] = sum(map(len, kinds.values()))
            return
        parts = [self.book.surplus(name, columns, T) for columns in kinds]
        wanted = [sql.SQL("count(*) filter (where {})").format(first_of(parts, place)) for place in range(len(parts))]
        rows = [sum(column) for column in zip(*self.scan(name, either(parts), wanted))]
        self.counts.added[name] = sum(rows)
        for columns, count in zip(kinds, rows):
            self._credit([edge.name for edge in self.book.request.edges if (edge.parent, edge.references) == (name, columns)], count)

    def _credit(self, names: Sequence[str], rows: int) -> None:
        """So many rows came along these edges; more were claimed when another key had brought a row before, less when a key names several."""
        brought = self.counts.parents
        claimed = [name for name in names if name in brought]
        rest = rows - sum(brought[name] for name in claimed)
        for name in claimed[::-1]:
            change = max(rest, -brought[name])
            brought[name] += change
            rest -= change
