# SPDX-License-Identifier: GPL-3.0-or-later
"""One number from 0 (as it should be) to 100 for how far a host, an environment or the fleet has drifted.

Host: 100 x (1 - product of (1 - w)) over its findings, w = the weight of the finding's severity: each finding takes its share of what is left,
so the score grows with each finding and with its severity, and never passes 100.
Environment: (worst host + weighted mean of its hosts) / 2: one bad host shows, and so do many that are a little off.
Fleet: the same over environments, weighted by tier. Rounded to one decimal. More or worse drift never lowers any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WEIGHTS: Mapping[str, float] = {"critical": 0.5, "high": 0.2, "medium": 0.05, "low": 0.01, "cosmetic": 0.0}
TIERS: Mapping[str, float] = {"production": 4.0, "staging": 2.0, "test": 1.0, "development": 1.0}


def host_score(findings: Iterable[Mapping[str, Any]], weights: Mapping[str, Any] | None = None) -> float:
    """weights: the `weights` of evenkeel_drift; its `severities` replace single defaults."""
    used = severities(weights)
    rest = 1.0
    for finding in findings:
        rest *= 1 - used[finding["severity"]]
    return round(100 * (1 - rest), 1)


def severities(weights: Mapping[str, Any] | None = None) -> dict[str, float]:
    """Each weight at least as large as those of the levels below it."""
    chosen = {**WEIGHTS, **((weights or {}).get("severities") or {})}
    least = 0.0
    for level in reversed(list(WEIGHTS)):
        least = max(least, min(1.0, float(chosen[level])))
        chosen[level] = least
    return {level: chosen[level] for level in WEIGHTS}


def joint_score(scores: Mapping[str, float], weights: Mapping[str, float] | None = None) -> float:
    """Of several hosts or services by name; a name without a weight counts 1."""
    if not scores:
        return 0.0
    shares = {name: float((weights or {}).get(name, 1.0)) for name in scores}
    total = sum(shares.values())
    mean = sum(scores[name] * share for name, share in shares.items()) / total if total else 0.0
    return round((max(scores.values()) + mean) / 2, 1)


def fleet_score(scores: Mapping[str, float], tiers: Mapping[str, str], weights: Mapping[str, Any] | None = None) -> float:
    """scores and tiers by name of the environment."""
    by_tier = {**TIERS, **((weights or {}).get("tiers") or {})}
    return joint_score(scores, {name: by_tier.get(tiers.get(name, ""), 1.0) for name in scores})


def overview(results: Mapping[str, Iterable[Mapping[str, Any]]], weights: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """{score, hosts: {host: score}, services: {service: score}} from {"host/service": findings} of one environment."""
    hosts: dict[str, list[Mapping[str, Any]]] = {}
    services: dict[str, dict[str, float]] = {}
    for subject, findings in results.items():
        host, _slash, service = subject.partition("/")
        listed = list(findings)
        hosts.setdefault(host, []).extend(listed)
        services.setdefault(service, {})[host] = host_score(listed, weights)
    scores = {host: host_score(found, weights) for host, found in sorted(hosts.items())}
    return {"score": joint_score(scores), "hosts": scores, "services": {service: joint_score(by_host) for service, by_host in sorted(services.items())}}
