# SPDX-License-Identifier: GPL-3.0-or-later
"""Warn and dry run, severities, and exceptions with every reason for which one does not count."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import waiver_report
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.record import body, digest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.report import render
from hypothesis import given
from hypothesis import strategies as st

ENVIRONMENT: dict[str, Any] = {"name": "production", "tier": "production"}
NOW = "2027-01-15T10:00:00Z"
TRUE, FALSE, UNKNOWN = "`1` == `1`", "`1` == `2`", "nothing.there"
PERMIT = {"name": "permit", "effect": "require", "condition": TRUE, "reason": "r", "remedy": "m"}
RELEASE = {"version": "1.4.0", "components": {"shop": {}}}


def rule(condition: str, effect: str = "require", **more: Any) -> dict[str, Any]:
    return {"name": "a-rule", "effect": effect, "condition": condition, "reason": "Because.", "remedy": "Do it.", **more}


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "a-policy", "description": "text", "rules": list(rules), **more}


def waiver(**more: Any) -> dict[str, Any]:
    known = {
        "name": "a-waiver",
        "rule": "a-policy/a-rule",
        "scope": {"environments": ["production"]},
        "reason": "The scanner is down.",
        "ticket": "SEC-1",
        "requested_by": "bob",
        "approver": "ann",
        "granted": "2027-01-14T10:00:00Z",
        "expires": "2027-01-20T10:00:00Z",
    }
    return {**known, **more}


def ask(*policies: dict[str, Any], exceptions: tuple[dict[str, Any], ...] = (), deployer: str = "dora", environment: Any = ENVIRONMENT, **more: Any) -> Any:
    evidence = {"now": NOW, "act": "promote", "environment": environment, "release": RELEASE, **more}
    return decide(policies, evidence, act="promote", environment=environment, exceptions=exceptions, deployer=deployer)


@pytest.mark.parametrize("enforcement", ["deny", "warn", "dryrun"])
@pytest.mark.parametrize("severity", ["low", "medium", "high", "critical"])
@pytest.mark.parametrize(("condition", "verdict"), [(FALSE, "failed"), (UNKNOWN, "errored")])
@pytest.mark.parametrize("where", ["rule", "policy"])
def test_enforcement_and_not_severity_says_whether_it_refuses(enforcement: str, severity: str, condition: str, verdict: str, where: str) -> None:
    mine = {"enforcement": enforcement}
    asked = policy(rule(condition, severity=severity, **(mine if where == "rule" else {})), **(mine if where == "policy" else {}))
    decision = ask(asked, {**policy(PERMIT), "name": "other"})
    assert decision.verdict == (verdict if enforcement == "deny" else "passed")
    assert decision.rules[0].verdict == verdict  # recorded, whatever it does
    assert body(decision, [asked], {})["rules"][0]["enforcement"] == enforcement
    assert ("Because." in render(decision)) == (enforcement != "dryrun")
    assert ("Only warned of" in render(decision)) == (enforcement == "warn")


def test_a_rule_may_be_stricter_than_its_policy() -> None:
    assert ask(policy(PERMIT), {**policy(rule(FALSE, enforcement="deny"), enforcement="dryrun"), "name": "b"}).verdict == "failed"


@pytest.mark.parametrize("enforcement", ["warn", "dryrun"])
def test_what_only_warns_permits_nothing(enforcement: str) -> None:
    decision = ask(policy(PERMIT, enforcement=enforcement))
    assert decision.verdict == "failed"
    assert [one.name for one in decision.refused] == ["default-deny"]


COUNTS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, ""),
    ({"scope": {"releases": ["1.4.0"]}}, {}, ""),
    ({"scope": {"environments": ["production"], "services": ["shop", "worker"]}}, {"services": ["shop"]}, ""),
    ({"scope": {"environments": ["production"], "acts": ["promote"]}}, {}, ""),
    ({"rule": "a-policy/other"}, {}, "-"),
    ({"rule": "other/a-rule"}, {}, "-"),
    ({"scope": {"environments": ["staging"]}}, {}, "-"),
    ({"scope": {"releases": ["1.3.0"]}}, {}, "-"),
    ({"scope": {"environments": ["production"], "acts": ["deploy"]}}, {}, "-"),
    ({"scope": {"environments": ["production"], "services": ["worker"]}}, {"services": ["shop"]}, "other services"),
    ({"scope": {"environments": ["production"], "services": ["shop"]}}, {"services": ["shop", "worker"]}, "other services"),
    ({"scope": {"environments": ["production"], "services": ["shop"]}}, {}, "other services"),  # nobody knows what goes out
    ({"expires": NOW}, {}, "it expired"),
    ({"granted": "2027-01-15T10:00:01Z"}, {}, "it counts from"),
    ({"granted": "2027-01-21T10:00:00Z"}, {}, "it counts from"),
    ({"expires": "2027-02-14T10:00:00Z", "granted": "2027-01-14T09:59:59Z"}, {}, "longer than the 30 days"),
    ({"expires": "2027-02-13T10:00:00Z"}, {}, ""),
    ({"expires": "soon"}, {}, "can't be told"),
    ({"approver": "dora"}, {}, "the one who deploys"),
    ({"approver": " DORA "}, {}, "the one who deploys"),
    ({"approver": "bob"}, {}, "the one who asked"),
    ({"approver": "Bob"}, {}, "the one who asked"),
]


@pytest.mark.parametrize(("change", "evidence", "why"), COUNTS)
def test_when_an_exception_counts(change: dict[str, Any], evidence: dict[str, Any], why: str) -> None:
    decision = ask(policy(PERMIT, rule(FALSE)), exceptions=(waiver(**change),), **evidence)
    assert (decision.verdict == "passed") == (why == "")
    if why == "-":  # meant for something else
        assert decision.waivers == ()
    else:
        (note,) = decision.waivers
        assert note["used"] is (why == "")
        assert why in note["why"]
        assert (why or "a-waiver by ann until") in render(decision)


def test_nobody_knows_who_deploys() -> None:
    decision = ask(policy(PERMIT, rule(FALSE)), exceptions=(waiver(),), deployer="")
    assert decision.verdict == "failed"
    assert "who deploys is not known" in render(decision)


@pytest.mark.parametrize(
    ("more", "days", "covered"),
    [
        ({"severity": "critical"}, 1, False),
        ({"severity": "critical", "waivable": True}, 7, True),
        ({"severity": "critical", "waivable": True}, 8, False),
        ({"severity": "high", "waivable": False}, 1, False),
        ({"severity": "medium"}, 90, True),
        ({"severity": "medium"}, 91, False),
        ({"severity": "low"}, 180, True),
        ({"severity": "low"}, 181, False),
    ],
)
def test_how_long_and_whether_depends_on_the_rule(more: dict[str, Any], days: int, covered: bool) -> None:
    granted = datetime(2027, 1, 15, 9, tzinfo=timezone.utc)
    one = waiver(granted=granted.isoformat(), expires=(granted + timedelta(days=days)).isoformat())
    assert (ask(policy(PERMIT, rule(FALSE, **more)), exceptions=(one,)).verdict == "passed") is covered


@pytest.mark.parametrize(("covers", "verdict"), [(None, "errored"), (["failed"], "errored"), (["errored"], "passed"), (["failed", "errored"], "passed")])
def test_what_could_not_be_told_is_covered_only_when_it_says_so(covers: list[str] | None, verdict: str) -> None:
    one = waiver(**({"covers": covers} if covers else {}))
    assert ask(policy(PERMIT, rule(UNKNOWN)), exceptions=(one,)).verdict == verdict


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"windows": [{"name": "w", "days": ["mon"], "from": "09:00", "to": "10:00", "timezone": "UTC"}]}, "environment/window"),
        ({"freezes": [{"name": "f", "from": "2027-01-01T00:00:00Z", "to": "2027-02-01T00:00:00Z", "reason": "r"}]}, "environment/freeze"),
        ({"required_approvals": 1}, "environment/approvals"),
    ],
)
def test_the_rules_of_an_environment_are_never_waived(environment: dict[str, Any], name: str) -> None:
    decision = ask(policy(PERMIT), exceptions=(waiver(rule=name),), environment={**ENVIRONMENT, **environment}, ledger={"approvals": []})
    assert decision.verdict == "failed"
    assert f"the rule {name} can't be waived" in render(decision)


def test_what_nothing_permits_is_never_waived() -> None:
    assert ask(exceptions=(waiver(rule="(none)/default-deny"),)).verdict == "failed"


def test_one_that_counts_is_enough() -> None:
    decision = ask(policy(PERMIT, rule(FALSE)), exceptions=(waiver(name="old", expires="2027-01-14T11:00:00Z"), waiver(name="young")))
    assert decision.verdict == "passed"
    assert [(note["waiver"], note["used"]) for note in decision.waivers] == [("old", False), ("young", True)]


def test_the_record_has_who_and_the_digest() -> None:
    one, other = waiver(), waiver(name="unasked", rule="a-policy/permit")
    recorded = body(ask(policy(PERMIT, rule(FALSE)), exceptions=(one, other)), [], {}, exceptions=(one, other))
    assert recorded["rules"][1]["waived"]["approver"] == "ann"
    assert recorded["rules"][1]["verdict"] == "failed"  # it was not agreed with, and that stays visible
    assert recorded["waivers_sha256"] == {"a-waiver": digest(one)}


@given(
    st.lists(st.sampled_from([TRUE, FALSE, UNKNOWN]), max_size=5), st.lists(st.sampled_from(["deny", "warn", "dryrun"]), min_size=5, max_size=5), st.booleans()
)
def test_no_exception_and_no_enforcement_makes_an_agreeing_rule_refuse(conditions: list[str], enforcements: list[str], waived: bool) -> None:
    rules = [{**rule(condition, enforcement=how), "name": f"rule-{number}"} for number, (condition, how) in enumerate(zip(conditions, enforcements))]
    exceptions = tuple(waiver(name=f"w-{number}", rule=f"a-policy/rule-{number}", covers=["failed", "errored"]) for number in range(5)) if waived else ()
    decision = ask(policy(PERMIT, *rules), exceptions=exceptions)
    bad = [one for one in decision.rules if one.verdict != "passed" and one.enforcement == "deny"]
    assert (decision.verdict == "passed") == (waived or not bad)


def entry(time: str, *notes: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "gate", "time": time, "body": {"waivers": list(notes)}}


def test_the_report_of_all_exceptions() -> None:
    every = [
        waiver(name="long", expires="2027-02-10T10:00:00Z"),
        waiver(name="soon"),
        waiver(name="over", expires="2027-01-14T12:00:00Z"),
        waiver(name="later", granted="2027-01-16T10:00:00Z"),
        waiver(name="broken", expires="?"),
    ]
    used, void = {"waiver": "soon", "used": True}, {"waiver": "over", "used": False}
    entries = [entry("2027-01-14T11:00:00Z", used), entry("2027-01-15T09:00:00Z", used, void), entry("2027-01-15T09:30:00Z")]
    rows = waiver_report.rows(every, entries, now=NOW)
    assert [(row["waiver"], row["state"]) for row in rows] == [
        ("soon", "soon"),
        ("long", "in_force"),
        ("later", "not_yet"),
        ("over", "expired"),
        ("broken", "unknown"),
    ]
    assert (rows[0]["used"], rows[0]["last_used"], rows[0]["days_left"]) == (2, "2027-01-15T09:00:00Z", 5.0)
    assert (rows[3]["used"], rows[3]["refused"], rows[3]["days_left"]) == (0, 1, -0.9)
    text = waiver_report.text(rows)
    assert "soon (soon, 5 days left): a-policy/a-rule, approved by ann, SEC-1, used 2 times" in text
    assert "over for 0.9 days" in text
    assert waiver_report.text([]) == "There are no exceptions."
