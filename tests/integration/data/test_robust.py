# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import copy
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._masking.keys import KeyTooShort
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import copying, driver, guard, runner_shadow, shadow
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import POLICY, ROWS, SCHEMA
from ansible_collections.evenkeel.release.tests.integration.data.dumps import dump
from ansible_collections.evenkeel.release.tests.integration.data.test_sync import params
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL

LEFT = "select count(*) from pg_namespace where nspname ~ '^evenkeel_(new|old)'"
LIMIT = 16 * 1024 * 1024  # no file of the server may grow beyond: one segment of its log, less than the table


@pytest.fixture
def shops_of_a_small_disk() -> Iterator[tuple[Any, tuple[str, str]]]:
    """A server that can't write more: a limit of file size stands in for a disk that nobody can fill without root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    try:
        server = PostgreSQL()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    try:
        source, target = server.create_db(), server.create_db()
        server.psql(source, SCHEMA + ROWS.format(n=20000))
        server.psql(target, SCHEMA + "insert into customers (name, email, country) values ('Before', 'before@x', 'FR');")
        server.psql(target, "alter table customers set (fillfactor = 10)")
        yield server, (source, target)
    finally:
        server.stop()


CHILD = """
import json, sys
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
synchronize(json.load(sys.stdin), check_mode=False)
"""


def test_plain_roles_are_enough(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(shops[0], "create role plain_r login password 'p'; grant select on all tables in schema public to plain_r")
    pg.psql(shops[1], f"create role plain_w login password 'p'; alter database {shops[1]} owner to plain_w")
    pg.psql(shops[1], "alter table customers owner to plain_w; alter table orders owner to plain_w; alter schema public owner to plain_w")
    found = params(pg, shops)
    found["source"].update(user="plain_r", password="p")
    found["target"].update(user="plain_w", password="p")
    assert synchronize(found, check_mode=False)["changed"] is True
    assert pg.psql(shops[1], "select tableowner from pg_tables where tablename = 'orders'") == "plain_w"
    pg.psql(shops[0], "drop owned by plain_r; drop role plain_r")


def test_killed_halfway_leaves_the_target_and_the_next_run_succeeds(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(shops[0], "truncate customers cascade; " + ROWS.format(n=5000))
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, text=True)
    assert child.stdin is not None
    child.stdin.write(json.dumps(params(pg, shops, throttle=0.5)))
    child.stdin.close()
    deadline = time.monotonic() + 30
    while pg.psql(shops[1], "select to_regclass('evenkeel_new_public.orders') is not null") != "t":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert pg.psql(shops[1], "select name from customers") == "Before"
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True
    assert pg.psql(shops[1], "select count(*) from customers") == "5000"
    assert pg.psql(shops[1], LEFT) == "0"


def wait_for_copy(pg: Any, shops: tuple[str, str]) -> str:
    """The process of the target that takes rows."""
    deadline = time.monotonic() + 30
    query = f"select pid from pg_stat_progress_copy where datname = '{shops[1]}' and command = 'COPY FROM' limit 1"
    while not (found := pg.psql("postgres", query)):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return str(found)


def untouched(pg: Any, shops: tuple[str, str]) -> None:
    assert pg.psql(shops[1], "select name from customers") == "Before"
    assert pg.psql(shops[1], LEFT) == "0"


@pytest.mark.parametrize("side", ["target", "source"])
def test_a_dropped_connection_gives_one_clear_error(pg: Any, shops: tuple[str, str], side: str) -> None:
    pg.psql(shops[0], "truncate customers cascade; " + ROWS.format(n=5000))
    errors: list[BaseException] = []

    def work() -> None:
        try:
            synchronize(params(pg, shops, throttle=0.5), check_mode=False)
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    taker = wait_for_copy(pg, shops)
    given = f"select pg_terminate_backend(pid) from pg_stat_progress_copy where datname = '{shops[0]}' and command = 'COPY TO'"
    pg.psql("postgres", f"select pg_terminate_backend({taker})" if side == "target" else given)
    thread.join(60)
    assert len(errors) == 1
    assert isinstance(errors[0], SyncError)
    assert str(errors[0]).startswith("Copying failed: ")
    assert "The target is as it was." in str(errors[0])
    untouched(pg, shops)


def test_a_full_disk_leaves_the_target_as_it_was(shops_of_a_small_disk: tuple[Any, tuple[str, str]]) -> None:
    pg, shops = shops_of_a_small_disk
    with pytest.raises(SyncError, match=r"^Copying failed: .*\(SQLSTATE XX000\)|^Copying failed: could not ") as caught:
        synchronize(params(pg, shops), check_mode=False)
    assert "The target is as it was." in str(caught.value)
    untouched(pg, shops)
    pg.psql(shops[0], "delete from orders where id > 50; delete from customers where id > 50")
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True


def test_a_value_that_the_target_refuses_is_not_shown(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(shops[1], "alter table customers add constraint no_notes check (notes is null) not valid")
    with pytest.raises(SyncError, match="no_notes") as caught:
        synchronize(params(pg, shops), check_mode=False)
    assert "redacted" not in str(caught.value)
    untouched(pg, shops)


def test_rows_go_one_by_one_where_the_sockets_are_encrypted(pg: Any, shops: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "possible", lambda *_connections: False)
    assert synchronize(params(pg, shops), check_mode=False)["tables"]["public.orders"]["rows"] == 1500
    assert pg.psql(shops[1], "select count(*) from customers") == "500"


def test_a_schema_that_changes_after_the_plan_stops_it(pg: Any, shops: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(pg, shops[1])
    real = guard.check_still

    def late(source: Any, tables: Any) -> None:
        pg.psql(shops[0], "truncate orders")
        real(source, tables)

    monkeypatch.setattr(guard, "check_still", late)
    with pytest.raises(SyncError, match=r"public\.orders of the source changed its structure meanwhile"):
        synchronize(params(pg, shops), check_mode=False)
    assert dump(pg, shops[1]) == before
    monkeypatch.setattr(guard, "check_still", real)
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True


def test_a_key_that_is_too_short_moves_nothing(pg: Any, shops: tuple[str, str]) -> None:
    with pytest.raises(KeyTooShort, match="at least 16"):
        synchronize(params(pg, shops, key="short"), check_mode=False)
    untouched(pg, shops)


def test_another_key_masks_everything_anew(pg: Any, shops: tuple[str, str]) -> None:
    first = synchronize(params(pg, shops), check_mode=False)
    emails = pg.psql(shops[1], "select email from customers order by id")
    second = synchronize(params(pg, shops, key="another key of enough bytes"), check_mode=False)
    assert (second["changed"], second["key_id"] == first["key_id"]) == (True, False)
    assert not set(emails.splitlines()) & set(pg.psql(shops[1], "select email from customers").splitlines())


def test_a_value_that_no_mask_can_take_is_not_shown(pg: Any, shops: tuple[str, str]) -> None:
    """The error comes from the source, in the middle of the rows."""
    for name in shops:
        pg.psql(name, "alter table orders add note text")
    pg.psql(shops[0], "update orders set note = case when id = 1400 then 'very secret words' else '7' end")
    policy = copy.deepcopy(POLICY)
    policy["tables"]["public.orders"]["columns"]["note"] = {"mask": "generalise", "step": 5}
    with pytest.raises(SyncError) as caught:
        synchronize(params(pg, shops, policy=policy), check_mode=False)
    assert "secret" not in str(caught.value)
    untouched(pg, shops)


@pytest.fixture(scope="module")
def other() -> Iterator[PostgreSQL]:
    """A server that may crash."""
    server = PostgreSQL()
    yield server
    server.stop()


def until(question: Any, *, seconds: float = 30) -> Any:
    """The first answer that isn't empty. A server that is starting up answers nothing."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(RuntimeError):
            if found := question():
                return found
        time.sleep(0.02)
    raise AssertionError("it took too long")


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_server_that_crashes_leaves_the_target_as_it_was(pg: Any, other: PostgreSQL, side: str) -> None:
    """One of its processes is killed in the middle of the rows: the server cuts all connections and recovers."""
    source, target = (other, pg) if side == "source" else (pg, other)
    here, there = source.create_db(), target.create_db()
    source.psql(here, SCHEMA + ROWS.format(n=5000))
    target.psql(there, SCHEMA + "insert into customers (name, email, country) values ('Before', 'before@x', 'FR'); checkpoint")
    before = dump(target, there)
    found = params(target, (here, there), throttle=0.5)
    found["source"].update(port=source.port)
    began = "select pg_postmaster_start_time() || coalesce((select min(backend_start)::text from pg_stat_activity where backend_type = 'checkpointer'), '')"
    start = other.psql("postgres", began)

    def crash() -> None:
        taker = wait_for_copy(target, ("", there))
        given = f"select pid from pg_stat_progress_copy where datname = '{here}' and command = 'COPY TO' limit 1"
        os.kill(int(source.psql("postgres", given) if side == "source" else taker), signal.SIGKILL)

    thread = threading.Thread(target=crash, daemon=True)
    thread.start()
    with pytest.raises(SyncError, match=r"^Copying failed: .*The target is as it was") as caught:
        synchronize(found, check_mode=False)
    thread.join(30)
    assert "\n" not in str(caught.value)
    until(lambda: other.psql("postgres", began) != start)
    # A target that was down can't be cleaned at once: the next run does it.
    if side == "source":
        assert dump(target, there) == before
    assert target.psql(there, "select name from customers") == "Before"
    assert synchronize({**found, "throttle": 0}, check_mode=False)["changed"] is True
    assert target.psql(there, "select count(*) from customers") == "5000"
    assert target.psql(there, LEFT) == "0"
    for server, name in ((source, here), (target, there)):
        server.psql("postgres", f"drop database {name} with (force)")


