# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of how a service is rolled out that only several of its keys together show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import layout
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.strategy import replacement
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, listed, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

# The canary and the fresh old release have the same share each, so neither can have more than half.
HALF = 50
# Key below `rollout` -> the strategy that it belongs to.
BELONGS = {"surge": "rolling", "baseline": "canary"}


def rollout_faults(name: str, service: Mapping[str, Any], *, document: Any, source: Source, groups: Mapping[str, Sequence[str]]) -> list[Fault]:
    rollout = service.get("rollout") if isinstance(service.get("rollout"), Mapping) else {}
    known = {**service, "rollout": rollout}
    return [
        *_strategy_faults(name, known, source),
        *_share_faults(name, known, source),
        *_colour_faults(name, known, source, groups),
        *_port_faults(name, known, source, document),
    ]


def _strategy_faults(name: str, service: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    strategy = replacement(service)
    for key, wanted in BELONGS.items():
        if service["rollout"].get(key) and strategy != wanted:
            yield source.fault((name, "rollout", key), found=f"{key} with strategy {strategy}", allowed=f"{key} only with strategy {wanted}")


def _share_faults(name: str, service: Mapping[str, Any], source: Source) -> Iterator[Fault]:
    steps = service["rollout"].get("steps")
    if not layout.compares_same_age(service) or not isinstance(steps, list):
        return
    for index, step in enumerate(steps):
        weight = step.get("weight") if isinstance(step, Mapping) else None
        if isinstance(weight, (int, float)) and weight > HALF:
            yield source.fault(
                (name, "rollout", "steps", index, "weight"),
                found=f"{weight} beside a baseline of the same age, which gets as much",
                allowed=f"at most {HALF}",
            )


def _colour_faults(name: str, service: Mapping[str, Any], source: Source, groups: Mapping[str, Sequence[str]]) -> Iterator[Fault]:
    colours = service.get("colours")
    if not isinstance(colours, Mapping):
        return
    if layout.one_pool(service):
        yield source.fault((name, "colours"), found=f"colours with strategy {service['strategy']}", allowed="colours only with blue_green and canary")
    if layout.compares_same_age(service):
        yield source.fault((name, "colours"), found="colours with a baseline of the same age", allowed="one of the two: the baseline runs beside the canary")
    inside, taken = set(groups.get(str(service.get("hosts")), ())), dict[str, str]()
    for colour, group in sorted(colours.items()):
        hosts = groups.get(group, ()) if isinstance(group, str) else ()
        fitting = sorted(key for key, members in groups.items() if members and set(members) < inside)
        if not hosts or not set(hosts) <= inside:
            yield source.fault((name, "colours", colour), found=shown(group), allowed=f"a group of hosts of {service.get('hosts')}: {listed(fitting)}")
        both = sorted(host for host in hosts if taken.setdefault(host, colour) != colour)
        if both:
            yield source.fault((name, "colours", colour), found=f"hosts of both colours: {listed(both)}", allowed="each host in one of the two groups")
    lone = sorted(inside - set(taken))
    if taken and lone:
        yield source.fault((name, "colours"), found=f"{service.get('hosts')} with hosts of neither colour: {listed(lone)}", allowed="each host in one of them")


def _port_faults(name: str, service: Mapping[str, Any], source: Source, document: Any) -> Iterator[Fault]:
    """Elsewhere free ports are chosen."""
    provider = document.get("provider") if isinstance(document, Mapping) else None
    special = layout.surges(service) or layout.compares_same_age(service)
    if provider != "existing" or not special or service.get("engine") != "application":
        return
    ports = service.get("ports")
    declared = ports if isinstance(ports, Mapping) else {}
    missing = [port for port in layout.ports(service) if port not in declared]
    if missing:
        yield source.fault(
            (name, "ports"),
            found=f"the ports {listed(sorted(declared))}",
            allowed=f"also {listed(missing)}: each release that runs at the same time has its own",
        )
