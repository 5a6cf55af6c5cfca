# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an act may go ahead: a pure function of policies and evidence. What can't be told is denied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import expression, implicit
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import Decision, RuleAnswer, Verdict

Data = Mapping[str, Any]
# Acts that a policy permits only by naming them: what is right for every deployment says nothing about a way around it.
NAMED = ("fallback",)


def decide(policies: Sequence[Data], evidence: Data, *, act: str, environment: Data) -> Decision:
    """Passed only when a policy requires something and every rule of every policy that applies agrees.

    `environment` is the environment document. No clock is read: the time is evidence["now"].
    """
    applicable = [policy for policy in policies if applies(policy, act, environment)]
    rules = [_answer(policy, rule, evidence) for policy in applicable for rule in policy["rules"]]
    permitting = {policy["name"] for policy in applicable if act not in NAMED or act in (policy.get("applies_to") or {}).get("acts", [])}
    if not any(rule.effect == "require" and rule.policy in permitting for rule in rules):
        rules.append(_default_deny(policies, applicable, act, environment))
    rules += implicit.answers(evidence, environment)
    return Decision(verdict=_worst(rules), act=act, environment=str(environment.get("name", "")), rules=tuple(rules))


def applies(policy: Data, act: str, environment: Data) -> bool:
    """An absent or empty list of applies_to means all."""
    scope = policy.get("applies_to") or {}
    wanted = {"tiers": environment.get("tier"), "environments": environment.get("name"), "acts": act}
    return all(not scope.get(key) or value in scope[key] for key, value in wanted.items())


def _answer(policy: Data, rule: Data, evidence: Data) -> RuleAnswer:
    verdict: Verdict
    problem = ""
    try:
        holds = expression.decide(rule["condition"], evidence)
        verdict = "passed" if holds == (rule["effect"] == "require") else "failed"
    except expression.ExpressionError as exc:
        verdict, problem = "errored", str(exc)
    return RuleAnswer(
        name=rule["name"],
        policy=policy["name"],
        effect=rule["effect"],
        verdict=verdict,
        condition=rule["condition"],
        reason=rule["reason"],
        remedy=rule["remedy"],
        severity=rule.get("severity", "high"),
        values={shown: _value(shown, evidence) for shown in rule.get("shows", [])},
        problem=problem,
    )


def _value(shown: str, evidence: Data) -> Any:
    try:
        return expression.evaluate(shown, evidence)
    except expression.ExpressionError:
        return None  # shown as null; the condition, not the display, decides


def _default_deny(policies: Sequence[Data], applicable: Sequence[Data], act: str, environment: Data) -> RuleAnswer:
    name, tier = environment.get("name"), environment.get("tier")
    what = "applies" if not applicable else "names it and has a rule with effect require" if act in NAMED else "has a rule with effect require"
    considered = ", ".join(sorted(policy["name"] for policy in policies)) or "none"
    return RuleAnswer(
        name="default-deny",
        policy="(none)",
        effect="require",
        verdict="failed",
        condition="a policy that applies and requires something",
        reason=f"No policy {what} for the act {act} in {name} (tier {tier}); what nothing permits is denied.",
        remedy=f"Write a policy whose applies_to covers the act {act} and the tier {tier} or the environment {name}.",
        values={"policies": considered},
    )


def _worst(rules: Sequence[RuleAnswer]) -> Verdict:
    """A definite no outranks what could not be told."""
    found = {rule.verdict for rule in rules}
    order: tuple[Verdict, ...] = ("failed", "errored", "inconclusive")
    return next((verdict for verdict in order if verdict in found), "passed")
