# SPDX-License-Identifier: GPL-3.0-or-later
"""The same tests on SQLite and on PostgreSQL, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import leases, process
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LeaseError, LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify

WRITERS, EACH = 8, 1000
PREFIX = "ansible_collections.evenkeel.release.plugins.plugin_utils._ledger"
WRITER = f"""
import sys
from {PREFIX}.entry import NewEntry
from {PREFIX}.store import open_store
url, who, each = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open_store(url) as store:
    for first in range(0, each, 10):
        store.append([NewEntry("task", "fact", subject=who, body={{"n": n}}) for n in range(first, first + 10)])
"""
OPENER = f"import sys; from {PREFIX}.store import open_store; open_store(sys.argv[1]).close()"
HOLDER = f"""
import os, sys, time
from {PREFIX}.store import open_store
with open_store(sys.argv[1]) as store:
    print(store.acquire("env/prod", ttl=600, release="1.0.0", message="deploying")["token"], flush=True)
    time.sleep(600)
"""
# As ansible-playbook does: a heartbeat beside it, and its worker a copy of it in a session of its own.
RUN = f"""
import os, sys, time
from {PREFIX} import heartbeat, process
from {PREFIX}.store import open_store
url, ttl, pid = sys.argv[1], float(sys.argv[2]), os.getpid()
with open_store(url) as store:
    token = store.acquire("env/prod", ttl=ttl, message="deploying")["token"]
heartbeat.start(url=url, name="env/prod", token=token, ttl=ttl, pid=pid, started=process.started(pid))
worker = os.fork()
if worker == 0:
    os.setsid()
    time.sleep(float(sys.argv[3]))
    os._exit(0)
