# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling deployments that start the new release beside the old one: no host stops serving, whatever happens."""

from __future__ import annotations

import csv
import io
import socket
import threading
import time

import pytest

from .lab import Lab, Users

HOSTS = ("production-web1", "production-web2", "production-web3")
# All hosts are needed at any moment, and the last two are replaced together: only beside each other that can be.
ROLLOUT = {"batches": [1, 2], "surge": True, "min_healthy": len(HOSTS), "watch": {"seconds": 1, "max_error_rate": 0.01}}


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        made.declare(f"rolling\n    rollout: {ROLLOUT}", web=dict.fromkeys(HOSTS))
        made.provision()
        made.must("deploy", evenkeel_version="1.0.0")
        yield made


class Capacity:
    """How many servers the balancer sends users to, asked at its own socket all the time."""

    def __init__(self, lab):
        self._path = next(iter(lab.endpoints("balancer").values()))["paths"]["socket"]
        self._stop, self.seen = threading.Event(), []
        self._thread = threading.Thread(target=self._look)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._stop.set()
        self._thread.join()

    def _look(self):
        while not self._stop.is_set():
            self.seen.append(len(serving(self._path)))
            time.sleep(0.02)


def serving(path):
    """Servers of the pool whose status is UP; one that drains or is stopped has another one."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(path)
        asking.sendall(b"show stat\n")
        text = b"".join(iter(lambda: asking.recv(65536), b"")).decode()
    rows = csv.DictReader(io.StringIO(text.lstrip("# ")))
    return [row["svname"] for row in rows if row["pxname"] == "shop" and row["svname"].startswith("production-") and row["status"].startswith("UP")]


def colours(lab):
    return {host: found[0] for host, found in lab.listening().items()}


def test_a_release_goes_out_and_capacity_never_falls_below_full(lab):
    before = colours(lab)
    with Users(lab) as users, Capacity(lab) as capacity:
        lab.must("deploy", evenkeel_version="1.1.0")
    assert users.summary["failed"] == 0
    assert set(users.summary["by_version"]) >= {"1.0.0", "1.1.0"}
    assert min(capacity.seen) == len(HOSTS), "a host was missing"
    assert max(capacity.seen) == len(HOSTS) + 2, "the second batch never ran both releases"
    lab.assert_settled("1.1.0")
    assert all(colour != before[host] for host, colour in colours(lab).items())


def test_a_bad_release_goes_back_and_capacity_never_falls_below_full(lab):
    before = colours(lab)
    with Users(lab) as users, Capacity(lab) as capacity:
        run = lab.play("deploy", evenkeel_version="1.2.0")
    assert run.rc != 0
    assert "with users" in run.stdout
    assert users.summary["by_version"]["1.1.0"]["failed"] == 0
    assert min(capacity.seen) == len(HOSTS)
    lab.assert_settled("1.1.0")
    assert colours(lab) == before


def test_a_host_where_the_new_release_does_not_come_up_goes_on_serving_the_old_one(lab):
    """Its port is taken; the other host of the batch comes through and goes back with all others."""
    host = HOSTS[1]
    at = lab.endpoints("shop")[host]
    free = next(port for colour, port in at["ports"].items() if colour != colours(lab)[host])
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind((at["address"], free))
        thief.listen()
        with Users(lab) as users, Capacity(lab) as capacity:
            run = lab.play("deploy", evenkeel_version="1.0.0", deploy_ready_seconds=3)
    assert run.rc != 0
    assert host in run.stdout
    assert users.summary["failed"] == 0
    assert min(capacity.seen) == len(HOSTS)
    lab.assert_settled("1.1.0")


@pytest.mark.parametrize("point", ["Replace each service on its host", "Take the other release out of the traffic", "Stop the other release"])
def test_killed_in_a_batch_then_recovered(lab, point):
    with Users(lab) as users, Capacity(lab) as capacity:
        lab.killed("deploy", at=point, evenkeel_version="1.0.0")
        lab.must("recover")
    assert users.summary["failed"] == 0
    assert min(capacity.seen) == len(HOSTS)
    lab.assert_settled("1.1.0")
