# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import applies, decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.record import body, digest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.report import render
from hypothesis import given
from hypothesis import strategies as st

ENVIRONMENT: dict[str, Any] = {"name": "production", "tier": "production"}
NOW = "2026-11-21T10:00:00+00:00"  # a Saturday


def rule(condition: str, effect: str = "require", **more: Any) -> dict[str, Any]:
    return {"name": "a-rule", "effect": effect, "condition": condition, "reason": "Because.", "remedy": "Do it.", **more}


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "a-policy", "description": "text", "rules": list(rules), **more}


def ask(*policies: dict[str, Any], environment: dict[str, Any] = ENVIRONMENT, **evidence: Any) -> Any:
    return decide(policies, {"now": NOW, "environment": environment, **evidence}, act="promote", environment=environment)


TRUE, FALSE = "`1` == `1`", "`1` == `2`"


@pytest.mark.parametrize(
    ("policies", "verdict"),
    [
        ([], "failed"),
        ([policy(rule(TRUE))], "passed"),
        ([policy(rule(FALSE))], "failed"),
        ([policy(rule(FALSE, "forbid"))], "failed"),  # forbids nothing, but nothing permits
        ([policy(rule(TRUE), rule(FALSE, "forbid"))], "passed"),
        ([policy(rule(TRUE), rule(TRUE, "forbid"))], "failed"),  # a forbid beats every permit
        ([policy(rule(TRUE), rule("nothing"))], "errored"),
        ([policy(rule(FALSE), rule("nothing"))], "failed"),
        ([policy(rule(TRUE), applies_to={"tiers": ["staging"]})], "failed"),
        ([policy(rule(TRUE), applies_to={"environments": ["production"], "acts": ["promote"]})], "passed"),
    ],
)
def test_verdicts(policies: list[dict[str, Any]], verdict: str) -> None:
    assert ask(*policies).verdict == verdict


@pytest.mark.parametrize("effect", ["require", "forbid"])
@pytest.mark.parametrize(
    ("condition", "missing"),
    [
        ("upstream.drift.findings == `0`", "upstream.drift"),
        ("upstream.drift.findings != `0`", "upstream.drift"),
        ("upstream.drift.findings < `1`", "upstream.drift"),
        ("!(upstream.verified)", "upstream.verified"),
        ("upstream.verified", "upstream.verified"),
        ("contains(ledger.verified_in, 'staging')", "ledger"),
        ("age_seconds(upstream.drift.observed_at) < `60`", "upstream.drift"),
        ("`1` == `1` && probes.verdict == 'passed'", "probes"),
        ("length(drift.items[?kind == 'changed']) == `0`", "drift"),
    ],
)
def test_missing_evidence_denies_and_is_named(condition: str, effect: str, missing: str) -> None:
    decision = ask(policy(rule(TRUE), rule(condition, effect)), upstream={"drift": None})
    assert decision.verdict == "errored"
    assert f"has no {missing} " in decision.rules[1].problem


@pytest.mark.parametrize(
    "condition",
    [
        "release.change == `null`",
        "release.change == null",
        "not_null(release.change, 'none') == 'none'",
        "(release.change || 'none') == 'none'",
        "environment.name == 'production' || upstream.verified",
    ],
)
def test_a_condition_may_ask_whether_something_is_there(condition: str) -> None:
    assert ask(policy(rule(condition)), release={}).verdict == "passed"


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("environment.name", "'production'"),
        ("length(environment.name)", "int 10"),
        ("environment.name < `1`", "not supported"),
        ("nonsense(", "can't be evaluated"),
        ("unknown_function(now)", "unknown_function"),
        ("semver_compare('1.0', '1.0.0') == `0`", "'1.0' is not a semantic version"),
        ("age_seconds('yesterday') < `1`", "'yesterday' is not a time"),
    ],
)
def test_what_is_neither_true_nor_false_denies(condition: str, problem: str) -> None:
    decision = ask(policy(rule(condition)))
    assert decision.verdict == "errored"
    assert problem in decision.rules[0].problem
    assert problem in render(decision)


def test_the_answer_shows_values_reason_and_remedy() -> None:
    shown = rule("drift.findings == `0`", shows=["drift.findings", "drift.items[].path"], severity="critical")
    decision = ask(policy(shown), drift={"findings": 2, "items": [{"path": "a"}, {"path": "b"}]})
    answer = decision.rules[0]
    assert answer.values == {"drift.findings": 2, "drift.items[].path": ["a", "b"]}
    for text in ("a-policy / a-rule", "drift.findings = 2", '["a", "b"]', "Because.", "Do it.", "critical"):
        assert text in render(decision)


