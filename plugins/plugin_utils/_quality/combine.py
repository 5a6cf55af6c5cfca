# SPDX-License-Identifier: GPL-3.0-or-later
"""Several pieces of evidence as one: shards of a test run, several scanners; and the worst of several components.

Together: counts are added, percentages are computed again from the sums, lists are joined, what must be true must be true of all, the verdict is the
worst and the time the oldest. Two scanners that find the same thing count it twice: better than to lose one of two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import ITEMS, Reading, percent, worst

Numbers = Mapping[str, Any]
# percentage: (part, of)
_PERCENT = {
    "line_percent": ("lines_covered", "lines_total"),
    "branch_percent": ("branches_covered", "branches_total"),
    "identified_percent": ("identified", "packages"),
}
# Of these more is better; of every other number less.
_MORE = {
    "tests",
    "passed",
    "lines_covered",
    "lines_total",
    "line_percent",
    "branches_covered",
    "branches_total",
    "branch_percent",
    "packages",
    "identified",
    "identified_percent",
    "licensed",
    "interactions",
    "success",
    "requests",
    "metrics_compared",
    "releases_compared",
}


def together(every: Sequence[Numbers]) -> dict[str, Any]:
    """Only numbers that every part has: a sum over some of them would pass for one over all."""
    found = {name: _sum(name, [numbers[name] for numbers in every]) for name in every[0] if all(name in numbers for numbers in every)}
    for name, (part, of) in _PERCENT.items():
        if name in found:
            found[name] = percent(found[part], found[of]) if found[of] else 0.0
    if "error_percent" in found:
        found["error_percent"] = math.ceil(found["failed_requests"] * 10000 / found["requests"]) / 100
    return found


def _sum(name: str, values: Sequence[Any]) -> Any:
    if name == "expressions":
        counts: dict[str, int] = {}
        for one in (one for value in values for one in value):
            counts[one["expression"]] = counts.get(one["expression"], 0) + one["packages"]
        return [{"expression": text, "packages": number} for text, number in sorted(counts.items())]
    if all(isinstance(value, bool) for value in values):
        return all(values)
    if all(isinstance(value, list) for value in values):
        joined = [one for value in values for one in value]
        return joined if any(isinstance(one, dict) for one in joined) else list(dict.fromkeys(joined))
    if all(isinstance(value, str) for value in values):
        return min(values)  # a time until which somebody stands by it
    total = sum(values)
    return round(total, 6) if isinstance(total, float) else total


def readings(every: Sequence[Reading]) -> Reading:
    """Of one kind."""
    if len(every) == 1:
        return every[0]
    times = [one.made_at for one in every]
    return Reading(
        every[0].kind,
        worst(one.verdict for one in every),
        together([one.numbers for one in every]),
        "; ".join(dict.fromkeys(one.reason for one in every if one.reason)),
        ", ".join(dict.fromkeys(one.tool for one in every if one.tool)),
        ", ".join(dict.fromkeys(one.tool_version for one in every if one.tool_version)),
        None if None in times else min(time for time in times if time),
        tuple(dict.fromkeys(subject for one in every for subject in one.subjects)),
        tuple(item for one in every for item in one.items)[:ITEMS],
        tuple(finding for one in every for finding in one.findings),
    )


def worst_of(every: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of standings of one kind: each number is the worst of them, where all have it. So `all.failed == 0` speaks of every component."""
    found: dict[str, Any] = {
        "verdict": worst(one["verdict"] for one in every),
        "made_at": min(one["made_at"] for one in every),
        "age_seconds": max(one["age_seconds"] for one in every),
    }
    for name in every[0]:
        if name in found or name in ("evidence", "reason", "metrics", "findings", "expressions") or not all(name in one for one in every):
            continue
        values = [one[name] for one in every]
        if all(isinstance(value, bool) for value in values):
            found[name] = all(values)
        elif all(isinstance(value, list) for value in values):
            found[name] = _sum(name, values)
        else:
            found[name] = min(values) if name in _MORE or isinstance(values[0], str) else max(values)
    return found
