# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import pymysql
import pytest
from ansible_collections.evenkeel.release.tests.integration.migrate.conftest import place, run
from ansible_collections.evenkeel.release.tests.integration.support.mariadb import MariaDB

Folder = Callable[..., str]
Running = Callable[..., "subprocess.Popen[str]"]
ORDERS = "create table orders (id int primary key, note text);\ninsert into orders values (1, 'a%;b'), (2, null);\n"


@pytest.fixture
def database(mariadb: MariaDB) -> str:
    return mariadb.create_db()


@pytest.fixture
def at(mariadb: MariaDB, database: str) -> dict[str, Any]:
    return {"engine": "mysql", "database": place(mariadb, database)}


def columns(mariadb: MariaDB, database: str) -> list[str]:
    text = f"select column_name from information_schema.columns where table_schema = '{database}' and table_name = 'orders' order by ordinal_position"
    return mariadb.sql(database, text).split()


def killed_while(mariadb: MariaDB, database: str, process: subprocess.Popen[str], state: str) -> None:
    """Kills it once its connection is in that state."""
    mine = f"from information_schema.processlist where db = '{database}' and id <> connection_id()"
    for _look in range(400):
        if mariadb.sql("mysql", f"select count(*) {mine} and state like '{state}'") != "0":
            break
        time.sleep(0.05)
    else:
        raise AssertionError(f"it was never in {state}")
    process.kill()
    process.wait()


def test_a_life(mariadb: MariaDB, database: str, at: dict[str, Any], folder: Folder) -> None:
    procedure = "delimiter //\ncreate procedure two() begin select 1; select 2; end//\ndelimiter ;\ncall two();\n"
    drop = "-- evenkeel: contract\nalter table orders drop column note;"
    path = folder(V1__orders=ORDERS, V2__two=procedure, V3__drop=drop, R__v="create or replace view v as select id from orders;")
    seen = run(**at, path=path, check=True)
    assert (seen["pending"], seen["later"]) == (["V1__orders.sql", "V2__two.sql", "R__v.sql"], ["V3__drop.sql"])
    assert mariadb.sql(database, "show tables") == ""
    done = run(**at, path=path)
    assert (done["changed"], done["heads_after"], done["one_way"]) == (True, ["2"], False)
    assert not run(**at, path=path)["changed"]
    assert run(**at, path=path, phase="contract")["one_way"]
    assert columns(mariadb, database) == ["id"]
    rows = mariadb.sql(database, "select installed_rank, coalesce(version, '-'), script, success from flyway_schema_history order by 1")
    assert rows.splitlines() == ["1\t1\tV1__orders.sql\t1", "2\t2\tV2__two.sql\t1", "3\t-\tR__v.sql\t1", "4\t3\tV3__drop.sql\t1"]
    changed = run(**at, path=folder(V1__orders=ORDERS + "-- x"))
    assert "V1__orders.sql was applied with checksum" in changed["msg"]


def test_a_statement_that_fails_is_mended_and_the_rest_isnt_done_twice(mariadb: MariaDB, database: str, at: dict[str, Any], folder: Folder) -> None:
    run(**at, path=folder(V1__orders=ORDERS))
    first = "alter table orders add column price int;\nupdate orders set price = coalesce(price, 0) + 1;\n"
    found = run(**at, path=folder(V2__price=first + "alter table nowhere add column x int;\n"))
    assert "V2__price.sql, line 3: " in found["msg"]
    assert "Statements 1 to 2 of 3 are applied and stay; mend statement 3 and run it again" in found["msg"]
    assert mariadb.sql(database, "select success from flyway_schema_history where version = '2'") == "0"
    other = run(**at, path=folder(V2__price="alter table orders add column prize int;\nselect 1;\nselect 2;"))
    assert "2 of 3 are applied, and they aren't those of the file now" in other["msg"]
    done = run(**at, path=folder(V2__price=first + "alter table orders add column x int;\n"))
    assert done["found"][0].endswith("2 of 3 statements are applied, statement 3 of 3 (line 3) was under way; it isn't applied, going on with it")
    assert columns(mariadb, database) == ["id", "note", "price", "x"]
    assert mariadb.sql(database, "select sum(price) from orders") == "2"
    assert mariadb.sql(database, "select group_concat(success order by 1) from flyway_schema_history") == "1,1"
    assert not run(**at, path=folder())["changed"]


