# SPDX-License-Identifier: GPL-3.0-or-later
"""Papers are written from what is known; nothing in them is invented, and the same input gives the same text."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import describe, past, review, rules, steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.tests.unit.change.test_walk import REVIEW, URGENT, outcome, through
from ansible_collections.evenkeel.release.tests.unit.change.world import ENVIRONMENT, MANIFEST, SERVICES, Ledger, facts, scope


def papers(plan: Any = None, *, manifest: Any = MANIFEST, known: Any = None, declared: Any = None, services: Any = SERVICES) -> dict[str, list[str]]:
    told = facts() if known is None else known
    ruled = rules.complete(declared)
    return describe.papers(plan or scope(), services=services, environment=ENVIRONMENT, manifest=manifest, facts=told, rules=ruled)


def test_what_is_known_is_told() -> None:
    found = papers(known={**facts(), "preserved": {"database": {"method": "backup_id"}}})
    text = {key: "\n".join(lines) for key, lines in found.items()}
    assert "shop: 1.1.0 -> 1.2.0 on s1, s2" in text["impact"]
    assert "while it is down, mail can not work" in text["impact"]
    assert f"artifact sha256 {'a' * 64}" in text["implementation"]
    assert "takes 10 minutes, measured" in text["implementation"]
    assert "roll back when: orders fail" in text["backout"]
    assert "rehearsed at 2027-03-10T08:00:00Z in staging, counts until 2027-03-17T08:00:00Z" in text["backout"]
    assert "database: preserved by backup_id" in text["backout"]
    assert "shop, before it gets traffic: front page" in text["test"]
    assert "shop, after the switch: order" in text["test"]
    assert "team-shop, owner of the release" in text["communication"]


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    found = papers({"environment": "production", "release": "1.2.0", "services": [{"service": "shop"}]}, manifest=None, known={}, services={"shop": {}})
    text = {key: "\n".join(lines) for key, lines in found.items()}
    assert "on unknown hosts" in text["impact"]
    assert "criticality unknown, users unknown" in text["impact"]
    assert "data: unknown, the release does not say" in text["impact"]
    assert "an unknown strategy: unknown; artifact sha256 unknown" in text["implementation"]
    assert "how long it takes is unknown" in text["implementation"]
    for words in (
        "when to roll back is unknown",
        "how long a rollback may take is unknown",
        "was rehearsed is unknown",
        "what is preserved before the change is unknown",
    ):
        assert words in text["backout"]
    assert "there is no earlier release to go back to" in text["backout"]
    assert text["test"] == "shop: no test is declared"
    assert "unknown, owner of the release" in text["communication"]


@pytest.mark.parametrize(
    ("known", "plan", "words"),
    [
        ({"rehearsal": {"passed": False, "verdict": "expired"}}, scope(), "this rollback was NOT rehearsed with success: expired"),
        ({}, scope(migration="contract"), "the data does not go back"),
        ({"one_way": True}, scope(migration="expand"), "the data does not go back"),
        ({"preserved": {"database": {"method": "none"}}}, scope(), "database: not preserved"),
    ],
)
def test_the_backout_does_not_promise_what_nobody_can(known: Any, plan: Any, words: str) -> None:
    assert words in "\n".join(papers(plan, known={**facts(), **known})["backout"])


def test_who_has_to_know_follows_from_the_rules() -> None:
    one = {"who": "customers", "by": "status page", "when": "two days before"}
    declared = {
        "communication": [
            {**one, "services": ["shop"]}, {**one, "who": "traders", "criticalities": ["critical"]}, {**one, "who": "testers", "tiers": ["test"]},
            {**one, "who": "everybody"},
        ]
    }  # fmt: skip
    told = papers(declared=declared)["communication"][2:]
    assert told == ["customers by status page, two days before: shop", "everybody by status page, two days before"]


def test_the_sheet_is_the_same_for_the_same_change_and_holds_every_part() -> None:
    ledger = Ledger()
    number = ledger.open(summary="New *basket*", emergency=URGENT)["change"]
    change = ledger.change(number)
    text = describe.sheet(change, papers())
    assert text == describe.sheet(change, papers())
    for words in (f"# {number}: release 1.2.0", "New \\*basket\\*", "## Impact", "## Backout", "## Test", "## To tell", "## Risk", "nobody yet", "INC1"):
        assert words in text
    assert text.count("\n- environment: ") == 1, "each factor of risk has its line"


class TestReview:
    def test_it_is_filled_from_the_ledger(self) -> None:
        ledger = Ledger()
        number = ledger.open()["change"]
        through(ledger, number, "failed")
        text = review.paper(ledger.change(number), outcome(ledger, number), minutes=7.5)
        assert "| start | 2027-03-10T09:00:00Z | 2027-03-10T10:00:00" in text
        assert "| minutes | 7.5 | 0.0 |" in text
        assert "ended failed at" in text
        assert "- s1: it is broken" in text
        assert "## Root cause\n\n(to be filled in)" in text
        assert "- none given" in text

    def test_what_people_said_is_in_it(self) -> None:
        ledger = Ledger()
        number = ledger.open()["change"]
        through(ledger, number)
        said = {**REVIEW, "summary": "<script>\n\nand *more*", "incidents": ["INC7"]}
        ledger.add(steps.reviewed(ledger.change(number), outcome=outcome(ledger, number), given=said))
        text = review.paper(ledger.change(number), outcome(ledger, number), incidents=[{"id": "INC8", "priority": 2}])
        assert "| add an index | ann | 2027-04-01 |" in text
        assert "&lt;script&gt;\nand \\*more\\*" in text
        assert "- INC8 (priority 2)\n- INC7" in text

    def test_a_change_that_was_never_carried_out_says_so(self) -> None:
        ledger = Ledger()
        text = review.paper(ledger.change(ledger.open()["change"]), None)
        assert "| result | release 1.2.0 runs | the ledger has no deployment for it |" in text
        assert "| start | not planned | unknown |" in text

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"summary": None}, "review.summary is nothing"),
            ({"root_cause": " "}, "review.root_cause is empty"),
            ({"root_cause": "x" * 4001}, "4001 characters"),
            ({"actions": None}, "[] for none"),
            ({"actions": [{"what": "x", "owner": "ann"}]}, "needs what, owner and due"),
            ({"actions": [{"what": "x", "owner": "ann", "due": "soon"}]}, "allowed is a date"),
            ({"actions": [{"what": "a\nb", "owner": "ann", "due": "2027-04-01"}]}, "U+000A"),
            ({"actions": [{"what": "x", "owner": "a", "due": "2027-04-01"}] * 51}, "at most 50"),
            ({"incidents": "INC1"}, "review.incidents is a str"),
            ({"verdict": "fine"}, "unknown keys verdict"),
        ],
    )
    def test_a_review_is_checked_and_every_fault_told_at_once(self, change: Any, words: str) -> None:
        with pytest.raises(ChangeError) as refused:
            review.check({**REVIEW, **change})
        assert words in str(refused.value)
        with pytest.raises(ChangeError) as refused:
            review.check({**REVIEW, **change, "impact": "\x00"})
        assert words in str(refused.value)
        assert "U+0000" in str(refused.value)


class TestPast:
    def test_history_tells_how_deployments_went(self) -> None:
        ledger = Ledger()
        for verdict, release in (("passed", "1.0.0"), ("failed", "1.1.0"), ("passed", "1.1.1"), ("", "1.2.0")):
            ledger.deploy(verdict, release=release)
            if release == "1.1.1":
                ledger.write("rollback", "intent", release="1.0.0", plan={"services": [{"service": "shop"}]})
        found = past.history(ledger.entries, "production")
        assert [(one["release"], one["verdict"], one["remediated"]) for one in found] == [
            ("1.0.0", "passed", False), ("1.1.0", "failed", False), ("1.1.1", "passed", True)
        ]  # fmt: skip
        assert past.history(ledger.entries, "staging") == []

    def test_a_duration_needs_three_measurements_and_is_the_slowest_service(self) -> None:
        act = {"verdict": "passed", "service": "shop"}
        shop = [{**act, "seconds": 60.0 * number} for number in range(1, 11)]
        slow = [{**act, "service": "search", "seconds": 1200.0}] * 3
        assert past.minutes(shop, ["shop"]) == 10.0
        assert past.minutes([*shop, *slow], ["shop", "search"]) == 20.0
        assert past.minutes(slow[:2], ["search"]) is None
        assert past.minutes([*shop, *slow[:2]], ["shop", "search"]) is None
        assert past.minutes([{**one, "verdict": "failed"} for one in shop], ["shop"]) is None

    @pytest.mark.parametrize("body", [{}, {"plan": None}, {"plan": {"services": "x"}}, {"plan": {"services": [1]}}])
    def test_an_entry_of_another_shape_is_no_deployment(self, body: Any) -> None:
        ledger = Ledger()
        ledger.write("deployment", "intent", **body)
        assert past.history(ledger.entries, "production") == []
