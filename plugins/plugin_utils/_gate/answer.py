# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gate answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["passed", "failed", "errored", "inconclusive"]


@dataclass(frozen=True)
class RuleAnswer:
    """`values` are the shown expressions with what they found; `problem` says why an errored rule has no answer."""

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


@dataclass(frozen=True)
class Decision:
    verdict: Verdict
    act: str
    environment: str
    rules: tuple[RuleAnswer, ...]

    @property
    def refused(self) -> tuple[RuleAnswer, ...]:
        return tuple(rule for rule in self.rules if rule.verdict != "passed")

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "act": self.act,
            "environment": self.environment,
            "rules": [asdict(rule) for rule in self.rules],
        }
