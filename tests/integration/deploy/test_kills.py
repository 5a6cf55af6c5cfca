# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is ended between any two tasks: the next one reads the state right and the environment ends on one release.

EVENKEEL_KILLS says which boundaries are taken, see `chosen`. Without it each test takes the few of its sample and some are left out, so that
the suite stays short.
"""

from __future__ import annotations

import json
import os
import time

import pytest

from .killing import SmallLab, Walk, chosen

WANTED = os.environ.get("EVENKEEL_KILLS", "")
# A sample has its end, a whole walk takes as long as it takes.
pytestmark = pytest.mark.timeout(0 if WANTED else 600)
whole = pytest.mark.skipif(not WANTED, reason="takes minutes: make kills")


@pytest.fixture(scope="module")
def labs():
    made = {}

    def get(strategy):
        if strategy not in made:
            made[strategy] = SmallLab(strategy)
            made[strategy].begin()
        return made[strategy]

    yield get
    for lab in made.values():
        lab.close()


def walk_all(walk, *, sample=()):
    """sample: numbers of boundaries, spread over the run."""
    boundaries = chosen(walk.boundaries(), WANTED) if WANTED else [(number, "", "") for number in sample]
    assert boundaries
    about, began, bad = f"{walk.lab.strategy} {walk.act} {walk.how}", time.monotonic(), {}
    for count, (number, name, _world) in enumerate(boundaries):
        found = walk.take(number, name, ask=count % 3 == 0)
        said = json.dumps(found, default=str) if found else "ok"
        print(f"{about} {number} {name}: {said} after {time.monotonic() - began:.0f} s", flush=True)
        if found:
            bad[f"{number} {name}"] = found
            assert walk.mend(), json.dumps(bad, indent=1, default=str)
    print(f"{about}: {len(boundaries)} boundaries, {time.monotonic() - began:.0f} s", flush=True)
    assert not bad, json.dumps(bad, indent=1, default=str)


def test_a_rolling_deployment_ended_anywhere(labs):
    walk_all(Walk(labs("rolling"), "deploy"), sample=(25, 62, 88))


def test_a_rollback_asked_to_end(labs):
    walk_all(Walk(labs("rolling"), "rollback", how="TERM"), sample=(70,))


def test_a_recovery_ended_anywhere(labs):
    def interrupted(lab):
        lab.killed("deploy", at="Give the hosts their traffic back", evenkeel_version=lab.other())

    walk_all(Walk(labs("rolling"), "recover", prepare=interrupted), sample=(20,))


def test_a_task_that_outlives_its_run_ends_before_the_recovery_begins(labs):
    lab = labs("rolling")
    before = lab.served()
    lab.forget()
    lab.killed("deploy", at="Replace each service on its host", seconds=2, evenkeel_version=lab.other(), killed_minimum_healthy=8)
    recovered = lab.must("recover")
    lease = recovered.result("Take the lease, over from a holder that died")["lease"]
    assert "a task of it still runs" in lease["taken_over_from"]["message"]
    assert (lab.served(), lab.faults()) == (before, {})


@whole
@pytest.mark.parametrize("strategy", ["blue_green", "canary", "recreate"])
def test_a_deployment_ended_anywhere(labs, strategy):
    walk_all(Walk(labs(strategy), "deploy"))


@whole
@pytest.mark.parametrize("strategy", ["blue_green", "rolling"])
def test_a_rollback_ended_anywhere(labs, strategy):
    walk_all(Walk(labs(strategy), "rollback"))


@whole
@pytest.mark.parametrize("strategy", ["blue_green", "rolling"])
def test_a_way_back_ended_anywhere(labs, strategy):
    walk_all(Walk(labs(strategy), "deploy", after="Bake", killed_min_requests=1000))


@whole
def test_a_recovery_of_two_colours_ended_anywhere(labs):
    def interrupted(lab):
        lab.killed("deploy", at="Bake", evenkeel_version=lab.other())

    walk_all(Walk(labs("blue_green"), "recover", prepare=interrupted))


@whole
@pytest.mark.parametrize("how", ["TERM", "INT"])
def test_a_deployment_asked_to_end_anywhere(labs, how):
    walk_all(Walk(labs("blue_green"), "deploy", how=how))
