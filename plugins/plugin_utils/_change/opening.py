# SPDX-License-Identifier: GPL-3.0-or-later
"""Opening a change: its type by computed risk, its number, and the entry that records it. Pure: plain data in, plain data out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import emergency as urgent
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import records, risk, rules, scope, standard, states, text, times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.record import digest

Document = Mapping[str, Any]
MOST_OPEN = 200
MOST_HOSTS = 5000


def open_for(
    plan: Document,
    *,
    services: Mapping[str, Document],
    environment: Document,
    history: Sequence[Document] | None,
    facts: Document,
    now: str,
    entries: Iterable[Document],
    declared: Document | None = None,
    templates: Sequence[Document] = (),
    emergency: Document | None = None,
    summary: str = "",
    assigned_to: str = "",
    planned: Document | None = None,
) -> dict[str, Any]:
    """{change, type, opened, state, assessment, gaps, entries}; the same change again, and no entries, when it is open already.

    plan: a scope. declared: the rules document. entries: those of kind change, oldest first: of the environment, and those without one.
    emergency: {reason, incident}. planned: {start, end}. `entries` of the answer are {environment, release, subject, body} to append together.
    """
    seen = list(entries)
    _plain_scope(plan, environment)
    ruled = rules.complete(declared)
    known = [one for one in records.changes(seen).values() if one.environment == plan["environment"]]
    mark = scope.correlation(plan)
    same = [one for one in known if one.opening.get("correlation") == mark]
    assessment = risk.assess(plan, services, environment, history, {**facts, **_times(planned)}, now, rules=declared)
    template, gaps = standard.choose(templates, plan, level=assessment["level"], now=now, entries=seen) if not emergency else (None, {})
    kind = "emergency" if emergency else "standard" if template else "normal"
    current = next((one for one in reversed(same) if one.state not in states.ENDED), None)
    if current is not None:
        return {**_again(current, plan, kind=kind), "assessment": assessment, "gaps": gaps}
    if sum(one.state not in states.ENDED for one in known) >= MOST_OPEN:
        raise ChangeError(f"{plan['environment']} has {MOST_OPEN} open changes, which is as many as there may be. Close or cancel what is done.")
    body = {
        "verb": "opened",
        "type": kind,
        "summary": text.line(summary, name="summary", empty=True),
        "assigned_to": text.line(assigned_to, name="assigned_to", empty=True),
        "tier": environment.get("tier"),
        "correlation": mark,
        "scope": dict(plan),
        "assessment": assessment,
        "rules_sha256": digest(ruled),
        "planned": _times(planned) or None,
        "template": standard.pin(template) if template else None,
        "emergency": _urgent(emergency, ruled, now) if emergency else None,
    }
    number = _number(mark, sum(one.state in states.ENDED for one in same))
    entry = {"environment": plan["environment"], "release": plan["release"], "subject": number, "body": body}
    return {"change": number, "type": kind, "opened": True, "state": "New", "assessment": assessment, "gaps": gaps, "entries": [entry]}


def _again(current: Change, plan: Document, *, kind: str) -> dict[str, Any]:
    """Opened twice is opened once; but an emergency does not slip into a change that was opened as another one, nor a host into one without it."""
    wider = scope.widened(current.opening["scope"], plan)
    if wider:
        raise ChangeError(f"{current.id} is open for this release and covers less: {'; '.join(wider[:5])}. Cancel it, then open the change again.")
    if kind == "emergency" and current.type != "emergency":
        raise ChangeError(f"{current.id} is open for this release as a {current.type} change. Cancel it, then open the emergency change.")
    return {"change": current.id, "type": current.type, "opened": False, "state": current.state, "entries": []}


def _number(mark: str, ended: int) -> str:
    """Two runs that open the same at once find the same number, so that one change comes of it."""
    return f"CHG-{hashlib.sha256(f'{mark}/{ended}'.encode()).hexdigest()[:12].upper()}"


def _times(planned: Document | None) -> dict[str, str]:
    if not planned or not (planned.get("start") or planned.get("end")):
        return {}
    found = times.span("the change", planned.get("start"), planned.get("end"))
    return {"start": times.stamp(found.begin), "end": times.stamp(found.end)}


def _urgent(emergency: Document, ruled: Document, now: str) -> dict[str, str]:
    return {
        "reason": text.line(emergency.get("reason"), name="the reason of the emergency"),
        "incident": text.line(emergency.get("incident") or "", name="the incident of the emergency", empty=True, limit=60),
        "valid_until": urgent.valid_until(times.moment(now, name="now"), str(ruled["emergency"]["validity"])),
    }


def _plain_scope(plan: Document, environment: Document) -> None:
    """What is refused here would stand in the ledger and in every paper about the change."""
    if plan.get("environment") != environment.get("name"):
        raise ChangeError(f"The plan is about {str(plan.get('environment'))[:40]!r}, the environment document is of {str(environment.get('name'))[:40]!r}.")
    text.line(plan.get("environment"), name="the environment", limit=64)
    text.line(plan.get("release"), name="the release", limit=64)
    if not plan.get("services"):
        raise ChangeError(f"Every service of {plan['environment']} runs {plan['release']} already: there is nothing to open a change for.")
    for each in plan["services"]:
        for key in ("service", "strategy"):
            text.line(each.get(key), name=f"{key} of a service", limit=64)
    hosts = [host for each in plan["services"] for host in each.get("hosts") or ()]
    if len(hosts) > MOST_HOSTS:
        raise ChangeError(f"The change names {len(hosts)} hosts; allowed are {MOST_HOSTS}. Open one for each service.")
    for host in hosts:
        text.line(host, name="a host", limit=253)