def test_killed_while_rows_change(mariadb: MariaDB, database: str, at: dict[str, Any], folder: Folder, running: Running) -> None:
    path = folder(
        V1__nap="create table nap (s int); insert into nap values (60);",
        V2__orders=ORDERS + "set @half = 2;\nupdate orders set note = sleep((select s from nap));\nupdate orders set id = id * @half order by id desc;\n",
    )
    process = running(**at, path=path)
    killed_while(mariadb, database, process, "User sleep")
    for row in mariadb.sql("mysql", f"select id from information_schema.processlist where db = '{database}' and state = 'User sleep'").split():
        mariadb.sql("mysql", f"kill {row}")  # what the server does by itself after a while
    mariadb.sql(database, "update nap set s = 0")
    done = run(**at, path=path)
    assert done["found"][0].startswith("V2__orders.sql was begun at ")
    assert done["found"][0].endswith("statement 3 of 5 (line 3) was the last that was applied; going on with statement 4")
    assert done["heads_after"] == ["2"]
    assert mariadb.sql(database, "select group_concat(concat(id, note) order by id) from orders") == "20,40"


def test_killed_while_the_schema_changes(mariadb: MariaDB, database: str, at: dict[str, Any], folder: Folder, running: Running) -> None:
    run(**at, path=folder(V1__orders=ORDERS))
    path = folder(V2__price="create table other (id int);\nalter table orders add column price int;\ncreate table third (id int);\n")
    with pymysql.connect(host="127.0.0.1", port=mariadb.port, user=mariadb.user, password=mariadb.password, database=database) as reader:
        reader.cursor().execute("select count(*) from orders")  # its transaction holds the table
        process = running(**at, path=path, lock_timeout=60)
        killed_while(mariadb, database, process, "%metadata lock%")
        seen = run(**at, path=path, check=True)
        assert "1 of 3 statements are applied, statement 2 of 3 (line 2) was under way" in seen["found"][0]
    done = run(**at, path=path)
    assert done["heads_after"] == ["2"]
    assert columns(mariadb, database) == ["id", "note", "price"]
    assert mariadb.sql(database, "show tables like 'third'") == "third"


def test_a_statement_that_was_applied_just_before_the_kill_isnt_repeated(mariadb: MariaDB, database: str, at: dict[str, Any], folder: Folder) -> None:
    run(**at, path=folder(V1__orders=ORDERS))
    path = folder(V2__price="alter table orders add column price int;\nalter table missing add column x int;\n")
    run(**at, path=path)
    # the second statement came through, and the note of it didn't
    mariadb.sql(database, "create table missing (id int, x int)")
    done = run(**at, path=path)
    assert "statement 2 of 2 (line 2) was under way; it is applied, the schema shows it" in done["found"][0]
    assert done["heads_after"] == ["2"]


def test_a_call_that_failed_is_mended(mariadb: MariaDB, database: str, at: dict[str, Any], folder: Folder) -> None:
    procedure = "delimiter //\ncreate procedure p() begin insert into orders values (3, 'c'); insert into nowhere values (1); end//\n"
    run(**at, path=folder(V1__orders=ORDERS + procedure))
    found = run(**at, path=folder(V2__call="call p();"))
    assert found["msg"].endswith("It may be applied in part.")
    assert (found["partial"], mariadb.sql(database, "select state from evenkeel_migration_progress")) == (True, "failed")
    assert run(**at, path=folder(V2__call="create table other (id int);"))["heads_after"] == ["2"]


def test_a_busy_table_is_tried_again(mariadb: MariaDB, database: str, at: dict[str, Any], folder: Folder) -> None:
    run(**at, path=folder(V1__orders=ORDERS))
    path = folder(V2__price="alter table orders add column price int;")
    with pymysql.connect(host="127.0.0.1", port=mariadb.port, user=mariadb.user, password=mariadb.password, database=database) as reader:
        reader.cursor().execute("select count(*) from orders")
        found = run(**at, path=path, lock_timeout=1, retries=1)
    assert "Lock wait timeout exceeded" in found["msg"]
    assert "The lock wasn't given within 1 s, 2 times; connections that are busy: connection " in found["msg"]
    assert run(**at, path=path)["heads_after"] == ["2"]


def test_a_dry_run_changes_the_copy_and_says_so(mariadb: MariaDB, database: str, at: dict[str, Any], folder: Folder) -> None:
    path = folder(V1__orders=ORDERS)
    copy = mariadb.create_db()
    seen = run(**at, path=path, dry_run={"database": place(mariadb, copy)}, check=True)
    assert (seen["pending"], columns(mariadb, copy)) == (["V1__orders.sql"], [])
    found = run(**at, path=path, dry_run={"database": place(mariadb, copy)})
    assert (found["changed"], found["dry_run"]["kept"], found["dry_run"]["files"][0]["script"]) == (False, True, "V1__orders.sql")
    assert columns(mariadb, database) == []
    assert columns(mariadb, copy) == ["id", "note"]