def test_default_deny_says_what_to_write() -> None:
    text = render(ask())
    assert "No policy applies for the act promote in production" in text
    assert "Write a policy" in text


WINDOW = {"name": "weekend", "days": ["sat"], "from": "10:00", "to": "12:00", "timezone": "UTC"}
FREEZE = {"name": "sale", "from": "2026-11-21T00:00:00Z", "to": "2026-11-22T00:00:00Z", "reason": "Black Friday"}


@pytest.mark.parametrize(
    ("change", "verdict", "text"),
    [
        ({"windows": [WINDOW]}, "passed", ""),
        ({"windows": [{**WINDOW, "days": ["mon"]}]}, "failed", "weekend (mon 10:00-12:00 UTC)"),
        ({"windows": [{**WINDOW, "timezone": "Nowhere/Land"}]}, "errored", "Nowhere/Land"),
        ({"freezes": [FREEZE]}, "failed", "Black Friday"),
        ({"freezes": [{**FREEZE, "to": "2026-11-21T10:00:00Z"}]}, "passed", ""),
        ({"required_approvals": 1}, "failed", "0 of 1"),
    ],
)
def test_the_environment_brings_rules(change: dict[str, Any], verdict: str, text: str) -> None:
    decision = ask(policy(rule(TRUE)), environment={**ENVIRONMENT, **change}, ledger={"approvals": []})
    assert decision.verdict == verdict
    assert text in render(decision)


def test_one_person_approves_once() -> None:
    approvals = [{"approver": "ann"}, {"approver": "ann"}, {"approver": "bob"}]
    environment = {**ENVIRONMENT, "required_approvals": 2}
    assert ask(policy(rule(TRUE)), environment=environment, ledger={"approvals": approvals[:2]}).verdict == "failed"
    assert ask(policy(rule(TRUE)), environment=environment, ledger={"approvals": approvals}).verdict == "passed"


def test_unknown_approvals_are_errored() -> None:
    decision = ask(policy(rule(TRUE)), environment={**ENVIRONMENT, "required_approvals": 1})
    assert decision.verdict == "errored"
    assert "no ledger.approvals" in render(decision)


@given(st.lists(st.sampled_from(["production", "staging"])), st.lists(st.sampled_from(["promote", "deploy"])))
def test_an_empty_scope_means_all(tiers: list[str], acts: list[str]) -> None:
    expected = (not tiers or "production" in tiers) and (not acts or "promote" in acts)
    assert applies({"applies_to": {"tiers": tiers, "acts": acts}}, "promote", ENVIRONMENT) == expected


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(), lambda inner: st.lists(inner), max_leaves=5))
def test_only_true_permits(value: Any) -> None:
    decision = ask(policy(rule("release.value")), release={"value": value})
    assert (decision.verdict == "passed") == (value is True)


def test_the_record_pins_policies_and_evidence() -> None:
    written = policy(rule(TRUE))
    recorded = body(ask(written), [written], {"b": 1, "a": 2})
    assert recorded["verdict"] == "passed"
    assert recorded["evidence_sha256"] == digest({"a": 2, "b": 1}) != digest({"a": 2})
    assert set(recorded["policies_sha256"]) == {"a-policy"}


@pytest.mark.parametrize(
    ("acts", "verdict"), [(None, "failed"), ([], "failed"), (["deploy"], "failed"), (["fallback"], "passed"), (["deploy", "fallback"], "passed")]
)
def test_a_fallback_needs_a_policy_that_names_it(acts: list[str] | None, verdict: str) -> None:
    named = policy(rule(TRUE), **({} if acts is None else {"applies_to": {"acts": acts}}))
    decision = decide([named], {"now": NOW, "environment": ENVIRONMENT}, act="fallback", environment=ENVIRONMENT)
    assert decision.verdict == verdict


def test_what_holds_for_everything_holds_for_a_fallback_too() -> None:
    named = {**policy(rule(TRUE), applies_to={"acts": ["fallback"]}), "name": "fallback"}
    decision = decide([named, policy(rule(FALSE))], {"now": NOW, "environment": ENVIRONMENT}, act="fallback", environment=ENVIRONMENT)
    assert decision.verdict == "failed"
    assert [one.name for one in decision.refused] == ["a-rule"]
