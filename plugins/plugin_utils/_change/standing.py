# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a deployment stands with its change: the section `change` of the policies' evidence (docs/reference/policies.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import emergency, records, scope, standard, states, times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change

Document = Mapping[str, Any]
NONE: dict[str, Any] = {
    "id": None, "type": None, "state": None, "level": None, "score": None, "unknown": None, "authorized_by": None, "approvers": [], "valid_until": None,
    "template": None, "planned": None, "outside": [], "conflicts": [], "ignored": [],
}  # fmt: skip


def standing(
    entries: Iterable[Document],
    plan: Document,
    *,
    act: str,
    tier: Any,
    now: str,
    assessment: Document | None = None,
    templates: Sequence[Document] = (),
    change: str = "",
) -> dict[str, Any]:
    """{id, type, state, level, score, ..., implementable, why_not, overdue_reviews, blocked}: plain data, every key always there.

    entries: of kind change, of the environment and those without one, oldest first. plan: scope.of_plan() of what is about to be carried out.
    assessment: the risk as it is now; one that has risen above that of the change is told and refuses a change that nobody approved by hand.
    templates: the catalogue as it is now; a template that was edited, or withdrawn, pre-approves nothing. change: take this one, not the newest.
    """
    seen = list(entries)
    names = [str(each.get("service", "")) for each in plan["services"]]
    found = _chosen(records.changes(seen).values(), plan, change)
    late = emergency.overdue(seen, names, environment=str(plan["environment"]), tier=tier, now=now)
    kind = found.type if found else "normal"
    blocked = emergency.blocks(late, act=act, kind=kind)
    why_not = _against(found, plan, seen, now=now, assessment=assessment, templates=templates) if found else ["no change is open for it"]
    why_not += [blocked] if blocked else []
    told = {**NONE, **(_told(found, plan) if found else {})}
    risen = _risen(found, assessment)
    return {**told, "risk_now": assessment["level"] if assessment else None, "risk_rose": risen, "overdue_reviews": late, "blocked": blocked} | {
        "implementable": not why_not,
        "why_not": why_not,
    }


def _chosen(known: Iterable[Change], plan: Document, change: str) -> Change | None:
    """The newest change for this release into this environment that has not ended; one that covers the plan before one that does not."""
    fitting = [one for one in known if one.environment == plan["environment"] and one.release == plan["release"] and one.state not in states.ENDED]
    if change:
        return next((one for one in fitting if one.id == change), None)
    covering = [one for one in fitting if not scope.widened(one.opening["scope"], plan)]
    best = covering or fitting
    return best[-1] if best else None


def _told(change: Change, plan: Document) -> dict[str, Any]:
    known = change.as_dict()
    authorized = known["authorized"] or {}
    scheduled = change.last("Scheduled")
    return {
        **{key: known[key] for key in ("id", "type", "state", "level", "score", "planned")},
        "unknown": list(known["assessment"].get("unknown", [])),
        "authorized_by": authorized.get("by"),
        "approvers": list(authorized.get("approvers") or []),
        "valid_until": (known["emergency"] or {}).get("valid_until"),
        "template": (known["template"] or {}).get("name"),
        "outside": scope.widened(change.opening["scope"], plan),
        "conflicts": list(scheduled.details.get("conflicts") or []) if scheduled else [],
        "ignored": known["ignored"],
    }


def _against(change: Change, plan: Document, entries: Sequence[Document], *, now: str, assessment: Document | None, templates: Sequence[Document]) -> list[str]:
    """Why the change does not let this plan be carried out now, a line each."""
    at = times.moment(now, name="now")
    found = [] if change.state == "Scheduled" else [f"{change.id} is in state {change.state}, not Scheduled"]
    found += scope.widened(change.opening["scope"], plan)
    planned = change.as_dict()["planned"] if change.state == "Scheduled" else None
    if planned:
        span = times.span(change.id, planned["start"], planned["end"])
        if not span.begin <= at < span.end:
            found.append(f"it is planned from {planned['start']} to {planned['end']}, now it is {times.stamp(at)}")
    if change.type == "emergency":
        found += _expired(change, at)
    if change.type == "standard":
        found += _uncovered(change, plan, entries, now=now, assessment=assessment, templates=templates)
    if _risen(change, assessment) and change.type == "normal" and not _by_hand(change):
        found.append(f"its risk was {change.opening['assessment']['level']} and is {assessment['level'] if assessment else 'unknown'} now; assess it again")
    return found


def _expired(change: Change, at: Any) -> list[str]:
    until = (change.opening.get("emergency") or {}).get("valid_until")
    try:
        over = at >= times.moment(until, name="valid_until")
    except ChangeError:
        over = True
    return [f"the emergency was valid until {until}; open it again when it still is one"] if over else []


def _uncovered(
    change: Change, plan: Document, entries: Sequence[Document], *, now: str, assessment: Document | None, templates: Sequence[Document]
) -> list[str]:
    pin = change.opening.get("template") or {}
    template = next((one for one in templates if one.get("name") == pin.get("name")), None)
    if template is None:
        return [f"the template {pin.get('name')} is not in the catalogue"]
    if standard.pin(template) != dict(pin):
        return [f"the template {pin.get('name')} was edited since the change was opened; cancel it and open it again"]
    level = str((assessment or change.opening["assessment"])["level"])
    return [f"the template {pin['name']} does not cover it: {gap}" for gap in standard.gaps(template, plan, level=level, now=now, entries=entries)]


def _risen(change: Change | None, assessment: Document | None) -> bool:
    if change is None or assessment is None:
        return False
    order = ("low", "moderate", "high")
    before = change.opening["assessment"]["level"]
    return order.index(assessment["level"]) > (order.index(before) if before in order else -1)


def _by_hand(change: Change) -> bool:
    scheduled = change.last("Scheduled")
    return bool(scheduled and (scheduled.details.get("authorized") or {}).get("by") == "approvals")
