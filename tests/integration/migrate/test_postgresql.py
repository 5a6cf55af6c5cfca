# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from ansible_collections.evenkeel.release.tests.integration.migrate.conftest import place, run
from ansible_collections.evenkeel.release.tests.integration.support.module import finish
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL

Folder = Callable[..., str]
Running = Callable[..., "subprocess.Popen[str]"]
ORDERS = "create table orders (id int primary key, note text);\ninsert into orders select n, 'a%;b' from generate_series(1, 100) n;\n"
ADD = "alter table orders add column price int;\nupdate orders set price = id;\n"
DROP = "-- evenkeel: contract\nalter table orders drop column note;\n"


@pytest.fixture
def database(pg: PostgreSQL) -> str:
    return pg.create_db()


@pytest.fixture
def at(pg: PostgreSQL, database: str) -> dict[str, Any]:
    return {"database": place(pg, database)}


def columns(pg: PostgreSQL, database: str) -> list[str]:
    return pg.psql(database, "select column_name from information_schema.columns where table_name = 'orders' order by ordinal_position").split()


def wait_for(pg: PostgreSQL, database: str, condition: str) -> None:
    for _look in range(400):
        if pg.psql(database, f"select count(*) > 0 from pg_stat_activity where datname = current_database() and {condition}") == "t":
            return
        time.sleep(0.05)
    raise AssertionError(f"nobody with {condition}")


