# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision as text: first what refuses, with what to do about it; then what warns, and what was waived."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import Decision, RuleAnswer

_LONGEST = 200


def render(decision: Decision) -> str:
    subject = f"the act {decision.act} in {decision.environment}"
    refused = decision.refused
    if refused:
        head = f"The gate refuses {subject}: {len(refused)} of {len(decision.rules)} rules do not agree ({decision.verdict})."
    else:
        agreeing = [rule for rule in decision.rules if rule.verdict == "passed"]
        head = f"The gate allows {subject}: {'all ' if len(agreeing) == len(decision.rules) else ''}{len(agreeing)} rules agree."
    return "\n".join([head, *(line for rule in refused for line in _lines(rule)), *_beside(decision)])


def _beside(decision: Decision) -> Iterator[str]:
    if decision.warned:
        yield from ("", f"Only warned of, since that is how their policy is enforced ({len(decision.warned)}):")
        for rule in decision.warned:
            yield from _lines(rule)
    waived = [rule for rule in decision.rules if rule.waived]
    if waived:
        yield from ("", f"Waived ({len(waived)}):")
        for rule in waived:
            known = rule.waived or {}
            yield f"  {rule.policy} / {rule.name}: {known['waiver']} by {known['approver']} until {known['expires']}, {known['ticket']}: {known['reason']}"
    void = [note for note in decision.waivers if not note["used"]]
    if void:
        yield from ("", f"Exceptions that count for nothing ({len(void)}):")
        yield from (f"  {note['waiver']} for {note['rule']}: {note['why']}" for note in void)


def _lines(rule: RuleAnswer) -> list[str]:
    lines = ["", f"  {rule.policy} / {rule.name}  [{rule.verdict}, {rule.severity}]  {rule.effect} {rule.condition}"]
    if rule.problem:
        lines.append(f"      could not tell: {rule.problem}")
    lines += [f"      found: {name} = {_text(value)}" for name, value in rule.values.items()]
    return [*lines, f"      reason: {rule.reason}", f"      remedy: {rule.remedy}", *([f"      owner: {rule.owner}"] if rule.owner else [])]


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
