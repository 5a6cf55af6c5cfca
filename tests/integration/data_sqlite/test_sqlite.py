# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of SQLite, refreshed for real and read back with the sqlite3 module of Python."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._sync.engines import synchronize
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

KEY = "00112233445566778899aabbccddeeff" * 2
SCHEMA = """
create table customers (id integer primary key autoincrement, name text not null, email varchar(80) not null unique, phone text,
  born date, shout text generated always as (upper(name)) virtual);
create table "order" (id integer primary key, customer integer not null references customers (id), "größe" text, ship_name text,
  parent integer references "order" (id));
create table log (line text);
create table pairs (a integer, b text, note text, primary key (a, b)) without rowid;
create index "by customer" on "order" (customer);
create view loud as select shout from customers;
create table audit (line text);
create trigger heard after insert on customers begin insert into audit values (new.name); end;
"""
KEPT = {"keep": "no personal value"}
POLICY: dict[str, Any] = {
    "name": "shop",
    "version": 1,
    "tables": {
        "main.customers": {
            "columns": {
                "id": KEPT, "name": {"mask": "name", "domain": "person"}, "email": {"mask": "email"}, "phone": {"mask": "phone"},
                "born": {"mask": "date_shift"}, "shout": KEPT,
            }
        },
        "main.order": {"columns": {"id": KEPT, "customer": KEPT, "größe": KEPT, "ship_name": {"mask": "name", "domain": "person"}, "parent": KEPT}},
        "main.pairs": {"columns": {"a": KEPT, "b": KEPT, "note": {"mask": "token"}}},
    },
    "skip": [{"table": "main.log", "reason": "its own"}, {"table": "main.audit", "reason": "its own"}],
}  # fmt: skip


def database(path: Path, *rows: str) -> Path:
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        for text in rows:
            connection.execute(text)
    connection.close()
    return path


