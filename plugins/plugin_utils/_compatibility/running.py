# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions of components run where, and which have run together and were verified: from the ledger's entries. Pure functions.

The ledger knows releases by service; which version of a component a release has, its manifest says: the one that was recorded (kind `release`), else the
file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

Entry = Mapping[str, Any]
# What these functions read of a ledger.
READS = ("deployment", "rollback", "recovery", "teardown", "verification", "release")
Versions = Mapping[str, Mapping[str, str]]
Pair = tuple[tuple[str, str], tuple[str, str]]


def versions(entries: Iterable[Entry], manifests: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """{release: {component: version}}; what was recorded comes before what a file says now."""
    found = {str(manifest["version"]): _components(manifest) for manifest in manifests}
    for entry in entries:
        if entry["kind"] == "release" and entry["subject"] == "manifest":
            found[entry["release"]] = _components(entry["body"].get("manifest") or {})
    return found


def components(services: Mapping[str, str], of: Versions, component_of: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """({component: version}, services whose version nobody can tell). services: {service: release}; component_of: {service: component}, by default its name."""
    found: dict[str, str] = {}
    lost = []
    for service, release in sorted(services.items()):
        name = component_of.get(service, service)
        version = of.get(release, {}).get(name, "")
        # One component that runs as two services in two versions is not one that could be told.
        if not version or found.get(name, version) != version:
            lost.append(service)
        else:
            found[name] = version
    return found, lost


def tested(entries: Iterable[Entry], of: Versions, component_of: Mapping[str, str]) -> dict[Pair, list[str]]:
    """{((component, version), (component, version)): environments in which both ran when a verification passed}; the pair in the order of the alphabet.

    A deployment tells what runs once it is over, and its verification comes before that: the verified release counts as running from there on.
    """
    running: dict[str, dict[str, str]] = {}
    found: dict[Pair, set[str]] = {}
    for entry in entries:
        place = entry["environment"]
        if entry["phase"] == "intent" or entry["body"].get("verdict") != "passed":
            continue
        if entry["kind"] == "teardown":
            running.pop(place, None)
        elif entry["kind"] in views.DEPLOYING and entry["phase"] == "outcome":
            running.setdefault(place, {}).update(views.services_of(entry))
        elif entry["kind"] == "verification":
            now = {**running.get(place, {}), **{str(service): entry["release"] for service in entry["body"].get("services") or []}}
            known, _lost = components({service: release for service, release in now.items() if release}, of, component_of)
            for pair in combinations(sorted(known.items()), 2):
                found.setdefault(pair, set()).add(place)
    return {pair: sorted(places) for pair, places in found.items()}


def _components(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(component.get("version", "")) for name, component in (manifest.get("components") or {}).items()}
