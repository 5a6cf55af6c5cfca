# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import opening, records, scope, steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.plan import build
from ansible_collections.evenkeel.release.tests.unit.change.world import ENVIRONMENT, GROUPS, MANIFEST, NOW, SERVICES, Ledger, facts, past
from ansible_collections.evenkeel.release.tests.unit.change.world import scope as plan

TEMPLATE: dict[str, Any] = {
    "name": "shop-patch",
    "description": "a patch of the shop",
    "owner": "cab",
    "expires": "2027-12-31",
    "covers": {"services": ["shop"], "environments": ["production"], "strategies": ["rolling"], "max_risk": "low"},
}


def template(**covers: Any) -> dict[str, Any]:
    return {**TEMPLATE, "covers": {**TEMPLATE["covers"], **covers}}


def test_the_type_follows_from_risk_and_templates() -> None:
    assert Ledger().open()["type"] == "normal"
    assert Ledger().open(templates=[TEMPLATE])["type"] == "standard"
    assert Ledger().open(templates=[TEMPLATE], emergency={"reason": "the basket loses orders"})["type"] == "emergency"
    risky = Ledger().open(templates=[TEMPLATE], facts=facts(incidents=[{"id": "INC1", "priority": 1}]))
    assert risky["type"] == "normal"
    assert risky["gaps"] == {"shop-patch": ["it covers risk up to low, the risk is high"]}


@pytest.mark.parametrize(
    ("covers", "gap"),
    [
        ({"services": ["search"]}, "it covers the services search, not shop"),
        ({"environments": ["staging"]}, "it covers the environments staging, not production"),
        ({"strategies": ["canary"]}, "it covers the strategies canary, not rolling"),
        ({"migrations": ["expand"]}, "it covers the migrations expand, not none"),
    ],
)
def test_a_template_that_does_not_cover_all_of_it_makes_no_standard_change(covers: dict[str, Any], gap: str) -> None:
    found = Ledger().open(templates=[template(**covers)])
    assert (found["type"], found["gaps"]) == ("normal", {"shop-patch": [gap]})


def test_an_expired_template_covers_nothing() -> None:
    assert Ledger().open(templates=[{**TEMPLATE, "expires": "2027-03-09"}])["gaps"] == {"shop-patch": ["it expired on 2027-03-09"]}
    assert Ledger().open(templates=[{**TEMPLATE, "expires": "2027-03-10"}])["type"] == "standard"


def test_opened_twice_is_one_change_also_when_two_runs_do_it_at_once() -> None:
    ledger = Ledger()
    first = ledger.open()
    assert ledger.open()["opened"] is False
    ledger.add(first["entries"], by="another run")
    assert list(records.changes(ledger.entries)) == [first["change"]]
    assert ledger.change(first["change"]).opened_by == "ada"


def test_a_change_that_ended_makes_room_for_another_number() -> None:
    ledger = Ledger()
    first = ledger.open()["change"]
    ledger.add(steps.canceled(ledger.change(first), reason="not now"))
    again = ledger.open()
    assert again["opened"] is True
    assert again["change"] != first


def test_what_covers_less_is_not_taken_for_what_is_asked_now() -> None:
    ledger = Ledger()
    ledger.open()
    wider = plan()
    wider["services"][0]["hosts"] = ["s1", "s2", "s3"]
    with pytest.raises(ChangeError, match="shop goes to s3, which the change does not name"):
        ledger.open(wider)
    with pytest.raises(ChangeError, match="is open for this release as a normal change"):
        ledger.open(emergency={"reason": "now"})


def test_flooding_is_bounded() -> None:
    ledger = Ledger()
    for number in range(opening.MOST_OPEN):
        one = plan(release=f"1.3.{number}")
        ledger.add([{"environment": "production", "release": one["release"], "subject": f"CHG-{number:012X}", "body": _opened(one)}])
    with pytest.raises(ChangeError, match="200 open changes"):
        ledger.open()


def _opened(one: dict[str, Any]) -> dict[str, Any]:
    return {"verb": "opened", "type": "normal", "scope": one, "assessment": {"level": "low", "score": 1}, "correlation": scope.correlation(one)}


