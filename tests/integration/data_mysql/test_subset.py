# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows a subset of MariaDB holds: against a plain walk over the same rows, and as a whole refresh."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import catalog, subset, subset_keys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.driver import connect, name
from ansible_collections.evenkeel.release.tests.integration.data import test_subset_random as by_chance

KEY = "00112233445566778899aabbccddeeff" * 2
WORLDS = 15
TYPES = {"text": "varchar(60)", "integer": "int"}


def chosen(connection: Any, document: dict[str, Any]) -> tuple[Any, dict[str, list[Any]]]:
    """(selection, {table: the numbers `n` of its rows})."""
    job = SimpleNamespace(key=KEY, options={"subset": document})
    sides = SimpleNamespace(source=connection, here=catalog.read_tables(connection))
    selection = subset.select(job, sides, connection)
    found: dict[str, list[Any]] = {}
    for full, batches in selection.copies.items():
        text = f"select n from {name(*full.split('.'))} t"
        found[full] = []
        for batch in [None] if batches is None else batches:
            if batch is not None:
                connection.hand_over({subset_keys.KEYS: batch.data})
            rows = [row[0] for row in connection.rows(text if batch is None else f"{text} where {batch.where}")]
            assert batch is None or batch.rows in (None, len(rows))
            found[full] += rows
        assert batches is None or selection.rows[full] == len(found[full])
    return selection, found


class World(by_chance.World):
    database = ""

    def columns(self, table: str) -> dict[str, str]:
        return {column: TYPES.get(kind, kind) for column, kind in super().columns(table).items()}

    def edge_name(self, number: int) -> str:
        return super().edge_name(number).replace("public", self.database, 1)

    def write(self, connection: Any, virtual: set[int]) -> None:
        connection.run(f"drop database {name(self.database)}")
        connection.run(f"create database {name(self.database)}")
        connection.run(f"use {name(self.database)}")
        for table in self.names:
            columns = self.columns(table)
            key = ", ".join(by_chance.KEYS[self.kinds[table]])
            connection.run(f"create table {table} ({', '.join(map(' '.join, columns.items()))}{f', primary key ({key})' if key else ''})")
            for row in self.rows[table]:
                connection.run(f"insert into {table} values ({', '.join(['%s'] * len(columns))})", [row[column] for column in columns])
        for number, (child, _prefix, parent) in enumerate(self.edges):
            columns, references = (", ".join(one) for one in self.edge(number))
            if number not in virtual:
                connection.run(f"alter table {child} add foreign key ({columns}) references {parent} ({references})")


def relation(world: World, number: int) -> dict[str, Any]:
    found = by_chance.relation(world, number)
    return {**found, **{side: found[side].replace("public", world.database) for side in ("from", "to")}}


@pytest.fixture(scope="module")
def session(mariadb: Any) -> Iterator[Any]:
    database = mariadb.create_db()
    found = connect(mariadb.place(database), role="source")
    found.run("set session lock_wait_timeout = 20, unique_checks = 0")
    yield found
    found.close()
    mariadb.sql("mysql", f"drop database {database}")


def test_the_server_selects_what_a_walk_finds(session: Any) -> None:
    held = 0
    for number in range(WORLDS):
        chance = random.Random(number)
        world = World(chance)
        world.database = session.database
        virtual = {one for one in range(len(world.edges)) if chance.random() < 0.2}
        follow = [chance.random() < 0.85 for _edge in world.edges]
        limits = {one: chance.randint(1, 2) for one in range(len(world.edges)) if chance.random() < 0.15 and follow[one]}
        limits = {one: count for one, count in limits.items() if world.kinds[world.edges[one][0]] != "none"}
        start, below = world.names[0], chance.randint(1, 6)
        document: dict[str, Any] = {
            "start": [{"table": f"{session.database}.{start}", "where": [{"column": "n", "op": "<", "value": below}]}],
            "stop": [world.edge_name(one) for one in range(len(world.edges)) if not follow[one]],
            "limits": {world.edge_name(one): {"per_parent": count, "newest": "n"} for one, count in limits.items()},
            "relations": [relation(world, one) for one in sorted(virtual)],
            "reference": [f"{session.database}.{table}" for table in world.names[1:] if chance.random() < 0.1],
        }
        world.write(session, virtual)
        starts = {start: {row["n"] for row in world.rows[start] if row["n"] < below}}
        if not starts[start]:
            with pytest.raises(SyncError, match="no row of the source fits"):
                chosen(session, document)
            continue
        expected = by_chance.walk(world, document, starts, follow, limits)
        selection, found = chosen(session, document)
        assert {full.split(".")[1]: sorted(rows) for full, rows in found.items()} == {table: sorted(rows) for table, rows in expected.items()}, number
        edges = selection.finish({full: len(rows) for full, rows in found.items()})
        assert sum(edge["rows"] for edge in edges) == sum(map(len, found.values())), (number, edges)
        held += 1
    assert held > WORLDS // 2


