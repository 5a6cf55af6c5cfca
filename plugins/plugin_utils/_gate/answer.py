# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["passed", "failed", "errored", "inconclusive"]
# What a rule that does not agree does: refuse the act, be told with the answer, or only be kept in the record of it.
ENFORCEMENTS = ("deny", "warn", "dryrun")


@dataclass(frozen=True)
class RuleAnswer:
    """`values` are the shown expressions with what they found; `problem` says why an errored rule has no answer; `waived` is the exception that
    covers it: {waiver, approver, expires, ticket, reason}."""

    name: str
    policy: str
    effect: str
    verdict: Verdict
    condition: str
    reason: str
    remedy: str
    severity: str = "high"
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    enforcement: str = "deny"
    owner: str = ""
    waivable: bool = False
    waived: Mapping[str, Any] | None = None

    @property
    def refuses(self) -> bool:
        return self.verdict != "passed" and self.enforcement == "deny" and self.waived is None


@dataclass(frozen=True)
class Decision:
    """`waivers` are the exceptions for a rule that did not agree: {waiver, rule, used, why}."""

    verdict: Verdict
    act: str
    environment: str
    rules: tuple[RuleAnswer, ...]
    waivers: tuple[Mapping[str, Any], ...] = ()

    @property
    def refused(self) -> tuple[RuleAnswer, ...]:
        return tuple(rule for rule in self.rules if rule.refuses)

    @property
    def warned(self) -> tuple[RuleAnswer, ...]:
        return tuple(rule for rule in self.rules if rule.verdict != "passed" and rule.enforcement == "warn" and rule.waived is None)

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "act": self.act,
            "environment": self.environment,
            "rules": [asdict(rule) for rule in self.rules],
            "waivers": [dict(one) for one in self.waivers],
        }
