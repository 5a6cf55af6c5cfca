# SPDX-License-Identifier: GPL-3.0-or-later
"""Phases one by one: each may be repeated, and none leaves the target in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.runner import synchronize
from ansible_collections.evenkeel.release.tests.integration.data.conftest import ROWS
from ansible_collections.evenkeel.release.tests.integration.data.dumps import dump
from ansible_collections.evenkeel.release.tests.integration.data.test_sync import params

LEFT = "select count(*) from pg_namespace where nspname ~ '^evenkeel_(new|old)'"
CHILD = """
import json, sys, time
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql import proof, runner, runner_phases, shadow
found = json.load(sys.stdin)
place, name = found.pop("stop_at").split(".")
def wait(*args, **words):
    print("here", flush=True)
    time.sleep(60)
setattr({"proof": proof.Proof, "runner_phases": runner_phases, "shadow": shadow}[place], name, wait)
runner.synchronize(found, check_mode=False)
"""


def step(pg: Any, shops: tuple[str, str], phase: str, **more: Any) -> bool:
    return bool(synchronize(params(pg, shops, phase=phase, **more), check_mode=False)["changed"])


def names(pg: Any, shops: tuple[str, str]) -> str:
    return str(pg.psql(shops[1], "select count(*) from customers"))


def test_each_phase_may_be_repeated(pg: Any, shops: tuple[str, str]) -> None:
    assert step(pg, shops, "swap") is False  # nothing is prepared
    assert step(pg, shops, "prepare") is True
    assert step(pg, shops, "prepare") is True
    assert names(pg, shops) == "1"
    with pytest.raises(SyncError, match="prepared, but not switched"):
        step(pg, shops, "confirm")
    assert [step(pg, shops, "swap"), step(pg, shops, "swap")] == [True, False]
    assert names(pg, shops) == "500"
    assert [step(pg, shops, "confirm"), step(pg, shops, "confirm")] == [True, False]
    assert step(pg, shops, "revert") is False
    assert (names(pg, shops), pg.psql(shops[1], LEFT)) == ("500", "0")
    # What is up to date needs no shadow, and the phases after it do nothing.
    assert [step(pg, shops, phase) for phase in ("prepare", "swap", "confirm")] == [False, False, False]


def test_revert_undoes_a_switch_or_a_preparation(pg: Any, shops: tuple[str, str]) -> None:
    before = dump(pg, shops[1])
    step(pg, shops, "prepare")
    assert step(pg, shops, "revert") is True
    assert dump(pg, shops[1]) == before
    step(pg, shops, "prepare")
    step(pg, shops, "swap")
    assert step(pg, shops, "revert") is True
    assert dump(pg, shops[1]) == before
    assert step(pg, shops, "all") is True
    assert names(pg, shops) == "500"


def test_a_refresh_begins_by_undoing_what_was_not_confirmed(pg: Any, shops: tuple[str, str]) -> None:
    step(pg, shops, "prepare")
    step(pg, shops, "swap")
    pg.psql(shops[0], "alter table customers add surprise text")
    with pytest.raises(SyncError, match="surprise"):
        step(pg, shops, "all")
    assert pg.psql(shops[1], "select name from customers") == "Before"
    pg.psql(shops[0], "alter table customers drop surprise")
    assert step(pg, shops, "all") is True
    assert (names(pg, shops), pg.psql(shops[1], LEFT)) == ("500", "0")


def test_a_table_that_was_altered_since_is_not_replaced(pg: Any, shops: tuple[str, str]) -> None:
    step(pg, shops, "prepare")
    pg.psql(shops[1], "alter table customers add later text")
    with pytest.raises(SyncError, match="altered since the preparation"):
        step(pg, shops, "swap")
    assert pg.psql(shops[1], "select name from customers") == "Before"
    pg.psql(shops[1], "alter table customers drop later; create table more (c bigint references customers (id))")
    with pytest.raises(SyncError, match="foreign key more_c_fkey"):
        step(pg, shops, "all")
    pg.psql(shops[1], "drop table more")
    assert step(pg, shops, "all") is True


def test_a_delta_cannot_be_prepared(pg: Any, shops: tuple[str, str]) -> None:
    with pytest.raises(SyncError, match="can't be prepared"):
        step(pg, shops, "prepare", mode="differential")


def test_two_policies_don_t_get_into_each_other_s_way(pg: Any, shops: tuple[str, str]) -> None:
    step(pg, shops, "prepare")
    other = {**params(pg, shops)["policy"], "name": "other"}
    with pytest.raises(SyncError, match="policy 'shop' has a synchronization of this target that is prepared"):
        step(pg, shops, "all", policy=other)
    assert step(pg, shops, "swap") is True


@pytest.mark.parametrize(("stop_at", "rows"), [("shadow.add_keys", "1"), ("proof.finish", "1"), ("runner_phases.swap", "1"), ("runner_phases.confirm", "500")])
def test_killed_between_two_phases(pg: Any, shops: tuple[str, str], stop_at: str, rows: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps({**params(pg, shops, proof={"enabled": True}), "stop_at": stop_at}))
    child.stdin.close()
    assert child.stdout.readline() == "here\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert names(pg, shops) == rows
    pg.psql(shops[0], ROWS.format(n=1).split("insert into orders")[0].replace("'person' || i", "'another' || i"))
    assert step(pg, shops, "all") is True
    assert (names(pg, shops), pg.psql(shops[1], LEFT)) == ("501", "0")


def test_a_locked_table_gives_one_clear_error(pg: Any, shops: tuple[str, str]) -> None:
    argv = [pg.bin / "psql", "-XAtq", "-d", shops[1], "-c", "begin; lock table customers; select pg_sleep(30)"]
    holder = subprocess.Popen(argv, env=pg.env(), stdout=subprocess.DEVNULL)
    try:
        held = "select count(*) from pg_locks l join pg_database d on d.oid = l.database where mode = 'AccessExclusiveLock' and granted"
        held += f" and d.datname = '{shops[1]}'"
        while pg.psql("postgres", held) == "0":
            time.sleep(0.02)
        with pytest.raises(SyncError, match="canceling statement due to lock timeout"):
            step(pg, shops, "all", lock_timeout=0.5)
    finally:
        pg.psql("postgres", f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{shops[1]}'")
        holder.wait()
    assert pg.psql(shops[1], "select name from customers") == "Before"
    assert step(pg, shops, "all") is True


def test_rows_are_told_and_throttled(pg: Any, shops: tuple[str, str]) -> None:
    told: list[dict[str, Any]] = []
    began = time.monotonic()
    found = synchronize(params(pg, shops, throttle=0.1), check_mode=False, tell=told.append)
    size = sum(table["bytes"] for table in found["tables"].values())
    assert time.monotonic() - began > 0.5 * size / 100_000 - 1
    assert [event["event"] for event in told].count("snapshot") == 1
    moved = [event for event in told if event["event"] == "progress" and event["phase"] == "copy"]
    assert {event["table"] for event in moved} == {"public.customers", "public.orders"}
    assert all({"rows", "rows_estimate", "bytes", "rate", "seconds_left"} <= set(event) for event in moved)


def test_only_the_structure(pg: Any, shops: tuple[str, str]) -> None:
    assert synchronize(params(pg, shops, mode="schema_only"), check_mode=False)["mode"] == "schema_only"
    assert (names(pg, shops), pg.psql(shops[1], "select count(*) from orders")) == ("0", "0")


def test_a_source_that_is_slow_is_given_up(pg: Any, shops: tuple[str, str]) -> None:
    pg.psql(shops[0], "truncate customers cascade; " + ROWS.format(n=30000))
    with pytest.raises(SyncError, match="canceling statement due to statement timeout"):
        step(pg, shops, "all", statement_timeout=0.05)
    assert pg.psql(shops[1], "select name from customers") == "Before"