def read(path: Path, text: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return connection.execute(text).fetchall()
    finally:
        connection.close()


def dump(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [line for line in connection.iterdump() if "evenkeel_data_sync" not in line]
    finally:
        connection.close()


@pytest.fixture
def shops(tmp_path: Path) -> tuple[Path, Path]:
    numbers = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2500) "
    source = database(
        tmp_path / "source.db",
        numbers + "insert into customers (name, email, phone, born) select 'Person ' || i, 'p' || i || '@mail.example', "
        "case when i % 7 then '+49 30 ' || (1000000 + i) end, date('1950-01-01', '+' || i || ' days') from n",
        numbers + "insert into \"order\" select i, i, 'x', 'Person ' || i, nullif(i - 1, 0) from n",
        "insert into pairs values (1, 'a', 'secret'), (1, 'b', null)",
    )
    return source, database(tmp_path / "target.db", "insert into customers (name, email) values ('Before', 'b@x')", "insert into log values ('kept')")


def refresh(shops: tuple[Path, Path], *, check: bool = False, tell: Callable[[dict[str, Any]], None] = lambda _event: None, **more: Any) -> dict[str, Any]:
    params = {
        "engine": "sqlite", "name": "shop", "source": {"path": str(shops[0])}, "target": {"path": str(shops[1])}, "target_tier": "test", "policy": POLICY,
        "key": KEY, "mode": "full", "phase": "all", "lock_timeout": 1.0,
        "proof": {"enabled": True, "remask_percent": 2, "leak_scan": True, "leak_min_length": 6, "minimum_k": 0},
    }  # fmt: skip
    return synchronize({**params, **more}, check_mode=check, tell=tell)


def test_every_row_comes_masked_and_everything_else_stays(shops):
    events: list[dict[str, Any]] = []
    done = refresh(shops, tell=events.append)
    assert done["changed"]
    assert done["proof"]["verdict"] == "passed"
    assert done["tables"]["main.customers"]["rows"] == 2500
    for number in (1, 7, 2500):
        [(name, email, phone, shout)] = read(shops[1], f"select name, email, phone, shout from customers where id = {number}")
        assert name == mask_value(f"Person {number}", "name", key=KEY, domain="person")
        assert email == mask_value(f"p{number}@mail.example", "email", key=KEY)
        assert shout == name.upper()
        assert (phone is None) == (number % 7 == 0)
    assert read(shops[1], 'select count(*) from "order" o join customers c on c.id = o.customer where o.ship_name = c.name') == [(2500,)]
    assert read(shops[1], "select * from log") == [("kept",)]
    assert read(shops[1], "select * from audit") == [("Before",)]
    assert read(shops[1], "select count(*) from sqlite_master where name in ('heard', 'loud', 'by customer')") == [(3,)]
    assert read(shops[1], "select seq from sqlite_sequence where name = 'customers'") == [(2500,)]
    assert events[0] == {"event": "snapshot"}
    assert events[-1]["event"] == "progress"
    assert sorted(os.listdir(shops[1].parent)) == ["source.db", "target.db"]


def test_nothing_changed_means_nothing_written(shops):
    assert refresh(shops, check=True)["changed"]
    refresh(shops)
    before = shops[1].read_bytes()
    assert not refresh(shops, check=True)["changed"]
    assert not refresh(shops)["changed"]
    assert shops[1].read_bytes() == before


@pytest.mark.parametrize("text", ["update customers set name = 'x' where id = 3", "delete from pairs", "insert into log values (1)"])
@pytest.mark.parametrize("side", [0, 1])
def test_a_change_on_either_side_is_seen(shops, text, side):
    refresh(shops)
    with sqlite3.connect(shops[side]) as connection:
        connection.execute(text)
    connection.close()
    assert refresh(shops)["changed"] == ("log" not in text)


def test_a_check_shows_the_plan_and_writes_nothing(shops):
    before = shops[1].read_bytes()
    plan = refresh(shops, check=True)["plan"]
    assert {table["name"]: table["rows"] for table in plan["tables"]} == {"main.customers": 2500, "main.order": 2500, "main.pairs": 2}
    assert plan["tables"][0]["masks"]["email"] == "email"
    assert shops[1].read_bytes() == before


def test_phases_can_be_taken_back_until_they_are_confirmed(shops):
    before = dump(shops[1])
    assert refresh(shops, phase="prepare")["changed"]
    assert dump(shops[1]) == before
    assert stat.S_IMODE((shops[1].parent / "target.db.evenkeel_new").stat().st_mode) == 0o600
    refresh(shops, phase="swap")
    assert read(shops[1], "select count(*) from customers") == [(2500,)]
    refresh(shops, phase="swap")
    assert refresh(shops, phase="revert")["changed"]
    assert dump(shops[1]) == before
    assert not refresh(shops, phase="revert")["changed"]
    refresh(shops, phase="prepare")
    refresh(shops, phase="revert")
    refresh(shops, phase="swap")
    assert dump(shops[1]) == before
    refresh(shops, phase="prepare")
    refresh(shops, phase="swap")
    refresh(shops, phase="confirm")
    refresh(shops, phase="revert")
    assert read(shops[1], "select count(*) from customers") == [(2500,)]
    assert sorted(os.listdir(shops[1].parent)) == ["source.db", "target.db"]


def test_schema_only_leaves_no_row(shops):
    assert refresh(shops, mode="schema_only")["changed"]
    assert read(shops[1], "select count(*) from customers") == [(0,)]


def column_more(shops):
    for path in shops:
        with sqlite3.connect(path) as connection:
            connection.execute("alter table customers add work_email text")


def broken_reference(shops):
    with sqlite3.connect(shops[0]) as connection:
        connection.execute('insert into "order" (id, customer) values (9999, 9999)')


def only_in_the_source(shops):
    with sqlite3.connect(shops[0]) as connection:
        connection.execute("alter table pairs add more text")


def locked(shops):
    holder = sqlite3.connect(shops[1], isolation_level=None)
    holder.execute("begin immediate")
    return holder


def not_a_database(shops):
    shops[0].write_bytes(b"bad bytes " * 1000)


@pytest.mark.parametrize(
    ("fault", "more", "text"),
    [
        (column_more, {}, r"(?s)main.customers.work_email.*work_email: \{mask: email"),
        (broken_reference, {}, "foreign key"),
        (only_in_the_source, {}, "main.pairs.more"),
        (locked, {}, "locked"),
        (not_a_database, {}, "file is not a database"),
        (lambda shops: None, {"target_tier": "production"}, "tier is production"),
        (lambda shops: None, {"mode": "incremental"}, "copied whole"),
        (lambda shops: None, {"source": {"path": "/nowhere/x.db"}}, "Can't open the source"),
    ],
)
def test_one_clear_error_and_the_target_is_as_it_was(shops, fault, more, text):
    holder = fault(shops)
    before = shops[1].read_bytes()
    with pytest.raises(SyncError, match=text) as caught:
        refresh(shops, **more)
    if holder is not None:
        holder.close()
    assert shops[1].read_bytes() == before
    assert "Person" not in str(caught.value)
    assert not list(shops[1].parent.glob("*.evenkeel*"))


def test_source_and_target_must_not_be_one_file(shops):
    os.link(shops[0], shops[0].parent / "again.db")
    with pytest.raises(SyncError, match="same file"):
        refresh((shops[0], shops[0].parent / "again.db"))


def test_a_run_that_was_killed_leaves_nothing_that_hinders_the_next(shops):
    class Killed(BaseException):
        pass

    def die(event):
        if event.get("event") == "progress":
            shutil.copy(shops[1].parent / "target.db.evenkeel_new", shops[1].parent / "left")
            raise Killed

    with pytest.raises(Killed):
        refresh(shops, tell=die)
    os.rename(shops[1].parent / "left", shops[1].parent / "target.db.evenkeel_new")
    with pytest.raises(SyncError, match="not finished"):
        refresh(shops, phase="swap")
    assert refresh(shops)["changed"]
    assert read(shops[1], "select count(*) from customers") == [(2500,)]


def test_a_planted_leak_is_found(shops):
    policy = {**POLICY, "tables": {**POLICY["tables"], "main.pairs": {"columns": {"a": KEPT, "b": KEPT, "note": {"keep": "somebody was sure"}}}}}
    with sqlite3.connect(shops[0]) as connection:
        connection.execute("update pairs set note = 'please call p77@mail.example today' where b = 'a'")
    connection.close()
    before = shops[1].read_bytes()
    with pytest.raises(SyncError, match=r"main\.pairs\.note") as caught:
        refresh(shops, policy=policy)
    assert "p77@" not in str(caught.value)
    assert shops[1].read_bytes() == before
