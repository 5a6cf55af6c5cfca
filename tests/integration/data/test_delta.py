# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy import make_plan
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import catalog, delta, statement
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.copying import Worker
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.driver import connect_source, connect_target
from ansible_collections.evenkeel.release.tests.integration.data.conftest import KEY, POLICY, ROWS, SCHEMA

KEPT = {"keep": "no personal value"}
NASTY = """
create type mood as enum ('fine', 'so so');
create domain short as text check (length(value) < 90);
create table "order" ("Ünï" bigint generated always as identity primary key, boss bigint references "order" ("Ünï"), name text, m mood,
  n numeric, j json, jb jsonb, xs int[], big text);
create table a (id int primary key, b int, t text unique);
create table b (id int primary key, a int not null references a (id), t short);
alter table a add foreign key (b) references b (id);
create table pair (x text, y date, v int generated always as identity, w text, primary key (x, y));
create table pair_note (id uuid primary key, x text not null, y date not null, note text, foreign key (x, y) references pair (x, y) on update cascade);
create table part (id int, day date, v text, primary key (id, day)) partition by range (day);
create table part_1 partition of part for values from ('2020-01-01') to ('2021-01-01');
create table part_2 partition of part for values from ('2021-01-01') to ('2022-01-01');
create table masked_key (code text primary key, v text);
create table keyless (line text, n int);
"""
NASTY_POLICY = {
    "public.order": {
        "columns": {
            **dict.fromkeys(("Ünï", "boss", "n", "xs", "j", "jb"), KEPT),
            "m": {**KEPT, "values": ["fine", "so so"]},
            "name": {"mask": "name"},
            "big": {"mask": "text"},
        }
    },
    "public.a": {"columns": {"id": KEPT, "b": KEPT, "t": KEPT}},
    "public.b": {"columns": {"id": KEPT, "a": KEPT, "t": {"mask": "text"}}},
    "public.pair": {"columns": {"x": KEPT, "y": KEPT, "v": KEPT, "w": {"mask": "city"}}},
    "public.pair_note": {"columns": {"id": KEPT, "x": KEPT, "y": KEPT, "note": {"mask": "text"}}},
    "public.part": {"columns": {"id": KEPT, "day": KEPT, "v": {"mask": "street"}}},
    "public.masked_key": {"columns": {"code": {"mask": "email"}, "v": {"mask": "name"}}},
    "public.keyless": {"columns": {"line": {"mask": "text"}, "n": KEPT}},
}


def policy(*, nasty: bool) -> dict[str, Any]:
    found = copy.deepcopy(POLICY)
    if nasty:
        found["tables"].update(copy.deepcopy(NASTY_POLICY))
    return found


@contextmanager
def opened(pg: Any, source: str, target: str, /, **options: Any) -> Iterator[tuple[Any, Any, list[Any]]]:
    """(job, sides, workers) as a run of a synchronization hands them over."""
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "sslmode": "disable"}
    params: dict[str, Any] = {"policy": POLICY, "key": KEY, **options}
    params.update(source={**place, "dbname": source, **options.get("source", {})}, target={**place, "dbname": target})
    here, there = connect_source(params), connect_target(params)
    workers: list[Any] = []
    try:
        here.execute("begin isolation level repeatable read, read only")
        tables, live = catalog.read_tables(here), catalog.read_tables(there)
        plan = make_plan(params["policy"], {name: table.columns for name, table in tables.items()})
        assert not plan.faults, plan.faults
        job = SimpleNamespace(
            source=params["source"],
            target=params["target"],
            policy=params["policy"],
            key=params["key"],
            workers=2,
            rules=plan.tables,
            domains=statement.domains(plan.tables),
            options=params,
        )
        sides = SimpleNamespace(source=here, target=there, here={name: tables[name] for name in plan.tables}, there={name: live[name] for name in plan.tables})
        snapshot = here.execute("select pg_export_snapshot()").fetchone()[0]
        for _number in range(2):
            workers.append(Worker(job, snapshot))
        yield job, sides, workers
    finally:
        for worker in workers:
            worker.close()
        here.close()
        there.close()


def run(pg: Any, shops: tuple[str, str], mode: str, **options: Any) -> dict[str, Any]:
    with opened(pg, *shops, **options) as (job, sides, workers):
        return delta.apply(job, sides, workers, mode)