def test_a_connection_that_goes_silent_is_noticed(pg: Any, shops: tuple[str, str]) -> None:
    for connect in (driver.connect_source, driver.connect_target):
        with connect(params(pg, shops)) as connection, socket.socket(fileno=os.dup(connection.fileno())) as found:
            assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            assert connection.execute("show tcp_keepalives_idle").fetchone() == ("30",)


def test_a_deadlock_gives_one_clear_error(pg: Any, shops: tuple[str, str]) -> None:
    """Another session holds one of the tables that are to be switched and wants the other one."""
    before = dump(pg, shops[1])
    waits = "select count(*) from pg_locks l join pg_database d on d.oid = l.database where not granted and mode = 'AccessExclusiveLock'"
    waits += f" and datname = '{shops[1]}'"
    with psycopg.connect(pg.url(shops[1])) as holder:
        holder.execute("set local deadlock_timeout = '100s'; set local lock_timeout = '20s'; lock table orders in row exclusive mode")

        def want() -> None:
            until(lambda: pg.psql("postgres", waits) != "0")
            with contextlib.suppress(psycopg.Error):
                holder.execute("select count(*) from customers")

        thread = threading.Thread(target=want, daemon=True)
        thread.start()
        with pytest.raises(SyncError, match=r"^Data synchronization failed before the swap was confirmed: (deadlock detected|canceling .* lock timeout)\.$"):
            synchronize(params(pg, shops, lock_timeout=5), check_mode=False)
        thread.join(30)
    assert dump(pg, shops[1]) == before
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True


