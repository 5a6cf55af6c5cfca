# SPDX-License-Identifier: GPL-3.0-or-later
"""Canary deployments behind a real balancer with real users, in the order in which they happen."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from .lab import Lab, Users

METRIC = {"name": "failed requests", "kind": "ratio", "highest": 0.2, "must_see": 0.5, "min_samples": 20}
ROLLOUT = {"steps": [{"weight": 20, "seconds": 3}, {"weight": 50, "seconds": 3}], "metrics": [METRIC]}


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        made.declare(f"canary\n    rollout: {ROLLOUT}")
        made.skip_the_rehearsal()
        made.provision()
        made.must("deploy", evenkeel_version="1.0.0")
        yield made


def outcomes(lab, release):
    return [entry for entry in lab.entries(kind="step", phase="outcome") if entry.release == release and "judgement" in entry.body]


def assert_whole(lab):
    """Nobody is sent anywhere but to the live colour."""
    at = next(iter(lab.endpoints("balancer").values()))
    assert "shop.canary none:0" in Path(at["paths"]["map"]).read_text()


def test_a_first_release_has_nobody_to_be_compared_with(lab):
    assert outcomes(lab, "1.0.0") == []
    lab.assert_settled("1.0.0")


def test_a_release_grows_step_by_step(lab):
    with Users(lab) as users:
        lab.must("deploy", evenkeel_version="1.1.0")
    assert users.summary["failed"] == 0
    found = outcomes(lab, "1.1.0")
    assert [entry.body["verdict"] for entry in found] == ["passed", "passed"]
    assert found[-1].body["judgement"]["verdict"] == "passed"
    assert found[-1].body["judgement"]["metrics"][0]["canary"]["n"] >= 20
    lab.assert_settled("1.1.0")
    assert_whole(lab)


def test_a_bad_release_meets_a_part_of_the_users_and_goes_back(lab):
    with Users(lab) as users:
        run = lab.play("deploy", evenkeel_version="1.2.0")
    assert run.rc != 0
    seen = users.summary["by_version"]
    assert 0 < seen.get("1.2.0", {"requests": 0})["requests"] < seen["1.1.0"]["requests"], "it met nobody, or more than its part"
    lab.assert_settled("1.1.0")
    assert_whole(lab)


def test_without_users_nothing_is_known_and_nothing_goes_out(lab):
    run = lab.play("deploy", evenkeel_version="1.0.0")
    assert run.rc != 0
    assert "inconclusive" in run.stdout
    lab.assert_settled("1.1.0")
    assert_whole(lab)


class Slow:
    """Steps that take longer than a test may, and an operator who says something in the first one, when `seen`."""

    def __init__(self, lab, playbook, reason, seen=lambda: True):
        self.lab, self.playbook, self.reason, self.seen = lab, playbook, reason, seen
        self.common = lab.inventory.parent / "group_vars/shop_environments.yml"
        self.good, self.known, self.said = self.common.read_text(), len(self._begun()), []
        self.operator = threading.Thread(target=self._speak)

    def _begun(self):
        return [entry for entry in self.lab.entries(kind="step", phase="intent") if entry.body["state"] == "verifying"]

    def _speak(self):
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and (len(self._begun()) == self.known or not self.seen()):
            time.sleep(0.1)
        self.said.append(self.lab.play(self.playbook, evenkeel_reason=self.reason))

    def __enter__(self):
        self.common.write_text(self.good.replace("'seconds': 3", "'seconds': 3000"))
        self.operator.start()

    def __exit__(self, *_exc):
        self.operator.join(120)
        self.common.write_text(self.good)
        assert self.said[0].rc == 0, self.said[0].stdout


def test_an_abort_is_not_kept_waiting_by_a_step(lab):
    # Each user stays on one side: of ten users one run in ten would have nobody among the first fifth.
    with Users(lab, users=50) as users, Slow(lab, "abort", "the support desk sees complaints", seen=lambda: users.met("1.0.0")):
        run = lab.play("deploy", evenkeel_version="1.0.0")
    assert run.rc != 0
    assert "the support desk sees complaints" in run.stdout
    assert users.summary["failed"] == 0
    assert users.summary["by_version"]["1.0.0"]["requests"] > 0
    lab.assert_settled("1.1.0")
    assert_whole(lab)


def test_an_operator_who_promotes_it_now_is_not_kept_waiting_either(lab):
    """Nobody uses it, so nothing is known of it."""
    with Slow(lab, "promote_now", "the fix cannot wait"):
        lab.must("deploy", evenkeel_version="1.0.0", deploy_bake=False)
    lab.assert_settled("1.0.0")
    assert_whole(lab)
    with Users(lab):
        lab.must("deploy", evenkeel_version="1.1.0")


def test_what_the_judge_cannot_take_is_said_before_anything_changes(lab):
    common = lab.inventory.parent / "group_vars/shop_environments.yml"
    good = common.read_text()
    common.write_text(good.replace("'must_see': 0.5", "'must_seee': 0.5"))
    try:
        run = lab.play("deploy", evenkeel_version="1.0.0")
    finally:
        common.write_text(good)
    assert run.rc != 0
    assert "must_seee" in run.stdout
    assert lab.open_intents() == []


def test_killed_in_a_split_then_recovered(lab):
    with Users(lab):
        lab.killed("deploy", at="Watch the canary", evenkeel_version="1.0.0")
    lab.must("recover")
    lab.assert_settled("1.1.0")
    assert_whole(lab)
