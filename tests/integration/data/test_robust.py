# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.driver import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import ROWS, SCHEMA
from ansible_collections.evenkeel.release.tests.integration.data.test_sync import params
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL

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
from ansible_collections.evenkeel.release.plugins.module_utils._sync.runner import synchronize
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
    pg.psql(shops[0], "truncate customers cascade; " + ROWS.format(n=40000))
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, text=True)
    assert child.stdin is not None
    child.stdin.write(json.dumps(params(pg, shops)))
    child.stdin.close()
    deadline = time.monotonic() + 30
    while pg.psql(shops[1], "select to_regclass('evenkeel_new.orders') is not null") != "t":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert pg.psql(shops[1], "select name from customers") == "Before"
    assert synchronize(params(pg, shops), check_mode=False)["changed"] is True
    assert pg.psql(shops[1], "select count(*) from customers") == "40000"
    assert pg.psql(shops[1], "select count(*) from pg_namespace where nspname in ('evenkeel_new', 'evenkeel_old')") == "0"


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
    assert pg.psql(shops[1], "select count(*) from pg_namespace where nspname in ('evenkeel_new', 'evenkeel_old')") == "0"


@pytest.mark.parametrize("side", ["target", "source"])
def test_a_dropped_connection_gives_one_clear_error(pg: Any, shops: tuple[str, str], side: str) -> None:
    pg.psql(shops[0], "truncate customers cascade; " + ROWS.format(n=40000))
    errors: list[BaseException] = []

    def work() -> None:
        try:
            synchronize(params(pg, shops), check_mode=False)
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


def test_a_value_that_the_target_refuses_is_not_shown(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(shops[1], "alter table customers add constraint no_notes check (notes is null) not valid")
    with pytest.raises(SyncError, match="no_notes") as caught:
        synchronize(params(pg, shops), check_mode=False)
    assert "redacted" not in str(caught.value)
    untouched(pg, shops)
