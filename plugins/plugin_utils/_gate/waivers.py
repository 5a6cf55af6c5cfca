# SPDX-License-Identifier: GPL-3.0-or-later
"""Exceptions: a rule that need not agree for a while, in one place, because somebody else than the deployer said so. Pure.

An exception that does not count changes nothing, and the answer tells why it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import RuleAnswer
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.values import GateFunctionError, parse_time

Data = Mapping[str, Any]
# Days that an exception may last at most, from its granting to its end: the graver, the shorter.
LONGEST_DAYS = {"low": 180, "medium": 90, "high": 30, "critical": 7}
DAY = 86400.0


class Facts(NamedTuple):
    """What is about to be done. services is None when the evidence does not say."""

    now: str
    act: str
    environment: str
    release: str
    services: tuple[str, ...] | None
    deployer: str

    @classmethod
    def of(cls, evidence: Data, *, act: str, environment: str, deployer: str) -> Facts:
        release, services = evidence.get("release"), evidence.get("services")
        version = str(release.get("version", "")) if isinstance(release, Mapping) else ""
        listed = tuple(map(str, services)) if isinstance(services, (list, tuple)) else None
        return cls(str(evidence.get("now") or ""), act, environment, version, listed, deployer)


def cover(rules: Sequence[RuleAnswer], exceptions: Sequence[Data], facts: Facts) -> tuple[list[RuleAnswer], list[dict[str, Any]]]:
    """(the rules, those that an exception covers marked `waived`; what became of each exception for a rule that did not agree)."""
    covered: list[RuleAnswer] = []
    notes: list[dict[str, Any]] = []
    for rule in rules:
        asked = [one for one in exceptions if rule.verdict != "passed" and concerns(one, rule, facts)]
        for one in asked:
            why = why_not(one, rule, facts)
            notes.append({"waiver": one["name"], "rule": one["rule"], "used": not why, "why": why})
        chosen = next((one for one in asked if not why_not(one, rule, facts)), None)
        covered.append(replace(rule, waived=_shown(chosen)) if chosen else rule)
    return covered, notes


def concerns(one: Data, rule: RuleAnswer, facts: Facts) -> bool:
    """Whether the exception is meant for this rule in this place; an absent list of its scope means all."""
    scope = one["scope"]
    places = {"environments": facts.environment, "releases": facts.release, "acts": facts.act}
    return one["rule"] == f"{rule.policy}/{rule.name}" and all(not scope.get(key) or value in scope[key] for key, value in places.items())


def why_not(one: Data, rule: RuleAnswer, facts: Facts) -> str:
    """Why the exception does not count, "" when it does."""
    try:
        now, granted, expires = (parse_time(text) for text in (facts.now, one["granted"], one["expires"]))
    except GateFunctionError as exc:
        return f"whether it is in force can't be told: {exc}"
    approver, limit = _person(one["approver"]), LONGEST_DAYS.get(rule.severity, 0)
    faults = [
        (not rule.waivable, f"the rule {one['rule']} can't be waived"),
        (rule.verdict not in one.get("covers", ["failed"]), f"the rule is {rule.verdict}, and it covers {', '.join(one.get('covers', ['failed']))} only"),
        (now < granted, f"it counts from {one['granted']} on"),
        (now >= expires, f"it expired at {one['expires']}"),
        (expires <= granted, "it ends before it begins"),
        ((expires - granted).total_seconds() > limit * DAY, f"it lasts longer than the {limit} days that a rule of severity {rule.severity} may be waived"),
        (not facts.deployer, "who deploys is not known, and nobody may approve an exception for oneself"),
        (approver == _person(facts.deployer), f"its approver {one['approver']} is the one who deploys"),
        (approver == _person(one["requested_by"]), f"its approver {one['approver']} is the one who asked for it"),
        (_outside(one, facts), "it is for other services than those that are deployed"),
    ]
    return next((why for fault, why in faults if fault), "")


def _outside(one: Data, facts: Facts) -> bool:
    """An exception for a service does not cover what else goes out with it; what is not known is outside."""
    wanted = one["scope"].get("services")
    return bool(wanted) and (not facts.services or not set(facts.services) <= set(wanted))


def _person(name: object) -> str:
    """How names are compared: neither letters' case nor spaces make another person."""
    return " ".join(str(name).split()).casefold()


def _shown(one: Data) -> dict[str, Any]:
    return {"waiver": one["name"], **{key: one[key] for key in ("approver", "requested_by", "reason", "ticket", "granted", "expires")}}