def dump(pg: Any, database: str, tables: list[str]) -> str:
    """All rows, as psql shows them, in an order of their own."""
    return str(pg.psql(database, "\n".join(f"\\echo {name}\nselect * from {name} order by {name}::text;" for name in tables)))


SIMPLE = ["customers", "orders"]
ALL = [*SIMPLE, '"order"', "a", "b", "pair", "pair_note", "part", "masked_key", "keyless"]


@pytest.fixture
def fresh(pg: Any) -> Iterator[str]:
    """An empty database for a copy from nothing: what any other way to the same rows is compared with."""
    name = pg.create_db()
    pg.psql(name, SCHEMA)
    yield name
    pg.psql("postgres", f"drop database {name} with (force)")


def equal_to_full(pg: Any, shops: tuple[str, str], tables: list[str], *, schema: str = SCHEMA, **options: Any) -> None:
    name = pg.create_db()
    try:
        pg.psql(name, schema)
        equal_to_copy(pg, (*shops, name), tables, **options)
    finally:
        pg.psql("postgres", f"drop database {name} with (force)")


def equal_to_copy(pg: Any, places: tuple[str, str, str], tables: list[str], **options: Any) -> None:
    """Of (source, target, a database for a copy from nothing)."""
    source, target, copied = places
    pg.psql(copied, f"drop schema if exists evenkeel cascade; truncate {', '.join(tables)} restart identity")
    run(pg, (source, copied), "differential", **options)
    assert dump(pg, target, tables) == dump(pg, copied, tables)


@pytest.fixture
def pair(pg: Any, shops: tuple[str, str]) -> tuple[str, str]:
    """Both shops in step."""
    pg.psql(shops[1], "truncate customers cascade")
    run(pg, shops, "differential")
    return shops


CHANGES = """
update customers set city = 'Elsewhere', email = 'new' || email where id % 50 = 1;
insert into customers (name, email, country) select 'New ' || i, 'n' || i || '@x', 'IT' from generate_series(1, 9) i;
insert into orders (customer_id, status, amount, ship_name, payer_email) select 501, 'placed', 3, 'New 1', 'n1@x' from generate_series(1, 5);
delete from customers where id in (33, 34);
update orders set customer_id = 2 where customer_id = 35;
delete from customers where id = 35;
update orders set status = 'placed' where id = 100;
"""


@pytest.mark.parametrize("mode", ["incremental", "differential"])
def test_changes_arrive_as_a_full_copy_would_bring_them(pg: Any, pair: tuple[str, str], mode: str) -> None:
    equal_to_full(pg, pair, SIMPLE)
    pg.psql(pair[0], CHANGES)
    found = run(pg, pair, mode)
    assert found["changed"] is True
    assert found["tables"]["public.customers"]["deleted"] == 3
    assert found["tables"]["public.customers"]["inserted"] == 9
    assert found["tables"]["public.customers"]["updated"] == 10
    assert found["tables"]["public.orders"] == {**found["tables"]["public.orders"], "inserted": 5, "updated": 4, "deleted": 6, "how": "versions"}
    equal_to_full(pg, pair, SIMPLE)
    assert pg.psql(pair[1], "insert into customers (name, email, country) values ('n', 'e', 'DE') returning id") == "510"


NASTY_ROWS = """
insert into "order" (name, m, n, j, jb, xs, big) select 'N' || i, 'fine', i / 3.0, '{"a":1}', '{"a": 2}', array[i, 2], repeat('x' || i, 3000)
  from generate_series(1, 60) i;
update "order" set boss = "Ünï" % 20 + 1;
begin; insert into a select i, null, 'u' || i from generate_series(1, 60) i;
insert into b select i, i, 'b' || i from generate_series(1, 60) i; update a set b = 61 - id; commit;
insert into pair (x, y, w) select 'k' || i % 7, date '2020-01-01' + i, 'w' || i from generate_series(1, 60) i;
insert into pair_note select gen_random_uuid(), x, y, 'note ' || v from pair;
insert into part select i, date '2020-06-01' + i * 8, 'v' || i from generate_series(1, 60) i;
insert into masked_key select 'code' || i, 'v' || i from generate_series(1, 60) i;
insert into keyless select 'line ' || i, i from generate_series(1, 60) i;
"""


