# SPDX-License-Identifier: GPL-3.0-or-later
"""The starter policies through the gate's own engine, on evidence that changes of the ledger gave."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.report import render
from ansible_collections.evenkeel.release.tests.unit.change.test_opening import TEMPLATE
from ansible_collections.evenkeel.release.tests.unit.change.test_walk import URGENT, through
from ansible_collections.evenkeel.release.tests.unit.change.world import ENVIRONMENT, NOW, Ledger, facts, scope

FOLDER = Path(__file__).parents[3] / "extensions" / "policies"
MINE = ("change-record", "emergency", "risk")
DOCUMENTS, FAULTS = files.read("policy", [str(FOLDER / f"{name}.yml") for name in MINE], today=datetime.date(2027, 3, 10))
POLICIES = [document.value for document in DOCUMENTS]


def ask(change: Any, *, act: str = "deploy", now: str = NOW) -> Any:
    environment = {**ENVIRONMENT, "windows": []}
    return decide(POLICIES, {"now": now, "act": act, "environment": environment, "change": change}, act=act, environment=environment)


def scheduled(*, approvers: int = 3, **more: Any) -> tuple[Ledger, str]:
    ledger = Ledger()
    declared = more.pop("policy", {})
    number = ledger.open(**more)["change"]
    ledger.schedule(number, approvers=approvers, declared=declared)
    return ledger, number


def overdue() -> Any:
    ledger = Ledger()
    through(ledger, ledger.open(emergency=URGENT)["change"])
    ledger.at("2027-03-17T10:00:00Z")
    second = scope(release="1.2.1")
    number = ledger.open(second)["change"]
    ledger.schedule(number, planned={"start": "2027-03-17T10:00:00Z", "end": "2027-03-17T12:00:00Z"})
    return ledger.stands(second)


def wider() -> Any:
    more = scope()
    more["services"][0]["hosts"] = ["s1", "s9"]
    return scheduled()[0].stands(more)


def by_policy() -> Any:
    return scheduled(approvers=0, facts=facts(incidents=[{"priority": 1}]), policy={"auto_approve": {"levels": ["high"], "tiers": ["production"]}})[0].stands()


def test_the_policies_are_valid() -> None:
    assert [str(fault) for fault in FAULTS] == []
    assert {policy["name"] for policy in POLICIES} == set(MINE)


@pytest.mark.parametrize(
    "change",
    [
        lambda: scheduled()[0].stands(),
        lambda: scheduled(templates=[TEMPLATE])[0].stands(templates=[TEMPLATE]),
        lambda: scheduled(emergency=URGENT, approvers=1)[0].stands(),
        lambda: scheduled(facts=facts(incidents=[{"priority": 1}]))[0].stands(assessment={"level": "high"}),
    ],
)
def test_what_is_in_order_passes(change: Any) -> None:
    decision = ask(change())
    assert decision.verdict == "passed", render(decision)


@pytest.mark.parametrize(
    ("change", "rule", "words"),
    [
        (lambda: Ledger().stands(), "has-a-change", "No change is open for this release"),
        (wider, "stays-within-its-change", "goes beyond what the change covers"),
        (lambda: scheduled()[0].stands(now="2027-03-10T13:00:00Z"), "change-is-authorized-for-now", "does not let this deployment go now"),
        (lambda: {**scheduled(emergency=URGENT, approvers=1)[0].stands(), "valid_until": NOW}, "emergency-is-still-one", "valid no longer"),
        (overdue, "emergencies-were-reviewed", "is overdue"),
        (lambda: scheduled(facts=facts(incidents=...))[0].stands(), "risk-is-known", "Open incidents"),
        (lambda: scheduled()[0].stands(assessment={"level": "high"}), "risk-did-not-rise", "higher now"),
        (by_policy, "people-decide-about-high-risk", "by a template or by policy"),
    ],
)
def test_each_rule_refuses_with_its_message(change: Any, rule: str, words: str) -> None:
    decision = ask(change())
    assert decision.verdict in ("failed", "errored")
    assert rule in {one.name for one in decision.refused if one.verdict == "failed"}, render(decision)
    assert words in render(decision)


def test_evidence_that_nobody_gathered_refuses() -> None:
    decision = ask(None)
    assert decision.verdict in ("failed", "errored")
    assert all(one.verdict != "passed" for one in decision.rules)


def test_the_way_back_is_not_theirs_to_refuse() -> None:
    assert {one.policy for one in ask(None, act="rollback").rules} == {"(none)"}
