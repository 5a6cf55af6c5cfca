# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that hold without a policy: windows, freezes, approvals, roles and the stages before of the environment document; bookings, handoffs, bundles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._acts import WAY_BACK
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.answer import RuleAnswer, Verdict
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions import (
    GateFunctionError,
    active_freeze,
    open_window,
    parse_time,
)

POLICY = "environment"
Data = Mapping[str, Any]
Judged = tuple[bool, dict[str, Any], str, str]


def answers(evidence: Data, environment: Data) -> Iterator[RuleAnswer]:
    # Somebody who may not act there may not do it backwards either.
    if environment.get("access_roles") and "access" in evidence:
        yield _rule("access", "require", "access.verdict == 'passed'", lambda: _access(evidence["access"]))
    # Windows, freezes and approvals hold back what is new. The way back to what served before is never closed.
    if evidence.get("act") in WAY_BACK:
        return
    if isinstance(evidence.get("calendar"), Mapping):
        # The calendars have read the windows and freezes of the environment with their own: one answer for both.
        yield _rule("window", "require", "calendar.open", lambda: _calendar_window(evidence["calendar"]))
        yield _rule("freeze", "forbid", "length(calendar.freezes) > `0`", lambda: _calendar_freeze(evidence["calendar"]))
    else:
        yield from _times(evidence, environment)
    if environment.get("required_approvals"):
        yield _rule("approvals", "require", "approvers >= environment.required_approvals", lambda: _approvals(evidence, environment))
    yield from _agreed(evidence, environment)


def _agreed(evidence: Data, environment: Data) -> Iterator[RuleAnswer]:
    """What others have a say in; nothing is told of a place that nobody books and where nothing is handed over."""
    reservation, handoff = evidence.get("reservation"), evidence.get("handoff")
    if isinstance(reservation, Mapping) and reservation.get("why") != "free":
        yield _rule("reservation", "require", "reservation.allowed", lambda: _reservation(reservation))
    if isinstance(handoff, Mapping) and (handoff.get("handoffs") or handoff.get("allowed") is not True):
        yield _rule("handoff", "require", "handoff.allowed", lambda: _handoff(handoff))
    if isinstance(evidence.get("bundle"), Mapping):
        yield _rule("bundle", "require", "bundle.may_go", lambda: _bundle(evidence["bundle"]))
    if environment.get("promotion") and evidence.get("act") == "promote" and "standing" in evidence:
        yield _rule("promotion", "require", "standing.promotable", lambda: _standing(evidence["standing"]))


def _times(evidence: Data, environment: Data) -> Iterator[RuleAnswer]:
    if environment.get("windows"):
        yield _rule("window", "require", "within_window(environment.windows, now)", lambda: _window(evidence, environment))
    if environment.get("freezes"):
        yield _rule("freeze", "forbid", "in_freeze(environment.freezes, now)", lambda: _freeze(evidence, environment))


def _rule(name: str, effect: str, condition: str, judge: Callable[[], Judged]) -> RuleAnswer:
    """The judge says (allowed, values, reason, remedy)."""
    try:
        allowed, values, reason, remedy = judge()
        verdict: Verdict = "passed" if allowed else "failed"
        return RuleAnswer(name, POLICY, effect, verdict, condition, reason, remedy, values=values)
    except (GateFunctionError, KeyError, TypeError, AttributeError) as exc:
        reason = f"Whether the {name} of the environment allows the act could not be told."
        remedy = "Correct the environment document or the evidence, then ask again."
        return RuleAnswer(name, POLICY, effect, "errored", condition, reason, remedy, problem=str(exc))


def _window(evidence: Data, environment: Data) -> Judged:
    windows = environment["windows"]
    opened = open_window(windows, parse_time(_now(evidence)))
    hours = "; ".join(f"{each['name']} ({', '.join(each['days'])} {each['from']}-{each['to']} {each['timezone']})" for each in windows)
    values = {"now": evidence["now"], "window": opened}
    return opened is not None, values, "No window of the environment is open.", f"Ask again in a window: {hours}."


