# SPDX-License-Identifier: GPL-3.0-or-later
"""How long deployments of the same services into the same environment took, from the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.ids import microseconds

Entry = Mapping[str, Any]
KIND = "deployment"
NEWEST = 30
ENOUGH = 5
# The stated rule for few runs: twice the longest that was seen; four hours when none was.
FACTOR = 2
UNSEEN = 4 * 3600


def p90(entries: Iterable[Entry], *, environment: str, services: Sequence[str]) -> dict[str, Any]:
    """{seconds, known, runs, rule}: the 90th percentile (nearest rank) of the newest 30 runs that passed, in whole seconds.

    entries: deployments and directives of the environment, oldest first. A run counts when it deployed exactly these services and nobody
    paused it: a night of waiting says nothing about the work. With fewer than 5 runs it is not known, and `seconds` is what to assume.
    """
    found = durations(entries, environment=environment, services=services)[-NEWEST:]
    if len(found) >= ENOUGH:
        ranked = sorted(found)
        return {"seconds": ranked[math.ceil(0.9 * len(ranked)) - 1], "known": True, "runs": len(found), "rule": f"90th percentile of {len(found)} runs"}
    if found:
        rule = f"{len(found)} of {ENOUGH} runs: {FACTOR} times the longest is assumed"
        return {"seconds": FACTOR * max(found), "known": False, "runs": len(found), "rule": rule}
    return {"seconds": UNSEEN, "known": False, "runs": 0, "rule": f"no run of these services: {UNSEEN // 3600} hours are assumed"}


def durations(entries: Iterable[Entry], *, environment: str, services: Sequence[str]) -> list[int]:
    """Whole seconds, rounded up, oldest first."""
    wanted, begun, found = set(services), dict[str, Entry](), list[int]()
    for entry in entries:
        if entry["environment"] != environment:
            continue
        body = entry["body"]
        if entry["kind"] == "directive" and body.get("verb") == "pause":
            begun.pop(str(body.get("deployment", "")), None)
        elif entry["kind"] == KIND and entry["phase"] == "intent" and _services(body) == wanted:
            begun[entry["id"]] = entry
        elif entry["kind"] == KIND and entry["phase"] == "outcome":
            intent = begun.pop(str(body.get("intent", "")), None)
            if intent is not None and body.get("verdict") == "passed":
                found.append(max(1, -(-(microseconds(entry["time"]) - microseconds(intent["time"])) // 1_000_000)))
    return found


def _services(body: Mapping[str, Any]) -> set[str]:
    plan = body.get("plan")
    planned = plan.get("services") if isinstance(plan, Mapping) else None
    return {str(one.get("service", "")) for one in planned if isinstance(one, Mapping)} if isinstance(planned, list) else set()
