# SPDX-License-Identifier: GPL-3.0-or-later
"""One schema and one policy on every engine; each server's own client says what is left."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable, NamedTuple

import psycopg
import pymysql
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._purge.policy import PurgeError
from ansible_collections.evenkeel.release.plugins.module_utils._purge.run import purge

NOW = datetime(2026, 7, 1, tzinfo=timezone.utc)
OLD, YOUNG = "2026-01-01 10:00:00", "2026-06-20 10:00:00"
SCHEMA = """
create table customers (id integer primary key, kind varchar(10) not null, created timestamp not null);
create table orders (id integer primary key, customer integer, placed timestamp not null, foreign key (customer) references customers (id));
create table items (orders integer not null, line integer not null, primary key (orders, line),
  foreign key (orders) references orders (id) on delete cascade);
create table notes (id integer primary key, customer integer, foreign key (customer) references customers (id) on delete set null);
create table logins (at timestamp, who integer);
create table steps (id integer primary key, above integer, at timestamp not null, foreign key (above) references steps (id));
"""


def rows() -> str:
    lines = []
    for number in range(1, 41):  # 1-20 old, 21-40 young; every fourth is real
        lines.append(f"insert into customers values ({number}, '{'real' if number % 4 == 0 else 'test'}', '{OLD if number <= 20 else YOUNG}');")
        lines.append(f"insert into notes values ({number}, {number});")
    for number in range(1, 31):  # an old order of each of 1-30; the one of customer 5 is young
        lines.append(f"insert into orders values ({number}, {number}, '{YOUNG if number == 5 else OLD}');")
        lines += [f"insert into items values ({number}, {line});" for line in (1, 2)]
    lines += [f"insert into logins values ('{OLD}', {number});" for number in range(25)]
    lines += [f"insert into logins values ('{YOUNG}', 1);", "insert into logins values (null, 1);"]
    for number in range(1, 8):
        lines.append(f"insert into steps values ({number}, {number - 1 if number > 1 else 'null'}, '{YOUNG if number == 7 else OLD}');")
    return "\n".join(lines)


class Place(NamedTuple):
    engine: str
    prefix: str
    database: dict[str, Any]
    ask: Callable[[str], str]

    def policy(self, *, production: bool = False) -> dict[str, Any]:
        def rule(table: str, column: str, **more: Any) -> dict[str, Any]:
            return {"table": f"{self.prefix}.{table}", "column": column, "class": "test", "reason": "test runs", **more}

        return {
            "name": "shop",
            "production": production,
            "classes": {"test": "90d"},
            "rules": [
                rule("customers", "created", where=[{"column": "kind", "op": "=", "value": "test"}]),
                rule("orders", "placed"),
                rule("logins", "at"),
            ],
        }

    def purge(self, *, check_mode: bool = False, sleep: Callable[[float], None] = lambda _seconds: None, **changes: Any) -> dict[str, Any]:
        params = {
            "engine": self.engine,
            "database": self.database,
            "policy": self.policy(),
            "tier": "test",
            "environment": "test",
            "ttl": "",
            "state": "purged",
            "batch": 7,
            "pause": 0,
            "max_rows": 0,
            "lock_timeout": 1.0,
            "statement_timeout": 0,
            **changes,
        }
        return purge(params, check_mode=check_mode, now=NOW, sleep=sleep)

    def counts(self) -> list[str]:
        return [self.ask(f"select count(*) from {table}") for table in ("customers", "orders", "items", "notes", "logins", "steps")]


def _postgresql(request: Any, _tmp_path: Path) -> Iterator[Place]:
    pg = request.getfixturevalue("pg")
    name = pg.create_db()
    pg.psql(name, SCHEMA + rows())
    place = {"host": "127.0.0.1", "port": pg.port, "user": pg.user, "password": pg.password, "dbname": name, "sslmode": "disable"}
    yield Place("postgresql", "public", place, lambda text: pg.psql(name, text))
    pg.psql("postgres", f"drop database {name} with (force)")


def _sqlite(_request: Any, tmp_path: Path) -> Iterator[Place]:
    path = str(tmp_path / "shop.sqlite")

    def ask(text: str) -> str:
        with sqlite3.connect(path) as connection:
            return "\n".join("|".join(map(str, row)) for row in connection.execute(text).fetchall())

    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA + rows())
    yield Place("sqlite", "main", {"path": path}, ask)


def _mysql(request: Any, _tmp_path: Path) -> Iterator[Place]:
    mariadb = request.getfixturevalue("mariadb")
    name = mariadb.create_db()
    mariadb.sql(name, (SCHEMA + rows()).replace("timestamp", "datetime"))
    yield Place("mysql", name, mariadb.place(name), lambda text: mariadb.sql(name, text))


@pytest.fixture(params=[_postgresql, _sqlite, _mysql], ids=["postgresql", "sqlite", "mysql"])
def place(request: Any, tmp_path: Path) -> Iterator[Place]:
    yield from request.param(request, tmp_path)


BEFORE = ["40", "30", "60", "40", "27", "7"]


def test_a_report_counts_and_touches_nothing(place: Place) -> None:
    result = place.purge(state="reported")
    tables = {name.rpartition(".")[2]: facts for name, facts in result["tables"].items()}
    assert result["changed"] is False
    assert [tables[name]["expired"] for name in ("customers", "orders", "logins")] == [15, 29, 25]
    assert (tables["customers"]["removable"], tables["customers"]["held"]) == (14, 1)  # 5 has a young order
    dragged = [(one["table"].rpartition(".")[2], one["rows"], one["action"]) for one in tables["orders"]["with_them"]]
    assert dragged == [("items", 58, "removed")]
    assert [(one["rows"], one["action"]) for one in tables["customers"]["with_them"]] == [(14, "detached")]
    assert [name.rpartition(".")[2] for name in result["order"]].index("orders") < [name.rpartition(".")[2] for name in result["order"]].index("customers")
    assert place.counts() == BEFORE
    assert place.purge(check_mode=True)["changed"] is True
    assert place.counts() == BEFORE


def test_what_is_too_old_goes_in_batches_children_first_and_only_once(place: Place) -> None:
    pauses: list[float] = []
    result = place.purge(sleep=pauses.append, pause=0.25)
    assert set(pauses) == {0.25}
    assert len(pauses) >= 29 // 7 + 14 // 7  # batches of seven
    assert result["changed"] is True
    assert result["removed"] == 14 + 29 + 25
    assert place.counts() == ["26", "1", "2", "40", "2", "7"]
    assert place.ask("select count(*) from notes where customer is null") == "14"
    assert place.ask("select count(*) from customers where id = 5 or kind = 'real'") == "11"
    again = place.purge()
    assert (again["changed"], again["removed"]) == (False, 0)
    assert place.purge(check_mode=True)["changed"] is False


def test_a_limited_run_goes_on_the_next_time(place: Place) -> None:
    first = place.purge(max_rows=20)
    assert (first["removed"], first["limited"]) == (20, True)
    assert first["removed"] + place.purge()["removed"] == 14 + 29 + 25


class Killed(BaseException):
    """Like the end of the process: nothing of ours catches it."""


def test_a_purge_that_dies_goes_on_the_next_time(place: Place) -> None:
    """Between two batches: what went is gone, no child was left without its parent, and a second run removes just the rest."""
    params: list[float] = []

    def die(seconds: float) -> None:
        params.append(seconds)
        if len(params) == 3:
            raise Killed

    with pytest.raises(Killed):
        place.purge(sleep=die, pause=0.5)
    assert params == [0.5] * 3
    left = int(place.ask("select count(*) from customers")) + int(place.ask("select count(*) from orders")) + int(place.ask("select count(*) from logins"))
    assert 40 + 30 + 27 - 14 - 29 - 25 < left < 40 + 30 + 27
    assert place.ask("select count(*) from orders o where not exists (select 1 from customers c where c.id = o.customer)") == "0"
    assert place.ask("select count(*) from items i where not exists (select 1 from orders o where o.id = i.orders)") == "0"
    assert place.purge()["removed"] == left - (40 + 30 + 27 - 14 - 29 - 25)
    assert place.counts() == ["26", "1", "2", "40", "2", "7"]


def test_the_age_is_that_of_the_class_the_environment_or_its_life(place: Place) -> None:
    policy = {**place.policy(), "environments": {"test": {"test": "ttl"}, "staging": {"test": "300d"}}}
    assert place.purge(state="reported", policy=policy, environment="staging")["expired"] == 0  # 177 days old at most
    assert place.purge(state="reported", policy=policy, environment="development")["expired"] == 15 + 29 + 25  # the class's 90 days
    reported = place.purge(state="reported", policy=policy, environment="test", ttl="7d")
    assert reported["expired"] == 30 + 30 + 26  # the young ones are older than the environment may become
    assert {rule["older_than"] for table in reported["tables"].values() for rule in table["rules"]} == {"7d"}
    assert place.purge(policy=policy, environment="test", ttl="7d")["removed"] == 30 + 30 + 26
    with pytest.raises(PurgeError, match="is 'ttl', but the environment has none"):
        place.purge(policy=policy, environment="test")


def test_production_is_refused_unless_the_policy_says_so(place: Place) -> None:
    with pytest.raises(PurgeError, match="doesn't say 'production: true'"):
        place.purge(tier="production")
    assert place.counts() == BEFORE
    assert place.purge(tier="production", state="reported")["expired"] == 69
    assert place.purge(tier="production", policy=place.policy(production=True))["removed"] == 68


def test_a_tree_goes_from_its_leaves(place: Place) -> None:
    policy = place.policy()
    policy["rules"] = [{"table": f"{place.prefix}.steps", "column": "at", "older_than": "90d", "reason": "old"}]
    assert place.purge(policy=policy)["removed"] == 0  # the young leaf holds all of them
    place.ask("select 1")
    policy["rules"][0]["older_than"] = "1d"
    assert place.purge(policy=policy)["removed"] == 7
    assert place.counts()[5] == "0"


def test_a_policy_for_another_database_is_refused_with_all_reasons(place: Place) -> None:
    policy = place.policy()
    policy["rules"] += [
        {"table": f"{place.prefix}.gone", "column": "at", "older_than": "1d", "reason": "r"},
        {"table": f"{place.prefix}.orders", "column": "at", "older_than": "1d", "reason": "r"},
        {"table": f"{place.prefix}.orders", "column": "customer", "older_than": "1d", "reason": "r"},
    ]
    with pytest.raises(PurgeError) as caught:
        place.purge(policy=policy)
    for said in ("gone: the policy names it", "orders.at: the policy names it", "orders.customer: is int"):
        assert said in str(caught.value)


@contextlib.contextmanager
def held(place: Place) -> Iterator[None]:
    """Another session keeps the row of customer 1, which SQLite knows as the whole file."""
    if place.engine == "sqlite":
        other: Any = sqlite3.connect(place.database["path"], isolation_level=None)
        other.execute("begin immediate")
    elif place.engine == "postgresql":
        other = psycopg.connect(**place.database)
        other.execute("select 1 from customers where id = 1 for update")
    else:
        there = place.database
        other = pymysql.connect(host=there["host"], port=there["port"], user=there["user"], password=there["password"], database=there["dbname"])
        other.cursor().execute("select 1 from customers where id = 1 for update")
    try:
        yield
    finally:
        other.close()


def test_a_lock_stops_the_run_and_the_next_one_goes_on(place: Place) -> None:
    with held(place), pytest.raises(PurgeError, match="run it again to go on"):
        place.purge(lock_timeout=0.2)
    assert place.purge()["removed"] > 0
    assert place.counts() == ["26", "1", "2", "40", "2", "7"]


def test_a_marked_database_counts_as_production(pg: Any, request: Any, tmp_path: Path) -> None:
    for place in _postgresql(request, tmp_path):
        pg.psql("postgres", f"comment on database {place.database['dbname']} is 'evenkeel: tier=production'")
        with pytest.raises(PurgeError, match="one of production"):
            place.purge()
