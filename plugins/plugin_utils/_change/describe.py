# SPDX-License-Identifier: GPL-3.0-or-later
"""The papers of a change, written from documents, plan and evidence: good enough for the agenda of a board, and nothing in them is invented.

The same input gives the same text. What is not known is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import graph, risk
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.text import md

Document = Mapping[str, Any]
SHOWN = 20
WAYS = {
    "blue_green": "the new release starts beside the old one, is tested there, then the balancer is switched; the old one is kept for the way back",
    "canary": "the new release gets a growing share of the traffic and is judged at each step",
    "rolling": "hosts are replaced batch by batch, each watched before the next",
    "recreate": "the old release is stopped, then the new one is started: nothing serves in between",
}
DATA = {
    "none": "no data is migrated",
    "expand": "the database is migrated so that the old version still runs on it",
    "contract": "the database is migrated so that the old version does NOT run on it",
}


def papers(
    scope: Document, *, services: Mapping[str, Document], environment: Document, manifest: Document | None, facts: Document, rules: Document
) -> dict[str, list[str]]:
    """{impact, implementation, backout, test, communication}: plain lines, not escaped. facts: as of risk.assess(), and preserved, minutes."""
    return {
        "impact": _impact(scope, services, environment),
        "implementation": _implementation(scope, facts),
        "backout": _backout(scope, manifest, facts, environment),
        "test": _test(scope, services),
        "communication": _communication(scope, services, environment, manifest, rules),
    }


def sheet(change: Change, written: Mapping[str, Sequence[str]]) -> str:
    """The whole change as Markdown."""
    known = change.as_dict()
    planned, urgent = known["planned"] or {}, known["emergency"]
    lines = [
        f"# {md(known['id'])}: release {md(known['release'])} into {md(known['environment'])}",
        "",
        f"{md(change.opening.get('summary') or 'No summary was given.')}",
        "",
        f"- type: {md(known['type'])}{', template ' + md(known['template']['name']) if known['template'] else ''}",
        f"- state: {md(known['state'])}; next: {md(', '.join(known['next']) or 'none')}",
        f"- risk: {md(known['level'])}, {md(known['score'])} of 100",
        f"- planned: {md(planned.get('start') or 'not yet')} to {md(planned.get('end') or 'not yet')}",
        f"- asked for by {md(known['opened_by'] or 'unknown')} at {md(known['opened_at'])}, assigned to {md(known['assigned_to'] or 'nobody')}",
        f"- authorized by: {md(_authorized(known['authorized']))}",
    ]
    if urgent:
        lines.append(f"- emergency: {md(urgent['reason'])}; incident {md(urgent['incident'] or 'not given')}; valid until {md(urgent['valid_until'])}")
    lines += [f"- ignored in the ledger: {md(each)}" for each in known["ignored"]]
    for title, key in (("Impact", "impact"), ("Implementation", "implementation"), ("Backout", "backout"), ("Test", "test"), ("To tell", "communication")):
        lines += ["", f"## {title}", "", *(f"- {md(each)}" for each in written[key])]
    lines += ["", "## Risk", "", *(f"- {md(each)}" for each in _risk(known["assessment"]))]
    return "\n".join(lines) + "\n"


def _risk(assessment: Document) -> list[str]:
    if not assessment.get("reasons"):
        return ["the reasons were not recorded"]
    told = "; ".join(f"{one['by']} says {one['level']}" for one in assessment["says"])
    axes = f"impact {assessment['impact']['band']}, probability {assessment['probability']['band']}"
    return [f"the highest counts: {told}; {axes}", *risk.lines(assessment)]


def _impact(scope: Document, services: Mapping[str, Document], environment: Document) -> list[str]:
    found = [
        f"{environment.get('name')} is a {environment.get('tier') or 'environment of unknown tier'} environment of {environment.get('owner') or 'unknown'}"
    ]
    for each in scope["services"]:
        name = str(each["service"])
        known = services.get(name, {})
        cut = sorted(graph.cut_off(services, name))
        users = known.get("users")
        found += [
            f"{name}: {each.get('previous') or 'nothing'} -> {each.get('release') or scope['release']} on {_hosts(each)}",
            f"{name}: criticality {known.get('criticality') or 'unknown'}, users {users if users is not None else 'unknown'}",
            f"{name}: while it is down, {', '.join(cut[:SHOWN]) + ' can not work' if cut else 'no other service stops'}",
            f"{name}: during the change {'nothing serves' if each.get('strategy') == 'recreate' else 'it goes on serving, if all goes as planned'}",
        ]
    return [*found, f"data: {DATA.get(str(scope.get('migration')), 'unknown, the release does not say')}"]


def _implementation(scope: Document, facts: Document) -> list[str]:
    found = [f"ansible-playbook evenkeel.release.deploy -e evenkeel_target={scope['environment']} -e evenkeel_version={scope['release']}"]
    for each in scope["services"]:
        way = WAYS.get(str(each.get("strategy")), "unknown")
        found.append(f"{each['service']} by {each.get('strategy') or 'an unknown strategy'}: {way}; artifact sha256 {each.get('artifact') or 'unknown'}")
    minutes = facts.get("duration_minutes")
    return [
        *found,
        f"takes {minutes:g} minutes, measured" if isinstance(minutes, (int, float)) else "how long it takes is unknown: too few measured deployments",
    ]


def _backout(scope: Document, manifest: Document | None, facts: Document, environment: Document) -> list[str]:
    rollback = (manifest or {}).get("rollback") or {}
    rehearsal, preserved = facts.get("rehearsal"), facts.get("preserved")
    first = [f"{each['service']}" for each in scope["services"] if not each.get("previous")]
    found = [f"ansible-playbook evenkeel.release.rollback -e evenkeel_target={environment.get('name')}"]
    found += [f"{', '.join(first)}: there is no earlier release to go back to; a rollback stops it"] if first else []
    found += [f"roll back when: {each}" for each in rollback.get("criteria", [])[:SHOWN]] or ["when to roll back is unknown: the release names no criteria"]
    found.append(f"it may take {rollback['max_minutes']:g} minutes" if rollback.get("max_minutes") else "how long a rollback may take is unknown")
    if scope.get("migration") == "contract" or facts.get("one_way"):
        found.append("the data does not go back: restoring it loses what was written since")
    else:
        found.append(f"data: {DATA.get(str(scope.get('migration')), 'unknown')}")
    found.append(_rehearsed(rehearsal))
    if isinstance(preserved, Mapping):
        found += [f"{name}: {_preserved(one)}" for name, one in sorted(preserved.items())]
    else:
        found.append("what is preserved before the change is unknown")
    return found


def _rehearsed(rehearsal: Any) -> str:
    if not isinstance(rehearsal, Mapping):
        return "whether this rollback was rehearsed is unknown"
    if rehearsal.get("passed"):
        return f"this rollback was rehearsed at {rehearsal.get('at')} in {rehearsal.get('environment')}, counts until {rehearsal.get('expires') or 'unknown'}"
    return f"this rollback was NOT rehearsed with success: {rehearsal.get('verdict') or 'unknown'}"


def _preserved(one: Any) -> str:
    method = one.get("method") if isinstance(one, Mapping) else None
    return f"preserved by {method}" if method and method != "none" else "not preserved" if method else "unknown"


def _test(scope: Document, services: Mapping[str, Document]) -> list[str]:
    found = []
    for each in scope["services"]:
        known = services.get(str(each["service"]), {})
        for key, words in (
            ("probes", "before it gets traffic"),
            ("rehearse", "under load before it gets traffic"),
            ("smoke", "after the switch"),
            ("bake", "while the old one is kept"),
        ):
            declared = known.get(key)
            names = [str(one.get("name", "?")) for one in declared if isinstance(one, Mapping)] if isinstance(declared, list) else []
            if declared:
                found.append(f"{each['service']}, {words}: {', '.join(names[:SHOWN]) or key}")
        if known.get("guard"):
            found.append(f"{each['service']}, in the first hour: {len(known['guard'].get('metrics', []))} metrics are watched")
        if not any(known.get(key) for key in ("probes", "smoke", "rehearse")):
            found.append(f"{each['service']}: no test is declared")
    return found


def _communication(scope: Document, services: Mapping[str, Document], environment: Document, manifest: Document | None, rules: Document) -> list[str]:
    """Who has to know: owners, then those that the rules name for such a service."""
    owner = (manifest or {}).get("owner")
    found = [f"{environment.get('owner') or 'unknown'}, owner of {environment.get('name')}", f"{owner or 'unknown'}, owner of the release"]
    names = [str(each["service"]) for each in scope["services"]]
    for one in rules["communication"]:
        wide = not one.get("services") and not one.get("criticalities")
        hit = [name for name in names if name in one.get("services", []) or services.get(name, {}).get("criticality") in one.get("criticalities", [])]
        if environment.get("tier") in one.get("tiers", [environment.get("tier")]) and (wide or hit):
            found.append(f"{one['who']} by {one['by']}, {one['when']}{': ' + ', '.join(hit) if hit else ''}")
    return found if rules["communication"] else [*found, "no one else is declared in the rules of changes"]


def _hosts(service: Document) -> str:
    hosts = list(service.get("hosts") or ())
    return ", ".join(hosts[:SHOWN]) + (f" and {len(hosts) - SHOWN} more" if len(hosts) > SHOWN else "") if hosts else "unknown hosts"


def _authorized(known: Document | None) -> str:
    if not known:
        return "nobody yet"
    words = {
        "template": known.get("rule"),
        "policy": f"policy, {known.get('rule')}",
        "approvals": ", ".join(known.get("approvers") or []) or "no approval needed",
    }
    return f"{words.get(str(known.get('by')), 'unknown')}{' and the board, ' + str(known['meeting']) if known.get('meeting') else ''}"
