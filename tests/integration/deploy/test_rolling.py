# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolling deployments to four hosts in two zones behind a real balancer, in the order in which they happen."""

from __future__ import annotations

import threading
import time

import pytest

from .lab import Lab, Thief, Users

ROLLOUT = {"batches": [1, 2], "min_healthy": "50%", "watch": {"seconds": 3, "min_requests": 5, "max_error_rate": 0.01}}
ZONES = {"production-web1": "a", "production-web2": "a", "production-web3": "b", "production-web4": "b"}
WEB = {name: {"evenkeel_zone": zone} for name, zone in ZONES.items()}
STRATEGY = f"rolling\n    rollout: {ROLLOUT}"
BATCHES = [["production-web1"], ["production-web2"], ["production-web3", "production-web4"]]


@pytest.fixture(scope="module")
def lab():
    """A production of four web hosts whose shop is deployed rolling."""
    with Lab() as made:
        made.declare(STRATEGY, web=WEB)
        made.provision()
        yield made


def batches_of(lab, release):
    intents = [entry for entry in lab.entries(kind="step", phase="intent") if entry.release == release and entry.body["state"] == "switching"]
    return [entry.body["hosts"] for entry in intents]


def test_the_first_release(lab):
    lab.must("deploy", evenkeel_version="1.0.0")
    lab.assert_settled("1.0.0")
    assert batches_of(lab, "1.0.0") == BATCHES


def test_the_same_release_again_touches_no_host(lab):
    lab.must("deploy", evenkeel_version="1.0.0")
    assert len(batches_of(lab, "1.0.0")) == len(BATCHES)


def test_a_release_goes_out_under_load_without_a_failed_request(lab):
    with Users(lab) as users:
        lab.must("deploy", evenkeel_version="1.1.0")
    assert users.summary["failed"] == 0
    assert set(users.summary["by_version"]) >= {"1.0.0", "1.1.0"}
    lab.assert_settled("1.1.0")
    assert batches_of(lab, "1.1.0") == BATCHES


def test_a_release_that_breaks_with_users_is_seen_in_its_first_batch(lab):
    with Users(lab) as users:
        run = lab.play("deploy", evenkeel_version="1.2.0")
    assert run.rc != 0
    assert "with users" in run.stdout
    assert users.summary["failed"] > 0, "the broken release broke nothing, so nothing was proved"
    assert batches_of(lab, "1.2.0") == BATCHES[:1]
    lab.assert_settled("1.1.0")


def test_without_users_nothing_is_known_and_the_first_batch_goes_back(lab):
    run = lab.play("deploy", evenkeel_version="1.0.0")
    assert run.rc != 0
    assert "inconclusive" in run.stdout
    assert batches_of(lab, "1.0.0")[len(BATCHES) :] == BATCHES[:1]
    lab.assert_settled("1.1.0")


def test_a_host_that_does_not_come_up_brings_back_every_batch_before_it(lab):
    with Thief(lab, "production-web3"):
        run = lab.play("deploy", evenkeel_version="1.0.0", deploy_ready_seconds=3, deploy_bake=False)
    assert run.rc != 0
    assert "production-web3" in run.stdout
    assert {host: version for host, version in lab.current().items() if host != "production-web3"} == dict.fromkeys(set(ZONES) - {"production-web3"}, "1.1.0")
    lab.play("recover")
    lab.must("deploy", evenkeel_version="1.1.0", deploy_force=True, deploy_bake=False)
    lab.assert_settled("1.1.0")


def test_abort_between_two_batches(lab):
    said = []

    def abort():
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and len(batches_of(lab, "1.0.0")) < known + 1:
            time.sleep(0.1)
        said.append(lab.play("abort", evenkeel_reason="the support desk sees complaints"))

    known = len(batches_of(lab, "1.0.0"))
    operator = threading.Thread(target=abort)
    operator.start()
    run = lab.play("deploy", evenkeel_version="1.0.0", deploy_bake=False)
    operator.join(120)
    assert said[0].rc == 0, said[0].stdout
    assert run.rc != 0
    assert "the support desk sees complaints" in run.stdout
    lab.assert_settled("1.1.0")
    assert len(batches_of(lab, "1.0.0")) < known + len(BATCHES), "it went on after the abort"


def test_rollback_holds_what_it_takes_away(lab):
    lab.must("rollback")
    lab.assert_settled("1.0.0")
    refused = lab.play("deploy", evenkeel_version="1.1.0")
    assert refused.rc != 0
    assert "1.1.0 is held back in production" in refused.stdout
    lab.must("mark", evenkeel_version="1.1.0", evenkeel_mark="lifted")


@pytest.mark.parametrize("point", ["Replace each service on its host", "Give the hosts their traffic back"])
def test_killed_in_a_batch_then_recovered(lab, point):
    lab.killed("deploy", at=point, evenkeel_version="1.1.0")
    refused = lab.play("deploy", evenkeel_version="1.1.0")
    assert refused.rc != 0
    assert "evenkeel.release.recover" in refused.stdout
    with Users(lab) as users:
        lab.must("recover")
    assert users.summary["failed"] == 0
    lab.assert_settled("1.0.0")