def test_expand_then_contract(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    path = folder(V1__orders=ORDERS, V2__price=ADD, V3__drop_note=DROP, R__cheap="create or replace view cheap as select id from orders where price < 10;")
    seen = run(**at, path=path, check=True)
    assert (seen["changed"], seen["pending"], seen["later"]) == (True, ["V1__orders.sql", "V2__price.sql", "R__cheap.sql"], ["V3__drop_note.sql"])
    assert pg.psql(database, "select count(*) from information_schema.tables where table_schema = 'public'") == "0"
    done = run(**at, path=path)
    assert (done["changed"], done["heads_before"], done["heads_after"], done["one_way"]) == (True, [], ["2"], False)
    assert columns(pg, database) == ["id", "note", "price"]
    again = run(**at, path=path)
    assert (again["changed"], again["pending"], again["applied"]) == (False, [], [])
    last = run(**at, path=path, phase="contract")
    assert (last["changed"], last["heads_after"], last["one_way"]) == (True, ["3"], True)
    assert columns(pg, database) == ["id", "price"]
    rows = pg.psql(database, "select installed_rank, coalesce(version, '-'), description, type, script, success from flyway_schema_history order by 1")
    assert rows.splitlines() == [
        "1|1|orders|SQL|V1__orders.sql|t",
        "2|2|price|SQL|V2__price.sql|t",
        "3|-|cheap|SQL|R__cheap.sql|t",
        "4|3|drop note|SQL|V3__drop_note.sql|t",
    ]
    assert (
        pg.psql(database, "select release, subject, phase, state from evenkeel_migration_runs order by 3") == "1.1.0|shop|contract|done\n1.1.0|shop|expand|done"
    )


def test_a_changed_file_is_named_and_nothing_is_applied(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    run(**at, path=folder(V1__orders=ORDERS))
    found = run(**at, path=folder(V1__orders=ORDERS + "-- one word more\n", V2__price=ADD))
    assert found["failed"]
    assert "V1__orders.sql was applied with checksum" in found["msg"]
    assert columns(pg, database) == ["id", "note"]


def test_a_file_is_applied_whole_or_not_at_all(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    path = folder(V1__orders=ORDERS, V2__price=ADD + "insert into orders values (1, 'secret-of-a-row');\n")
    found = run(**at, path=path)
    assert found["failed"]
    assert "V2__price.sql, line 3: " in found["msg"]
    assert "Nothing of this file is applied" in found["msg"]
    assert "secret-of-a-row" not in str(found)
    assert ([one["script"] for one in found["applied"]], found["heads_after"]) == (["V1__orders.sql"], ["1"])
    assert columns(pg, database) == ["id", "note"]
    path = folder(V2__price=ADD)
    assert run(**at, path=path)["heads_after"] == ["2"]


def test_a_busy_table_fails_fast_and_is_tried_again(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder, running: Running) -> None:
    run(**at, path=folder(V1__orders=ORDERS))
    path = folder(V2__price=ADD)
    with psycopg.connect(pg.url(database), application_name="a long report") as reader:
        reader.execute("select count(*) from orders")
        found = run(**at, path=path, lock_timeout=0.2, retries=1)
        assert found["failed"]
        assert "V2__price.sql, line 1: canceling statement due to lock timeout. The lock wasn't given within 0.2 s, 2 times" in found["msg"]
        assert "(a long report, 127.0.0.1), idle in transaction" in found["msg"]
        process = running(**at, path=path, lock_timeout=0.2, retries=50)
        wait_for(pg, database, "application_name = 'evenkeel schema_migrate' and wait_event_type = 'Lock'")
        began = time.monotonic()  # who comes behind the waiting migration waits for its timeout, not for the report
        assert pg.psql(database, "set statement_timeout = '20s'; select count(*) from orders") == "100"
        assert time.monotonic() - began < 15
    done = finish(process)
    assert (done["changed"], done["applied"][0]["attempts"] > 1) == (True, True)


def test_a_statement_timeout(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    found = run(**at, path=folder(V1__slow="select pg_sleep(30);"), statement_timeout=0.2)
    assert "V1__slow.sql, line 1: canceling statement due to statement timeout" in found["msg"]


def test_killed_in_the_middle_the_next_run_tells_it_and_goes_on(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder, running: Running) -> None:
    nap = "do $$ begin perform pg_sleep((select s from nap)); end $$;\n"
    path = folder(V1__nap="create table nap (s float); insert into nap values (60);", V2__orders=ORDERS, V3__price=ADD + nap)
    process = running(**at, path=path)
    wait_for(pg, database, "wait_event = 'PgSleep'")
    process.kill()
    process.wait()
    pg.psql(database, "update nap set s = 0")
    seen = run(**at, path=path, check=True)
    assert seen["found"][0].startswith("V3__price.sql was begun at ")
    assert "none of it is applied, it is one transaction" in seen["found"][0]
    assert (seen["heads_before"], seen["pending"]) == (["2"], ["V3__price.sql"])
    done = run(**at, path=path)
    assert (done["changed"], done["found"], done["heads_after"]) == (True, seen["found"], ["3"])
    assert pg.psql(database, "select sum(price) from orders") == "5050"
    assert pg.psql(database, "select count(*) from evenkeel_migration_progress") == "0"


def test_many_at_once_apply_it_once(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder, running: Running) -> None:
    path = folder(V1__orders=ORDERS, V2__more="insert into orders values (1000, 'once'); select pg_sleep(1.5);")
    found = [finish(process) for process in [running(**at, path=path) for _host in range(3)]]
    assert [one["msg"] for one in found if one.get("failed")] == []
    assert sorted(one["changed"] for one in found) == [False, False, True]
    assert pg.psql(database, "select count(*) from flyway_schema_history") == "2"


def test_another_migration_is_waited_for_and_named(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder, running: Running) -> None:
    path = folder(V1__slow="select pg_sleep(60);")
    running(**at, path=path)
    wait_for(pg, database, "wait_event = 'PgSleep'")
    found = run(**at, path=path, wait=0.3)
    assert "Another migration of" in found["msg"]
    assert "(evenkeel schema_migrate, 127.0.0.1)" in found["msg"]


def test_an_index_that_a_broken_build_left_is_built_again(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    run(**at, path=folder(V1__orders=ORDERS))
    path = folder(V2__index="create index concurrently if not exists orders_note on orders (note);")
    with psycopg.connect(pg.url(database)) as writer:
        writer.execute("update orders set note = 'x' where id = 1")
        found = run(**at, path=path, statement_timeout=0.5, lock_timeout=30)
        assert "It left the invalid index orders_note, which the next run removes" in found["msg"]
    assert pg.psql(database, "select indisvalid from pg_index where indexrelid = 'orders_note'::regclass") == "f"
    done = run(**at, path=path)
    assert "it left the invalid index orders_note, which is removed first" in done["found"][0]
    assert done["heads_after"] == ["2"]
    assert pg.psql(database, "select indisvalid from pg_index where indexrelid = 'orders_note'::regclass") == "t"


def test_an_index_of_somebody_else_isnt_taken_for_the_files_own(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    run(**at, path=folder(V1__orders=ORDERS + "create index orders_note on orders (id);"))
    path = folder(V2__index="create index concurrently orders_note on orders (note);")
    for _again in range(2):
        found = run(**at, path=path)
        assert "V2__index.sql: there is an index of that name already. Nothing of this file is applied." in found["msg"]
        assert (found["heads_after"], found["partial"]) == (["1"], False)


def test_a_file_without_a_transaction_may_stay_half_done(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    procedure = "create table orders (id int); create procedure two() language plpgsql as $$ begin"
    procedure += " insert into orders values (1); commit; insert into nowhere values (1); end $$;"
    found = run(**at, path=folder(V1__orders=procedure, V2__call="-- evenkeel: no_transaction\ncall two();"))
    assert found["msg"].endswith("It may be applied in part.")
    assert (found["partial"], pg.psql(database, "select count(*) from orders")) == (True, "1")
    lost = run(**at, path=folder(V2__call="select pg_terminate_backend(pg_backend_pid());"))
    assert "the connection to " in lost["msg"]
    assert lost["partial"]


def test_what_a_file_sets_ends_with_it(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    path = folder(
        V1__other="create schema other; create temp table t (a int); set search_path = other; set statement_timeout = 1000;",
        V2__orders="create table orders (id int); create temp table t (b int); select pg_sleep(1.1);",
    )
    assert run(**at, path=path)["heads_after"] == ["2"]
    assert pg.psql(database, "select schemaname from pg_tables where tablename = 'orders'") == "public"
    other = {**at["database"], "schema": "other"}
    assert run(database=other, path=path, check=True)["pending"] == ["V1__other.sql", "V2__orders.sql"]


def test_a_dry_run_on_a_copy_times_it_and_names_the_locks(pg: PostgreSQL, database: str, at: dict[str, Any], folder: Folder) -> None:
    path = folder(V1__orders=ORDERS)
    copy = pg.create_db()
    for name in (database, copy):
        run(database=place(pg, name), path=path)
    path = folder(V2__price=ADD + "select pg_sleep(0.2);", V3__index="create index on orders (price);")
    found = run(**at, path=path, dry_run={"database": place(pg, copy)})
    assert (found["changed"], found["dry_run"]["kept"], found["dry_run"]["database"]) == (False, False, copy)
    first, second = found["dry_run"]["files"]
    assert first["statements"][0]["locks"] == ["AccessExclusiveLock on public.orders"]
    assert first["seconds"] >= 0.2
    assert second["statements"][0]["locks"] == ["ShareLock on public.orders"]
    for name in (database, copy):
        assert columns(pg, name) == ["id", "note"]
        assert pg.psql(name, "select count(*) from flyway_schema_history") == "1"
    assert "itself. Nothing was applied" in run(**at, path=path, dry_run={"database": place(pg, database)})["msg"]
    run(database=place(pg, copy), path=path)
    assert (
        "isn't at the target's version: it lacks nothing, the target V2__price.sql, V3__index.sql"
        in run(**at, path=path, dry_run={"database": place(pg, copy)})["msg"]
    )


def test_a_wrong_password_isnt_told(pg: PostgreSQL, at: dict[str, Any], folder: Folder) -> None:
    found = run(database={**at["database"], "password": "a-wrong-password"}, path=folder(V1__a="select 1;"))
    assert "Can't open the database 127.0.0.1:" in found["msg"]
    assert "a-wrong-password" not in str({key: value for key, value in found.items() if key != "invocation"})
