# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that end or have no space left in the middle, and keys that aren't the ones that the target was masked with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql import copying
from ansible_collections.evenkeel.release.tests.integration.support.mariadb import MariaDB

from .conftest import SCHEMA, Shop

# Tables share one file that doesn't grow: what a disk without space left looks like to the server.
FULL = {"innodb-data-file-path": "ibdata1:12M", "innodb-file-per-table": "0", "innodb-log-file-size": "8M"}
OTHER_KEY = "ff" * 32


@pytest.fixture(scope="module")
def other() -> Iterator[MariaDB]:
    server = MariaDB(settings=FULL)
    yield server
    server.stop()


@pytest.fixture
def target(shop: Shop, other: MariaDB) -> Iterator[tuple[MariaDB, str]]:
    """Another server, whose database holds one row of its own."""
    other.sql("mysql", "set global innodb_file_per_table = 1")
    database = other.create_db()
    other.sql(database, SCHEMA + "insert into customers (name, email) values ('Before', 'before@x')")
    yield other, database
    other.sql("mysql", "; ".join(f"drop database if exists {database}{tail}" for tail in ("", "_evenkeel", "_evenkeel_new", "_evenkeel_old")))


def test_no_space_left_in_the_target(shop: Shop, target: tuple[MariaDB, str]) -> None:
    server, database = target
    shop.here("alter table audit modify line longtext; alter table audit add column id int primary key auto_increment first")
    shop.here("insert into audit (line) select repeat('x', 100000) from seq_1_to_160")
    server.sql(database, "drop table audit; create table audit (id int primary key auto_increment, line longtext)")
    server.sql("mysql", "set global innodb_file_per_table = 0")
    policy = {**shop.policy(), "skip": []}
    policy["tables"][f"{shop.source}.audit"] = {"columns": {"id": {"keep": "a number"}, "line": {"keep": "letters"}}}
    with pytest.raises(SyncError, match=r"The table .* is full") as caught:
        shop.run(target=server.place(database), policy=policy)
    assert len(str(caught.value).splitlines()) == 1
    assert server.sql(database, "select name from customers") == "Before"
    server.sql("mysql", "set global innodb_file_per_table = 1")
    assert shop.run(target=server.place(database), policy=policy)["changed"]
    assert server.sql(database, "select count(*), (select sum(length(line)) from audit) from customers") == "500\t16000000"


def test_an_outage_of_the_target(shop: Shop, target: tuple[MariaDB, str], monkeypatch: pytest.MonkeyPatch) -> None:
    server, database = target
    inner = copying.Worker._lines

    def lines(*words: Any) -> Any:
        for batch in inner(*words):
            yield batch
            server.kill()

    monkeypatch.setattr(copying.Worker, "_lines", lines)
    with pytest.raises(SyncError) as caught:
        shop.run(target=server.place(database))
    monkeypatch.undo()
    assert "mail.example" not in str(caught.value)
    server.start_again()
    server.sql("mysql", "set global innodb_file_per_table = 1")
    assert server.sql(database, "select name from customers") == "Before"
    assert shop.run(target=server.place(database))["changed"]
    assert server.sql(database, "select count(*) from customers") == "500"


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("mode", ["differential", "incremental"])
def test_a_delta_that_is_cut_off(shop: Shop, side: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {f"{shop.source}.customers": "changed"}
    shop.run(watermarks=marks)
    shop.here("update customers set city = 'Elsewhere', changed = '2024-02-01' where id < 9; delete from customers where id = 77")
    before = shop.there("checksum table customers, `order`")
    inner = copying.Worker._lines

    def lines(self: Any, *words: Any) -> Any:
        yield from inner(self, *words)
        shop.here(f"kill {getattr(self, side).number}")

    monkeypatch.setattr(copying.Worker, "_lines", lines)
    with pytest.raises(SyncError):
        shop.run(mode=mode, watermarks=marks)
    monkeypatch.undo()
    assert shop.there("checksum table customers, `order`") == before
    assert shop.run(mode=mode, watermarks=marks)["changed"]
    assert shop.there("select count(*) from customers") == "499"


@pytest.mark.parametrize("mode", ["differential", "incremental"])
def test_the_key_of_another_target(shop: Shop, mode: str) -> None:
    """Half of the rows under one key, half under another: nobody would find a customer's orders any more."""
    marks = {f"{shop.source}.customers": "changed"}
    shop.run(watermarks=marks)
    shop.here("update customers set city = 'Elsewhere', changed = '2024-02-01' where id < 9")
    before = shop.there("checksum table customers, `order`")
    with pytest.raises(NeedsFull, match="the policy, the key or the tables changed since the last full copy"):
        shop.run(mode=mode, key=OTHER_KEY, watermarks=marks)
    assert shop.there("checksum table customers, `order`") == before
    assert shop.run(mode=mode, watermarks=marks)["changed"]
