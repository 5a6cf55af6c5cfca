# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.tests.integration.data.conftest import ROWS, SCHEMA
from ansible_collections.evenkeel.release.tests.integration.data.test_delta import ALL, NASTY, NASTY_ROWS, equal_to_full, policy, run, steps
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL

SLOT = {"slot": "shop_slot", "policy": policy(nasty=True)}


@pytest.fixture(scope="module")
def decoding() -> Iterator[Any]:
    server = PostgreSQL(settings={"wal_level": "logical"})
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def tapped(decoding: Any) -> Iterator[tuple[str, str]]:
    """Two databases in step, and a slot that tells what happens from now on."""
    source, target = decoding.create_db(), decoding.create_db()
    decoding.psql(source, SCHEMA + NASTY + ROWS.format(n=120) + NASTY_ROWS)
    decoding.psql(target, SCHEMA + NASTY)
    decoding.psql(source, "select pg_create_logical_replication_slot('shop_slot', 'test_decoding')")
    run(decoding, (source, target), "differential", policy=policy(nasty=True))
    decoding.psql(source, "update customers set city = 'first' where id = 120")
    assert run(decoding, (source, target), "incremental", **SLOT)["tables"]["public.customers"]["how"] == "versions"  # sees the slot first
    yield source, target
    decoding.psql("postgres", "select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active")
    for name in (source, target):
        decoding.psql("postgres", f"drop database {name} with (force)")


def waiting(server: Any, source: str) -> int:
    return int(server.psql(source, "select count(*) from pg_logical_slot_peek_changes('shop_slot', null, null) where data like 'table public.%'"))


@pytest.mark.parametrize("seed", range(3))
def test_random_writes_end_as_a_full_copy(decoding: Any, tapped: tuple[str, str], seed: int) -> None:
    for turn in range(2):
        writes = steps(9000 + seed * 10 + turn).replace("truncate keyless", "delete from keyless")
        decoding.psql(tapped[0], writes)
        try:
            found = run(decoding, tapped, "incremental", **SLOT)
        except NeedsFull as needed:
            if "unique values" not in str(needed):
                raise
            return  # what a full copy is for
        assert {one["how"] for name, one in found["tables"].items() if name not in ("public.masked_key", "public.keyless")} <= {"slot", "same"}
        assert waiting(decoding, tapped[0]) == 0 or not found["changed"]
        equal_to_full(decoding, tapped, ALL, schema=SCHEMA + NASTY, policy=policy(nasty=True))


def test_values_that_look_like_columns_fool_nobody(decoding: Any, tapped: tuple[str, str]) -> None:
    decoding.psql(
        tapped[0],
        "update customers set notes = 'x'' id[bigint]:9 table public.orders: DELETE: id[integer]:3', street = e'a\\nb' where id = 5;"
        "update pair set x = ' y[date]:''2020-01-01''', w = 'old-key: x[text]:''k''' where v = 3; alter table orders replica identity full;"
        "update orders set ship_name = 'new-tuple: id[integer]:1: TRUNCATE: (no-tuple-data)' where id = 8; delete from orders where id = 9",
    )
    found = run(decoding, tapped, "incremental", **SLOT)
    assert {name: one["updated"] for name, one in found["tables"].items() if one["updated"]} == {
        "public.customers": 1,
        "public.orders": 1,
        "public.pair_note": 1,
    }
    equal_to_full(decoding, tapped, ALL, schema=SCHEMA + NASTY, policy=policy(nasty=True))


def test_the_slot_stays_where_the_snapshot_ends(decoding: Any, tapped: tuple[str, str]) -> None:
    with psycopg.connect(decoding.url(tapped[0])) as late:
        late.execute("set synchronous_commit = on")
        late.execute("update customers set city = 'late' where id = 5")
        decoding.psql(tapped[0], "update customers set city = 'early' where id = 6")
        assert run(decoding, tapped, "incremental", **SLOT)["tables"]["public.customers"]["updated"] == 1
    assert waiting(decoding, tapped[0]) == 1
    assert run(decoding, tapped, "incremental", **SLOT)["tables"]["public.customers"]["updated"] == 1
    equal_to_full(decoding, tapped, ALL, schema=SCHEMA + NASTY, policy=policy(nasty=True))


def test_a_failed_run_leaves_the_slot(decoding: Any, tapped: tuple[str, str]) -> None:
    decoding.psql(tapped[0], "update customers set city = 'new' where id = 5")
    decoding.psql(tapped[1], "alter table customers add constraint no_city check (id <> 5 or city = '') not valid")
    with pytest.raises(SyncError, match="no_city"):
        run(decoding, tapped, "incremental", **SLOT)
    assert waiting(decoding, tapped[0]) == 1
    decoding.psql(tapped[1], "alter table customers drop constraint no_city")
    assert run(decoding, tapped, "incremental", **SLOT)["changed"] is True


def test_a_truncated_table_needs_a_full_copy(decoding: Any, tapped: tuple[str, str]) -> None:
    decoding.psql(tapped[0], "truncate orders")
    with pytest.raises(NeedsFull, match=r"public\.orders: .*\(it was truncated\)"):
        run(decoding, tapped, "incremental", **SLOT)


def test_what_a_slot_needs_is_said_in_a_line(decoding: Any, tapped: tuple[str, str]) -> None:
    with pytest.raises(SyncError, match="pg_create_logical_replication_slot\\('gone', 'test_decoding'\\)"):
        run(decoding, tapped, "incremental", **{**SLOT, "slot": "gone"})
    decoding.psql(tapped[0], "create role plain_reader login password 'p'; grant select on all tables in schema public to plain_reader")
    with pytest.raises(SyncError, match="role plain_reader needs the attribute REPLICATION"):
        run(decoding, tapped, "incremental", **SLOT, source={"user": "plain_reader", "password": "p"})
    decoding.psql(tapped[0], "alter role plain_reader replication; grant select on all sequences in schema public to plain_reader")
    decoding.psql(tapped[0], "update customers set city = 'new' where id = 5")
    assert run(decoding, tapped, "incremental", **SLOT, source={"user": "plain_reader", "password": "p"})["changed"] is True
    decoding.psql(tapped[0], "drop owned by plain_reader; drop role plain_reader")


def test_a_slot_made_anew_is_not_believed(decoding: Any, tapped: tuple[str, str]) -> None:
    decoding.psql(tapped[0], "update customers set city = 'unseen' where id = 5")
    decoding.psql(tapped[0], "select pg_drop_replication_slot('shop_slot')")
    decoding.psql(tapped[0], "select pg_create_logical_replication_slot('shop_slot', 'test_decoding')")
    decoding.psql(tapped[0], "update customers set city = 'seen' where id = 6")
    found = run(decoding, tapped, "incremental", **SLOT)["tables"]["public.customers"]
    assert (found["how"], found["updated"]) == ("versions", 2)
    decoding.psql(tapped[0], "update customers set city = 'seen' where id = 7")
    assert run(decoding, tapped, "incremental", **SLOT)["tables"]["public.customers"]["how"] == "slot"
