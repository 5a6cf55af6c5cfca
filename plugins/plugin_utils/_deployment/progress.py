# SPDX-License-Identifier: GPL-3.0-or-later
"""What has happened in a deployment and whether it may go on: pure functions of the entries that came after its intent.

Every step of a deployment that users could notice is an entry of kind `step`, an intent before and an outcome after it, with the body
{deployment, state, service, place, hosts}. What an operator says meanwhile is a fact of kind `directive` with {deployment, verb, reason}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

Entry = Mapping[str, Any]
VERBS = ("pause", "resume", "abort", "promote")
WORDS = {"pause": "wait", "resume": "go", "promote": "hurry"}
# In the order in which a deployment goes through them; the ends are outcomes of the deployment itself.
STATES = ("gated", "preserved", "staged", "expanded", "switching", "verifying", "baking", "rolling_back")
ENDS = {"passed": "confirmed", "failed": "rolled_back", "errored": "failed", "inconclusive": "failed"}


class Step(NamedTuple):
    """One step as the ledger knows it; verdict is "" while it has no outcome."""

    id: str
    state: str
    service: str
    place: str
    hosts: tuple[str, ...]
    verdict: str


class Word(NamedTuple):
    """Whether the next step may be taken: go, wait (paused), stop (aborted) or hurry (promote now: no more pauses)."""

    word: str
    why: str


def steps(later: Iterable[Entry], deployment: str) -> list[Step]:
    """The steps of one deployment in the order of their intents."""
    found: dict[str, Step] = {}
    for entry in later:
        body = entry["body"]
        if entry["kind"] != "step":
            continue
        if entry["phase"] == "intent" and body.get("deployment") == deployment:
            hosts = tuple(body.get("hosts") or ())
            found[entry["id"]] = Step(entry["id"], body["state"], body.get("service", ""), str(body.get("place", "")), hosts, "")
        elif entry["phase"] == "outcome" and body.get("intent") in found:
            found[body["intent"]] = found[body["intent"]]._replace(verdict=str(body.get("verdict", "errored")))
    return list(found.values())


def may_go_on(later: Iterable[Entry], deployment: str) -> Word:
    """The last word of an operator counts, but nothing takes back an abort."""
    said = Word("go", "")
    for entry in later:
        body = entry["body"]
        if entry["kind"] != "directive" or body.get("deployment") != deployment:
            continue
        why = f"{entry['actor']['name']} at {entry['time']}: {body.get('reason') or 'no reason given'}"
        if body["verb"] == "abort":
            return Word("stop", why)
        if body["verb"] in WORDS:
            said = Word(WORDS[body["verb"]], why)
    return said


def done(found: Sequence[Step], *, state: str, service: str, place: str) -> bool:
    """Whether a step was taken and ended well, so that a run that resumes leaves it out."""
    return any((step.state, step.service, step.place, step.verdict) == (state, service, place, "passed") for step in found)


def touched(found: Iterable[Step]) -> list[str]:
    """Hosts that a step of the switch began to change, whether it ended or not, in the order in which they were."""
    return list(dict.fromkeys(host for step in found if step.state == "switching" for host in step.hosts))


def state_of(intent: Entry, later: Sequence[Entry]) -> str:
    """The name of the state in which the deployment is."""
    for entry in later:
        if entry["phase"] == "outcome" and entry["kind"] == intent["kind"] and entry["body"].get("intent") == intent["id"]:
            return ENDS.get(str(entry["body"].get("verdict")), "failed")
    found = steps(later, intent["id"])
    return found[-1].state if found else STATES[0]


def late(entries: Iterable[Entry], deployment: str, services: Iterable[Mapping[str, Any]], *, now: datetime) -> str:
    """Why a deployment may not try any longer, "" when it may: nothing came through for more than `progress_deadline` seconds.

    entries: those of the environment, the deployment's intent among them. What an operator paused begins anew when it is resumed.
    """
    limits = [float(service["progress_deadline"]) for service in services if service.get("progress_deadline")]
    if not limits:
        return ""
    own: set[str] = set()
    last = ""
    for entry in entries:
        body = entry["body"]
        if entry["kind"] == "step" and entry["phase"] == "intent" and body.get("deployment") == deployment:
            own.add(entry["id"])
        came_through = entry["kind"] == "step" and body.get("intent") in own and body.get("verdict") == "passed"
        resumed = entry["kind"] == "directive" and body.get("deployment") == deployment and body.get("verb") == "resume"
        if entry["id"] == deployment or came_through or resumed:
            last = entry["time"]
    seconds = (now - datetime.fromisoformat(last)).total_seconds() if last else 0.0
    return f"nothing came through for {seconds:.0f} s, progress_deadline is {min(limits):g} s" if seconds > min(limits) else ""
