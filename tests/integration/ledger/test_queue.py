# SPDX-License-Identifier: GPL-3.0-or-later
"""Who waits for a lease, with real processes on both stores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import waiting
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LeaseError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

WAITER = """
import sys, time
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LeaseError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
url, name, priority, wait, limit = sys.argv[1:6]
with open_store(url, actor={"name": name, "source": "test"}) as store:
    try:
        lease = store.acquire("env/prod", ttl=60, wait=float(wait), priority=priority, limit=int(limit) or None, message="by " + name,
                              told=lambda text: print(text, flush=True))
        print("got", lease["token"], flush=True)
        time.sleep(0.3)
        store.release("env/prod", lease["token"])
    except LeaseError as exc:
        print("refused", exc, flush=True)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.sqlite"
    pg = request.getfixturevalue("pg")
    return pg.url(pg.create_db())


@pytest.fixture
def store(url):
    with open_store(url, actor={"name": "holder", "source": "test"}) as opened:
        yield opened


@pytest.fixture
def start(url):
    running = []

    def _start(name, *, priority="normal", wait=60, limit=0):
        argv = [sys.executable, "-c", WAITER, url, name, priority, str(wait), str(limit)]
        running.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
        return running[-1]

    yield _start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def acquired(store):
    return [entry.actor["name"] for entry in store.entries(kind="lease") if entry.body["event"] in ("acquired", "taken_over")]


def test_first_come_first_served_and_an_emergency_before_all_who_wait(store, start):
    lease = store.acquire("env/prod", ttl=60, message="deploying 1.0.0")
    waiters = []
    for place, name in enumerate(("first", "second"), start=1):  # each is told its place before the next one comes
        waiters.append(start(name))
        said = waiters[-1].stdout.readline()
        assert said.startswith(f"Place {place} ")
        assert "is held by holder" in said
        assert "deploying 1.0.0" in said
    third = start("third")
    assert third.stdout.readline().startswith("Place 3 in the queue for env/prod")
    emergency = start("emergency", priority="emergency")
    assert emergency.stdout.readline().startswith("Place 1 ")
    [held] = store.leases()
    assert [(each["place"], each["priority"]) for each in held["waiting"]] == [(1, "emergency"), (2, "normal"), (3, "normal"), (4, "normal")]
    came = ["emergency", "first", "second", "third"]
    assert [each["holder"] for each in held["waiting"]] == came
    with pytest.raises(LeaseError, match=r"Before this run: 4 waiting, the first is emergency"):
        store.acquire("env/prod", pid=os.getppid())
    store.release("env/prod", lease["token"])
    assert [process.wait(60) for process in (*waiters, third, emergency)] == [0] * 4
    assert acquired(store) == ["holder", *came]
    queued = {entry.actor["name"]: entry.body["queue"] for entry in store.entries(kind="lease") if "queue" in entry.body}
    assert queued["emergency"]["overtook"] == 3
    assert queued["third"]["overtook"] == 0
    assert [entry.body["fence"] for entry in store.entries(kind="lease") if entry.body["event"] == "acquired"] == [1, 2, 3, 4, 5]


def test_who_does_not_wait_does_not_push_in(store, start):
    """The lease is free for a moment, and somebody waits for it."""
    lease = store.acquire("env/prod", ttl=60)
    waiter = start("first")
    waiter.stdout.readline()
    waiter.send_signal(signal.SIGSTOP)
    try:
        store.release("env/prod", lease["token"])
        with pytest.raises(LeaseError, match="is free and goes to who has waited longest"):
            store.acquire("env/prod")
        assert store.acquire("env/prod", priority="emergency")["token"] == lease["token"] + 1
    finally:
        waiter.send_signal(signal.SIGCONT)


def test_a_waiter_that_was_killed_is_in_nobodys_way(store, start):
    lease = store.acquire("env/prod", ttl=60)
    first, second = start("first"), None
    first.stdout.readline()
    second = start("second")
    assert second.stdout.readline().startswith("Place 2 ")
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert second.stdout.readline().startswith("Place 1 ")
    began = time.monotonic()
    store.release("env/prod", lease["token"])
    assert second.stdout.readline().startswith("got")
    assert time.monotonic() - began < 10
    assert second.wait(30) == 0
    assert acquired(store) == ["holder", "second"]
    assert store.acquire("env/prod")["token"] == 3


def test_a_machine_that_went_away_loses_its_place_after_a_while(store, monkeypatch):
    lease = store.acquire("env/prod", ttl=60)
    with store.writing() as connection:
        elsewhere = {
            "priority": 0,
            "holder": "far",
            "host": "far",
            "host_id": "another boot",
            "pid": 1,
            "started": "1",
            "job": "",
            "release": "",
            "message": "",
        }
        waiting.join(connection, "env/prod", store.now(connection), None, elsewhere)
    store.release("env/prod", lease["token"])
    with pytest.raises(LeaseError, match="the first is far"):
        store.acquire("env/prod")
    monkeypatch.setattr(waiting, "STALE_SECONDS", 0)
    assert store.acquire("env/prod")["token"] == lease["token"] + 1
    assert store.leases()[0]["waiting"] == []


def test_the_queue_has_a_limit(store, start):
    store.acquire("env/prod", ttl=60)
    start("first").stdout.readline()
    full = start("second", limit=1)
    said = full.stdout.readline()
    assert said.startswith("refused")
    assert "The queue for it is full: 1 waiting, the first is first" in said
    assert start("emergency", priority="emergency", limit=1).stdout.readline().startswith("Place 1 ")


def test_who_gives_up_leaves(store, start):
    lease = store.acquire("env/prod", ttl=60)
    tired = start("tired", wait=0.6)
    assert tired.stdout.readline().startswith("Place 1 ")
    said = tired.stdout.readline()
    assert "Waited 0.6 s" in said
    assert "is held by holder" in said
    assert store.leases()[0]["waiting"] == []
    store.release("env/prod", lease["token"])
    assert acquired(store) == ["holder"]
