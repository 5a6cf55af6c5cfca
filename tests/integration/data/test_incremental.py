# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import psycopg
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import NeedsFull, SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import delta
from ansible_collections.evenkeel.release.tests.integration.data.test_delta import SIMPLE, dump, equal_to_full, opened, pair, policy, run

__all__ = ["pair"]


def position(pg: Any) -> str:
    """Where the server's log ends: it moves with every write of any database."""
    return str(pg.psql("postgres", "checkpoint; select pg_current_wal_insert_lsn()"))


@pytest.mark.parametrize("mode", ["incremental", "differential"])
def test_nothing_changed_writes_nothing(pg: Any, pair: tuple[str, str], mode: str) -> None:
    counters = "select sum(n_tup_ins), sum(n_tup_upd), sum(n_tup_del) from pg_stat_user_tables"
    rows = "select string_agg(xmin || ' ' || ctid, ',' order by ctid) from customers"
    pg.psql(pair[1], "select pg_stat_force_next_flush(); vacuum analyze")
    before = (pg.psql(pair[1], counters), pg.psql(pair[1], rows))
    spent = []
    for _turn in range(3):  # whoever reads first tidies pages up, and the server notes down now and then what runs
        place = position(pg)
        assert run(pg, pair, mode)["changed"] is False
        spent.append(int(pg.psql("postgres", f"select pg_current_wal_insert_lsn() - '{place}'::pg_lsn")))
    assert (pg.psql(pair[1], counters), pg.psql(pair[1], rows)) == before
    assert min(spent) < 200


def test_a_write_without_a_difference_changes_nothing(pg: Any, pair: tuple[str, str]) -> None:
    rows = "select string_agg(xmin || ' ' || ctid, ',' order by ctid) from customers"
    before = pg.psql(pair[1], rows)
    pg.psql(pair[0], "update customers set city = city")
    found = run(pg, pair, "incremental")
    assert found["changed"] is False
    assert pg.psql(pair[1], rows) == before


def test_a_watermark_finds_changes_and_the_counts_find_the_rest(pg: Any, pair: tuple[str, str]) -> None:
    marks = {"watermarks": {"public.customers": "seen"}}
    pg.psql(pair[0], "update customers set seen = now() - interval '1 day'; create index on customers (seen)")
    assert run(pg, pair, "incremental", **marks)["changed"] is True  # the first one begins with everything
    pg.psql(
        pair[0],
        "update customers set phone = 'new', seen = now() where id < 20; delete from customers where id = 40;"
        "insert into customers (name, email, country, seen) values ('late', 'late@x', 'DE', now() - interval '9 years')",
    )
    found = run(pg, pair, "incremental", **marks)
    assert found["tables"]["public.customers"]["how"] == "watermark"
    assert {name: found["tables"]["public.customers"][name] for name in ("inserted", "deleted")} == {"inserted": 1, "deleted": 1}
    equal_to_full(pg, pair, SIMPLE)


def test_what_a_watermark_alone_missed_is_found_when_deletes_are_asked_for_again(pg: Any, pair: tuple[str, str]) -> None:
    marks = {"watermarks": {"public.customers": "seen"}}
    assert run(pg, pair, "incremental", **marks)["tables"]["public.customers"]["how"] == "same"  # versions begin where there is no last watermark
    pg.psql(pair[0], "update customers set city = 'A', seen = now() where id = 3")
    run(pg, pair, "incremental", **marks)
    # As many come with an old watermark as go, so that counts tell nothing; another row changes, and says so.
    missed = "delete from customers where id = {}; insert into customers (name, email, country, seen) values ('L', 'l{}', 'DE', now() - interval '9 years');"
    pg.psql(pair[0], missed.format(41, 1) + "update customers set city = 'B', seen = clock_timestamp() where id = 4")
    found = run(pg, pair, "incremental", deletes="off", **marks)
    assert {name: found["tables"]["public.customers"][name] for name in ("inserted", "deleted")} == {"inserted": 0, "deleted": 0}
    run(pg, pair, "incremental")  # by row versions, which don't go back so far
    equal_to_full(pg, pair, SIMPLE)
    pg.psql(pair[0], missed.format(42, 2) + "update customers set city = 'C', seen = now() - interval '9 years' where id = 5")
    found = run(pg, pair, "incremental", **marks)["tables"]["public.customers"]
    assert {name: found[name] for name in ("how", "inserted", "updated", "deleted")} == {"how": "watermark", "inserted": 1, "updated": 1, "deleted": 1}
    equal_to_full(pg, pair, SIMPLE)


