# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL 18.4 becomes 18.6, with real servers of both versions, under somebody who writes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.upgrade.cluster import PASSWORD, Cluster, Writer

OLD, NEW = "18.4", "18.6"


@pytest.fixture
def pair() -> Iterator[Cluster]:
    cluster = Cluster("db1", "db2")
    yield cluster
    cluster.close()


@pytest.fixture
def alone() -> Iterator[Cluster]:
    cluster = Cluster("db1")
    yield cluster
    cluster.close()


def test_replica_first_then_a_switchover(pair: Cluster, playbook: Any) -> None:
    assert [pair.what(name) for name in pair.names] == [("primary", OLD), ("replica", OLD)]
    moved = pair.folder / "moved"
    with Writer(pair) as writer:
        run = pair.upgrade(playbook, stateful_upgrade_moved=["sh", "-c", f"echo {{primary}} {{address}} {{port}} >> {moved}"])
    assert run.rc == 0, run.stdout + run.stderr
    assert [pair.what(name) for name in pair.names] == [("replica", NEW), ("primary", NEW)]
    assert moved.read_text().splitlines() == [f"db2 127.0.0.1 {pair.ports['db2']}"] * 2  # at the switchover, and once more in the end
    acts = [("backup", "db1"), ("upgrade_replica", "db2"), ("switchover", "db1"), ("upgrade_replica", "db1")]
    assert pair.steps() == [(act, host, "passed") for act, host in acts]
    assert len(writer.acknowledged) > 100
    assert not writer.lost(pair, "db2")

    whole = pair.entries(kind="step", phase="outcome")[-1].body
    measured = whole["downtime"]
    assert len(measured["outages"]) == 1, measured
    assert measured["seconds"] == pytest.approx(max(writer.pauses), abs=0.5, rel=0.2)
    assert (measured["writable"], measured["unwatched"], whole["verdict"]) == (True, 0, "passed")
    assert f"Writes failed for {measured['seconds']:.2f} s" in run.stdout

    place = Path(whole["backup"]["place"])
    assert whole["backup"]["compared"]["tables"] >= 2
    assert whole["backup"]["compared"]["unchanged"] >= 1  # the table `quiet`, row by row
    pair.tool("pg_verifybackup", "-q", str(place / "base"))
    assert not (place / "scratch").exists()
    assert pair.sql("db2", "select count(*) from pg_tables where tablename = 'evenkeel_write_probe'") == "0"
    said = run.stdout + run.stderr + json.dumps([entry.body for entry in pair.entries()])
    assert PASSWORD not in said

    again = pair.upgrade(playbook)
    assert again.rc == 0, again.stdout
    assert "nothing is to be done" in again.stdout
    assert len(pair.steps()) == len(acts)


def test_a_lone_primary_is_announced_and_comes_back_when_the_new_programs_do_not_start(alone: Cluster, playbook: Any) -> None:
    refused = alone.upgrade(playbook, stateful_upgrade_backup_max_age=0)
    assert refused.rc != 0
    assert "stateful_upgrade_announced: true" in refused.stdout
    assert alone.steps() == []

    broken = alone.broken()
    alone.node_extra["db1"] = {"new_bindir": str(broken)}
    failed = alone.upgrade(playbook, stateful_upgrade_announced=True, stateful_upgrade_wait=5)
    assert failed.rc != 0
    assert "The way back was taken: db1 runs 18.4" in failed.stdout, failed.stdout
    assert alone.what("db1") == ("primary", OLD)
    assert [step[0::2] for step in alone.steps()] == [("backup", "passed"), ("upgrade_primary", "failed")]

    alone.node_extra["db1"] = {}
    with Writer(alone) as writer:
        run = alone.upgrade(playbook, stateful_upgrade_announced=True)
    assert run.rc == 0, run.stdout + run.stderr
    assert alone.what("db1") == ("primary", NEW)
    assert [step[0] for step in alone.steps()] == ["backup", "upgrade_primary", "upgrade_primary"]  # the backup was young enough
    assert not writer.lost(alone, "db1")
    measured = alone.entries(kind="step", phase="outcome")[-1].body["downtime"]
    assert measured["seconds"] == pytest.approx(max(writer.pauses), abs=0.5, rel=0.2)


