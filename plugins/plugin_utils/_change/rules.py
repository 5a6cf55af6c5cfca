# SPDX-License-Identifier: GPL-3.0-or-later
"""What a team declares about its changes (document `changes/rules.yml`), on top of what holds without it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LEVELS = ("low", "moderate", "high")
TIERS = ("development", "test", "staging", "production")
CRITICALITIES = ("low", "medium", "high", "critical")
IMPACT = ("hosts", "share", "zones", "users", "criticality", "environment", "single_points")
PROBABILITY = (
    "services", "configuration", "artifacts", "first_release", "strategy", "staleness", "history", "window", "peak", "rehearsal", "migration", "drift",
    "incidents",
)  # fmt: skip
DEFAULTS: dict[str, Any] = {
    "weights": {
        # how much breaks
        "hosts": 5, "share": 10, "zones": 5, "users": 5, "criticality": 15, "environment": 20, "single_points": 10,
        # how likely it breaks
        "services": 4, "configuration": 4, "artifacts": 3, "first_release": 6, "strategy": 4, "staleness": 3, "history": 12, "window": 8, "peak": 3,
        "rehearsal": 9, "migration": 12, "drift": 6, "incidents": 6,
    },
    # What earns all the points of its factor; half of it earns half.
    "worst": {
        "hosts": 50, "users": 100000, "services": 5, "configuration": 50, "artifacts": 10, "staleness_days": 90, "failure_rate": 0.25,
        "rehearsal_days": 30, "drift": 10,
    },
    "history": {"last": 20, "few": 5},
    "edge_minutes": 30,
    "peak": None,
    "thresholds": {"moderate": 30, "high": 60},
    "bands": {"medium": 34, "high": 67},
    "matrix": {
        "high": {"low": "moderate", "medium": "high", "high": "high"},
        "medium": {"low": "low", "medium": "moderate", "high": "high"},
        "low": {"low": "low", "medium": "low", "high": "moderate"},
    },
    # A sum dilutes what is bad enough alone.
    "floors": [
        {"factor": "migration", "share": 1.0, "level": "high", "from_tier": "production"},
        {"factor": "window", "share": 1.0, "level": "high", "from_tier": "production"},
        {"factor": "rehearsal", "share": 1.0, "level": "moderate", "from_tier": "production"},
        {"factor": "incidents", "share": 1.0, "level": "high", "from_tier": "production"},
    ],
    "approvals": {"low": 1, "moderate": 2, "high": 3, "emergency": 1},
    "auto_approve": {"levels": [], "tiers": []},
    "cab": {"levels": ["moderate", "high"], "tiers": ["production"]},
    "emergency": {"validity": "4h", "review_days": 5},
    "communication": [],
}  # fmt: skip


def complete(document: Mapping[str, Any] | None) -> dict[str, Any]:
    """The rules that hold: what the document says, key by key, and the defaults where it is silent. Lists are replaced, not joined."""
    return _over(DEFAULTS, document or {})


def faults(rules: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str, str]]:
    """What the schema can't see, as (path, found, allowed), of complete rules."""
    found = _number_faults(rules)
    if found:
        return found
    if rules["history"]["few"] > rules["history"]["last"]:
        found.append((("history", "few"), str(rules["history"]["few"]), f"at most last, {rules['history']['last']}"))
    for axis, names in (("impact", IMPACT), ("probability", PROBABILITY)):
        if not sum(rules["weights"][name] for name in names):
            found.append((("weights",), f"no weight for {axis}", f"a weight above 0 for one of {', '.join(names)}"))
    for key, low, high in (("thresholds", "moderate", "high"), ("bands", "medium", "high")):
        if rules[key][low] > rules[key][high]:
            found.append(((key, low), str(rules[key][low]), f"at most {high}, {rules[key][high]}"))
    return found + _matrix_faults(rules["matrix"])


def _number_faults(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str, str]]:
    """YAML knows .nan and .inf, which no limit of a schema stops, and which no comparison holds for."""
    if isinstance(value, float) and not math.isfinite(value):
        return [(path, str(value), "a number")]
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    return [fault for key, each in parts for fault in _number_faults(each, (*path, key))]


def _matrix_faults(matrix: Mapping[str, Mapping[str, str]]) -> list[tuple[tuple[str | int, ...], str, str]]:
    """More impact or more probability never makes less risk."""
    bands, found = ("low", "medium", "high"), list[tuple[tuple[str | int, ...], str, str]]()
    for place, impact in enumerate(bands):
        for column, probability in enumerate(bands):
            level = LEVELS.index(matrix[impact][probability])
            before = [matrix[bands[place - 1]][probability]] if place else []
            before += [matrix[impact][bands[column - 1]]] if column else []
            if any(LEVELS.index(each) > level for each in before):
                found.append((("matrix", impact, probability), matrix[impact][probability], f"at least {max(before, key=LEVELS.index)}"))
    return found


def _over(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**under, **over}
    return {key: _over(under[key], value) if isinstance(under.get(key), Mapping) and isinstance(value, Mapping) else value for key, value in merged.items()}
