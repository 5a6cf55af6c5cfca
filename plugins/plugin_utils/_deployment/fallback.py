# SPDX-License-Identifier: GPL-3.0-or-later
"""Which declared path a release takes when it can't go the usual way: another environment, a part of this one, or all of it in the dark.

Pure. Why the usual way is closed comes from the ledger (what the gate last answered, the newest drift) and from the hosts that did not answer.
A path is taken when somebody asks for it, never by itself; the gate is asked with an act of its own, so that what permits a deployment does not
permit its fallback.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.evidence import newest_drift

Document = Mapping[str, Any]
Entry = Mapping[str, Any]
ACT = "fallback"
REFUSED = ("deploy", "promote")


def causes(entries: Sequence[Entry], *, environment: Document, release: str, expected: Collection[str], answered: Collection[str]) -> list[dict[str, Any]]:
    """Why the usual way is closed: {cause: gate, drift or unreachable, ...} of what is known; an empty list when nothing is."""
    found: list[dict[str, Any]] = []
    name = environment["name"]
    asked = [entry for entry in entries if entry["kind"] == "gate" and entry["environment"] == name and entry["release"] == release]
    last = next((entry for entry in reversed(asked) if entry["subject"] in REFUSED), None)
    if last and last["body"].get("verdict") != "passed":
        refusing = [rule for rule in last["body"].get("rules", []) if rule.get("enforcement", "deny") == "deny" and not rule.get("waived")]
        rules = [rule["name"] for rule in refusing if rule.get("verdict") != "passed"]
        found.append({"cause": "gate", "act": last["subject"], "rules": rules, "entry": last["id"], "at": last["time"]})
    for place in (name, environment.get("promotes_from")):
        drift = newest_drift(entries, place) if place else None
        if drift and (drift["findings"] or drift["verdict"] not in ("passed", "failed")):
            found.append({"cause": "drift", "environment": place, "findings": drift["findings"], "verdict": drift["verdict"], "at": drift["observed_at"]})
    silent = sorted(set(expected) - set(answered))
    return [*found, {"cause": "unreachable", "hosts": silent}] if silent else found


def choose(environment: Document, known: Sequence[Document], *, wanted: str = "", reason: str = "") -> Document:
    """The path that is named, which needs a reason, else the first one that is declared for one of the causes. None of them is an error."""
    name = environment["name"]
    declared: list[Document] = list(environment.get("fallback") or [])
    listed = ", ".join(f"{path['name']} (when {', '.join(path['when'])})" for path in declared) or "none"
    if wanted:
        named = next((path for path in declared if path["name"] == wanted), None)
        if named is None:
            raise DeploymentError(f"evenkeel_fallback is {wanted!r}; the environment {name} declares {listed}. Nothing was changed.")
        if not reason:
            raise DeploymentError(f"The fallback {wanted} of {name} was asked for by name, which needs a reason: pass -e evenkeel_reason='...'.")
        return named
    found = {cause["cause"] for cause in known}
    fitting = next((path for path in declared if found & set(path["when"])), None)
    if fitting is None:
        raise DeploymentError(
            f"No fallback of {name} applies. Against the usual way stands {', '.join(sorted(found)) or 'nothing that is known'}; declared is {listed}."
            " Nothing was changed."
        )
    return fitting


def resolve(
    path: Document,
    known: Sequence[Document],
    *,
    environment: Document,
    services: Mapping[str, Document],
    groups: Mapping[str, Sequence[str]],
    reason: str = "",
) -> dict[str, Any]:
    """What the deployment is given: {name, act, of, target, service, exclude, dark, reason, owner, causes}."""
    name, act = environment["name"], path["act"]
    found = {"name": path["name"], "act": act, "of": name, "target": name, "service": "", "exclude": [], "dark": act == "dark"}
    if act == "environment":
        if path["environment"] not in groups or path["environment"] == name:
            raise DeploymentError(f"The fallback {path['name']} of {name} leads to {path['environment']!r}, which is no other environment of the inventory.")
        found["target"] = path["environment"]
    if act == "partial":
        found |= _part(path, known, services=services, groups=groups)
    return {**found, "reason": reason or path["reason"], "owner": path["owner"], "causes": list(known)}


def _part(path: Document, known: Sequence[Document], *, services: Mapping[str, Document], groups: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The service, and the hosts that are left out. A part that is nothing, or all, is an error."""
    service = path.get("service", "")
    applications = {name: set(groups.get(str(one["hosts"]), [])) for name, one in services.items() if one.get("engine") == "application"}
    if service and service not in applications:
        raise DeploymentError(f"The fallback {path['name']} is for the service {service!r}; applications are {', '.join(sorted(applications)) or 'none'}.")
    everyone = set().union(*applications.values())
    silent = {host for cause in known if cause["cause"] == "unreachable" for host in cause["hosts"]}
    out = everyone & silent if path.get("leave_out") == "unreachable" else set()
    if "hosts" in path:
        unknown = [one for one in path["hosts"] if one not in groups and one not in everyone]
        if unknown:
            raise DeploymentError(f"The fallback {path['name']} names {', '.join(unknown)}, which is no host of an application and no group.")
        out |= everyone - {host for one in path["hosts"] for host in groups.get(one, [one])}
    empty = [name for name, hosts in applications.items() if service in ("", name) and not hosts - out]
    if empty:
        raise DeploymentError(f"The fallback {path['name']} leaves no host for {', '.join(sorted(empty))}.")
    if not out and service == "":
        raise DeploymentError(f"The fallback {path['name']} is for a part, and would leave nothing out: deploy as usual.")
    return {"service": service, "exclude": sorted(out)}


def tell(path: Document) -> str:
    """The path in words, for the plan."""
    where = {
        "environment": f"to {path['target']} instead of {path['of']}",
        "partial": f"only {path['service'] or 'a part'}{' without ' + ', '.join(path['exclude']) if path['exclude'] else ''}",
        "dark": "in the dark",
    }[path["act"]]
    why = "; ".join(_why(cause) for cause in path["causes"]) or "nothing that is known stands against the usual way"
    return f"fallback {path['name']}: {where}, since {why} ({path['reason']})"


def _why(cause: Document) -> str:
    if cause["cause"] == "gate":
        return f"the gate refused to {cause['act']} ({', '.join(cause['rules']) or 'no rule named'})"
    if cause["cause"] == "drift":
        return f"{cause['environment']} has {cause['findings']} differences from its baseline"
    return f"{', '.join(cause['hosts'])} did not answer"