def start(shop: Any, **words: Any) -> dict[str, Any]:
    return {"start": [{"table": f"{shop.source}.customers", **words}]}


def test_a_masked_part_of_a_shop(shop: Any) -> None:
    """With an account that may only read: no temporary table, no lock."""
    shop.here(f"create or replace user reader@'%' identified by 'not-a-secret'; grant select on {shop.source}.* to reader@'%'")
    source = {**shop.server.place(shop.source), "user": "reader"}
    document = {**start(shop, percent=10), "limits": {f"{shop.source}.order.customer_id": 1}, "max_rows": 400}
    planned = shop.run(mode="subset", subset=document, check_mode=True)["plan"]["subset"]
    assert [one["name"] for one in planned["tables"]] == [f"{shop.source}.customers", f"{shop.source}.order"]
    assert shop.beside() == []
    found = shop.run(mode="subset", subset=document, source=source)
    customers = int(shop.there("select count(*) from customers"))
    assert 25 < customers < 85
    assert shop.there("select count(*) from `order`") == str(customers)
    assert shop.there("select count(*) from customers where email like '%@mail.example'") == "0"
    assert found["proof"]["keys"]["foreign_keys"] == 1
    assert [(one["direction"], one["rows"]) for one in found["edges"]] == [("start", customers), ("children", customers)]
    ids = shop.there("select group_concat(id order by id) from `order`")
    shop.run(mode="subset", subset=document, workers=1)
    assert shop.there("select group_concat(id order by id) from `order`") == ids
    assert shop.beside() == ["_evenkeel"]
    with pytest.raises(SyncError, match="max_rows allows 3"):
        shop.run(mode="subset", subset={**document, "max_rows": 3})
    assert shop.there("select count(*) from customers") == str(customers)
    assert shop.run(mode="auto")["mode"] == "full"


def test_starts_limits_and_phases(shop: Any) -> None:
    where = [{"column": "id", "op": "in", "value": [1, 2, "3"]}, {"column": "city", "op": "like", "value": "Real%"}]
    total = {"limits": {f"{shop.source}.order.customer_id": {"total": 4, "newest": "id"}}}
    shop.run(mode="subset", subset={**start(shop, where=where), **total}, phase="prepare")
    assert shop.there("select name from customers") == "Before"
    shop.run(phase="swap")
    assert shop.there("select group_concat(id order by id) from customers") == "1,2,3"
    wanted = "select group_concat(id order by id) from (select id from `order` where customer_id < 4 order by id desc limit 4) x"
    assert shop.there("select group_concat(id order by id) from `order`") == shop.here(wanted)
    assert shop.run(phase="revert")["changed"]
    assert shop.there("select name from customers") == "Before"
    orders = {"start": [{"table": f"{shop.source}.order", "newest": {"column": "id", "count": 3}, "sql": "amount > 0 and id % 2 = 0"}], "children": "none"}
    edges = shop.run(mode="subset", subset=orders)["edges"]
    assert {one["direction"]: one["rows"] for one in edges} == {"start": 3, "parents": int(shop.there("select count(*) from customers"))}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"where": [{"column": "id", "op": "=", "value": 4711}]}, "no row of the source fits"),
        ({"where": [{"column": "id", "op": "=", "value": "x"}]}, "doesn't fit the type"),
        ({"where": [{"column": "birth_date", "op": ">", "value": "yesterday"}]}, "doesn't fit the type"),
        ({"where": [{"column": "nope", "op": "=", "value": 1}]}, "has no column 'nope'"),
        ({"sql": "id < 3) or (id > 4"}, "isn't one expression"),
        ({"sql": "id = floor(rand() * 9)"}, "can give another answer each time"),
        ({"sql": "id = nope"}, "isn't one expression"),
    ],
)
def test_a_start_that_cant_be(shop: Any, words: dict[str, Any], told: str) -> None:
    with pytest.raises(SyncError, match=told):
        shop.run(mode="subset", subset=start(shop, **words))
    assert shop.there("select name from customers") == "Before"


