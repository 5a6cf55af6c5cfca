# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence document that policies are asked about, from the documents and the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import sections
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.data import newest_data
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve.rehearsal import rehearsals

Entry = Mapping[str, Any]
RANK = {"passed": 0, "failed": 1, "inconclusive": 2, "errored": 3}


def assemble(
    *,
    now: str,
    act: str,
    environment: Mapping[str, Any],
    upstream: Mapping[str, Any] | None,
    manifest: Mapping[str, Any],
    entries: Sequence[Entry],
    deployed: Mapping[str, Mapping[str, str]],
    open_intents: Sequence[Entry] = (),
    fallback: Mapping[str, Any] | None = None,
    services: Mapping[str, Mapping[str, Any]] | None = None,
    upstream_services: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """What is not known is left null: a condition on it is then an error, and an error denies.

    deployed: {environment: {service: release}} as the ledger's view gives it.
    """
    name = environment["name"]
    release = manifest["version"]
    more = sections.every(
        environment=environment,
        services=services or {},
        upstream=upstream,
        upstream_services=upstream_services or {},
        manifest=manifest,
        entries=entries,
    )
    above = _upstream(upstream, release, entries, deployed)
    return {
        **more,
        "now": now,
        "act": act,
        "environment": dict(environment),
        "upstream": {**above, **more["upstream"]} if above is not None else None,
        "release": dict(manifest),
        "fallback": fallback,
        "drift": newest_drift(entries, name),
        "data": newest_data(entries, name),
        "rehearsal": rehearsals(entries, manifest, now=now),
        "ledger": {
            "deployed": dict(deployed.get(name, {})),
            "verified_in": sorted(views.verified_in(entries, release)),
            "open_intents": len(open_intents),
            "approvals": [entry["body"] for entry in entries if entry["kind"] == "approval" and entry["release"] == release],
        },
    }


def newest_drift(entries: Iterable[Entry], environment: str) -> dict[str, Any] | None:
    """The newest drift report of each subject (host and service) of the environment, taken together; None when there is none."""
    newest = {entry["subject"]: entry for entry in entries if entry["kind"] == "drift" and entry["environment"] == environment}
    if not newest:
        return None
    verdicts = [str(entry["body"].get("verdict", "errored")) for entry in newest.values()]
    items = [
        {"subject": subject, "path": finding.get("path"), "kind": finding.get("kind")}
        for subject, entry in sorted(newest.items())
        for finding in entry["body"].get("findings", [])
    ]
    return {
        "findings": len(items),
        "items": items,
        "verdict": max(verdicts, key=lambda verdict: RANK.get(verdict, 3)),
        "observed_at": min(entry["time"] for entry in newest.values()),
    }


def _upstream(
    environment: Mapping[str, Any] | None, release: str, entries: Sequence[Entry], deployed: Mapping[str, Mapping[str, str]]
) -> dict[str, Any] | None:
    if environment is None:
        return None
    name = environment["name"]
    return {
        "environment": dict(environment),
        "deployed": dict(deployed.get(name, {})),
        "runs_release": release in deployed.get(name, {}).values(),
        "verified": name in views.verified_in(entries, release),
        "drift": newest_drift(entries, name),
        "data": newest_data(entries, name),
    }