def steps(seed: int) -> str:
    """A random sequence of writes that the source's own keys allow."""
    dice = random.Random(seed)

    def one() -> str:
        i, k = dice.randint(1, 70), dice.randint(1, 70)
        return dice.choice(
            [
                f"update customers set name = 'R{i}', notes = null where id = {i}",
                f"update customers set id = id + 100000 where id = {i} and not exists (select from orders where customer_id = {i})",
                f"delete from customers where id between {i} and {i + 3}",
                f"insert into customers (name, email, country) values ('I{i}', 'i{i}_{k}_{dice.random()}', 'DE')",
                f"insert into orders (customer_id, status, amount, ship_name, payer_email) select id, 'paid', {k}, 'S', 'e' from customers where id % 71 = {i}",
                f"update orders set customer_id = (select max(id) from customers) where id % 100 = {i}",
                f"delete from orders where id % 70 = {i}",
                f"""update "order" set boss = {k}, n = n * 1.0, big = null where "Ünï" = {i} and exists (select from "order" where "Ünï" = {k})""",
                f"""delete from "order" where "Ünï" = {i} and not exists (select from "order" where boss = {i})""",
                f"""insert into "order" (name, m) values ('x{i}', 'so so')""",
                f"update a set t = 'u' || (200 - {i}) where id = {i} and not exists (select from a where t = 'u' || (200 - {i}))",
                f"begin; update a set t = null where id = {i}; update a set t = 'u{i}' where id = {k} and not exists (select from a where t = 'u{i}'); commit",
                f"begin; insert into a values (1000 + {i}, null, null) on conflict do nothing;"
                f" insert into b values (1000 + {i}, 1000 + {i}, 't') on conflict do nothing; update a set b = id where id = 1000 + {i}; commit",
                f"begin; update a set b = null where id = {i} or b = {i}; delete from b where a = {i};"
                f" delete from a where id = {i} and not exists (select from b where a = {i}); commit",
                f"update pair set x = 'moved', w = 'z' where v = {i}",
                f"update pair_note set note = 'n{k}' where x = 'k{i % 7}'",
                f"delete from pair_note where y = date '2020-01-01' + {i}",
                f"insert into pair (x, y, w) values ('new{i}', date '2022-01-01' + {k}, 'w') on conflict do nothing",
                f"update part set day = date '2021-03-01' + {k}, v = 'w' where id = {i}",
                f"delete from part where id % 70 = {i}",
                f"update masked_key set code = 'changed{i}_' || {dice.random()} where code = 'code{i}'",
                f"delete from masked_key where code = 'code{k}'",
                f"delete from keyless where n = {i}",
                f"insert into keyless values ('l{i}', {k})",
                "truncate keyless" if i < 10 else "update keyless set n = n where n < 5",
                "vacuum (full, freeze) orders" if k < 20 else "vacuum (freeze) customers",
            ]
        )

    return ";\n".join(one() for _number in range(dice.randint(1, 25))) + ";"


@pytest.fixture(scope="module")
def nasty(pg: Any) -> Iterator[tuple[str, str, str]]:
    """(source, target, a database for copies from nothing) whose rows each test makes anew."""
    names = (pg.create_db(), pg.create_db(), pg.create_db())
    for name in names:
        pg.psql(name, SCHEMA + NASTY)
    yield names
    for name in names:
        pg.psql("postgres", f"drop database {name} with (force)")


@pytest.mark.parametrize("seed", range(8))
def test_random_writes_of_a_nasty_schema_end_as_a_full_copy(pg: Any, nasty: tuple[str, str, str], seed: int) -> None:
    source, target, _copied = nasty
    options = {"policy": policy(nasty=True)}
    dice = random.Random(1000 + seed)
    empty = f"drop schema if exists evenkeel cascade; truncate {', '.join(ALL)} restart identity;"
    pg.psql(source, empty + ROWS.format(n=72) + NASTY_ROWS)
    pg.psql(target, empty)
    run(pg, (source, target), "differential", **options)
    for turn in range(2):
        pg.psql(source, steps(seed * 100 + turn))
        mode = dice.choice(["incremental", "differential"])
        if mode == "differential" and dice.random() < 0.7:  # somebody plays with the target
            pg.psql(target, "update customers set city = 'drift' where id % 9 = 1; delete from orders where id % 13 = 1; insert into keyless values ('d', 1)")
        try:
            run(pg, (source, target), mode, **options)
        except NeedsFull as needed:
            if "unique values" not in str(needed):  # what a full copy is for
                raise
            pg.psql(target, "truncate customers, orders, a, b cascade")
            run(pg, (source, target), "differential", **options)
        equal_to_copy(pg, nasty, ALL, **options)
        assert run(pg, (source, target), mode, **options)["changed"] is False