def test_a_commit_that_comes_late_is_not_lost(pg: Any, pair: tuple[str, str]) -> None:
    marks = {"watermarks": {"public.customers": "seen"}}
    run(pg, pair, "incremental", **marks)
    with psycopg.connect(pg.url(pair[0])) as late:
        late.execute("update customers set city = 'late', seen = now() where id = 5")
        pg.psql(pair[0], "update customers set city = 'early', seen = clock_timestamp() + interval '1 second' where id = 6")
        run(pg, pair, "incremental", **marks)
        run(pg, pair, "incremental")  # by row versions
    pg.psql(pair[0], "update customers set city = 'other', seen = clock_timestamp() where id = 7")
    run(pg, pair, "incremental", **marks)
    equal_to_full(pg, pair, SIMPLE)


def test_row_versions_of_a_transaction_in_flight_are_found_later(pg: Any, pair: tuple[str, str]) -> None:
    with psycopg.connect(pg.url(pair[0])) as late:
        late.execute("update customers set city = 'late' where id = 5")
        pg.psql(pair[0], "update customers set city = 'early' where id = 6")
        assert run(pg, pair, "incremental")["tables"]["public.customers"]["updated"] == 1
    assert run(pg, pair, "incremental")["tables"]["public.customers"]["updated"] == 1
    equal_to_full(pg, pair, SIMPLE)


@pytest.mark.parametrize(
    ("marks", "said"),
    [
        ({"public.customers": "birth_date"}, "public.customers.birth_date: the policy masks it"),
        ({"public.customers": "country"}, "a character(2) can't be a watermark"),
        ({"public.nothing": "x"}, "public.nothing.x: there is no such synchronized column"),
    ],
)
def test_wrong_watermarks_are_refused(pg: Any, pair: tuple[str, str], marks: dict[str, str], said: str) -> None:
    with pytest.raises(SyncError) as caught:
        run(pg, pair, "incremental", watermarks=marks)
    assert said in str(caught.value)


def test_deletes_off_keeps_what_the_source_lost(pg: Any, pair: tuple[str, str]) -> None:
    pg.psql(pair[0], "delete from orders where id < 10; update orders set status = 'placed' where id = 20")
    run(pg, pair, "incremental", deletes="off")
    assert pg.psql(pair[1], "select count(*) from orders where id < 10") == "9"
    assert pg.psql(pair[1], "select status from orders where id = 20") == "placed"
    run(pg, pair, "incremental", deletes="scan")
    assert pg.psql(pair[1], "select count(*) from orders where id < 10") == "0"
    with pytest.raises(SyncError, match="found 'maybe', allowed are counts, scan, off"):
        run(pg, pair, "incremental", deletes="maybe")


def test_what_only_a_full_copy_can_do_is_said_before_any_change(pg: Any, pair: tuple[str, str]) -> None:
    before = dump(pg, pair[1], SIMPLE)
    pg.psql(pair[0], "update customers set city = 'X' where id = 3")
    other = policy(nasty=False)
    other["tables"]["public.customers"]["columns"]["city"] = {"mask": "text"}
    for changes in ({"key": "another key of 32 bytes, as it were"}, {"policy": other}):
        for mode in ("incremental", "differential"):
            with pytest.raises(NeedsFull, match="The key, the policy or the columns changed"):
                run(pg, pair, mode, **changes)
    pg.psql(pair[0], "alter table customers drop country; alter table customers add country char(2) not null default 'FR'")
    with pytest.raises(NeedsFull):
        run(pg, pair, "incremental")
    assert dump(pg, pair[1], SIMPLE) == before
    pg.psql(pair[1], "drop schema evenkeel cascade")
    with pytest.raises(NeedsFull, match="incremental needs the mark of a full copy"):
        run(pg, pair, "incremental")


def test_a_large_table_without_a_key_needs_a_full_copy(pg: Any, pair: tuple[str, str]) -> None:
    wanted = policy(nasty=False)
    wanted["skip"] = []
    wanted["tables"]["public.audit"] = {"columns": {"line": {"keep": "no personal value"}}}
    pg.psql(pair[1], "drop schema evenkeel cascade")
    run(pg, pair, "differential", policy=wanted)
    pg.psql(pair[0], "insert into audit select 'line ' || i from generate_series(1, 20001) i")
    with pytest.raises(NeedsFull, match=r"public\.audit: changed, and it has no primary key"):
        run(pg, pair, "incremental", policy=wanted)
    assert pg.psql(pair[1], "select count(*) from audit") == "0"


def test_unique_values_that_change_places(pg: Any, pair: tuple[str, str]) -> None:
    wanted = policy(nasty=False)
    wanted["skip"] = []
    wanted["tables"]["public.audit"] = {"columns": {"line": {"keep": "-"}, "id": {"keep": "-"}, "spot": {"keep": "-"}}}
    for name in pair:
        pg.psql(name, "drop schema if exists evenkeel cascade; alter table audit add id int primary key, add spot int unique")
    pg.psql(pair[0], "insert into audit select 'x', i, i from generate_series(1, 9) i")
    run(pg, pair, "differential", policy=wanted)
    pg.psql(pair[0], "alter table audit drop constraint audit_spot_key; update audit set spot = 10 - spot; alter table audit add unique (spot)")
    assert run(pg, pair, "incremental", policy=wanted)["tables"]["public.audit"]["updated"] == 8
    assert dump(pg, pair[1], ["audit"]) == dump(pg, pair[0], ["audit"])


