# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold without a policy: roles, bookings, handoffs, the stages before."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import implicit

HELD = {"allowed": False, "why": "held", "message": "production is held by w.", "holders": [{"id": "w"}], "until": None, "free_from": None}
OPEN = {"allowed": False, "handoffs": [{}], "blocking": [{"name": "shop", "checkpoint": "runbook"}], "ask": ["ops"], "message": "shop/runbook is for ops"}
STAGED = {"promotable": False, "why": ["it is not verified in staging"]}
BUNDLE = {"name": "spring", "may_go": False, "why_not": ["7.0.0 (pay) must be verified in staging before it"], "order": ["pay", "shop"]}
DENIED = {"verdict": "failed", "person": "dave", "rules": [], "reason": "dave has no role", "remedy": "Ask for a grant."}


def rules(evidence: dict[str, Any], **environment: Any) -> dict[str, str]:
    return {each.name: each.verdict for each in implicit.answers({"act": "promote", **evidence}, {"name": "production", **environment})}


@pytest.mark.parametrize(
    ("evidence", "environment", "wanted"),
    [
        ({}, {}, {}),
        ({"reservation": HELD}, {}, {"reservation": "failed"}),
        ({"reservation": {**HELD, "allowed": True, "why": "own"}}, {}, {"reservation": "passed"}),
        ({"reservation": {**HELD, "allowed": True, "why": "free"}}, {}, {}),
        ({"reservation": {"why": "held"}}, {}, {"reservation": "errored"}),
        ({"reservation": {**HELD, "allowed": "yes"}}, {}, {"reservation": "failed"}),
        ({"handoff": OPEN}, {}, {"handoff": "failed"}),
        ({"handoff": {**OPEN, "allowed": True}}, {}, {"handoff": "passed"}),
        ({"handoff": {"allowed": True, "handoffs": []}}, {}, {}),
        ({"bundle": BUNDLE}, {}, {"bundle": "failed"}),
        ({"bundle": {**BUNDLE, "may_go": True, "why_not": []}}, {}, {"bundle": "passed"}),
        ({"bundle": {"name": "spring", "may_go": True}}, {}, {"bundle": "errored"}),
        ({"bundle": None}, {}, {}),
        ({"standing": STAGED}, {}, {}),
        ({"standing": STAGED}, {"promotion": {"soak": "1h"}}, {"promotion": "failed"}),
        ({"standing": {"promotable": True, "why": []}}, {"promotion": {"soak": "1h"}}, {"promotion": "passed"}),
        ({"standing": None}, {"promotion": {"soak": "1h"}}, {"promotion": "errored"}),
        ({"act": "deploy", "standing": STAGED}, {"promotion": {"soak": "1h"}}, {}),
        ({"access": DENIED}, {}, {}),
        ({"access": DENIED}, {"access_roles": {"releaser": ["shop"]}}, {"access": "failed"}),
        ({"access": {**DENIED, "verdict": "passed"}}, {"access_roles": {"releaser": ["shop"]}}, {"access": "passed"}),
        ({"access": None}, {"access_roles": {"releaser": ["shop"]}}, {"access": "errored"}),
    ],
)
def test_what_refuses(evidence: dict[str, Any], environment: dict[str, Any], wanted: dict[str, str]) -> None:
    assert rules(evidence, **environment) == wanted


def test_the_way_back_is_closed_to_those_without_a_role_only() -> None:
    evidence = {"act": "rollback", "reservation": HELD, "handoff": OPEN, "bundle": BUNDLE, "standing": STAGED, "access": DENIED}
    assert rules(evidence, access_roles={"releaser": ["shop"]}, promotion={"soak": "1h"}) == {"access": "failed"}


def test_a_refusal_says_why_and_what_next() -> None:
    [answer] = implicit.answers({"act": "deploy", "reservation": HELD}, {"name": "production"})
    assert answer.reason == HELD["message"]
    assert answer.values["holders"] == ["w"]
    assert "evenkeel.release.reservations" in answer.remedy
