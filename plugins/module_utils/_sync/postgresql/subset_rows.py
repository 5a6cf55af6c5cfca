# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of a subset as conditions: which rows of a table are in, and why."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync import subset_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import sql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_catalog import Source, bare
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_keys import Keys, Ref, current

SEED = "evenkeel.subset_seed"
FEW = 50  # with less than one parent in so many, children are looked up in an index instead of read all


def columns_of(alias: str) -> Ref:
    return lambda column: sql.Identifier(alias, column)


def either(parts: Sequence[Any]) -> Any:
    if not parts:
        return sql.SQL("false")
    return parts[0] if len(parts) == 1 else sql.SQL("({})").format(sql.SQL(" or ").join(sql.SQL("({})").format(part) for part in parts))


def both(parts: Sequence[Any]) -> Any:
    return sql.SQL(" and ").join(sql.SQL("({})").format(part) for part in parts) if parts else sql.SQL("true")


class Way(NamedTuple):
    """One reason for a row to be in."""

    edge: Optional[subset_plan.Edge]  # None: a start row
    uses: frozenset[str]  # the only columns that decide
    condition: Callable[[Ref], Any]


class Rows:
    """Base rows of one table, and the keys that were added for what refers to them."""

    def __init__(self) -> None:
        self.whole = False
        self.ways: list[Way] = []
        self.members: Optional[tuple[tuple[str, ...], Keys]] = None  # keys of all base rows: one question instead of one for each way
        self.added: dict[tuple[str, ...], Keys] = {}

    @property
    def empty(self) -> bool:
        return not self.whole and not self.ways and not any(map(len, self.added.values()))