def _freeze(evidence: Data, environment: Data) -> Judged:
    freeze = active_freeze(environment["freezes"], parse_time(_now(evidence)))
    if freeze is None:
        return True, {"now": evidence["now"], "freeze": None}, "No freeze holds.", ""
    values = {"now": evidence["now"], "freeze": freeze.get("name")}
    reason = f"The freeze {freeze.get('name')} holds: {freeze.get('reason')}"
    return False, values, reason, f"Wait until {freeze['to']}, or change the freeze in the environment document."


def _calendar_window(calendar: Data) -> Judged:
    opened, window = calendar.get("open"), calendar.get("window")
    if not isinstance(opened, bool):
        raise GateFunctionError("the evidence has no calendar.open")
    values = {"at": calendar.get("at"), "window": window["name"] if isinstance(window, Mapping) else None, "next": _next(calendar)}
    reason = "No window is open." if calendar.get("freezes") else str(calendar.get("reason") or "No window is open.")
    return opened, values, reason, "Ask again in a window; calendar.next_slots has the next times."


def _calendar_freeze(calendar: Data) -> Judged:
    freezes = calendar.get("freezes")
    if not isinstance(freezes, list):
        raise GateFunctionError("the evidence has no calendar.freezes")
    values = {"at": calendar.get("at"), "freezes": [freeze["name"] for freeze in freezes], "next": _next(calendar)}
    remedy = "Wait until it ends, or have somebody else than the deployer grant evenkeel.release.freeze_override."
    return not freezes, values, str(calendar.get("reason") or "A freeze holds."), remedy


def _next(calendar: Data) -> list[Any]:
    return [slot.get("from") for slot in calendar.get("next_slots") or []]


def _approvals(evidence: Data, environment: Data) -> Judged:
    needed = environment["required_approvals"]
    approvals = (evidence.get("ledger") or {}).get("approvals")
    if not isinstance(approvals, list):
        raise GateFunctionError("the evidence has no ledger.approvals")
    approvers = sorted({str(each["approver"]) for each in approvals if each.get("approver")})
    reason = f"{len(approvers)} of {needed} approvals are there."
    values = {"required_approvals": needed, "approvers": approvers}
    return len(approvers) >= needed, values, reason, "Have the release approved by different people, then ask again."


def _access(access: Data) -> Judged:
    if not isinstance(access, Mapping):
        raise GateFunctionError("the evidence has no access: there is no trusted place that tells who has which role")
    values = {"person": access.get("person"), "rules": access.get("rules")}
    return access["verdict"] == "passed", values, str(access.get("reason") or ""), str(access.get("remedy") or "")


def _reservation(reservation: Data) -> Judged:
    values = {key: reservation.get(key) for key in ("why", "until", "free_from")}
    values["holders"] = [each["id"] for each in reservation.get("holders") or []]
    return reservation["allowed"] is True, values, str(reservation.get("message")), "Book it with evenkeel.release.reservations, or ask those who hold it."


def _handoff(handoff: Data) -> Judged:
    values = {"blocking": [f"{each['name']}/{each['checkpoint']}" for each in handoff.get("blocking") or []], "ask": handoff.get("ask")}
    return handoff["allowed"] is True, values, str(handoff.get("message")), "Have the open checkpoints signed with evenkeel.release.handoff."


def _bundle(bundle: Data) -> Judged:
    values = {"bundle": bundle["name"], "why_not": bundle["why_not"]}
    reason = f"It waits for others of the bundle {bundle['name']}: {'; '.join(bundle['why_not'])}."
    return bundle["may_go"] is True, values, reason, f"Bring the others first: {', '.join(bundle['order'])}."


def _standing(standing: Data) -> Judged:
    if not isinstance(standing, Mapping):
        raise GateFunctionError("the evidence has no standing of the release")
    reason = f"It may not be promoted yet: {'; '.join(standing['why'])}." if standing["why"] else "It went through the environments before."
    return standing["promotable"] is True, {"why": standing["why"]}, reason, "Let it be verified and soak in the environment before, then ask again."


def _now(evidence: Data) -> str:
    now = evidence.get("now")
    if not isinstance(now, str):
        raise GateFunctionError("the evidence has no now")
    return now
