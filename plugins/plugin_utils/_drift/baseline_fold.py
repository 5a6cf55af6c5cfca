# SPDX-License-Identifier: GPL-3.0-or-later
"""The fold after a deployment, from what its tasks left on the hosts to the version in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import folding, written
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.baseline_request import Answer, Request, described, new_version


def fold(request: Request) -> Answer:
    """What the deployment wrote, put into a new version that is in force at once; hosts that told nothing keep what they had."""
    book = request.book
    before = book.trusted(book.current)["hosts"] if book.current else {}
    facts = {host: request.facts(host) for host in request.hosts}
    seen = {host: dict(known.get("drift_seen") or {}) for host, known in facts.items()}
    folded = folding.hosts_after(
        before=before,
        seen=seen,
        declared={host: list(known.get("drift_declared", before.get(host, {}))) for host, known in facts.items()},
        written={host: {service: _written(request, host, facts[host], about) for service, about in seen[host].items()} for host in facts},
        store=request.store,
        objects=book.objects,
        dry=request.dry,
    )
    told: Answer = {"new": folded.new, "gaps": folded.left + _silent(request, facts, seen, before), "baseline": {}}
    release = {service: name for service, name in {**book.deployed, **request.args["release"]}.items() if name}
    if not folded.hosts or (book.current and book.trusted(book.current)["release"] == release and folded.hosts == before):
        return {"changed": False, **told}
    if request.dry:
        return {"changed": True, **told}
    version = new_version(request, folded.hosts, reason=request.args["reason"], promote=True, by="deployment", release=release)
    return {"changed": True, **told, "baseline": described(version, book.trusted(version))}


def _silent(request: Request, facts: Mapping[str, Mapping[str, Any]], seen: folding.Seen, before: Mapping[str, Any]) -> list[str]:
    """Where the deployment wrote or no baseline looked yet, and nobody could look."""
    touched = {host for item in request.args["settled"] for host in item["hosts"]}
    return [
        f"{host}/{service}: could not be looked at"
        for host, known in facts.items()
        for service in known.get("drift_declared") or before.get(host, {})
        if service not in seen[host] and (host in touched or service not in before.get(host, {}))
    ]


def _written(request: Request, host: str, known: Mapping[str, Any], about: Mapping[str, Any]) -> written.Written:
    services, parts = known.get("evenkeel_services") or {}, []
    for item in request.args["settled"]:
        if host in item["hosts"]:
            parts.append(
                written.by_service(
                    item,
                    host=host,
                    service=services.get(item["service"], {}),
                    config=about.get("config") or [],
                    supervisor=str(known.get("runtime_supervisor_dir") or ""),
                    removed=(known.get("deploy_removed") or {}).get(item["service"], []),
                )
            )
        parts.append(written.by_balancer(item, host=host))
    return written.together(parts)
