# SPDX-License-Identifier: GPL-3.0-or-later
"""What a purge needs of a database, and the SQL that is the same for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from ansible_collections.evenkeel.release.plugins.module_utils._purge.order import CASCADE, DETACH, Edge, Table
from ansible_collections.evenkeel.release.plugins.module_utils._purge.policy import OPERATORS, Rule

DEEP = 8  # foreign keys that are followed one after another


class Condition(NamedTuple):
    text: str  # over the alias of its table
    values: tuple[Any, ...]


class Engine(Protocol):
    mark: str  # what stands for a bound value

    def name(self, *parts: str) -> str: ...

    def table(self, name: str) -> str:
        """Quoted."""

    def tables(self) -> dict[str, Table]: ...

    def edges(self) -> list[Edge]: ...

    def rows(self, text: str, values: Sequence[Any]) -> list[tuple[Any, ...]]: ...

    def run(self, text: str, values: Sequence[Any]) -> int:
        """In a transaction of its own; rows that it changed."""

    def age(self, column: str, type_: str, rule: Rule, before: datetime, /) -> Condition:
        """The test whether a column of this type is from before a moment."""

    def delete(self, place: str, key: Sequence[str], where: str, /) -> str:
        """DELETE from this quoted table under the alias t; `key` is its primary key."""

    def delete_some(self, table: str, condition: Condition, batch: int) -> tuple[str, tuple[Any, ...]]:
        """For a table without a primary key: removes at most a batch."""

    def production(self) -> bool:
        """Whether the database is marked as production."""

    def is_error(self, exc: BaseException) -> bool: ...

    def describe(self, exc: BaseException) -> str: ...

    def close(self) -> None: ...


def too_old(engine: Engine, table: Table, rules: Sequence[Rule], now: datetime, *, alias: str) -> Condition:
    """Any of the rules of a table."""
    texts: list[str] = []
    values: list[Any] = []
    for rule in rules:
        aged = engine.age(engine.name(alias, rule.column), table.columns[rule.column], rule, rule.before(now))
        parts = [aged.text]
        values += aged.values
        for test in rule.tests:
            column = engine.name(alias, test.column)
            if test.op in OPERATORS:
                parts.append(f"{column} {OPERATORS[test.op]} {engine.mark}")
                values.append(test.value)
            elif test.op == "in":
                parts.append(f"{column} in ({', '.join([engine.mark] * len(test.value))})")
                values += test.value
            else:
                parts.append(f"{column} is {'not ' if test.op == 'not_null' else ''}null")
        texts.append("(" + " and ".join(parts) + ")")
    return Condition("(" + " or ".join(texts) + ")", tuple(values))


class Plan:
    """The conditions of one purge, and the counts that belong to them."""

    def __init__(self, engine: Engine, rules: Sequence[Rule], now: datetime) -> None:
        self.engine, self.now = engine, now
        self.tables, self.edges = engine.tables(), engine.edges()
        self.rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self.rules.setdefault(rule.table, []).append(rule)

    def old(self, table: str, alias: str = "t") -> Condition:
        return too_old(self.engine, self.tables[table], self.rules[table], self.now, alias=alias)

    def joined(self, edge: Edge, child: str, parent: str) -> str:
        pairs = zip(edge.columns, edge.keys)
        return " and ".join(f"{self.engine.name(child, column)} = {self.engine.name(parent, key)}" for column, key in pairs)

    def held(self, table: str, *, alias: str = "t", going: bool, depth: int = 0, trail: tuple[str, ...] = ()) -> Condition:
        """Whether another row needs this one. `going`: children that are too old themselves will have gone by then."""
        texts: list[str] = []
        values: list[Any] = []
        for number, edge in enumerate(one for one in self.edges if one.parent == table):
            if edge.name in trail or depth >= DEEP or edge.on_delete in DETACH:
                continue
            below = f"c{depth}_{number}"
            test = f"{self.engine.table(edge.child)} {below} where {self.joined(edge, below, alias)}"
            if edge.on_delete == CASCADE:
                inner = self.held(edge.child, alias=below, going=going, depth=depth + 1, trail=(*trail, edge.name))
                if inner.text:
                    texts.append(f"exists (select 1 from {test} and {inner.text})")
                    values += inner.values
            elif going and edge.child in self.rules:
                old = self.old(edge.child, below)
                inner = self.held(edge.child, alias=below, going=going, depth=depth + 1, trail=(*trail, edge.name))
                stays = f"not {old.text}" + (f" or {inner.text}" if inner.text else "")
                texts.append(f"exists (select 1 from {test} and coalesce({stays}, true))")
                values += [*old.values, *inner.values]
            else:
                texts.append(f"exists (select 1 from {test})")
        return Condition("(" + " or ".join(texts) + ")" if texts else "", tuple(values))

    def removable(self, table: str, *, going: bool) -> Condition:
        old, held = self.old(table), self.held(table, going=going)
        if not held.text:
            return old
        return Condition(f"{old.text} and not {held.text}", old.values + held.values)

    def count(self, table: str, condition: Condition) -> int:
        text = f"select count(*) from {self.engine.table(table)} {self.engine.name('t')} where {condition.text}"
        return int(self.engine.rows(text, condition.values)[0][0])

    def dragged(self, table: str) -> list[dict[str, Any]]:
        """Rows of other tables that the database removes or detaches along with those of this one."""
        return self._dragged(table, self.removable(table, going=True), "t", f"{self.engine.table(table)} {self.engine.name('t')}", (), 0)

    def _dragged(self, table: str, condition: Condition, alias: str, origin: str, trail: tuple[str, ...], depth: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for edge in self.edges:
            if edge.parent != table or edge.holds or edge.name in trail or depth >= DEEP:
                continue
            below = f"d{depth}"
            inner = Condition(f"exists (select 1 from {origin} where {self.joined(edge, below, alias)} and {condition.text})", condition.values)
            place = f"{self.engine.table(edge.child)} {self.engine.name(below)}"
            rows = int(self.engine.rows(f"select count(*) from {place} where {inner.text}", inner.values)[0][0])
            if rows:
                action = "removed" if edge.on_delete == CASCADE else "detached"
                found.append({"table": edge.child, "constraint": edge.name, "rows": rows, "action": action})
            if rows and edge.on_delete == CASCADE:
                found += self._dragged(edge.child, inner, below, place, (*trail, edge.name), depth + 1)
        return found


def rule_faults(tables: Mapping[str, Table], rules: Sequence[Rule]) -> list[str]:
    faults = []
    for rule in rules:
        table = tables.get(rule.table)
        if table is None:
            faults.append(f"{rule.table}: the policy names it, the database has no such table")
            continue
        wanted = [rule.column, *[test.column for test in rule.tests]]
        faults += [f"{rule.table}.{column}: the policy names it, the table has no such column" for column in wanted if column not in table.columns]
        kind = table.columns.get(rule.column, "")
        if kind and not rule.unit and not dated(kind):
            faults.append(f"{rule.table}.{rule.column}: is {kind}, which is no time; give 'unit: seconds' when it counts since 1970")
    return faults


def dated(kind: str) -> bool:
    return any(word in kind for word in ("date", "time", "text", "char", "clob"))
