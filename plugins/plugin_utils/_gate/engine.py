# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an act may go ahead: a pure function of policies and evidence. What can't be told is denied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import expression, implicit, opa, waivers
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import Decision, RuleAnswer, Verdict

Data = Mapping[str, Any]
# Acts that a policy permits only by naming them: what is right for every deployment says nothing about a way around it.
NAMED = ("fallback",)
# What nobody may be without by a mere exception, unless the policy says that one may be given.
NEVER_WAIVED = "critical"


def decide(
    policies: Sequence[Data],
    evidence: Data,
    *,
    act: str,
    environment: Data,
    exceptions: Sequence[Data] = (),
    deployer: str = "",
    replies: Mapping[str, opa.Reply] | None = None,
) -> Decision:
    """Passed only when a policy requires something and every rule of every policy that applies agrees, warns only, or is waived.

    `environment` is the environment document. No clock is read: the time is evidence["now"].
    exceptions: documents policy_waiver; deployer: who acts, whose own exceptions count for nothing.
    replies: {policy: what its OPA server said}; a policy that asks a server and has none here is errored.
    """
    applicable = [policy for policy in policies if applies(policy, act, environment)]
    found = [one for policy in applicable for one in _policy(policy, evidence, replies or {})]
    permitting = {policy["name"] for policy in applicable if act not in NAMED or act in (policy.get("applies_to") or {}).get("acts", [])}
    # A rule that is only tried out permits as little as it refuses.
    if not any(rule.effect == "require" and rule.enforcement == "deny" and rule.policy in permitting for rule in found):
        found.append(_default_deny(policies, applicable, act, environment))
    found += implicit.answers(evidence, environment)
    rules, notes = waivers.cover(found, exceptions, waivers.Facts.of(evidence, act=act, environment=str(environment.get("name", "")), deployer=deployer))
    return Decision(verdict=_worst(rules), act=act, environment=str(environment.get("name", "")), rules=tuple(rules), waivers=tuple(notes))


def applies(policy: Data, act: str, environment: Data) -> bool:
    """An absent or empty list of applies_to means all."""
    scope = policy.get("applies_to") or {}
    wanted = {"tiers": environment.get("tier"), "environments": environment.get("name"), "acts": act}
    return all(not scope.get(key) or value in scope[key] for key, value in wanted.items())


def _policy(policy: Data, evidence: Data, replies: Mapping[str, opa.Reply]) -> list[RuleAnswer]:
    answers = [answer(policy, rule, evidence) for rule in policy.get("rules", [])]
    return [*answers, *(opa.judge(policy, replies.get(policy["name"])) if "opa" in policy else [])]


def answer(policy: Data, rule: Data, evidence: Data) -> RuleAnswer:
    """What one rule says, wherever its policy applies."""
    verdict: Verdict
    problem = ""
    try:
        holds = expression.decide(rule["condition"], evidence)
        verdict = "passed" if holds == (rule["effect"] == "require") else "failed"
    except expression.ExpressionError as exc:
        verdict, problem = "errored", str(exc)
    severity = rule.get("severity", "high")
    return RuleAnswer(
        name=rule["name"],
        policy=policy["name"],
        effect=rule["effect"],
        verdict=verdict,
        condition=rule["condition"],
        reason=rule["reason"],
        remedy=rule["remedy"],
        severity=severity,
        values={shown: _value(shown, evidence) for shown in rule.get("shows", [])},
        problem=problem,
        enforcement=rule.get("enforcement", policy.get("enforcement", "deny")),
        owner=rule.get("owner", policy.get("owner", "")),
        waivable=bool(rule.get("waivable", severity != NEVER_WAIVED)),
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
    found = {rule.verdict for rule in rules if rule.refuses}
    order: tuple[Verdict, ...] = ("failed", "errored", "inconclusive")
    return next((verdict for verdict in order if verdict in found), "passed")
