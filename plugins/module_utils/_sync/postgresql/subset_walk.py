# SPDX-License-Identifier: GPL-3.0-or-later
"""How a closure asks the source: aggregates over the rows of one table, key values as answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_crew import Crew
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_keys import Keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_keys import collected as aggregate
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_rows import FEW, Book, Way, both, columns_of
from ansible_collections.evenkeel.release.plugins.module_utils._sync.subset_plan import Edge

T = columns_of("t")
MANY = 1000000  # key values that don't lie close together are not gathered beyond this; the server joins instead
Kind = tuple[str, tuple[str, ...]]  # a table, and columns of it that are referred to


class Counts(NamedTuple):
    ways: dict[str, list[int]]  # table: rows per way, each row counted once; only of tables that had to be read
    parents: dict[str, int]  # edge: rows that it added
    added: dict[str, int]  # table: rows that all edges added


class Walk:
    def __init__(self, book: Book, crew: Crew, counts: Counts):
        self.book = book
        self.crew = crew
        self.counts = counts

    def scan(self, table: str, condition: Any, wanted: Sequence[Any], *, once: bool = False) -> list[Any]:
        self.crew.share(self.book.settings())
        return self.crew.scan(table, condition, wanted, once=once)

    def collected(self, kind: Kind, condition: Any, *, columns: Sequence[str] = ()) -> Any:
        """Values of the kind: of its own columns, or of columns that refer to them."""
        return aggregate([T(column) for column in columns or kind[1]], condition, integer=self.book.source.integer(*kind))

    def present(self, columns: Sequence[str]) -> Any:
        return both([sql.SQL("{} is not null").format(T(column)) for column in columns])

    def gather(self, kind: Kind, edge: Edge) -> None:
        """Key values of base rows, where the child can't tell by itself; a long list that can't be a map is left to the server."""
        if kind in self.book.keys or self.book.pushed(edge) or not self.book.source.integer(*kind):
            return
        keys = self.book.new_keys(*kind)
        for row in self.scan(kind[0], self.book.base(kind[0], T), [self.collected(kind, self.present(kind[1]))]):
            keys.load(row[0])
        if keys.mapped or len(keys) <= MANY:
            self.book.keys[kind] = keys

    def asking(self, table: str, columns: Sequence[str], kind: Kind, values: list[Any]) -> tuple[Any, bool]:
        """(rows of the table with one of these values, whether an index is likely to find them)."""
        keys = Keys("evenkeel.subset_now", self.book.source.types(*kind), integer=self.book.source.integer(*kind))
        keys.add(values)
        few = columns[0] in self.book.source.leading[table] and len(keys) * FEW < self.book.source.plain[kind[0]].rows
        condition = keys.condition(columns, T, few=few)
        self.crew.share(keys.settings)
        return condition, few

    def shares(self, ways: Sequence[Way]) -> list[Any]:
        """How many rows each way brought, where one that several ways brought is the first one's."""
        parts = [way.condition(T) for way in ways]
        return [sql.SQL("count(*) filter (where {})").format(first_of(parts, place)) for place in range(len(parts))]


def first_of(parts: Sequence[Any], place: int) -> Any:
    """The condition at this place, where none before it holds."""
    return both([parts[place], *(sql.SQL("({}) is not true").format(part) for part in parts[:place])])