# Kills the run that called it: what it is to kill is filled in.
KILL = """
stop()
chain, pid = [], os.getppid()
while pid > 1:
    words = open(f"/proc/{{pid}}/cmdline").read()
    chain.append((pid, "bin/ansible-playbook" in words))
    pid = int(open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()[1])
top = max(number for number, (_pid, playbook) in enumerate(chain) if playbook)
for pid, playbook in reversed(chain[: top + 1]):
    if playbook or {everything}:
        os.kill(pid, signal.SIGKILL)
"""


def test_a_killed_run_is_finished_by_the_next(pair: Cluster, playbook: Any) -> None:
    """First the act on the host dies with the controller, so the old primary is only stopped; then the controller alone, before the promotion."""
    with Writer(pair) as writer:
        for everything in (True, False):
            pair.node_extra["db1"] = {"stop": [str(pair.hook("db1", KILL.format(everything=everything)))]}
            assert pair.upgrade(playbook).rc != 0
            with pytest.raises(RuntimeError):
                pair.what("db1")
            assert pair.what("db2") == ("replica", NEW)
        pair.node_extra["db1"] = {}
        run = pair.upgrade(playbook)
    assert run.rc == 0, run.stdout + run.stderr
    assert [pair.what(name) for name in pair.names] == [("replica", NEW), ("primary", NEW)]
    assert not writer.lost(pair, "db2")
    ended = pair.steps()
    assert [step for step in ended if step[0] == "resume"] == [("resume", "db1", "passed")]
    assert [step for step in ended if step[0] == "promote"] == [("promote", "db2", "passed")]
    assert sum(step[0] == "backup" for step in ended) == 1
    closed = {entry.body.get("intent") for entry in pair.entries(kind="step", phase="outcome")}
    assert {entry.id for entry in pair.entries(kind="step", phase="intent")} == closed
    measured = pair.entries(kind="step", phase="outcome")[-1].body["downtime"]
    assert measured["unwatched"] > 0  # while there was no run
    assert len(measured["outages"]) >= 2


def test_a_replica_that_lacks_rows_is_not_promoted(pair: Cluster, playbook: Any) -> None:
    psql = [str(pair.old / "psql"), "-h", str(pair.folder / "db2"), "-p", str(pair.ports["db2"]), "-U", "evenkeel", "-d", "postgres"]
    pause = f"subprocess.run({[*psql, '-c', 'select pg_wal_replay_pause()']!r}, check=True)\nstop()"
    pair.node_extra["db1"] = {"stop": [str(pair.hook("db1", pause))]}
    with Writer(pair) as writer:
        run = pair.upgrade(playbook, stateful_upgrade_wait=6)
    assert run.rc != 0
    assert "It was not promoted, because rows would be lost" in run.stdout, run.stdout
    assert "The way back was taken: db1 is the primary" in run.stdout
    assert pair.what("db1") == ("primary", OLD)
    assert not writer.lost(pair, "db1")
    assert pair.steps()[-1] == ("switchover", "db1", "failed")