KINDS = """
create table `order` (`näme ``x` varchar(20) character set latin1, n int, primary key (`näme ``x`));
create table bin (id binary(4) primary key, n int, up binary(4), foreign key (up) references bin (id));
create table day (e int, since date, at datetime(6), price decimal(20, 5), n int, primary key (e, since, at, price));
create table leaf (n int, o varchar(20) character set latin1, b binary(4), e int, since date, at datetime(6), price decimal(20, 5),
  kind varchar(9), number bigint unsigned,
  foreign key (o) references `order` (`näme ``x`), foreign key (b) references bin (id), foreign key (e, since, at, price) references day (e, since, at, price));
create table big (id bigint unsigned primary key, n int);
insert into `order` values ('Jürgen', 1), ('b"\\\\x', 2);
set foreign_key_checks = 0;
insert into bin values (x'00ff0a22', 1, x'5c000000'), (x'5c000000', 2, x'00ff0a22'), (x'20202020', 3, null);
insert into day values (1, '2020-01-01', '2020-01-01 00:00:00.000001', 0.10000, 1), (1, '0000-00-00', '9999-12-31 23:59:59', -99999999999999.00001, 2);
insert into big values (18446744073709551615, 1), (7, 2);
insert into leaf values (1, 'JÜRGEN', x'00ff0a22', 1, '2020-01-01', '2020-01-01 00:00:00.000001', 0.1, 'big', 18446744073709551615),
  (2, null, null, 1, '0000-00-00', '9999-12-31 23:59:59', -99999999999999.00001, 'day', 7), (2, null, null, 1, null, null, null, 'big', 8);
"""


def test_keys_of_every_kind(session: Any, mariadb: Any) -> None:
    """Another case of a letter, bytes, zero dates, numbers beyond 64 bits with a sign, a relation with a condition, equal rows without a key."""
    database = mariadb.create_db()
    mariadb.sql(database, "set session sql_mode = ''; " + KINDS)
    connection = connect(mariadb.place(database), role="source")
    try:
        relations = [
            {
                "from": f"{database}.leaf",
                "columns": ["number"],
                "to": f"{database}.big",
                "references": ["id"],
                "when": {"column": "kind", "value": "big"},
            }
        ]
        for below, wanted in ((2, {"leaf": [1], "order": [1], "bin": [1, 2], "day": [1], "big": [1]}), (9, {"leaf": [1, 2, 2], "day": [1, 2], "big": [1]})):
            document = {"start": [{"table": f"{database}.leaf", "where": [{"column": "n", "op": "<", "value": below}]}], "relations": relations}
            _selection, found = chosen(connection, document)
            assert {table: sorted(found[f"{database}.{table}"]) for table in wanted} == wanted
        document = {"start": [{"table": f"{database}.{table}", "percent": 100} for table in ("order", "bin", "day", "big")], "relations": relations}
        _selection, found = chosen(connection, document)
        assert {full.split(".")[1]: len(rows) for full, rows in found.items()} == {"order": 2, "bin": 3, "day": 2, "big": 2, "leaf": 2}
    finally:
        connection.close()
        mariadb.sql("mysql", f"drop database {database}")
