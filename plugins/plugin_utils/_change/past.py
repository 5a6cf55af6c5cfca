# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger tells of deployments: the history that risk is judged by, and how the one of a change went."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError

Entry = Mapping[str, Any]
# What history() and outcome() read of a ledger.
READS = ("deployment", "rollback")
# A measured duration is the ninth of ten.
QUANTILE = 0.9


def history(entries: Iterable[Entry], environment: str) -> list[dict[str, Any]]:
    """Deployments that ended, one for each service, oldest first: {service, release, strategy, verdict, ended, remediated, seconds, deployment}.

    remediated: the next thing that was done to that service was a rollback.
    """
    mine = [entry for entry in entries if entry["environment"] == environment and entry["kind"] in READS]
    outcomes = {str(entry["body"].get("intent")): entry for entry in mine if entry["phase"] == "outcome"}
    found: list[dict[str, Any]] = []
    newest: dict[str, dict[str, Any]] = {}
    for intent in (entry for entry in mine if entry["phase"] == "intent"):
        outcome = outcomes.get(intent["id"])
        for service in _planned(intent):
            name = str(service.get("service", ""))
            if intent["kind"] == "rollback":
                if name in newest:
                    newest[name]["remediated"] = True
                continue
            if outcome is not None:
                newest[name] = {
                    "service": name,
                    "release": intent["release"],
                    "strategy": str(service.get("strategy", "")),
                    "verdict": str(outcome["body"].get("verdict", "errored")),
                    "ended": outcome["time"],
                    "remediated": False,
                    "seconds": _seconds(intent, outcome),
                    "deployment": intent["id"],
                }
                found.append(newest[name])
    return found


def outcome(entries: Iterable[Entry], deployment: str) -> dict[str, Any] | None:
    """How a deployment went: {deployment, release, by, began, ended, seconds, verdict, problems, rolled_back}; None when the ledger lacks it.

    A verdict "" means that it has no end yet.
    """
    known = [entry for entry in entries if entry["kind"] in READS]
    intent = next((entry for entry in known if entry["id"] == deployment and entry["phase"] == "intent" and entry["kind"] == "deployment"), None)
    if intent is None:
        return None
    ended = next((entry for entry in known if entry["phase"] == "outcome" and entry["body"].get("intent") == deployment), None)
    names = {str(one.get("service", "")) for one in _planned(intent)}
    return {
        "deployment": deployment,
        "release": intent["release"],
        "by": str(intent["actor"].get("name", "")),
        "began": intent["time"],
        "ended": ended["time"] if ended else None,
        "seconds": _seconds(intent, ended) if ended else None,
        "verdict": str(ended["body"].get("verdict", "errored")) if ended else "",
        "problems": [f"{one.get('host', '')}: {one.get('reason', '')}" for one in _maps(ended["body"].get("problems"))] if ended else [],
        "rolled_back": _rolled_back(known, intent, names),
    }


def minutes(past: Sequence[Mapping[str, Any]], services: Iterable[str]) -> float | None:
    """How long a deployment of these services takes, from those that went well: the 90th percentile of the slowest service; None below three."""
    slowest = None
    for name in services:
        each = sorted(act["seconds"] for act in past if act["service"] == name and act["verdict"] == "passed" and act["seconds"] is not None)
        if len(each) < 3:
            return None
        slowest = max(slowest or 0.0, each[min(len(each) - 1, int(QUANTILE * len(each)))])
    return round(slowest / 60, 1) if slowest is not None else None


def _rolled_back(entries: Sequence[Entry], intent: Entry, names: set[str]) -> bool:
    """Whether the next deployment or rollback of one of its services is a rollback."""
    later = [entry for entry in entries if entry["phase"] == "intent" and entry["environment"] == intent["environment"] and entry["id"] > intent["id"]]
    touching = [entry for entry in later if names & {str(one.get("service", "")) for one in _planned(entry)}]
    return bool(touching) and touching[0]["kind"] == "rollback"


def _planned(intent: Entry) -> list[Mapping[str, Any]]:
    plan = intent["body"].get("plan")
    return _maps(plan.get("services")) if isinstance(plan, Mapping) else []


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _seconds(intent: Entry, ended: Entry) -> float | None:
    try:
        return (times.moment(ended["time"], name="time") - times.moment(intent["time"], name="time")).total_seconds()
    except ChangeError:
        return None
