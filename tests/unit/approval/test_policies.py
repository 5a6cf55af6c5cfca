# SPDX-License-Identifier: GPL-3.0-or-later
"""The starter policies by the gate's own engine: each permits and refuses, with its message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.may import may
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.evidence import sections
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.report import render
from ansible_collections.evenkeel.release.tests.unit.access.test_access import DOCUMENT
from ansible_collections.evenkeel.release.tests.unit.access.test_access import ENVIRONMENT as WITH_ROLES
from ansible_collections.evenkeel.release.tests.unit.approval.kit import NOW, PEOPLE, about

FOLDER = Path(__file__).resolve().parents[3] / "extensions" / "policies"


def policy(name: str) -> dict[str, Any]:
    (document,), faults = files.read("policy", [str(FOLDER / f"{name}.yml")], today=NOW.date())
    assert faults == []
    return dict(document.value)


def decided(name: str, evidence: dict[str, Any], *, act: str = "promote", environment: dict[str, Any] | None = None) -> tuple[str, str]:
    where = environment or {"name": "production", "tier": "production"}
    decision = decide([policy(name)], {"now": NOW.isoformat(), "act": act, "environment": where, **evidence}, act=act, environment=where)
    return decision.verdict, render(decision)


def answered(place, approve: tuple[str, ...] = ("ann", "bob"), **more: Any) -> dict[str, Any]:
    what = about()
    for who in approve:
        place.approve(what, who)
    return sections(place.ask(what, **more), None)


@pytest.mark.parametrize("name", ["prod-needs-approval", "separation-of-duties"])
def test_what_is_approved_by_others_goes(place, name):
    assert decided(name, answered(place))[0] == "passed"


@pytest.mark.parametrize("name", ["prod-needs-approval", "separation-of-duties", "access"])
def test_what_nobody_asked_about_does_not(name):
    assert decided(name, sections(None, None))[0] == "errored"


def test_too_few(place):
    verdict, words = decided("prod-needs-approval", answered(place, ("ann",)))
    assert verdict == "failed"
    assert "It is not approved, or what was approved is not what would run." in words


def test_an_automatic_approval_is_none_of_a_person(place):
    place.approvals["rules"] = [{"name": "low", "applies_to": {"risks": ["low"]}, "automatic": True, "reason": "x"}]
    place.write()
    assert decided("prod-needs-approval", answered(place, (), risk="low"))[0] == "passed"
    found = answered(place, (), risk="low")
    found["approvals"]["needed"] = 1
    verdict, words = decided("prod-needs-approval", found)
    assert verdict == "failed"
    assert "A policy that approves by itself does not stand for a person." in words


def test_an_approval_that_ran_out_since(place):
    found = answered(place)
    found["approvals"]["until"] = NOW.isoformat()
    verdict, words = decided("prod-needs-approval", found)
    assert verdict == "failed"
    assert "has expired since" in words


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({"deployer": {"name": "ann", "source": "awx"}}, "passed"),  # her approval does not count, and that is for the other policy to say
        ({"authors": [{"mail": "who@example.com"}]}, "failed"),
        ({"authors": []}, "failed"),
        ({"deployer": {"name": "who", "source": "os"}}, "failed"),
    ],
)
def test_duties(place, more, verdict):
    answer, words = decided("separation-of-duties", answered(place, **more))
    assert answer == verdict, words


def test_one_who_deploys_and_verifies(place):
    place.duties["rules"][0]["machines"] = []
    place.write()
    found = answered(place)
    found["duties"].update(verdict="failed")
    verdict, words = decided("separation-of-duties", found)
    assert verdict == "failed"
    assert "One person holds two duties of this release" in words


@pytest.mark.parametrize(("name", "act", "verdict"), [("ann", "deploy", "passed"), ("dave", "deploy", "failed"), ("who", "deploy", "failed")])
def test_access(name, act, verdict):
    access = may({"name": name, "source": "awx"}, act, WITH_ROLES, [DOCUMENT], [], NOW, roster=Roster(PEOPLE), memberships={"awx_team:Shop": []})
    answer, words = decided("access", sections(None, access), act=act, environment=WITH_ROLES)
    assert answer == verdict
    assert ("neither a role nor a grant" in words) == (verdict == "failed")


def test_access_for_another_act():
    access = may({"name": "ann", "source": "awx"}, "deploy", WITH_ROLES, [DOCUMENT], [], NOW, roster=Roster(PEOPLE), memberships={})
    assert decided("access", sections(None, access), act="rollback", environment=WITH_ROLES)[0] == "failed"


def test_the_old_rule_of_the_environment_counts_proved_people_only(place):
    found = answered(place)
    environment = {"name": "production", "tier": "production", "required_approvals": 2}
    for approvals, verdict in ((found["ledger_approvals"], "passed"), (sections(None, None)["ledger_approvals"], "failed")):
        assert decided("prod-needs-approval", {**found, "ledger": {"approvals": approvals}}, environment=environment)[0] == verdict
