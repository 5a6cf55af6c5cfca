# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections of the evidence document about tags, parity and signed artifacts, and all sections of this package together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.readiness import WORST, backup, observability

Data = Mapping[str, Any]
Services = Mapping[str, Data]
# Kinds of entries that these sections are made from.
KINDS = ("evidence", "report", "validation")
ARTIFACT, PARITY = "artifact/", "parity/"


def every(
    *, environment: Data, services: Services, upstream: Data | None, upstream_services: Services, manifest: Data, entries: Sequence[Data]
) -> dict[str, Any]:
    """{observability, backup, tags, parity, artifacts, services} of the environment, and {observability, backup, parity} under `upstream`."""
    name = str(environment["name"])
    own = {
        "observability": observability(services, entries, name),
        "backup": backup(services, entries, name),
        "tags": tags(environment, services, manifest),
        "parity": parity(entries, name),
        "artifacts": artifacts(manifest, entries),
        "services": sorted(service for service, one in services.items() if one.get("component", service) in (manifest.get("components") or {})),
    }
    if upstream is None:
        return own
    above = str(upstream["name"])
    there = {
        "observability": observability(upstream_services, entries, above),
        "backup": backup(upstream_services, entries, above),
        "parity": parity(entries, above),
    }
    return {**own, "upstream": there}


def tags(environment: Data, services: Services, manifest: Data) -> list[dict[str, Any]]:
    """[{what, tags}] of the environment, of the release and of each service, in this order."""
    found: list[tuple[str, Data]] = [(f"environment {environment.get('name')}", environment), (f"release {manifest.get('version')}", manifest)]
    found += [(f"service {name}", services[name]) for name in sorted(services)]
    return [{"what": what, "tags": dict(one.get("tags") or {})} for what, one in found]


def parity(entries: Iterable[Data], environment: str) -> dict[str, Any] | None:
    """{verdict, findings, observed_at, pairs: [{service, compared_with, verdict, findings, observed_at}]} of the newest comparison of each service with
    each other environment; None when there was none."""
    newest: dict[str, Data] = {}
    for entry in entries:
        if entry["kind"] == "report" and entry["environment"] == environment and str(entry["subject"]).startswith(PARITY):
            newest[str(entry["subject"])] = entry
    if not newest:
        return None
    pairs = [_pair(subject, entry) for subject, entry in sorted(newest.items())]
    return {
        "verdict": next(verdict for verdict in WORST if any(pair["verdict"] == verdict for pair in pairs)),
        "findings": sum(pair["findings"] for pair in pairs),
        "observed_at": min(pair["observed_at"] for pair in pairs),
        "pairs": pairs,
    }


def artifacts(manifest: Data, entries: Iterable[Data]) -> list[dict[str, Any]]:
    """[{component, sha256, declared, verified, verified_at, rule}] of each component and variant of the release.

    declared: how many signatures the manifest names; verified: that an artifact of exactly this digest was fetched and its signature agreed to.
    """
    newest: dict[str, Data] = {}
    for entry in entries:
        if entry["kind"] == "validation" and str(entry["subject"]).startswith(ARTIFACT):
            newest[f"{entry['environment']} {entry['subject']}"] = entry
    found = []
    for name, component in sorted((manifest.get("components") or {}).items()):
        known = [entry for entry in newest.values() if str(entry["subject"]).startswith(tuple(artifact_names(manifest, name)))]
        for one in (component, *component.get("variants", ())):
            digest = str(one.get("sha256") or "").lower()
            mine = [entry for entry in known if digest and entry["body"].get("sha256") == digest and entry["body"].get("verdict") == "passed"]
            fetched = max(mine, key=lambda found_one: str(found_one["id"])) if mine else None
            signed = bool(fetched and fetched["body"].get("signatures"))
            found.append(
                {
                    "component": name,
                    "sha256": digest or None,
                    "declared": len(one.get("signatures") or ()),
                    "verified": signed,
                    "verified_at": fetched["time"] if fetched and signed else None,
                    "rule": fetched["body"].get("rule") if fetched else None,
                }
            )
    return found


def artifact_names(manifest: Data, component: str) -> list[str]:
    """How the subjects of what was fetched for a component begin: under the version of the release, or its own."""
    own = manifest["components"][component].get("version")
    return [f"{ARTIFACT}{component}/{version}/" for version in dict.fromkeys(str(one) for one in (manifest["version"], own) if one)]


def _pair(subject: str, entry: Data) -> dict[str, Any]:
    _parity, service, other = [*subject.split("/", 2), "", ""][:3]
    verdict = str(entry["body"].get("verdict"))
    findings = entry["body"].get("findings")
    return {
        "service": service,
        "compared_with": other,
        "verdict": verdict if verdict in WORST else "errored",
        "findings": len(findings) if isinstance(findings, (list, tuple, dict)) else int(findings or 0),
        "observed_at": entry["time"],
    }