def test_a_long_reader_at_the_switch_gives_one_clear_error(pg: Any, shops: tuple[str, str]) -> None:
    before = dump(pg, shops[1])
    with psycopg.connect(pg.url(shops[1])) as reader:
        reader.execute("select * from orders")
        with pytest.raises(SyncError, match=r"lock timeout") as caught:
            synchronize(params(pg, shops, lock_timeout=0.3), check_mode=False)
    assert "\n" not in str(caught.value)
    assert dump(pg, shops[1]) == before
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True


def test_a_second_synchronization_waits_and_says_for_what(pg: Any, shops: tuple[str, str]) -> None:
    with psycopg.connect(pg.url(shops[1])) as first:
        first.execute("select pg_advisory_lock(%s)", (shadow.LOCK,))
        with pytest.raises(SyncError, match="another synchronization of this target is running"):
            synchronize(params(pg, shops, lock_timeout=0.2), check_mode=False)
    untouched(pg, shops)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("alter table customers add later text", r"public\.customers: would lose column later"),
        ("alter table orders alter amount type numeric(12, 2)", r"public\.orders: would lose column amount numeric\(12,2\)"),
        ("create table more (c bigint references customers (id))", r"public\.customers: has foreign key more_c_fkey"),
        ("drop table orders", r'relation "public.orders" does not exist'),
        ("grant select on orders to pg_monitor", r"public\.orders: would lose privilege SELECT of pg_monitor"),
    ],
)
def test_a_target_that_is_altered_during_the_copy_keeps_its_tables(
    pg: Any, shops: tuple[str, str], monkeypatch: pytest.MonkeyPatch, statement: str, said: str
) -> None:
    real = runner_shadow.fill

    def fill(*args: Any) -> None:
        real(*args)
        pg.psql(shops[1], statement)

    monkeypatch.setattr(runner_shadow, "fill", fill)
    with pytest.raises(SyncError, match=said):
        synchronize(params(pg, shops), check_mode=False)
    untouched(pg, shops)


def test_a_role_that_may_not_read_or_write_is_told_so(pg: Any, shops: tuple[str, str]) -> None:
    role = f"weak_{shops[0]}"
    pg.psql("postgres", f"create role {role} login password 'p'")
    before = dump(pg, shops[1])
    for side, said in (("source", "permission denied for table"), ("target", "permission denied")):
        found = params(pg, shops)
        found[side].update(user=role, password="p")
        with pytest.raises(SyncError, match=said) as caught:
            synchronize(found, check_mode=False)
        assert "\n" not in str(caught.value)
        assert dump(pg, shops[1]) == before
    pg.psql("postgres", f"drop role {role}")


def test_an_enum_label_that_the_policy_does_not_know_moves_nothing(pg: Any, shops: tuple[str, str]) -> None:
    for name in shops:
        pg.psql(name, "create type mood as enum ('glad', 'sad', 'unsaid'); alter table orders add mood mood")
    policy = copy.deepcopy(POLICY)
    policy["tables"]["public.orders"]["columns"]["mood"] = {"keep": "state", "values": ["glad", "sad"]}
    with pytest.raises(SyncError, match=r"public\.orders\.mood.*unsaid"):
        synchronize(params(pg, shops, policy=policy), check_mode=False)
    untouched(pg, shops)