def test_refused_before_anything_is_done(pair: Cluster, playbook: Any) -> None:
    before = [pair.what(name) for name in pair.names]

    def refusal(**more: Any) -> str:
        run = pair.upgrade(playbook, stateful_upgrade_settle=0, **more)
        assert run.rc != 0, run.stdout
        assert pair.entries(kind="step") == []
        return str(run.stdout)

    assert "No policy applies" in refusal(evenkeel_policies_dir=str(pair.folder / "backups"))
    pair.sql("db2", "alter system set recovery_min_apply_delay = '1h'")
    pair.sql("db2", "select pg_reload_conf()")
    pair.sql("db1", "create table big (words text)")  # its commit is what the replica holds back, with all that follows
    pair.sql("db1", "insert into big select repeat('x', 1000) from generate_series(1, 5000)")
    both = refusal(stateful_upgrade_backup_dir="")
    assert "bytes behind, allowed are 1048576" in both
    assert "db1 has no folder for the backup" in both
    with open_store(f"sqlite:///{pair.state / 'ledger.sqlite'}") as store:
        store.acquire("environment/lab", ttl=60, wait=0, release="", environment="lab", message="a deployment", pid=os.getpid())
        assert "a deployment" in refusal()
        store.release("environment/lab", store.lease("environment/lab")["token"], environment="lab")
    assert [pair.what(name) for name in pair.names] == before
    pair.tool("pg_ctl", "promote", "-D", str(pair.data("db2")), "-w", "-s")
    assert "Several servers take writes: db1 on timeline 1" in refusal()


def test_an_old_primary_that_went_on_is_rewound_when_that_is_allowed(pair: Cluster, playbook: Any) -> None:
    pair.tool("pg_ctl", "promote", "-D", str(pair.data("db2")), "-w", "-s")
    pair.sql("db1", "insert into ledger values (-1)")
    pair.sql("db2", "insert into ledger values (1)")
    pair.stop("db1")
    for name in pair.names:
        pair.node_extra[name] = {"new_bindir": str(pair.old)}
    refused = pair.upgrade(playbook, stateful_upgrade_version=OLD)
    assert "stateful_upgrade_rewind: true" in refused.stdout, refused.stdout
    run = pair.upgrade(playbook, stateful_upgrade_version=OLD, stateful_upgrade_rewind=True)
    assert run.rc == 0, run.stdout
    assert pair.what("db1") == ("replica", OLD)
    assert pair.sql("db1", "select string_agg(id::text, ',') from ledger") == "1"


def test_a_promotion_that_is_late_never_makes_two_primaries(pair: Cluster, playbook: Any) -> None:
    """PostgreSQL was asked and gave up waiting, the next run asks again; then the program that leads clients fails once, with nothing else left to do."""
    moved, programs = pair.folder / "moved", pair.folder / "late"
    programs.mkdir()
    for program in pair.old.iterdir():
        (programs / program.name).symlink_to(program)
    (programs / "psql").unlink()
    late = f'text=$(cat)\ncase "$text" in *"pg_promote(true"*) echo f ;; *) printf "%s" "$text" | {pair.old}/psql "$@" ;; esac\n'
    (programs / "psql").write_text(f"#!/bin/sh\n{late}")
    (programs / "psql").chmod(0o755)
    pair.sql("db1", "alter system set primary_slot_name = 'of_its_former_primary'")
    lead = ["sh", "-c", f"echo {{primary}} >> {moved}; test $(wc -l < {moved}) -ne 2"]
    options = {"stateful_upgrade_version": OLD, "stateful_upgrade_primary": "db2", "stateful_upgrade_moved": lead}
    for name in pair.names:
        pair.node_extra[name] = {"new_bindir": str(pair.old)}

    pair.node_extra["db2"]["bindir"] = str(programs)
    failed = pair.upgrade(playbook, **options)
    assert failed.rc != 0
    assert "db2 may become the primary yet" in failed.stdout, failed.stdout
    with pytest.raises(RuntimeError):
        pair.what("db1")
    assert not moved.exists()

    del pair.node_extra["db2"]["bindir"]
    assert pair.upgrade(playbook, **options).rc != 0
    assert [pair.what(name) for name in pair.names] == [("replica", OLD), ("primary", OLD)]
    assert pair.steps()[-2:] == [("promote", "db2", "passed"), ("upgrade_replica", "db1", "passed")]
    for _run in range(2):
        run = pair.upgrade(playbook, **options)
        assert run.rc == 0, run.stdout
        assert "nothing is to be done" in run.stdout
        assert moved.read_text().splitlines() == ["db2"] * 3  # after the promotion, in the end, and by the run after that one
