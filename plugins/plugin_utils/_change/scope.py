# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change is about: the services, hosts, artifacts and migration that it covers, and whether a plan stays within that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.strategy import replacement
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.record import digest

Document = Mapping[str, Any]
MIGRATIONS = ("none", "expand", "contract")


def of_plan(plan: Document, manifest: Document | None) -> dict[str, Any]:
    """From the plan of deployment_plan; a rollback has a manifest too. What is not told stays out, so that it counts as unknown."""
    services = [_planned(each) for each in _maps(plan.get("services"))]
    found = {"environment": str(plan.get("environment", "")), "release": str(plan.get("release", "")), "services": services}
    return {**found, **_of_manifest(manifest)}


def of_documents(
    *, environment: str, services: Mapping[str, Document], manifest: Document, groups: Mapping[str, Sequence[str]], deployed: Mapping[str, str], only: str = ""
) -> dict[str, Any]:
    """The same without connecting to a host, for a change that is opened days before: all hosts of each service that uses a component of the release.

    deployed: {service: release} of the ledger; services that run the release already are left out, as a deployment leaves them out.
    """
    components = manifest["components"]
    wanted = {name: one for name, one in services.items() if one.get("engine") == "application" and one.get("component", name) in components}
    if only and only not in wanted:
        raise ChangeError(f"The service {only!r} uses no component of release {manifest['version']}; those that do are {', '.join(sorted(wanted)) or 'none'}.")
    found = [
        {
            "service": name,
            "release": str(manifest["version"]),
            "previous": deployed.get(name, ""),
            "strategy": str(replacement(one)),
            "hosts": sorted(map(str, groups.get(one.get("hosts", ""), ()))),
            "artifact": _artifact(components[one.get("component", name)]),
        }
        for name, one in sorted(wanted.items())
        if only in ("", name) and deployed.get(name) != manifest["version"]
    ]
    return {"environment": environment, "release": str(manifest["version"]), "services": found, **_of_manifest(manifest)}


def measured(scope: Document, *, one_way: bool | None) -> dict[str, Any]:
    """The scope with what was seen where the release ran before: a migration that could not be taken back there can't be here, whatever the manifest says."""
    return {**scope, "migration": MIGRATIONS[-1]} if one_way and scope.get("migration") == MIGRATIONS[0] else dict(scope)


def correlation(scope: Document) -> str:
    """Changes for the same release into the same environment by the same artifacts are one change, however often they are opened."""
    parts = {str(each["service"]): str(each.get("artifact") or "") for each in scope["services"]}
    return digest({"environment": scope["environment"], "release": scope["release"], "services": parts})


def widened(declared: Document, planned: Document) -> list[str]:
    """What `planned` does that `declared` does not cover, a line each; empty when it stays within. Less than declared is within."""
    found = [
        f"the {name} is {planned.get(name)!r}, the change is about {declared.get(name)!r}"
        for name in ("environment", "release")
        if planned.get(name) != declared.get(name)
    ]
    known = {str(each["service"]): each for each in _list(declared.get("services"))}
    for each in _list(planned.get("services")):
        name = str(each["service"])
        if name not in known:
            found.append(f"{name} is not in the change, which has {', '.join(sorted(known)) or 'no service'}")
            continue
        found += _wider(name, known[name], each)
    ranks = [_rank(scope.get("migration")) for scope in (declared, planned)]
    if ranks[1] > ranks[0]:
        found.append(f"the migration is {planned.get('migration') or 'unknown'}, in the change it is {declared.get('migration') or 'unknown'}")
    return found


def _wider(name: str, declared: Document, planned: Document) -> list[str]:
    extra = sorted(set(_list(planned.get("hosts"))) - set(_list(declared.get("hosts"))))
    found = [f"{name} goes to {', '.join(extra[:10])}, which the change does not name"] if extra else []
    return found + [
        f"{name} has the {what} {planned.get(what) or 'nothing'}, in the change it has {declared.get(what) or 'nothing'}"
        for what in ("strategy", "artifact")
        if planned.get(what) != declared.get(what)
    ]


def _maps(value: Any) -> list[Document]:
    if not isinstance(value, list) or not all(isinstance(one, Mapping) and isinstance(one.get("hosts", {}), (Mapping, list)) for one in value):
        raise ChangeError("The plan has no list of services with their hosts; pass the plan of evenkeel.release.deployment_plan as it is.")
    return value


def _planned(service: Document) -> dict[str, Any]:
    artifact = service.get("artifact") or ""
    known = {key: str(service[key]) for key in ("service", "release", "previous", "strategy") if service.get(key) is not None}
    return {
        **known,
        "hosts": sorted(map(str, service.get("hosts") or ())),
        "artifact": _artifact(artifact) if isinstance(artifact, Mapping) else artifact,
    }


def _artifact(component: Document) -> str:
    """One digest for what would be installed; a component with variants has one for each platform."""
    if component.get("sha256"):
        return str(component["sha256"])
    pins = sorted(str(each.get("sha256", "")) for each in component.get("variants", ()))
    return digest(pins) if pins else ""


def _of_manifest(manifest: Document | None) -> dict[str, Any]:
    if not manifest:
        return {}
    rollback = manifest.get("rollback") or {}
    return {"migration": str(rollback["migration"])} if rollback.get("migration") else {}


def _rank(migration: Any) -> int:
    return MIGRATIONS.index(migration) if migration in MIGRATIONS else len(MIGRATIONS)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []
