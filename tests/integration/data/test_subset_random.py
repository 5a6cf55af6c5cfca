# SPDX-License-Identifier: GPL-3.0-or-later
"""Schemas, rows and documents by chance: what the server selects is what a plain walk over the same rows finds."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync import subset_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import catalog, subset
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

Row = dict[str, Any]
# Each kind of key: its columns with their types. `n` is another number of the row, without a key.
KEYS = {
    "number": {"id": "bigint"},
    "far": {"id": "bigint"},
    "text": {"id": "text"},
    "uuid": {"id": "uuid"},
    "both": {"a": "integer", "b": "text"},
    "none": {},
}


def place(pg: Any, database: str) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "sslmode": "disable", "dbname": database}


def chosen(source: Mapping[str, Any], document: Mapping[str, Any], *, workers: int = 2) -> tuple[Any, Any]:
    """(selection, a connection on which its conditions can be asked)."""
    connection = connect(source, role="source")
    connection.execute("begin isolation level repeatable read, read only")
    job = SimpleNamespace(source=source, key=KEY, workers=workers, options={"subset": document, "source": source})
    sides = SimpleNamespace(here=catalog.read_tables(connection))
    selection = subset.select(job, sides, connection)
    selection.prepare(connection)
    return selection, connection


def rows_of(selection: Any, connection: Any, name: str, columns: Sequence[str]) -> list[Any]:
    condition = selection.tables[name]
    if condition == subset.NOTHING:
        return []
    schema, table = name.split(".", 1)
    where = sql.SQL("true") if condition is None else condition
    text = sql.SQL("select {} from {} t where {}").format(sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, table), where)
    return sorted(connection.execute(text).fetchall(), key=repr)


# ---- a world by chance


class World:
    def __init__(self, chance: random.Random) -> None:
        self.names = [f"t{number}" for number in range(chance.randint(2, 5))]
        self.kinds = {name: chance.choice(list(KEYS)) for name in self.names}
        self.kinds[self.names[0]] = chance.choice(["number", "uuid", "both"])
        self.edges: list[tuple[str, str, str]] = []  # child, prefix of its columns, parent
        parents = [name for name in self.names if self.kinds[name] != "none"]
        for number in range(chance.randint(1, 7)):
            self.edges.append((chance.choice(self.names), f"r{number}", chance.choice(parents)))
        self.rows: dict[str, list[Row]] = {name: [] for name in self.names}
        for name in self.names:
            for number in range(chance.randint(0, 12)):
                self.rows[name].append({"n": number, "color": chance.choice(["red", "blue"]), **self.key(chance, name, number)})
        for child, prefix, parent in self.edges:
            for row in self.rows[child]:
                self.refer(chance, row, prefix, parent)

    def key(self, chance: random.Random, name: str, number: int) -> Row:
        one = {
            "number": {"id": number * 3 - 4},
            "far": {"id": chance.randint(-(2**62), 2**62)},
            "text": {"id": f"k'{{}}\"\\ {number}"},
            "uuid": {"id": f"00000000-0000-0000-0000-{number:012x}"},
            "both": {"a": number // 3, "b": f"b{number % 3},x"},
            "none": {},
        }
        return one[self.kinds[name]]

    def refer(self, chance: random.Random, row: Row, prefix: str, parent: str) -> None:
        found = chance.choice(self.rows[parent]) if self.rows[parent] and chance.random() < 0.8 else None
        for column in KEYS[self.kinds[parent]]:
            row[f"{prefix}_{column}"] = None if found is None or (chance.random() < 0.1) else found[column]

    def columns(self, name: str) -> dict[str, str]:
        found = {"n": "integer", "color": "text", **KEYS[self.kinds[name]]}
        for child, prefix, parent in self.edges:
            if child == name:
                found.update({f"{prefix}_{column}": kind for column, kind in KEYS[self.kinds[parent]].items()})
        return found

    def edge(self, number: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        _child, prefix, parent = self.edges[number]
        return tuple(f"{prefix}_{column}" for column in KEYS[self.kinds[parent]]), tuple(KEYS[self.kinds[parent]])

    def edge_name(self, number: int) -> str:
        return f"public.{self.edges[number][0]}.{','.join(self.edge(number)[0])}"

    def write(self, connection: Any, virtual: set[int]) -> None:
        for name in self.names:
            listed = ", ".join(f"{column} {kind}" for column, kind in self.columns(name).items())
            key = ", ".join(KEYS[self.kinds[name]])
            connection.execute(f"create table {name} ({listed}{f', primary key ({key})' if key else ''})")
            for row in self.rows[name]:
                names = list(self.columns(name))
                connection.execute(f"insert into {name} values ({', '.join(['%s'] * len(names))})", [row[column] for column in names])
        for number, (child, _prefix, parent) in enumerate(self.edges):
            columns, references = self.edge(number)
            if number not in virtual:
                connection.execute(f"alter table {child} add foreign key ({', '.join(columns)}) references {parent} ({', '.join(references)})")
            if number % 2:
                connection.execute(f"create index on {child} ({', '.join(columns)})")
        connection.execute("analyze")


def walk(world: World, document: Mapping[str, Any], starts: dict[str, set[int]], follow: Sequence[bool], limits: Mapping[int, int]) -> dict[str, set[int]]:
    """The closure as its definition says it, row by row. A row is its number."""
    base = {name: set(starts.get(name, ())) for name in world.names}

    def values(row: Row, columns: Sequence[str]) -> Any:
        found = tuple(row[column] for column in columns)
        return None if None in found else found

    changed = True
    while changed:
        changed = False
        for number, (child, _prefix, parent) in enumerate(world.edges):
            if not follow[number]:
                continue
            columns, references = world.edge(number)
            for row in [world.rows[parent][one] for one in base[parent]]:
                children = [one["n"] for one in world.rows[child] if values(one, columns) == values(row, references)]
                children = sorted(children, reverse=True)[: limits.get(number, len(children))]
                changed = changed or not set(children) <= base[child]
                base[child] |= set(children)
    for name in document.get("reference", ()):
        base[name.split(".")[1]] = {row["n"] for row in world.rows[name.split(".")[1]]}
    changed = True
    while changed:
        changed = False
        for number, (child, _prefix, parent) in enumerate(world.edges):
            columns, references = world.edge(number)
            needed = {values(world.rows[child][one], columns) for one in base[child]} - {None}
            parents = {row["n"] for row in world.rows[parent] if values(row, references) in needed}
            changed = changed or not parents <= base[parent]
            base[parent] |= parents
    return base


@pytest.fixture(scope="module")
def database(pg: Any) -> Iterator[str]:
    name = pg.create_db()
    # A round that fails must not keep the next one waiting.
    pg.psql("postgres", f"alter database {name} set lock_timeout = '20s'")
    pg.psql("postgres", f"alter database {name} set idle_in_transaction_session_timeout = '15s'")
    yield name
    pg.psql("postgres", f"drop database {name} with (force)")


@given(number=st.integers(0, 2**32))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_server_selects_what_a_walk_finds(pg: Any, database: str, number: int) -> None:
    chance = random.Random(number)
    world = World(chance)
    virtual = {one for one in range(len(world.edges)) if chance.random() < 0.2}
    follow = [chance.random() < 0.85 for _edge in world.edges]
    limits = {one: chance.randint(1, 2) for one in range(len(world.edges)) if chance.random() < 0.15 and follow[one]}
    start, below, percent = world.names[0], chance.randint(1, 6), chance.choice([None, 40, 100])
    document: dict[str, Any] = {
        "start": [{"table": f"public.{start}", "where": [{"column": "n", "op": "<", "value": below}]}],
        "stop": [world.edge_name(one) for one in range(len(world.edges)) if not follow[one]],
        "limits": {world.edge_name(one): {"per_parent": count, "newest": "n"} for one, count in limits.items()},
        "relations": [relation(world, one) for one in sorted(virtual)],
        "reference": [f"public.{name}" for name in world.names[1:] if chance.random() < 0.1],
    }
    if percent is not None:
        document["start"][0] = {"table": f"public.{start}", "percent": percent}
    with psycopg.connect(pg.url(database), autocommit=True) as connection:
        connection.execute("drop schema public cascade; create schema public")
        world.write(connection, virtual)
        starts = {start: {row["n"] for row in world.rows[start] if row["n"] < below}}
        if percent is not None:
            starts = {start: hashed(connection, world, start, percent)}
    if not starts[start]:
        with pytest.raises(Exception, match="no row of the source fits"):
            chosen(place(pg, database), document)
        return
    expected = walk(world, document, starts, follow, limits)
    selection, reader = chosen(place(pg, database), document)
    with reader:
        found = {name: [row[0] for row in rows_of(selection, reader, f"public.{name}", ["n"])] for name in world.names}
    assert {name: sorted(rows) for name, rows in found.items()} == {name: sorted(rows) for name, rows in expected.items()}
    edges = selection.finish({f"public.{name}": len(rows) for name, rows in found.items()})
    assert sum(edge["rows"] for edge in edges) == sum(map(len, found.values())), edges


def relation(world: World, number: int) -> dict[str, Any]:
    child, _prefix, parent = world.edges[number]
    columns, references = world.edge(number)
    return {"from": f"public.{child}", "columns": list(columns), "to": f"public.{parent}", "references": list(references)}


def hashed(connection: Any, world: World, name: str, percent: float) -> set[int]:
    seed, below = subset_plan.seed(KEY), subset_plan.threshold(percent)
    value = f"hashint8extended(id, {seed})"
    if world.kinds[name] != "number":
        value = f"hashtextextended(concat_ws('|', {', '.join(f'{column}::text' for column in KEYS[world.kinds[name]])}) collate \"C\", {seed})"
    return {row[0] for row in connection.execute(f"select n from {name} where {value} & 9223372036854775807 < {below}").fetchall()}
