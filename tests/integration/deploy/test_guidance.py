# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about a batch that does not come through, and about a deployment that stands still; in the order in which it happens."""

from __future__ import annotations

import pytest
import yaml

from .lab import Lab, Thief
from .test_rolling import STRATEGY, WEB, ZONES, batches_of

# Nobody uses the shop here, and every host has its turn alone or with its neighbour.
QUIET = {"deploy_bake": False, "deploy_rehearse": False}
BAD = "production-web3"


@pytest.fixture(scope="module")
def lab():
    with Lab() as made:
        made.declare(STRATEGY, web=WEB)
        made.provision()
        made.must("deploy", evenkeel_version="1.0.0", **QUIET)
        yield made


def answers(lab, *given):
    path = lab.state / "answers.yml"
    path.write_text(yaml.safe_dump(list(given)))
    return str(path)


def decisions(lab):
    return [entry.body["act"] for entry in lab.entries(kind="directive") if entry.body["verb"] == "decided"]


def test_a_host_is_tried_again_and_comes_through(lab):
    path = answers(lab, {"host": "*", "act": "retry", "reason": "the port is free soon"})
    with Thief(lab, BAD, until=lambda: decisions(lab)):
        lab.must("deploy", evenkeel_version="1.1.0", evenkeel_answers=path, deploy_ready_seconds=3, **QUIET)
    assert decisions(lab) == ["retry"]
    lab.assert_settled("1.1.0")


def test_a_host_is_left_out_and_the_others_go_on(lab):
    path = answers(lab, {"host": BAD, "act": "exclude", "reason": "its disk is broken"})
    with Thief(lab, BAD):
        run = lab.play("deploy", evenkeel_version="1.0.0", evenkeel_answers=path, deploy_ready_seconds=3, **QUIET)
    assert run.rc != 0
    assert f"{BAD} (excluded)" in run.stdout
    assert decisions(lab)[-1] == "exclude"
    assert {host for host, version in lab.current().items() if version == "1.0.0"} == set(ZONES) - {BAD}
    assert lab.served() == "1.0.0"
    assert lab.open_intents() == []
    lab.must("deploy", evenkeel_version="1.0.0", deploy_force=True, **QUIET)
    lab.assert_settled("1.0.0")


def test_what_stops_stands_still_until_it_goes_on(lab):
    known = len(batches_of(lab, "1.1.0"))
    path = answers(lab, {"host": BAD, "act": "stop", "reason": "I want to see it"})
    with Thief(lab, BAD):
        run = lab.play("deploy", evenkeel_version="1.1.0", evenkeel_answers=path, deploy_ready_seconds=3, **QUIET)
    assert run.rc != 0
    assert "stands still" in run.stdout
    assert set(lab.current().values()) == {"1.0.0", "1.1.0"}
    lab.must("continue", **QUIET)
    lab.assert_settled("1.1.0")
    # Those that had come through before had no second turn.
    assert batches_of(lab, "1.1.0")[known + 3 :] == [["production-web3", "production-web4"]]


def test_a_killed_deployment_goes_on(lab):
    lab.killed("deploy", at="Give the hosts their traffic back", evenkeel_version="1.0.0", **QUIET)
    lab.must("continue", **QUIET)
    lab.assert_settled("1.0.0")
    again = lab.play("continue", **QUIET)
    assert again.rc != 0
    assert "No deployment to production stands still" in again.stdout


def test_a_bad_file_of_answers_is_told_and_the_release_goes_back(lab):
    path = answers(lab, {"host": BAD, "act": "ignore"})
    with Thief(lab, BAD):
        run = lab.play("deploy", evenkeel_version="1.1.0", evenkeel_answers=path, deploy_ready_seconds=3, **QUIET)
    assert run.rc != 0
    assert "allowed are rollback, stop, retry, exclude" in run.stdout
    lab.play("recover")
    lab.must("deploy", evenkeel_version="1.0.0", deploy_force=True, **QUIET)
    lab.assert_settled("1.0.0")


def test_a_second_failure_in_a_row_is_not_forgotten(lab):
    known = len(decisions(lab))
    path = answers(lab, {"host": "*", "act": "retry", "reason": "the port is free soon"})
    with Thief(lab, BAD, until=lambda: len(decisions(lab)) >= known + 2):
        run = lab.play("deploy", evenkeel_version="1.1.0", evenkeel_answers=path, deploy_ready_seconds=3, **QUIET)
    assert run.rc != 0
    assert decisions(lab)[known:] == ["retry", "rollback"]
    assert "2 attempts failed" in run.stdout
    lab.assert_settled("1.0.0")
