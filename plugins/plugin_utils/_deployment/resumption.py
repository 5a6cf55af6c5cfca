# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a deployment that stands still may go on, and with what is left of it: a pure function of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import progress, rollout
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

Entry = Mapping[str, Any]
RECOVER = "Run evenkeel.release.recover."


def choose(open_intents: Sequence[Entry], *, environment: str) -> Entry:
    """The deployment to go on with; DeploymentError when there is none, or when something else has begun."""
    recovery = [intent for intent in open_intents if intent["kind"] == "recovery"]
    if recovery:
        raise DeploymentError(f"A recovery of {environment} began at {recovery[0]['time']} and never ended. {RECOVER}")
    found = [intent for intent in open_intents if intent["kind"] in ("deployment", "rollback")]
    if not found:
        raise DeploymentError(f"No deployment to {environment} stands still; begin one with evenkeel.release.deploy.")
    if found[-1]["kind"] == "rollback":
        raise DeploymentError(f"It is a rollback to {found[-1]['release']} that stands still. {RECOVER}")
    return found[-1]


def left(intent: Entry, later: Sequence[Entry]) -> dict[str, Any]:
    """{batches, excluded, resume}: hosts that have not come through, those that were left out, whether a pause has to be ended.

    Raises DeploymentError when there is only the way back, or nothing left to do but to settle.
    """
    name, release = intent["id"], intent["release"]
    steps = progress.steps(later, name)
    said = progress.may_go_on(later, name)
    if any(entry["kind"] == "verification" and entry["body"].get("intent") == name for entry in later):
        raise DeploymentError(f"{release} was verified before its run ended: there is nothing left but to settle. {RECOVER}")
    if any(step.state == "rolling_back" for step in steps) or _switched_back(intent, later):
        raise DeploymentError(f"{release} is on its way back. {RECOVER}")
    if said.word == "stop":
        raise DeploymentError(f"{release} was aborted by {said.why}. {RECOVER}")
    excluded = dict.fromkeys((host for entry in _decisions(later, name) for host in entry["body"].get("exclude", [])), "left out before it went on")
    done = {host for step in steps if step.state == "switching" and step.verdict == "passed" for host in step.hosts}
    batches = [[host for host in batch if host not in done and host not in excluded] for batch in rollout.forward(intent["body"]["plan"])]
    return {"batches": [batch for batch in batches if batch], "excluded": excluded, "resume": said.word == "wait"}


def _decisions(later: Sequence[Entry], deployment: str) -> list[Entry]:
    return [
        entry for entry in later if entry["kind"] == "directive" and entry["body"].get("deployment") == deployment and entry["body"].get("verb") == "decided"
    ]


def _switched_back(intent: Entry, later: Sequence[Entry]) -> bool:
    """Whether the last switch of a service gave the traffic to what served before."""
    live = {service["service"]: service.get("live") for service in intent["body"]["plan"]["services"] if not service.get("batches")}
    last = {entry["subject"]: entry["body"].get("to") for entry in later if entry["kind"] == "switch" and entry["phase"] == "intent"}
    return any(last.get(service) == colour for service, colour in live.items())
