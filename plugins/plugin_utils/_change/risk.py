# SPDX-License-Identifier: GPL-3.0-or-later
"""How risky a change is: a pure function of documents, history and facts. docs/reference/risk.md explains every number.

The highest of three answers counts, as ServiceNow takes the highest of its risk engines (risk-lookup, "Calculated Risk Score"): the sum of all points
against two thresholds, impact by probability in a matrix of nine, and floors for what is bad enough alone. What is unknown has all points of its factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import factors, factors_past, times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import rules as ruled
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.factors import Case, Factor, Found

Document = Mapping[str, Any]
_PAST = ("first_release", "strategy", "staleness", "history", "window", "peak", "rehearsal")
FACTORS: dict[str, Factor] = {name: getattr(factors_past if name in _PAST else factors, name) for name in (*ruled.IMPACT, *ruled.PROBABILITY)}
SUCCESS = {"successful": 3, "successful_issues": -2, "unsuccessful": -5}
INCIDENT = {1: -10, 2: -5, 3: -2}


def assess(
    plan: Document,
    services: Mapping[str, Document],
    environment: Document,
    history: Sequence[Document] | None,
    facts: Document,
    now: str,
    *,
    rules: Document | None = None,
) -> dict[str, Any]:
    """{score, level, impact, probability, says, reasons, unknown}.

    plan: a scope (scope.of_plan, scope.of_documents). history: past deployments in this environment, oldest first, {service, release, strategy, verdict,
    ended, remediated}; None when nobody knows. facts: what was measured, each left out when it is unknown: hosts_total, hosts_of {service: [host]},
    zones {host: zone}, keys_changed, one_way, drift {findings, verdict}, incidents [{id, priority}], rehearsal {passed, at, environment, verdict},
    start, end (RFC 3339) or duration_minutes. score, impact and probability are 0 to 100. Each reason: {factor, axis, points, of, measured, lower, known}.
    """
    case = _case(plan, services, environment, history, facts, now, ruled.complete(rules))
    found = {name: factor(case) for name, factor in FACTORS.items()}
    reasons = [_reason(name, one, case.rules["weights"][name]) for name, one in found.items()]
    score, impact, probability = (_percent(reasons, axis) for axis in ("", "impact", "probability"))
    says = [
        {"by": "score", "level": _by_score(score, case.rules["thresholds"])},
        {"by": "matrix", "level": case.rules["matrix"][_band(impact, case.rules["bands"])][_band(probability, case.rules["bands"])]},
        *_floors(found, case),
    ]
    return {
        "score": score,
        "level": max((one["level"] for one in says), key=ruled.LEVELS.index),
        "impact": {"score": impact, "band": _band(impact, case.rules["bands"])},
        "probability": {"score": probability, "band": _band(probability, case.rules["bands"])},
        "says": says,
        "reasons": reasons,
        "unknown": [one["factor"] for one in reasons if not one["known"]],
    }


def lines(assessment: Document) -> list[str]:
    """A line each: what was measured, the points, and what would lower it. The heaviest first."""
    ordered = sorted(assessment["reasons"], key=lambda one: (-one["points"], one["factor"]))
    return [
        f"{one['factor']}: {'' if one['known'] else 'unknown, '}{one['measured']}; {one['points']:g} of {one['of']:g} points"
        + (f"; to lower it: {one['lower']}" if one["points"] and one["lower"] != "nothing" else "")
        for one in ordered
    ]


def success_score(closed: Iterable[str], priorities: Iterable[int] = ()) -> int:
    """ServiceNow's change success score: its default multipliers over close codes of changes and priorities of incidents that they caused."""
    return sum(SUCCESS[code] for code in closed) + sum(INCIDENT.get(priority, 0) for priority in priorities)


def _case(plan: Document, services: Any, environment: Document, history: Any, facts: Document, now: str, rules: Document) -> Case:
    at = times.moment(now, name="now")
    begin = times.moment(facts["start"], name="start") if facts.get("start") else at
    end = times.moment(facts["end"], name="end") if facts.get("end") else None
    minutes = factors.number(facts.get("duration_minutes"))
    if end is None and minutes is not None:
        end = begin + timedelta(minutes=min(minutes, 1440 * 30))
    if end is not None and end < begin:
        raise ChangeError(f"The change would end at {times.stamp(end)}, before it starts at {times.stamp(begin)}.")
    return Case(plan, services, environment, history, facts, at, begin, end, rules)


def _reason(name: str, found: Found, weight: float) -> dict[str, Any]:
    part = 1.0 if found.share is None else found.share
    return {
        "factor": name,
        "axis": "impact" if name in ruled.IMPACT else "probability",
        "points": round(part * weight, 2),
        "of": weight,
        "known": found.share is not None,
        "measured": found.measured,
        "lower": found.lower,
    }


def _percent(reasons: Sequence[Document], axis: str) -> float:
    mine = [one for one in reasons if axis in ("", one["axis"])]
    total = sum(one["of"] for one in mine)
    return round(100 * sum(one["points"] for one in mine) / total, 1) if total else 100.0


def _by_score(score: float, thresholds: Document) -> str:
    return "high" if score >= thresholds["high"] else "moderate" if score >= thresholds["moderate"] else "low"


def _band(score: float, bands: Document) -> str:
    return "high" if score >= bands["high"] else "medium" if score >= bands["medium"] else "low"


def _floors(found: Mapping[str, Found], case: Case) -> list[dict[str, Any]]:
    """A tier that nobody knows is the highest."""
    tier = case.environment.get("tier")
    rank = ruled.TIERS.index(tier) if tier in ruled.TIERS else len(ruled.TIERS)
    hit = []
    for floor in case.rules["floors"]:
        part = found[floor["factor"]].share
        if rank >= ruled.TIERS.index(floor.get("from_tier", ruled.TIERS[0])) and (1.0 if part is None else part) >= floor["share"]:
            hit.append({"by": f"floor of {floor['factor']}", "level": floor["level"]})
    return hit
