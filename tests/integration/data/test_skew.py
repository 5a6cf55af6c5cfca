# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of migrations as each tool writes them, on both sides, through the module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import skew as of_mysql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import skew as of_postgresql
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew import compare, refusal

# (tool, what makes its table with two migrations, what adds the third); plain enough for both engines.
TOOLS: list[tuple[str, str, str]] = [
    (
        "alembic",
        "create table alembic_version (version_num varchar(32) primary key); insert into alembic_version values ('1975ea83b712')",
        "update alembic_version set version_num = 'ae1027a6acf'",
    ),
    (
        "flyway",
        "create table flyway_schema_history (installed_rank int primary key, version varchar(9), description varchar(9), type varchar(20), script varchar(99),"
        " checksum int, success boolean);"
        " insert into flyway_schema_history values (1, '1', 'init', 'SQL', 'V1__init.sql', 11, true), (2, null, 'views', 'SQL', 'R__views.sql', 12, true)",
        "insert into flyway_schema_history values (3, '2', 'more', 'SQL', 'V2__more.sql', 13, true)",
    ),
    (
        "liquibase",
        "create table databasechangelog (id varchar(9), author varchar(9), filename varchar(9), dateexecuted timestamp, orderexecuted int, exectype varchar(9),"
        " md5sum varchar(35));"
        " insert into databasechangelog values ('1', 'ann', 'a.xml', '2026-01-01 00:00:00', 1, 'EXECUTED', '8:aa')",
        "insert into databasechangelog values ('2', 'ann', 'a.xml', '2026-01-02 00:00:00', 2, 'EXECUTED', '8:bb')",
    ),
    (
        "django",
        "create table django_migrations (id int primary key, app varchar(255), name varchar(255), applied timestamp);"
        " insert into django_migrations values (1, 'shop', '0001_initial', '2026-01-01 00:00:00')",
        "insert into django_migrations values (2, 'shop', '0002_more', '2026-01-02 00:00:00')",
    ),
    (
        "rails",
        "create table schema_migrations (version varchar(255) primary key);"
        " create table ar_internal_metadata (`key` varchar(255) primary key, value varchar(255));"
        " insert into schema_migrations values ('20260101000000'); insert into ar_internal_metadata values ('environment', 'production')",
        "insert into schema_migrations values ('20260201000000')",
    ),
    (
        "golang-migrate",
        "create table schema_migrations (version bigint primary key, dirty boolean); insert into schema_migrations values (9, false)",
        "update schema_migrations set version = 12",
    ),
    (
        "goose",
        "create table goose_db_version (id int primary key, version_id bigint, is_applied boolean, tstamp timestamp);"
        " insert into goose_db_version values (1, 0, true, '2026-01-01 00:00:00'), (2, 1, true, '2026-01-01 00:00:00'),"
        " (3, 1, false, '2026-01-01 00:00:00'), (4, 1, true, '2026-01-01 00:00:00')",
        "insert into goose_db_version values (5, 2, true, '2026-01-01 00:00:00')",
    ),
    (
        "sqitch",
        "create table changes (change_id varchar(40) primary key, `change` varchar(99), project varchar(100), committed_at timestamp, planner_name varchar(9));"
        " insert into changes values ('aa', 'init', 'shop', '2026-01-01 00:00:00', 'ann')",
        "insert into changes values ('bb', 'more', 'shop', '2026-01-02 00:00:00', 'ann')",
    ),
    (
        "shop",
        "create table schema_migrations (version int primary key, name varchar(50), sha256 varchar(64)); insert into schema_migrations values (1, 'a', 'x')",
        "insert into schema_migrations values (2, 'b', 'y')",
    ),
]
SQITCH_OF_POSTGRESQL = "create schema sqitch; set search_path = sqitch;"


@pytest.fixture
def sides(pg: Any) -> Iterator[tuple[str, str]]:
    names = (pg.create_db(), pg.create_db())
    yield names
    for name in names:
        pg.psql("postgres", f"drop database {name} with (force)")


def place(pg: Any, database: str) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": pg.port, "dbname": database, "user": pg.user, "password": pg.password}


def told(pg: Any, sides: tuple[str, str]) -> tuple[str, str, str]:
    found = compare(of_postgresql.read(place(pg, sides[0]), role="source"), of_postgresql.read(place(pg, sides[1]), role="target"))
    assert len(found) == 1, found
    return found[0].tool, found[0].state, refusal(found)


@pytest.mark.parametrize(("tool", "made", "more"), TOOLS, ids=[one[0] for one in TOOLS])
def test_each_tool_on_postgresql(pg: Any, sides: tuple[str, str], tool: str, made: str, more: str) -> None:
    before = SQITCH_OF_POSTGRESQL if tool == "sqitch" else ""
    for side in sides:
        pg.psql(side, (before + made).replace("`", '"'))
    assert told(pg, sides) == (tool, "equal", "")
    pg.psql(sides[0], (before.replace("create schema sqitch;", "") + more).replace("`", '"'))
    found = told(pg, sides)
    assert found[:2] == (tool, "diverged" if tool == "alembic" else "behind")
    assert "nothing was changed" in found[2]
    assert "on the target" in found[2]
    assert told(pg, (sides[1], sides[0]))[1] == ("diverged" if tool == "alembic" else "ahead")


@pytest.mark.parametrize(("tool", "made", "more"), TOOLS, ids=[one[0] for one in TOOLS])
def test_each_tool_on_mariadb(mariadb: Any, tool: str, made: str, more: str) -> None:
    names = (mariadb.create_db(), mariadb.create_db())
    for name in names:
        mariadb.sql(name, made)
    mariadb.sql(names[0], more)
    found = compare(*(of_mysql.read(mariadb.place(name), role=role) for name, role in zip(names, ("source", "target"), strict=True)))
    assert [(one.tool, one.state) for one in found] == [(tool, "diverged" if tool == "alembic" else "behind")]
    for name in names:
        mariadb.sql("mysql", f"drop database {name}")


def test_a_dirty_target(pg: Any, sides: tuple[str, str]) -> None:
    for side, dirty in zip(sides, ("false", "true"), strict=True):
        pg.psql(side, f"create table schema_migrations (version bigint, dirty boolean); insert into schema_migrations values (9, {dirty})")
    assert told(pg, sides)[1] == "dirty"


def test_the_module(pg: Any, sides: tuple[str, str], playbook: Any) -> None:
    pg.psql(sides[0], TOOLS[1][1] + ";" + TOOLS[1][2])
    pg.psql(sides[1], TOOLS[1][1])
    task: dict[str, Any] = {"source": place(pg, sides[0]), "target": place(pg, sides[1])}
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Skew", "evenkeel.release.data_skew": task}]}]
    done = playbook(play, check=True)
    assert done.rc == 0, done.stdout
    found = done.result("Skew")
    assert (found["state"], found["changed"], found["comparisons"][0]["missing"]) == ("behind", False, ["2"])
    task["migrations"] = "refuse"
    refused = playbook(play)
    assert refused.rc != 0
    assert "it lacks 2. Before the refresh, run flyway migrate on the target." in refused.stdout
    assert pg.password not in refused.stdout
