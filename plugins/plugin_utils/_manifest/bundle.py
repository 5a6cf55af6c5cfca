# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of several teams that belong together: pinned by version and digest of the manifest, in an order that has a beginning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, did_you_mean, listed, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import completion
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.identity import digest

Data = Mapping[str, Any]
STATE = "verified"
STATES = ("none", "deployed", "verified", "complete")


def faults(bundle: Data, source: Source, *, manifests: Mapping[str, Data | None]) -> list[Fault]:
    """manifests: {name in the bundle: the manifest of its file as plain data, None when there is none that can be read}."""
    return [*_pins(bundle, source, manifests), *_references(bundle, source), *_circles(bundle, source)]


def order(bundle: Data) -> list[str]:
    """Names in an order that keeps every `before`; among equals by name. Raises CycleError."""
    sorter = TopologicalSorter(_graph(bundle))
    sorter.prepare()
    found: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        found += ready
        sorter.done(*ready)
    return found


def view(bundle: Data, *, manifests: Mapping[str, Data], entries: Sequence[Data], environment: str) -> dict[str, Any]:
    """How far the bundle is in an environment, and what each of its releases still waits for there.

    {name, verdict, order, releases: {name: {version, state, may_go, waits_for: [{first, in, needs, found}]}}}; state is the best of none, deployed,
    verified, complete. verdict: passed when every release is complete where it asks for exit checks, else verified.
    """
    states = {name: state(entries, manifests[name], environment) for name in bundle["releases"]}
    releases = {}
    for name, pinned in sorted(bundle["releases"].items()):
        waits = [wait for wait in _waits(bundle, name, manifests, entries, environment) if not wait["holds"]]
        releases[name] = {
            "version": pinned["version"],
            "state": states[name],
            "may_go": not waits,
            "waits_for": [{key: wait[key] for key in ("first", "in", "needs", "found")} for wait in waits],
        }
    done = all(states[name] in (("complete",) if manifests[name].get("exit_checks") else ("verified", "complete")) for name in bundle["releases"])
    return {"name": bundle["name"], "verdict": "passed" if done else "inconclusive", "order": order(bundle), "releases": releases}


def why_not(bundle: Data, name: str, *, manifests: Mapping[str, Data], entries: Sequence[Data], environment: str) -> list[str]:
    """Why a release of the bundle must not go to the environment yet; empty when nothing stands against it."""
    return [
        f"{bundle['releases'][wait['first']]['version']} ({wait['first']}) must be {wait['needs']} in {wait['in']} before it; it is {wait['found']} there"
        for wait in _waits(bundle, name, manifests, entries, environment)
        if not wait["holds"]
    ]


def state(entries: Sequence[Data], manifest: Data, environment: str) -> str:
    version = manifest["version"]
    if version not in {each["release"] for each in views.deployments(entries).get(environment, {}).values()}:
        return "none"
    if environment not in views.verified_in(entries, version):
        return "deployed"
    complete = manifest.get("exit_checks") and completion.view(entries, manifest, environment)["state"] == "complete"
    return "complete" if complete else "verified"


def _waits(bundle: Data, name: str, manifests: Mapping[str, Data], entries: Sequence[Data], environment: str) -> Iterator[dict[str, Any]]:
    for rule in bundle.get("before", []):
        if rule["release"] != name:
            continue
        first, place, needs = rule["first"], rule.get("in", environment), rule.get("state", STATE)
        found = state(entries, manifests[first], place)
        yield {"first": first, "in": place, "needs": needs, "found": found, "holds": STATES.index(found) >= STATES.index(needs)}


def _graph(bundle: Data) -> dict[str, list[str]]:
    graph: dict[str, list[str]] = {name: [] for name in bundle["releases"]}
    for rule in bundle.get("before", []):
        if rule["release"] in graph and rule["first"] in graph:
            graph[rule["release"]].append(rule["first"])
    return graph


def _pins(bundle: Data, source: Source, manifests: Mapping[str, Data | None]) -> Iterator[Fault]:
    versions: dict[str, str] = {}
    for name, pinned in bundle["releases"].items():
        path = ("releases", name)
        twice = versions.setdefault(pinned["version"], name)
        if twice != name:
            yield source.fault((*path, "version"), found=f"{pinned['version']}, which {twice} has", allowed="a version that no other release of the bundle has")
        manifest = manifests.get(name)
        if manifest is None:
            yield source.fault(
                (*path, "manifest"), found=f"no manifest that is valid at {pinned['manifest']}", allowed="a release manifest", hint="check it by itself"
            )
            continue
        if manifest.get("version") != pinned["version"]:
            yield source.fault((*path, "version"), found=pinned["version"], allowed=f"the version of its manifest, {manifest.get('version')}")
        elif digest(manifest) != pinned["sha256"]:
            yield source.fault(
                (*path, "sha256"),
                found=pinned["sha256"],
                allowed=f"the digest of its manifest, {digest(manifest)}",
                hint="find out what was changed; pin the new digest only when the change is meant",
            )


def _references(bundle: Data, source: Source) -> Iterator[Fault]:
    known = sorted(bundle["releases"])
    for place, rule in enumerate(bundle.get("before", [])):
        for key in ("release", "first"):
            if rule[key] not in known:
                yield source.fault(
                    ("before", place, key), found=shown(rule[key]), allowed=f"a release of the bundle: {listed(known)}", hint=did_you_mean(rule[key], known)
                )


def _circles(bundle: Data, source: Source) -> Iterator[Fault]:
    try:
        TopologicalSorter(_graph(bundle)).prepare()
    except CycleError as exc:
        circle = " -> ".join(reversed(exc.args[1]))
        yield source.fault(
            ("before",), found=f"a circle: {circle}", allowed="an order with a beginning", hint="remove one of these, or make one release of them"
        )