def test_triggers_of_the_target_stay_quiet_and_stay(pg: Any, pair: tuple[str, str]) -> None:
    pg.psql(
        pair[1],
        "create function loud() returns trigger language plpgsql as $$ begin new.city := 'trigger'; return new; end $$;"
        "create trigger loud before insert or update on customers for each row execute function loud();"
        "create trigger always before insert or update on customers for each row execute function loud(); alter table customers enable always trigger always",
    )
    pg.psql(pair[0], "update customers set phone = '1' where id = 5")
    found = run(pg, pair, "incremental")
    assert found["notes"] == [f"public.customers.{name}: this trigger of the target didn't fire" for name in ("always", "loud")]
    assert pg.psql(pair[1], "select tgname, tgenabled from pg_trigger where not tgisinternal order by 1") == "always|A\nloud|O"
    equal_to_full(pg, pair, SIMPLE)


CHILD = """
import json, sys, time
from types import SimpleNamespace
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import delta
from ansible_collections.evenkeel.release.tests.integration.data.test_delta import opened
words = json.load(sys.stdin)
pg = SimpleNamespace(**words["pg"])
def stop(*_words):
    print("ready", flush=True)
    time.sleep(60)
with opened(pg, *words["shops"]) as (job, sides, workers):
    delta.apply(job, sides, workers, "incremental", before_commit=stop)
"""


def test_killed_before_the_commit_leaves_the_target(pg: Any, pair: tuple[str, str]) -> None:
    before = dump(pg, pair[1], SIMPLE)
    pg.psql(pair[0], "update customers set city = 'X'; delete from orders where id < 100")
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps({"pg": {"port": pg.port, "user": pg.user, "password": pg.password}, "shops": pair}))
    child.stdin.close()
    assert child.stdout.readline() == "ready\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert dump(pg, pair[1], SIMPLE) == before
    assert run(pg, pair, "incremental")["changed"] is True
    equal_to_full(pg, pair, SIMPLE)


def test_a_finding_before_the_commit_leaves_the_target(pg: Any, pair: tuple[str, str]) -> None:
    before = dump(pg, pair[1], SIMPLE)
    pg.psql(pair[0], "update customers set city = 'X' where id < 9")
    seen: dict[str, Any] = {}

    def refuse(_target: Any, sent: Any, changed: Any) -> None:
        seen.update(sent=sent, changed=changed)
        raise SyncError("a leak")

    with opened(pg, *pair) as (job, sides, workers), pytest.raises(SyncError, match="a leak"):
        delta.apply(job, sides, workers, "incremental", before_commit=refuse)
    assert seen["sent"] == {"public.customers": {"rows": 500, "inserted": 0, "updated": 8, "deleted": 0}}
    assert dump(pg, pair[1], SIMPLE) == before


def test_a_busy_target_is_said_and_left(pg: Any, pair: tuple[str, str]) -> None:
    pg.psql(pair[0], "update customers set city = 'X' where id < 9")
    with psycopg.connect(pg.url(pair[1])) as busy:
        busy.execute("update customers set city = 'busy' where id = 400")
        with pytest.raises(SyncError, match="lock timeout"):
            run(pg, pair, "incremental", lock_timeout=0.3)
        busy.rollback()
    run(pg, pair, "incremental", lock_timeout=5)
    equal_to_full(pg, pair, SIMPLE)


def test_readers_of_the_target_see_all_or_nothing(pg: Any, pair: tuple[str, str]) -> None:
    stopped, broken = threading.Event(), []

    def read() -> None:
        with psycopg.connect(pg.url(pair[1]), autocommit=True) as reader:
            while not stopped.is_set():
                lost = reader.execute("select count(*) from orders o left join customers c on c.id = o.customer_id where c.id is null").fetchone()
                cities = reader.execute("select count(distinct phone) from customers where id between 100 and 400 and id % 7 <> 0").fetchone()
                if lost != (0,) or cities not in ((258,), (1,)):
                    broken.append((lost, cities))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for turn in range(3):
            pg.psql(pair[0], f"update customers set phone = '{turn}' where id % 7 <> 0; delete from orders where id % 5 = {turn}")
            pg.psql(pair[0], f"delete from customers where id < {turn * 9}")
            run(pg, pair, "incremental")
            time.sleep(0.02)
    finally:
        stopped.set()
        thread.join()
    assert broken == []
    equal_to_full(pg, pair, SIMPLE)
