# SPDX-License-Identifier: GPL-3.0-or-later
"""Criteria of milestones, boundaries and exit checks, judged over the evidence document as the gate judges conditions. What can't be told does not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import expression

Data = Mapping[str, Any]
WORST = ("failed", "errored", "inconclusive", "passed")


def judge(criteria: Sequence[Data], evidence: Data) -> list[dict[str, Any]]:
    """[{name, verdict, needed, found, problem, remedy}]: needed is the condition, found what its `shows` gave."""
    return [_one(criterion, evidence) for criterion in criteria]


def worst(verdicts: Sequence[str]) -> str:
    """passed for none: nothing was asked for."""
    return next(verdict for verdict in WORST if verdict in verdicts or verdict == "passed")


def milestones(manifest: Data, evidence: Data) -> dict[str, Any] | None:
    """{verdict, reached, open, overdue, items: [{name, owner, due, verdict, overdue, criteria}]}; None when the manifest has none.

    A milestone is overdue when it is not reached and its last day, in UTC, is over at evidence.now.
    """
    wanted = manifest.get("milestones")
    if not wanted:
        return None
    today = str(evidence["now"])[:10]
    items = []
    for each in wanted:
        judged = judge(each["criteria"], evidence)
        verdict = worst([one["verdict"] for one in judged])
        due = str(each["due"])
        items.append(
            {"name": each["name"], "owner": each["owner"], "due": due, "verdict": verdict, "overdue": verdict != "passed" and due < today, "criteria": judged}
        )
    return {
        "verdict": worst([item["verdict"] for item in items]),
        "reached": [item["name"] for item in items if item["verdict"] == "passed"],
        "open": [item["name"] for item in items if item["verdict"] != "passed"],
        "overdue": [item["name"] for item in items if item["overdue"]],
        "items": items,
    }


def boundaries(manifest: Data, evidence: Data) -> dict[str, Any] | None:
    """{completeness, debt, integration: {verdict, criteria}} of those that the manifest has; None when it has none."""
    wanted = manifest.get("boundaries")
    if not wanted:
        return None
    judged = {name: judge(criteria, evidence) for name, criteria in sorted(wanted.items())}
    return {name: {"verdict": worst([one["verdict"] for one in found]), "criteria": found} for name, found in judged.items()}


def _one(criterion: Data, evidence: Data) -> dict[str, Any]:
    problem = ""
    try:
        verdict = "passed" if expression.decide(criterion["condition"], evidence) else "failed"
    except expression.ExpressionError as exc:
        verdict, problem = "errored", str(exc)
    found = {shown: _value(shown, evidence) for shown in criterion.get("shows", [])}
    return {
        "name": criterion["name"],
        "verdict": verdict,
        "needed": criterion["condition"],
        "found": found,
        "problem": problem,
        "remedy": criterion.get("remedy", ""),
    }


def _value(shown: str, evidence: Data) -> Any:
    try:
        return expression.evaluate(shown, evidence)
    except expression.ExpressionError:
        return None