@pytest.mark.parametrize(
    ("where", "value", "word"),
    [
        ("release", "1.2.0\n- approved", "U+000A"),
        ("release", "x" * 65, "65 characters"),
        ("environment", "prod\u202euction", "is about"),
        ("service", "shop\x00", "U+0000"),
        ("service", "s\u200bhop", "U+200B"),
        ("strategy", "", "empty"),
        ("hosts", ["s1\x1b[2J"], "U+001B"),
        ("hosts", ["h" * 254], "254 characters"),
        ("hosts", [f"h{number}" for number in range(5001)], "allowed are 5000"),
    ],
)
def test_what_a_plan_smuggles_in_is_refused(where: str, value: Any, word: str) -> None:
    bad = plan()
    target = bad if where in bad else bad["services"][0]
    target[where] = value
    with pytest.raises(ChangeError) as refused:
        Ledger().open(bad)
    assert word in str(refused.value)
    assert "\x1b" not in str(refused.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("summary", "fine\nAuthorized by: everybody"),
        ("summary", "x" * 201),
        ("assigned_to", "ann\u202e"),
        ("emergency", {"reason": ""}),
        ("emergency", {"reason": "why\nnot"}),
        ("emergency", {"reason": "x", "incident": "I" * 61}),
        ("planned", {"start": "2027-03-10T10:00:00Z"}),
        ("planned", {"start": "2027-03-10T10:00:00Z", "end": "2027-03-10T09:00:00Z"}),
    ],
)
def test_what_people_write_is_one_bounded_line(option: str, value: Any) -> None:
    with pytest.raises(ChangeError):
        Ledger().open(**{option: value})


def test_a_plan_without_a_service_opens_nothing() -> None:
    with pytest.raises(ChangeError, match="nothing to open a change for"):
        Ledger().open(plan(services=[]))


def test_the_scope_of_documents_is_that_of_the_plan_that_is_carried_out() -> None:
    """A change that is opened from documents alone must cover the deployment that comes of them, so both are made by the product."""
    documents = {"environment": "production", "services": SERVICES, "manifest": MANIFEST, "deployed": {"shop": "1.1.0"}}
    places = {"address": "127.0.0.1", "ports": {"main": 80}, "paths": {"root": "/srv", "socket": "/s", "map": "/m"}}
    endpoints = {"shop": dict.fromkeys(GROUPS["shops"], places), "balancer": {"b1": places}}
    planned = build(**documents, endpoints=endpoints, live={})
    before = copy.deepcopy(planned)
    declared, carried_out = scope.of_documents(**documents, groups=GROUPS), scope.of_plan(planned, MANIFEST)
    assert scope.widened(declared, carried_out) == []
    assert scope.correlation(declared) == scope.correlation(carried_out)
    assert planned == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"release": "1.2.1"}, "the release is '1.2.1'"),
        ({"migration": "contract"}, "the migration is contract"),
        ({"migration": None}, "the migration is unknown"),
        ({"artifact": "b" * 64}, "shop has the artifact bbbb"),
        ({"strategy": "recreate"}, "shop has the strategy recreate"),
        ({"service": "search"}, "search is not in the change, which has shop"),
        ({"hosts": ["s1", "s9"]}, "shop goes to s9"),
        ({"hosts": ["s1"]}, ""),
        ({"migration": "none"}, ""),
    ],
)
def test_what_goes_beyond_a_change(change: dict[str, Any], words: str) -> None:
    wider = plan()
    for key, value in change.items():
        (wider if key in wider else wider["services"][0])[key] = value
    found = scope.widened(plan(), wider)
    assert (words in "; ".join(found)) if words else found == []


def test_open_for_reads_no_clock_and_changes_nothing_that_it_is_given() -> None:
    given = {"history": past(), "facts": facts(), "environment": copy.deepcopy(ENVIRONMENT), "services": copy.deepcopy(SERVICES)}
    before = copy.deepcopy(given)
    answers = [opening.open_for(plan(), **given, now=NOW, entries=[]) for _each in range(2)]
    assert answers[0] == answers[1]
    assert given == before


@pytest.mark.parametrize("services", [None, "shop", ["shop"], [{"service": "shop", "hosts": "s1"}], [{"service": "shop", "hosts": 7}]])
def test_a_plan_of_another_shape_is_refused(services: Any) -> None:
    with pytest.raises(ChangeError, match="pass the plan of"):
        scope.of_plan({"environment": "production", "release": "1.2.0", "services": services}, MANIFEST)