class Book:
    """All that is known of the subset while it is made."""

    def __init__(self, source: Source, request: subset_plan.Request, seed: int):
        self.source = source
        self.request = request
        self.seed = seed
        self.rows: dict[str, Rows] = {name: Rows() for name in request.tables}
        self.keys: dict[tuple[str, tuple[str, ...]], Keys] = {}  # of base rows: what children refer to
        self.all_keys: list[Keys] = []
        self.aliases = itertools.count()
        self.lookups = 0  # conditions written that an index answers
        self.builds = 0  # conditions written that cost each statement something before the first row

    def new_keys(self, table: str, columns: tuple[str, ...]) -> Keys:
        keys = Keys(f"evenkeel.subset{len(self.all_keys)}_", self.source.types(table, columns), integer=self.source.integer(table, columns))
        self.all_keys.append(keys)
        return keys

    def among(self, keys: Keys, columns: Sequence[str], ref: Ref, *, few: bool) -> Any:
        self.lookups += few
        self.builds += not few and not keys.mapped
        return keys.condition(columns, ref, few=few)

    # ---- a start

    def hashed(self, table: str, ref: Ref) -> Any:
        """63 bits of a row's key under the seed."""
        columns = self.source.plain[table].key or tuple(self.source.plain[table].columns)
        seed = sql.SQL("(select {}::bigint)").format(current(SEED))
        if self.source.integer(table, columns):
            return sql.SQL("hashint8extended({}::bigint, {}) & 9223372036854775807").format(ref(columns[0]), seed)
        texts = sql.SQL(", ").join(sql.SQL("{}::text").format(ref(column)) for column in columns)
        return sql.SQL("hashtextextended(concat_ws('|', {}) collate \"C\", {}) & 9223372036854775807").format(texts, seed)

    def start(self, start: subset_plan.Start) -> Way:
        table = self.source.plain[start.table]
        uses = {condition.column for condition in start.where}
        if start.percent is not None:
            uses |= set(table.key or table.columns)
        if start.sql or any(condition.op == "null" for condition in start.where):
            uses = {*table.columns, ""}  # nothing but the row itself can tell

        def condition(ref: Ref) -> Any:
            parts = [self._compare(table, one, ref) for one in start.where]
            if start.sql:
                parts.append(sql.SQL("\n") + sql.SQL(start.sql) + sql.SQL("\n"))  # the checked expression of the document
            if start.percent is not None and start.percent < 100:
                parts.append(sql.SQL("({}) < {}").format(self.hashed(table.name, ref), sql.Literal(subset_plan.threshold(start.percent))))
            return both(parts)

        return Way(None, frozenset(uses), condition)

    def _compare(self, table: subset_plan.Table, one: subset_plan.Condition, ref: Ref) -> Any:
        if one.op in ("null", "not_null"):
            return sql.SQL("{} is {}").format(ref(one.column), sql.SQL("null" if one.op == "null" else "not null"))
        kind = sql.SQL(bare(table.columns[one.column]))
        if one.op == "in":
            values = sql.SQL(", ").join(sql.SQL("{}::{}").format(sql.Literal(text_of(value)), kind) for value in one.value)
            return sql.SQL("{} in ({})").format(ref(one.column), values)
        if one.op == "like":
            return sql.SQL("{}::text like {}").format(ref(one.column), sql.Literal(str(one.value)))
        return sql.SQL("{} {} {}::{}").format(ref(one.column), sql.SQL(one.op), sql.Literal(text_of(one.value)), kind)

    # ---- along an edge

    def holds(self, edge: subset_plan.Edge, ref: Ref, *, nulls: bool = True) -> Any:
        """The row refers to something along this edge."""
        parts = [sql.SQL("{} is not null").format(ref(column)) for column in edge.columns if nulls]
        types = self.source.plain[edge.child].columns
        parts += [sql.SQL("{} = {}::{}").format(ref(name), sql.Literal(text_of(value)), sql.SQL(bare(types[name]))) for name, value in edge.when]
        return both(parts)

    def pushed(self, edge: subset_plan.Edge) -> bool:
        """Whether the child's own columns tell if its parent is a base row: the key has been proved, and nothing else decides."""
        if not edge.proved:
            return False
        exact = self.source.exact
        for column, other in zip(edge.columns, edge.references):
            if column not in exact[edge.child] or other not in exact[edge.parent]:
                return False
            if subset_plan.family(self.source.types(edge.child, (column,))[0]) != subset_plan.family(self.source.types(edge.parent, (other,))[0]):
                return False
        ways = self.rows[edge.parent].ways
        return bool(ways) and all(way.uses <= set(edge.references) for way in ways)

    def inside(self, edge: subset_plan.Edge, ref: Ref) -> Any:
        """What the row refers to is a base row (of those that bring children)."""
        rows = self.rows[edge.parent]
        if self.pushed(edge):
            names = dict(zip(edge.references, edge.columns))
            present = [sql.SQL("{} is not null").format(ref(column)) for column in edge.columns if column not in self.source.filled[edge.child]]
            return both([*present, either([way.condition(lambda one: ref(names[one])) for way in rows.ways])])
        keys = self.keys.get((edge.parent, edge.references))
        if keys is not None:
            return self.among(keys, edge.columns, ref, few=self.few(edge, keys))
        self.builds += 1
        alias = f"p{next(self.aliases)}"
        inner = columns_of(alias)
        return sql.SQL("({}) in (select {} from {} {} where {})").format(
            sql.SQL(", ").join(map(ref, edge.columns)),
            sql.SQL(", ").join(map(inner, edge.references)),
            self.source.relation(edge.parent),
            sql.Identifier(alias),
            self.base(edge.parent, inner),
        )

    def few(self, edge: subset_plan.Edge, keys: Keys) -> bool:
        return edge.columns[0] in self.source.leading[edge.child] and len(keys) * FEW < self.source.plain[edge.parent].rows

    def along(self, edge: subset_plan.Edge) -> Way:
        """The way of the parent's base rows to their children."""

        def condition(ref: Ref) -> Any:
            parts = [self.holds(edge, ref, nulls=False)] if edge.when else []
            return both([*parts, self.inside(edge, ref)])

        return Way(edge, frozenset([*edge.columns, *(name for name, _value in edge.when)]), condition)

    def chosen(self, edge: Optional[subset_plan.Edge], table: str, keys: Keys) -> Way:
        """Rows that were chosen one by one."""
        columns = self.source.key(table)

        def condition(ref: Ref) -> Any:
            return self.among(keys, columns, ref, few=len(keys) * FEW < self.source.plain[table].rows)

        return Way(edge, frozenset(columns), condition)

    def base(self, table: str, ref: Ref) -> Any:
        """Start rows of the table and rows that came as children."""
        rows = self.rows[table]
        if rows.members is None:
            return either([way.condition(ref) for way in rows.ways])
        columns, keys = rows.members
        return self.among(keys, columns, ref, few=len(keys) * FEW < self.source.plain[table].rows)

    def condition(self, table: str, ref: Ref) -> Any:
        """All rows of the table that are in."""
        rows = self.rows[table]
        if rows.whole:
            return sql.SQL("true")
        parts = [self.base(table, ref)] if rows.ways else []
        parts += [self.surplus(table, columns, ref) for columns, keys in rows.added.items() if len(keys)]
        return either(parts)

    def surplus(self, table: str, columns: tuple[str, ...], ref: Ref) -> Any:
        rows = self.rows[table]
        keys = rows.added[columns]
        few = not rows.ways and columns[0] in self.source.leading[table] and len(keys) * FEW < self.source.plain[table].rows
        return self.among(keys, columns, ref, few=few)

    def settings(self) -> dict[str, str]:
        found = {SEED: str(self.seed)}
        for keys in self.all_keys:
            found.update(keys.settings)
        return found


def text_of(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
