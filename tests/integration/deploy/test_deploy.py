# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a release on real parts, in the order in which it happens; each test leaves what the next one needs."""

from __future__ import annotations

import os

import pytest

from .lab import Users, has_attribute

KILL_POINTS = [
    "Publish the plan to the hosts",
    "Stage the services of this host",
    "Run the migrations",
    "Start the idle colour of each service",
    "Set the balancer's map",
    "Record the outcome of the switch",
    "Record that the release is verified",
    "Go forward",
    "Settle this host",
    "Record the outcome",
]
# A sample keeps the suite short; EVENKEEL_TEST_ALL=1 kills at every point.
SAMPLE = KILL_POINTS if os.environ.get("EVENKEEL_TEST_ALL") else KILL_POINTS[3::2]


def test_check_mode_of_a_first_deployment_changes_nothing(lab):
    run = lab.play("deploy", check=True, evenkeel_version="1.0.0")
    assert run.rc == 0, run.stdout
    assert lab.entries(kind="deployment") == []
    assert lab.listening() == {"production-web1": [], "production-web2": []}


def test_the_first_release(lab):
    lab.must("deploy", evenkeel_version="1.0.0")
    lab.assert_settled("1.0.0")


def test_the_same_release_again_changes_no_host(lab):
    run = lab.must("deploy", evenkeel_version="1.0.0")
    assert {host: seen["changed"] for host, seen in run.stats.items() if host != "localhost"} == dict.fromkeys(
        ["production-db", "production-lb", "production-web1", "production-web2"], 0
    )


def test_a_release_goes_out_under_load_without_a_failed_request(lab):
    with Users(lab) as users:
        lab.must("deploy", evenkeel_version="1.1.0")
    assert users.summary["failed"] == 0
    assert set(users.summary["by_version"]) >= {"1.0.0", "1.1.0"}
    lab.assert_settled("1.1.0")


def test_a_release_that_breaks_under_load_never_meets_a_user(lab):
    with Users(lab) as users:
        run = lab.play("deploy", evenkeel_version="1.2.0")
    assert run.rc != 0
    assert users.summary["failed"] == 0
    assert "1.2.0" not in users.summary["by_version"]
    assert "was rolled back" in run.stdout
    assert "Rehearse it under load" in run.stdout
    lab.assert_settled("1.1.0")


def test_a_release_that_breaks_after_the_switch_is_rolled_back_by_its_bake(lab):
    with Users(lab) as users:
        run = lab.play("deploy", evenkeel_version="1.2.0", deploy_rehearse=False)
    assert run.rc != 0
    assert "Bake" in run.stdout
    assert "1.2.0" in users.summary["by_version"], "it never had users, so nothing was proved"
    assert users.summary["failed"] > 0, "the broken release broke nothing, so nothing was proved"
    lab.assert_settled("1.1.0")


def assert_protected(lab):
    assert lab.protection() == {"attribute" if has_attribute(lab.state) else "modes"}


def test_rollback_goes_to_the_last_verified_release(lab):
    with Users(lab) as users:
        lab.must("rollback", evenkeel_immutable=True)
    assert users.summary["failed"] == 0
    lab.assert_settled("1.0.0")
    assert_protected(lab)
    lab.must("mark", evenkeel_version="1.1.0", evenkeel_mark="lifted")


def test_rollback_to_an_unknown_release_lists_the_choices(lab):
    run = lab.play("rollback", evenkeel_version="9.9.9")
    assert run.rc != 0
    assert "Rollback is possible to: 1.1.0" in run.stdout
    lab.assert_settled("1.0.0")


@pytest.mark.parametrize("point", SAMPLE)
def test_killed_at_any_task_then_recovered(lab, point):
    before = lab.served()
    wanted = "1.1.0" if before == "1.0.0" else "1.0.0"
    # Everything is protected by now, and was lifted when the run dies.
    lab.killed("deploy", at=point, evenkeel_version=wanted, evenkeel_immutable=True)
    refused = lab.play("deploy", evenkeel_version=wanted)
    if point != "Publish the plan to the hosts" or lab.open_intents():
        assert refused.rc != 0
        assert "evenkeel.release.recover" in refused.stdout
    lab.must("recover", evenkeel_immutable=True)
    lab.assert_settled(lab.served())
    assert_protected(lab)
