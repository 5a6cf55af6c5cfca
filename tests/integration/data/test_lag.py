# SPDX-License-Identifier: GPL-3.0-or-later
"""A real standby whose replay is paused, and queues in tables."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import lag
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew_lag import gate, shortfalls
from ansible_collections.evenkeel.release.tests.integration.support.postgresql import PostgreSQL
from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port, run_as, server_folder


class Standby:
    """A copy of the primary by pg_basebackup, following it."""

    def __init__(self, primary: PostgreSQL) -> None:
        self.primary, self.port, self.folder = primary, free_port(), server_folder("standby")
        argv = [primary.bin / "pg_basebackup", "-D", self.folder / "data", "-R", "-X", "stream", "--no-sync", "-c", "fast"]
        subprocess.run(argv, check=True, capture_output=True, env=primary.env(), cwd=self.folder, **run_as())
        fixed = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "primary_conninfo": self._primary("standby1"),
            "hot_standby": "on",
        }
        options = [word for key, value in fixed.items() for word in ("-c", f"{key}={value}")]
        command = [str(primary.bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *options]
        self.server = Server(command, folder=self.folder, env={"LC_ALL": "C.UTF-8"}, drop_root=True)
        self.server.wait_until(self._answers)

    def _primary(self, name: str) -> str:
        one = self.primary
        return f"host=127.0.0.1 port={one.port} user={one.user} password={one.password} application_name={name}"

    def _answers(self) -> bool:
        argv = [self.primary.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(argv, capture_output=True, env=self.primary.env()).returncode == 0

    def psql(self, text: str, database: str = "postgres") -> str:
        env = {**self.primary.env(), "PGPORT": str(self.port)}
        argv = [self.primary.bin / "psql", "-XAtq", "-d", database, "-c", text]
        return subprocess.run(argv, env=env, check=True, capture_output=True, text=True).stdout.strip()

    def stop(self) -> None:
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def standby() -> Iterator[Standby]:
    primary = PostgreSQL(settings={"wal_level": "replica", "max_wal_senders": "4"})
    primary.psql("postgres", "create table work (n int); create table outbox (id int, sent_at timestamptz); create role reader login password 'r'")
    found = Standby(primary)
    primary.psql("postgres", "set synchronous_commit = local; insert into work values (0)")
    until(lambda: found.psql("select pg_last_xact_replay_timestamp() is not null") == "t")
    yield found
    found.stop()
    primary.stop()


def place(server: PostgreSQL, port: int = 0, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port or server.port, "dbname": "postgres", "user": server.user, "password": server.password, **more}


def until(condition: Any, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def caught_up(standby: Standby) -> bool:
    where = standby.primary.psql("postgres", "select pg_current_wal_lsn()")
    return standby.psql(f"select pg_last_wal_replay_lsn() >= '{where}'::pg_lsn") == "t"


def paused(standby: Standby) -> None:
    until(lambda: caught_up(standby))
    standby.psql("select pg_wal_replay_pause()")
    until(lambda: standby.psql("select pg_get_wal_replay_pause_state()") == "paused")
    standby.primary.psql("postgres", "insert into work values (1)")
    until(lambda: standby.psql("select pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()") == "t")


def test_a_standby_that_has_caught_up(standby: Standby) -> None:
    standby.primary.psql("postgres", "insert into work values (0)")
    until(lambda: caught_up(standby))
    found = lag.measure(place(standby.primary, standby.port))
    assert (found.role, found.seconds, found.replicas) == ("standby", 0.0, {})


def test_a_paused_standby_is_behind_and_the_gate_waits_for_it(standby: Standby) -> None:
    paused(standby)
    try:
        until(lambda: lag.measure(place(standby.primary, standby.port)).seconds > 1.5)
        with pytest.raises(SyncError, match=r"standby \d+\.\d s behind its primary, allowed are 1 s \(replay is paused .*bytes of WAL wait for replay\)"):
            gate(lag, place(standby.primary, standby.port), max_lag=1)
        threading.Timer(1.0, lambda: standby.psql("select pg_wal_replay_resume()")).start()
        found, waited = gate(lag, place(standby.primary, standby.port), max_lag=1, wait=15, interval=0.2)
        assert found.seconds <= 1
        assert 0.5 < waited < 15
    finally:
        standby.psql("select pg_wal_replay_resume()")


def test_a_primary_knows_its_standbys(standby: Standby) -> None:
    until(lambda: caught_up(standby))
    until(lambda: not shortfalls(lag.measure(place(standby.primary), replicas=True), max_lag=5))
    paused(standby)
    try:
        until(lambda: lag.measure(place(standby.primary), replicas=True).replicas["standby1"] > 1)
        with pytest.raises(SyncError, match=r"standby standby1 is .* behind, allowed are 0.5 s"):
            gate(lag, place(standby.primary), max_lag=0.5, replicas=True)
    finally:
        standby.psql("select pg_wal_replay_resume()")


def test_a_role_that_may_not_see_the_standbys_is_refused(standby: Standby) -> None:
    with pytest.raises(SyncError, match="grant it pg_monitor"):
        lag.measure(place(standby.primary, user="reader", password="r"), replicas=True)


def test_queues(standby: Standby) -> None:
    standby.primary.psql("postgres", "delete from outbox; insert into outbox select i, null from generate_series(1, 3) i")
    queue = {"name": "outbox", "sql": "select count(*) from outbox where sent_at is null;", "max": 0}
    with pytest.raises(SyncError, match="queue outbox holds 3, allowed are 0"):
        gate(lag, place(standby.primary), max_lag=0, queues=[queue])
    assert gate(lag, place(standby.primary), max_lag=0, queues=[{**queue, "max": 3}])[0].queues == {"outbox": 3}
    timer = threading.Timer(0.5, lambda: standby.primary.psql("postgres", "update outbox set sent_at = now()"))
    timer.start()
    assert gate(lag, place(standby.primary), max_lag=0, queues=[queue], wait=10, interval=0.1)[0].queues == {"outbox": 0}


@pytest.mark.parametrize(
    "text",
    [
        "delete from outbox returning 1",
        "select 1; drop table work",
        "select 1) x; drop table work; select (1",
        "select nextval('numbers')",
        "select now()",
        "select 1, 2",
    ],
)
def test_a_query_of_a_queue_only_reads(standby: Standby, text: str) -> None:
    standby.primary.psql("postgres", "create sequence if not exists numbers; insert into outbox values (9, null)")
    before = standby.primary.psql("postgres", "select count(*) from outbox")
    with pytest.raises(SyncError, match="'odd'"):
        lag.measure(place(standby.primary), queues=[{"name": "odd", "sql": text}])
    assert standby.primary.psql("postgres", "select count(*) from outbox") == before
    assert standby.primary.psql("postgres", "select to_regclass('work')") == "work"


def test_the_module(standby: Standby, playbook: Any) -> None:
    task: dict[str, Any] = {
        "source": place(standby.primary, standby.port),
        "max_lag": 30,
        "queues": [{"name": "outbox", "sql": "select count(*) from work", "max": 999}],
    }
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Lag", "evenkeel.release.data_lag": task}]}]
    done = playbook(play, args=("-vvv",))
    assert done.rc == 0, done.stdout
    found = done.result("Lag")
    assert (found["role"], found["changed"]) == ("standby", False)
    assert found["queues"]["outbox"] >= 1
    assert standby.primary.password not in done.stdout
    task["queues"][0]["max"] = 0
    failed = playbook(play, check=True)
    assert failed.rc != 0
    assert "queue outbox holds" in failed.stdout
