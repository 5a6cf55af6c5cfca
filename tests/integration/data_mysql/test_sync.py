# SPDX-License-Identifier: GPL-3.0-or-later
"""A masked refresh of a real MariaDB: what arrives, what stays, what is swapped and what is undone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.reference import mask_value
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError

KEY = "00112233445566778899aabbccddeeff" * 2


def test_full(shop: Any) -> None:
    found = shop.run()
    assert found["changed"]
    assert found["tables"][f"{shop.source}.customers"]["rows"] == 500
    assert found["proof"]["verdict"] == "passed"
    for column, mask, options in (("name", "name", {"domain": "person"}), ("email", "email", {}), ("phone", "phone", {}), ("city", "city", {})):
        value = shop.here(f"select {column} from customers where id = 3")
        assert shop.there(f"select {column} from customers where id = 3") == mask_value(value, mask, key=KEY, **options)
    assert shop.there("select count(*) from customers where notes = '[redacted]'") == "166"
    assert shop.there("select count(*) from customers where phone is null") == "71"
    kept = "select md5(group_concat(concat_ws(',', id, seen, changed) order by id)) from customers"
    assert shop.there(kept) == shop.here(kept)
    assert shop.there("select count(*) from customers where shout = upper(name)") == "500"
    joined = "select count(*) from `order` o join customers c on c.id = o.customer_id and c.name = o.ship_name and c.email = o.payer_email"
    assert shop.there(joined) == "1000"
    assert shop.there("select count(*) from paid") == "1000"
    assert shop.beside() == ["_evenkeel"]


def test_the_new_tables_are_as_the_old_ones_were(shop: Any) -> None:
    before = [shop.there(f"show create table {table}") for table in ("customers", "`order`")]
    shop.run()
    after = [shop.there(f"show create table {table}") for table in ("customers", "`order`")]
    for old, new in zip(before, after):
        assert sorted(line.strip().rstrip(",").replace(" ON UPDATE NO ACTION", "") for line in new.splitlines()[:-1]) == sorted(
            line.strip().rstrip(",") for line in old.splitlines()[:-1]
        )
    with pytest.raises(RuntimeError, match="foreign key constraint fails"):
        shop.there("insert into `order` (customer_id, status, amount, ship_name, payer_email) values (999999, 'placed', 1, '', '')")
    shop.there("delete from customers where id = 1")
    assert shop.there("select count(*) from `order` where customer_id = 1") == "0"


def test_the_counter_goes_on_where_the_source_is(shop: Any) -> None:
    shop.here("insert into customers (id, name, email) values (90000, 'x', 'x'); delete from customers where id = 90000")
    shop.run()
    assert shop.there("insert into customers (name, email) values ('y', 'y'); select last_insert_id()") == "90001"


def test_nothing_new_changes_nothing(shop: Any) -> None:
    shop.run()
    state = shop.there("select create_time from information_schema.tables where table_schema = database() and table_name = 'customers'")
    assert not shop.run()["changed"]
    assert not shop.run(check_mode=True)["changed"]
    assert shop.there("select create_time from information_schema.tables where table_schema = database() and table_name = 'customers'") == state
    shop.there("update customers set city = 'changed here' where id = 7")
    assert shop.run()["changed"]
    assert shop.there("select count(*) from customers where city = 'changed here'") == "0"
    shop.here("update customers set city = 'changed there' where id = 7")
    assert shop.run()["changed"]


def test_check_mode_tells_and_touches_nothing(shop: Any) -> None:
    found = shop.run(check_mode=True)
    assert found["changed"]
    assert found["plan"]["tables"][0]["masks"]
    assert {"seconds_estimate", "bytes_estimate"} <= set(found["plan"])
    assert shop.beside() == []
    assert shop.there("select name from customers") == "Before"


def test_phases(shop: Any) -> None:
    shop.run(phase="prepare")
    assert shop.there("select name from customers") == "Before"
    assert shop.run(phase="swap", check_mode=True)["changed"]
    assert shop.run(phase="swap")["changed"]
    assert not shop.run(phase="swap")["changed"]
    assert shop.there("select count(*) from customers") == "500"
    assert shop.run(phase="revert")["changed"]
    assert shop.there("select name from customers") == "Before"
    assert shop.beside() == ["_evenkeel"]
    assert not shop.run(phase="revert")["changed"]
    with pytest.raises(SyncError, match="Nothing is prepared"):
        shop.run(phase="swap")
    shop.run(phase="prepare")
    shop.run(phase="swap")
    assert shop.run(phase="confirm")["changed"]
    assert not shop.run(phase="confirm")["changed"]
    assert not shop.run()["changed"]


def test_an_unconfirmed_swap_is_undone_by_the_next_run(shop: Any) -> None:
    shop.run(phase="prepare")
    shop.run(phase="swap")
    shop.here("delete from customers where id > 100")
    assert shop.run()["changed"]
    assert shop.there("select count(*) from customers") == "100"


def test_triggers_come_back(shop: Any) -> None:
    shop.there("create trigger `träg` before insert on customers for each row set new.city = concat('t', coalesce(new.city, ''))")
    shop.run()
    shop.there("insert into customers (name, email, city) values ('a', 'a', 'b')")
    assert shop.there("select city from customers where name = 'a'") == "tb"
    assert shop.there("select count(*) from customers where city like 'tt%'") == "0"
    with pytest.raises(NeedsFull, match="has trigger träg"):
        shop.run(mode="differential")


def test_schema_only(shop: Any) -> None:
    assert shop.run(mode="schema_only")["changed"]
    assert shop.there("select count(*) from customers") == "0"
    assert shop.run()["changed"]


def test_differential(shop: Any) -> None:
    with pytest.raises(NeedsFull, match="no earlier full copy"):
        shop.run(mode="differential")
    shop.here("insert into customers (name, email) select concat('More ', seq), concat('more', seq) from seq_1_to_6000")
    shop.here("analyze table customers")
    shop.run()
    assert not shop.run(mode="differential")["changed"]
    shop.here(
        "update customers set city = 'x' where id = 50; delete from customers where id = 5000; insert into customers (id, name, email) values (-70, 'n', 'n')"
    )
    shop.there("update customers set city = 'drift' where id = 3000")
    found = shop.run(mode="differential")
    assert found["changed"]
    assert found["tables"][f"{shop.source}.customers"]["rows"] < 3000
    whole = "select count(*), sum(crc32(concat_ws('|', id, name, email, phone, city, birth_date, notes))) from customers"
    told = shop.there(whole)
    assert not shop.run(mode="differential")["changed"]
    assert not shop.run(mode="auto")["changed"]
    shop.there("drop database " + shop.target + "_evenkeel")
    shop.run()
    assert shop.there(whole) == told


def test_incremental(shop: Any) -> None:
    marks = {f"{shop.source}.customers": "changed"}
    shop.run(watermarks=marks)
    shop.here("update customers set city = 'new', changed = '2024-02-01' where id in (5, 9); delete from customers where id = 77")
    shop.here("insert into customers (name, email, changed) values ('late', 'late@x', '2024-02-02')")
    found = shop.run(mode="incremental", watermarks=marks)
    assert found["changed"]
    assert found["tables"][f"{shop.source}.customers"]["rows"] <= 4
    assert shop.there("select count(*) from customers where id = 77") == "0"
    assert shop.there("select count(*) from `order` where customer_id = 77") == "0"
    assert shop.there("select city from customers where id = 9") == mask_value("new", "city", key=KEY)
    assert shop.there("select count(*) from customers where email = '" + str(mask_value("late@x", "email", key=KEY)) + "'") == "1"
    assert not shop.run(mode="incremental", watermarks=marks)["changed"]
    shop.run()
    whole = "select count(*), sum(crc32(concat_ws('|', id, name, email))) from customers"
    assert shop.there(whole).startswith("500\t")


def test_auto_says_why(shop: Any) -> None:
    first = shop.run(mode="auto")
    assert first["mode"] == "full"
    assert "no earlier full copy" in first["why"]
    second = shop.run(mode="auto")
    assert not second["changed"]
    shop.here("update `order` set amount = 3 where id = 4")
    assert shop.run(mode="auto")["why"]


def test_without_the_right_to_hold_writers_one_worker_copies(shop: Any) -> None:
    shop.here(f"create or replace user reader@'%' identified by 'not-a-secret'; grant select on {shop.source}.* to reader@'%'")
    source = {**shop.server.place(shop.source), "user": "reader"}
    found = shop.run(source=source)
    assert "one worker" in found["why"]
    assert shop.there("select count(*) from customers") == "500"


def test_throttle_and_workers(shop: Any) -> None:
    assert shop.run(workers=1, throttle=50, statement_timeout=60, lock_timeout=5)["changed"]