time.sleep(2)
print(worker, flush=True)
time.sleep(600)
"""


def test_many_processes_make_a_new_ledger_at_once(url):
    # SQLite answers "busy" without waiting when two change the journal mode, or when a reader turns into a writer.
    running = [subprocess.Popen([sys.executable, "-c", OPENER, url]) for _number in range(12)]
    assert [opener.wait(timeout=120) for opener in running] == [0] * 12


def test_eight_processes_lose_nothing_and_fork_nothing(url):
    running = [subprocess.Popen([sys.executable, "-c", WRITER, url, f"w{number}", str(EACH)]) for number in range(WRITERS)]
    assert [writer.wait(timeout=300) for writer in running] == [0] * WRITERS
    with open_store(url) as store:
        report = verify(store)
        assert report.ok
        assert report.entries == WRITERS * EACH
        entries = store.entries()
    assert [entry.seq for entry in entries] == list(range(1, WRITERS * EACH + 1))
    for number in range(WRITERS):
        assert [entry.body["n"] for entry in entries if entry.subject == f"w{number}"] == list(range(EACH))


def test_a_batch_is_whole_or_absent(store):
    store.append([NewEntry("gate", "fact", stream=name, body={"a": 1.5, "ü": "€"}) for name in ("b", "a", "b")])
    with pytest.raises(LedgerError):
        store.append([NewEntry("gate", "fact", stream="a"), NewEntry("nothing", "fact", stream="a")])
    assert {name: head.seq for name, head in store.heads().items()} == {"a": 1, "b": 2}
    assert store.entries(stream="b")[1].prev == store.entries(stream="b")[0].hash


def test_a_lease_is_exclusive_and_its_refusal_tells_all(store):
    lease = store.acquire("env/prod", ttl=60, release="1.0.0", message="deploying 1.0.0")
    assert store.acquire("env/prod", ttl=60)["token"] == lease["token"]
    other = subprocess.Popen(["sleep", "60"])
    try:
        began = time.monotonic()
        with pytest.raises(LeaseError) as caught:
            store.acquire("env/prod", wait=0.6, pid=other.pid)
        assert 0.5 < time.monotonic() - began < 5
        for part in (lease["holder"], lease["host"], str(os.getpid()), lease["since"], "Next:"):
            assert part in str(caught.value)
        with pytest.raises(LeaseError):
            store.release("env/prod", lease["token"] + 1)
        store.release("env/prod", lease["token"])
        after = store.acquire("env/prod", pid=other.pid)
        assert after["token"] == lease["token"] + 1
        assert "taken_over_from" not in after
        with pytest.raises(LeaseError, match="must not change anything more"):
            store.renew("env/prod", lease["token"])
    finally:
        other.kill()
        other.wait()
    assert [entry.body["event"] for entry in store.entries(kind="lease")] == ["acquired", "released", "acquired"]


def test_a_killed_holder_is_taken_over_at_once(url, store):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True)
    token = int(holder.stdout.readline())
    with pytest.raises(LeaseError, match=r"for release 1\.0\.0"):
        store.acquire("env/prod")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    lease = store.acquire("env/prod")
    assert lease["token"] == token + 1
    assert lease["taken_over_from"]["pid"] == holder.pid
    assert "is gone" in lease["taken_over_from"]["why"]
    last = store.entries(kind="lease")[-1]
    assert last.body["event"] == "taken_over"
    assert last.body["taken_over_from"]["pid"] == holder.pid
    assert verify(store).ok


def test_what_outlives_its_run_has_the_lease_until_it_ends(store):
    worker = subprocess.Popen(["sleep", "60"])
    try:
        lease = store.acquire("env/prod", ttl=60, message="deploying", pid=os.getppid())
        for _again in range(2):
            leases.hand_over(store, "env/prod", lease["token"], pid=worker.pid, started=process.started(worker.pid))
        assert store.lease("env/prod")["until"] == lease["until"]
        with pytest.raises(LeaseError, match=rf"pid {worker.pid}.* deploying \(the run is gone, a task of it still runs\)\."):
            store.acquire("env/prod")
    finally:
        worker.kill()
        worker.wait()
    assert store.acquire("env/prod")["taken_over_from"]["pid"] == worker.pid
    with pytest.raises(LeaseError, match="lost it"):
        leases.hand_over(store, "env/prod", lease["token"], pid=1, started="1")


@pytest.mark.parametrize(("ttl", "seconds", "why"), [(60, 6, "is gone"), (5, 60, "expired")])
def test_a_killed_run_keeps_its_lease_until_its_worker_ends_or_it_expires(tmp_path, ttl, seconds, why):
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    run = subprocess.Popen([sys.executable, "-c", RUN, url, str(ttl), str(seconds)], stdout=subprocess.PIPE, text=True)
    worker = int(run.stdout.readline())
    try:
        run.kill()
        run.wait()
        time.sleep(1)
        with open_store(url) as store:
            with pytest.raises(LeaseError, match=f"pid {worker}.*a task of it still runs"):
                store.acquire("env/prod")
            last = store.acquire("env/prod", wait=30)["taken_over_from"]
        assert (last["pid"], why in last["why"]) == (worker, True)
    finally:
        run.stdout.close()
        if process.started(worker):
            os.kill(worker, signal.SIGKILL)


def test_the_workers_of_a_run_are_copies_of_it():
    other = subprocess.Popen(["sleep", "60"])
    copy = os.fork()
    if copy == 0:
        time.sleep(60)
        os._exit(0)
    try:
        assert process.workers(os.getpid()) == {copy: process.started(copy)}
    finally:
        os.kill(copy, signal.SIGKILL)
        os.waitpid(copy, 0)
        other.kill()
        other.wait()
    assert process.workers(os.getpid()) == process.workers(2**22 + 1) == {}


def test_an_expired_lease_is_taken_over(store):
    other = subprocess.Popen(["sleep", "60"])
    try:
        store.acquire("env/prod", ttl=0.2, pid=other.pid)
        lease = store.acquire("env/prod", wait=5)
    finally:
        other.kill()
        other.wait()
    assert "expired" in lease["taken_over_from"]["why"]


def test_a_pid_that_was_used_again_is_not_the_holder():
    begun = process.started(os.getpid())
    assert process.is_running(os.getpid(), begun)
    assert not process.is_running(os.getpid(), "1")
    gone = subprocess.Popen(["true"])
    time.sleep(0.2)
    assert process.started(gone.pid) == ""  # a corpse that nobody has waited for
    gone.wait()


def test_postgresql_refuses_edits_and_verification_names_them(pg):
    database = pg.create_db()
    with open_store(pg.url(database)) as store:
        store.append([NewEntry("gate", "fact", body={"n": n}) for n in range(5)])
        for statement in ("UPDATE evenkeel_entries SET kind = 'x'", "DELETE FROM evenkeel_entries", "TRUNCATE evenkeel_entries"):
            with pytest.raises(Exception, match=r"append-only|non-zero"):
                pg.psql(database, statement)
        pg.psql(database, "ALTER TABLE evenkeel_entries DISABLE TRIGGER ALL; UPDATE evenkeel_entries SET kind = 'drift' WHERE seq = 3")
        [fault] = verify(store).faults
        assert fault.seq == 3
        pg.psql(database, "UPDATE evenkeel_entries SET kind = 'gate'; DELETE FROM evenkeel_entries WHERE seq = 2")
        assert verify(store).faults[0].seq == 2


def test_the_hash_is_what_sha256sum_says(store, tmp_path):
    [entry] = store.append([NewEntry("gate", "fact", body={"ü": [1, 2.5, None]})])
    content = {key: value for key, value in entry.as_dict().items() if key not in ("prev", "hash")}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    (tmp_path / "x").write_bytes(bytes.fromhex(entry.prev) + canonical)
    assert subprocess.run(["sha256sum", str(tmp_path / "x")], capture_output=True, text=True, check=True).stdout.split()[0] == entry.hash


def test_faults_of_a_store_are_clear(tmp_path, free_port):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LedgerError, match="Nothing is done without a ledger"):
        open_store(f"sqlite:///{tmp_path}/file/ledger.sqlite")
    (tmp_path / "text").write_text("not a database " * 100)
    with pytest.raises(LedgerError, match="not a ledger"):
        open_store(f"sqlite:///{tmp_path}/text")
    with pytest.raises(LedgerError, match="start the database server") as caught:
        open_store(f"postgresql://app:swordfish@127.0.0.1:{free_port()}/shop")
    assert "swordfish" not in str(caught.value)


def test_a_full_disk_is_one_clear_fault(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/l.sqlite") as store:
        store.append([NewEntry("gate", "fact")])
        with store.reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(LedgerError, match="free space"):
            store.append([NewEntry("gate", "fact", body={"x": "y" * 100_000})])
        assert len(store.entries()) == 1


def test_files_are_for_their_owner_alone(tmp_path):
    with open_store(f"sqlite:///{tmp_path}/state/ledger.sqlite") as store:
        store.append([NewEntry("gate", "fact")])
        folder = tmp_path / "state"
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
