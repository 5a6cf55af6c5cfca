# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployments and rollbacks of an environment with the moments at which users met each release: a pure function of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.ids import microseconds

Entry = Mapping[str, Any]
KINDS = ("deployment", "rollback")
# What acts() reads of a ledger.
READS = (*KINDS, "switch", "step")


class Served(NamedTuple):
    """Users met `release` from `met` on and all of them had it from `at` on, in the pool `pool` of the balancer where it has two."""

    release: str
    met: float
    at: float
    pool: str = ""


class Act(NamedTuple):
    """One deployment or rollback; verdict and ended are "" and None while it is under way. Seconds since 1970."""

    id: str
    kind: str
    release: str
    began: float
    ended: float | None
    verdict: str
    services: Mapping[str, Served]


class Span(NamedTuple):
    """What served from `at` to `until`; the time before it, from `before` to `met`, is what was usual. Seconds since 1970."""

    release: str
    before: float
    met: float
    at: float
    until: float
    pool: str = ""


def acts(entries: Iterable[Entry], environment: str) -> list[Act]:
    """Oldest first. Without a record of the traffic a release counts as met when its deployment ended."""
    seen = [entry for entry in entries if entry["environment"] == environment]
    outcomes = {str(entry["body"].get("intent")): entry for entry in seen if entry["phase"] == "outcome"}
    intents = [entry for entry in seen if entry["kind"] in KINDS and entry["phase"] == "intent"]
    return [_act(intent, outcomes, [entry for entry in seen if entry["body"].get("deployment") == intent["id"]]) for intent in intents]


def refuse_another(known: Sequence[Act], of: str) -> None:
    """Raises when a way back is asked for one deployment, by its id, and another one is the newest: that one is not to be undone."""
    newest = max(known, key=lambda act: act.began, default=None)
    if of and (newest is None or newest.id != of):
        said = f"the {newest.kind} of {newest.release} at {stamp(newest.began)}" if newest else "none"
        raise DeploymentError(f"The rollback of the deployment {of} was refused, nothing was changed: the last one is {said}.")


def seconds(entry: Entry) -> float:
    return microseconds(entry["time"]) / 1e6


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _act(intent: Entry, outcomes: Mapping[str, Entry], parts: Sequence[Entry]) -> Act:
    """parts: what was recorded of its steps and switches; outcomes of switches name their intent only."""
    outcome = outcomes.get(intent["id"])
    ended = seconds(outcome) if outcome else None
    usual = ended if ended is not None else seconds(intent)
    begun = [part for part in parts if part["phase"] == "intent"]
    planned = intent["body"].get("plan", {}).get("services", [])
    return Act(
        id=intent["id"],
        kind=intent["kind"],
        release=intent["release"],
        began=seconds(intent),
        ended=ended,
        verdict=str(outcome["body"]["verdict"]) if outcome else "",
        services={service["service"]: _served(service, begun, outcomes, usual) for service in planned},
    )


def _served(service: Mapping[str, Any], begun: Sequence[Entry], outcomes: Mapping[str, Entry], usual: float) -> Served:
    mine = [part for part in begun if _concerns(part, service)]
    # A step of a canary shows the release to some users only: all of them have it after the last switch or batch.
    done = [(part, outcomes[part["id"]]) for part in mine if _passed(outcomes.get(part["id"])) and part["body"].get("state") != "verifying"]
    met = min((seconds(part) for part in mine), default=usual)
    at = max((seconds(outcome) for _part, outcome in done), default=max(met, usual))
    pools = [str(part["body"]["to"]) for part, _outcome in done if part["kind"] == "switch" and part["body"].get("to")]
    return Served(str(service["release"]), met, at, f"{service['service']}_{pools[-1]}" if pools else "")


def _concerns(part: Entry, service: Mapping[str, Any]) -> bool:
    """Whether it shows the new release of the service to users; a switch back shows the old one."""
    if part["kind"] == "switch":
        return bool(part["subject"] == service["service"] and part["release"] == service["release"])
    if part["kind"] != "step":
        return False
    state, name = part["body"].get("state"), part["body"].get("service")
    return bool(name == service["service"] and state == "verifying") or bool(service.get("batches") and state == "switching")


def _passed(outcome: Entry | None) -> bool:
    return outcome is not None and outcome["body"].get("verdict") == "passed"
