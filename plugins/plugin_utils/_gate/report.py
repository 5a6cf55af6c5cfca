# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision as text: first what refuses, with what to do about it."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import Decision, RuleAnswer

_LONGEST = 200


def render(decision: Decision) -> str:
    subject = f"the act {decision.act} in {decision.environment}"
    passed = [rule for rule in decision.rules if rule.verdict == "passed"]
    if decision.verdict == "passed":
        return f"The gate allows {subject}: all {len(passed)} rules agree."
    head = f"The gate refuses {subject}: {len(decision.refused)} of {len(decision.rules)} rules do not agree ({decision.verdict})."
    return "\n".join([head, *(line for rule in decision.refused for line in _lines(rule))])


def _lines(rule: RuleAnswer) -> list[str]:
    lines = ["", f"  {rule.policy} / {rule.name}  [{rule.verdict}, {rule.severity}]  {rule.effect} {rule.condition}"]
    if rule.problem:
        lines.append(f"      could not tell: {rule.problem}")
    lines += [f"      found: {name} = {_text(value)}" for name, value in rule.values.items()]
    return [*lines, f"      reason: {rule.reason}", f"      remedy: {rule.remedy}"]


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
