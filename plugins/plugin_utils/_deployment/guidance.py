# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about a batch that did not come through: by the service's policy, or by what an operator answered. Never by a prompt.

A policy is {act, retries, exclude_at_most, ask}, an answer is {host, act, reason}: host may be * for every host that has no answer of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import batches
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

# From the one that undoes most to the one that undoes least: of several the first one counts.
ACTS = ("rollback", "stop", "retry", "exclude")
# What can be done about a fault that is not one host's own, for instance errors of users.
SHARED = ("rollback", "stop")
POLICY: dict[str, Any] = {"act": "rollback", "retries": 1, "exclude_at_most": 1, "ask": 0}
EVERY = "*"


class State(NamedTuple):
    """attempt: turns that the batch had; excluded: hosts that were left out before; total: hosts of the plan; needed: how many must serve."""

    batch: Sequence[str]
    attempt: int
    excluded: Sequence[str]
    total: int
    needed: int


class Decision(NamedTuple):
    """act: the gravest one; retry and exclude: hosts; why: in words, by host or for all."""

    act: str
    retry: list[str]
    exclude: list[str]
    why: list[str]


def policy_of(services: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The policy of the services that are replaced together: of several the one that undoes most."""
    declared = [{**POLICY, **service["on_failure"]} for service in services if service.get("on_failure")]
    return min(declared, key=lambda policy: ACTS.index(policy["act"]), default=dict(POLICY))


def checked(document: Any) -> list[dict[str, str]]:
    """The answers of an operator's file, or DeploymentError with what is wrong in it."""
    if not isinstance(document, list):
        raise DeploymentError(f"The answers are {type(document).__name__}; allowed is a list of {{host, act, reason}}.")
    for number, answer in enumerate(document, start=1):
        if not isinstance(answer, dict) or set(answer) - {"host", "act", "reason"} or not answer.get("host"):
            raise DeploymentError(f"Answer {number} is {answer!r}; allowed are host, act and reason, and host is needed (* is every host).")
        if answer.get("act") not in ACTS:
            raise DeploymentError(f"Answer {number}, act: found {answer.get('act')!r}, allowed are {', '.join(ACTS)}.")
    return [{"host": str(answer["host"]), "act": str(answer["act"]), "reason": str(answer.get("reason", ""))} for answer in document]


def told(later: Iterable[Mapping[str, Any]], deployment: str) -> list[dict[str, str]]:
    """The answers that operators gave through the ledger, oldest first."""
    bodies = [(entry["body"], entry) for entry in later if entry["kind"] == "directive"]
    return [
        {"host": str(body["host"]), "act": str(body["act"]), "reason": f"{entry['actor']['name']}: {body.get('reason') or 'no reason given'}"}
        for body, entry in bodies
        if body.get("verb") == "answer" and body.get("deployment") == deployment
    ]


def decide(problems: Sequence[Mapping[str, str]], *, policy: Mapping[str, Any], answers: Sequence[Mapping[str, str]], state: State) -> Decision:
    """The decision for one batch that had its turn. Without problems it is to go on."""
    if not problems:
        return Decision("go", [], [], [])
    acts = {problem["host"]: _act(problem["host"], policy=policy, answers=answers, state=state) for problem in problems}
    gravest = min((act for act, _why in acts.values()), key=ACTS.index)
    why = [f"{host}: {act} ({reason})" for host, (act, reason) in acts.items()]
    if gravest in SHARED:
        return Decision(gravest, [], [], why)
    excluded = [host for host, (act, _why) in acts.items() if act == "exclude"]
    refused = _too_many(len(excluded), policy=policy, state=state)
    if refused:
        return Decision("rollback", [], [], [*why, refused])
    return Decision(gravest, [host for host, (act, _why) in acts.items() if act == "retry"], excluded, why)


def asks(problems: Sequence[Mapping[str, str]], *, answers: Sequence[Mapping[str, str]]) -> list[str]:
    """The hosts and checks with a problem for which there is no answer yet."""
    known = {answer["host"] for answer in answers}
    return [] if EVERY in known else [problem["host"] for problem in problems if problem["host"] not in known]


def _act(host: str, *, policy: Mapping[str, Any], answers: Sequence[Mapping[str, str]], state: State) -> tuple[str, str]:
    own = [answer for answer in answers if answer["host"] == host] or [answer for answer in answers if answer["host"] == EVERY]
    act, why = (own[-1]["act"], f"answered: {own[-1]['reason'] or 'no reason given'}") if own else (str(policy["act"]), "the policy of the service")
    if host not in state.batch and act not in SHARED:
        return "rollback", f"{act} is for hosts, and this is none"
    if act == "retry" and state.attempt > int(policy["retries"]):
        return "rollback", f"{state.attempt} attempts failed"
    return act, why


def _too_many(count: int, *, policy: Mapping[str, Any], state: State) -> str:
    gone = count + len(state.excluded)
    most = batches.healthy(policy["exclude_at_most"], state.total)
    if gone > most:
        return f"{gone} of {state.total} hosts would be left out, exclude_at_most is {policy['exclude_at_most']}"
    if state.total - gone < state.needed:
        return f"{state.total - gone} hosts would be left, min_healthy is {state.needed}"
    return ""
