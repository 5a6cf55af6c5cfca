# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import recovery

SERVICE = {"service": "shop", "release": "1.1.0", "previous": "1.0.0", "live": "blue", "idle": "green", "hosts": {"w1": {}, "w2": {}}}
INTENT = {
    "id": "i1",
    "kind": "deployment",
    "phase": "intent",
    "environment": "production",
    "release": "1.1.0",
    "time": "2026-01-01T00:00:00Z",
    "actor": {"name": "ann"},
    "body": {"plan": {"services": [SERVICE]}},
}


def entry(kind, phase="fact", **body):
    return {"kind": kind, "phase": phase, "body": body}


@pytest.mark.parametrize(
    ("later", "direction", "keep", "release"),
    [
        ([], "roll_back", "blue", "1.0.0"),
        ([entry("switch", "intent")], "roll_back", "blue", "1.0.0"),
        ([entry("switch", "intent"), entry("switch", "outcome", verdict="passed")], "roll_back", "blue", "1.0.0"),
        ([entry("verification", intent="i1", verdict="passed")], "finish", "green", "1.1.0"),
        ([entry("verification", intent="i1", verdict="failed")], "roll_back", "blue", "1.0.0"),
        ([entry("verification", intent="another", verdict="passed")], "roll_back", "blue", "1.0.0"),
    ],
)
def test_only_a_verified_release_goes_forward(later, direction, keep, release):
    decision = recovery.decide(intent=INTENT, later=later)
    assert decision["direction"] == direction
    service = decision["services"][0]
    assert (service["keep"], service["keep_release"]) == (keep, release)
    assert service["drop"] != service["keep"]


def test_what_needs_another_goes_back_before_it():
    """A plan is in the order of a deployment: what is needed comes first."""
    plan = {"services": [{**SERVICE, "service": name} for name in ("database-api", "shop", "front")]}
    forward, back = (recovery.settle_plan(plan, forward=forward) for forward in (True, False))
    assert [each["service"] for each in forward] == ["database-api", "shop", "front"]
    assert [each["service"] for each in back] == ["front", "shop", "database-api"]
    begun = {**INTENT, "body": {"plan": plan}}
    verified = [entry("verification", intent="i1", verdict="passed")]
    assert recovery.decide(intent=begun, later=[])["services"] == back
    assert recovery.decide(intent=begun, later=verified)["services"] == forward


def test_a_first_deployment_goes_back_to_nothing():
    first = {**INTENT, "body": {"plan": {"services": [{**SERVICE, "previous": ""}]}}}
    service = recovery.decide(intent=first, later=[])["services"][0]
    assert (service["keep_release"], service["drop_release"]) == ("", "1.1.0")


def test_the_operator_reads_what_happened_and_what_follows():
    decision = recovery.decide(intent=INTENT, later=[entry("switch", "intent")])
    said = "\n".join(recovery.tell(open_intents=[INTENT], decision=decision))
    for word in ("ann", "1.1.0", "production", "switch intent", "blue stays on w1, w2 with 1.0.0"):
        assert word in said


def test_nothing_to_recover():
    assert "nothing to recover" in recovery.tell(open_intents=[], decision={})[0]
