# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that only several documents together show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import (
    Fault,
    did_you_mean,
    listed,
    shown,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.formats import timestamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.rollout import rollout_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

Groups = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Environment:
    """What the hosts of one environment say. `hosts` are those whose document has this name."""

    name: str
    hosts: tuple[str, ...]
    document: Any
    services: Any
    document_source: Source
    services_source: Source
    drift: Any = field(default_factory=dict)
    drift_source: Source = field(default_factory=lambda: Source("inventory", prefix="evenkeel_drift"))
    waivers: Any = field(default_factory=list)
    waivers_source: Source = field(default_factory=lambda: Source("inventory", prefix="evenkeel_compliance_waivers"))


@dataclass(frozen=True)
class Document:
    """A document that is a file of its own."""

    name: str
    value: Any
    source: Source


def environment_faults(environments: Sequence[Environment], groups: Groups) -> list[Fault]:
    usable = [each for each in environments if isinstance(each.document, Mapping)]
    faults: list[Fault] = []
    for each in usable:
        faults += [*_group_faults(each, groups), *_freeze_faults(each)]
    faults += [*_overlap_faults(usable, groups), *_stage_faults(usable), *_promotion_faults(usable), *_more_upstreams_faults(usable)]
    return faults


def _group_faults(each: Environment, groups: Groups) -> Iterator[Fault]:
    if each.name not in groups:
        around = sorted(name for name, hosts in groups.items() if name not in ("all", "ungrouped") and set(each.hosts) & set(hosts))
        yield each.document_source.fault(
            ("name",),
            found=shown(each.name),
            allowed=f"the name of the inventory group of its hosts: {listed(around)}",
            hint=did_you_mean(each.name, around) or "rename the environment or the group",
        )
        return
    outside = sorted(set(each.hosts) - set(groups[each.name]))
    if outside:
        yield each.document_source.fault(
            ("name",),
            found=f"hosts outside the group {each.name}: {listed(outside)}",
            allowed=f"hosts of the group {each.name}",
            hint="move the document to the group_vars of its own group",
        )


def _freeze_faults(each: Environment) -> Iterator[Fault]:
    freezes = each.document.get("freezes")
    for index, freeze in enumerate(freezes if isinstance(freezes, list) else []):
        bounds = [timestamp(str(freeze.get(end))) for end in ("from", "to")] if isinstance(freeze, Mapping) else [None]
        if None not in bounds and bounds[1] <= bounds[0]:  # type: ignore[operator]  # neither is None here
            yield each.document_source.fault(("freezes", index, "to"), found=shown(freeze["to"]), allowed=f"a time after from, {freeze['from']}")


def _overlap_faults(environments: Sequence[Environment], groups: Groups) -> Iterator[Fault]:
    owner: dict[str, str] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    by_name = {each.name: each for each in environments}
    for name in sorted(by_name):
        for host in groups.get(name, ()):
            first = owner.setdefault(host, name)
            if first != name:
                shared.setdefault((first, name), []).append(host)
    for (first, name), hosts in shared.items():
        yield by_name[name].document_source.fault(
            ("name",),
            found=f"hosts that belong to {first} and to {name}: {listed(hosts)}",
            allowed="each host in one environment",
            hint=f"take them out of the group {first} or {name}",
        )


def _stage_faults(environments: Sequence[Environment]) -> Iterator[Fault]:
    taken: dict[Any, str] = {}
    for each in sorted(environments, key=lambda item: item.name):
        stage = each.document.get("stage")
        if not _is_stage(stage) or each.document.get("kind") == "ephemeral":
            continue
        first = taken.setdefault(stage, each.name)
        if first != each.name:
            yield each.document_source.fault(
                ("stage",),
                found=f"{stage}, the stage of {first}",
                allowed="a stage that no other permanent environment has",
            )


def _promotion_faults(environments: Sequence[Environment]) -> Iterator[Fault]:
    by_name = {each.name: each for each in environments}
    for each in environments:
        origin = each.document.get("promotes_from")
        if not isinstance(origin, str):
            continue
        others = sorted(set(by_name) - {each.name})
        if origin not in by_name:
            yield each.document_source.fault(
                ("promotes_from",),
                found=shown(origin),
                allowed=f"an environment of the inventory: {listed(others)}",
                hint=did_you_mean(origin, others),
            )
            continue
        stage, before = each.document.get("stage"), by_name[origin].document.get("stage")
        if _is_stage(stage) and _is_stage(before) and before >= stage:
            yield each.document_source.fault(
                ("promotes_from",),
                found=f"{origin}, stage {before}",
                allowed=f"an environment of a stage before {stage}",
            )
    graph = {each.name: [origin] for each in environments if isinstance(origin := each.document.get("promotes_from"), str)}
    cycle = _cycle(graph)
    if cycle and cycle[0] in by_name:
        yield by_name[cycle[0]].document_source.fault(
            ("promotes_from",),
            found=f"a circle: {' -> '.join(cycle)}",
            allowed="an order with a beginning",
            hint="remove one promotes_from",
        )


def _more_upstreams_faults(environments: Sequence[Environment]) -> Iterator[Fault]:
    """promotion.from: environments of an earlier stage, which also keeps it from leading in a circle."""
    stages = {each.name: each.document.get("stage") for each in environments}
    for each in environments:
        promotion = each.document.get("promotion")
        for place, origin in enumerate(_list(promotion.get("from")) if isinstance(promotion, Mapping) else []):
            mine, before = stages[each.name], stages.get(origin) if isinstance(origin, str) else None
            if _is_stage(mine) and not (_is_stage(before) and before < mine):
                earlier = sorted(name for name, stage in stages.items() if _is_stage(stage) and stage < mine)
                yield each.document_source.fault(
                    ("promotion", "from", place),
                    found=shown(origin),
                    allowed=f"an environment of a stage before {mine}: {listed(earlier)}",
                    hint=did_you_mean(origin, earlier),
                )


def service_faults(each: Environment, groups: Groups) -> list[Fault]:
    if not isinstance(each.services, Mapping):
        return []
    services = {name: service for name, service in each.services.items() if isinstance(service, Mapping)}
    faults: list[Fault] = []
    for name, service in services.items():
        faults += [*_host_faults(each, name, service, groups), *_reference_faults(each, name, service, services), *_engine_faults(each, name, service)]
        faults += rollout_faults(name, service, document=each.document, source=each.services_source, groups=groups)
    graph = {name: [other for other in _list(service.get("depends_on")) if isinstance(other, str)] for name, service in services.items()}
    cycle = _cycle(graph)
    if cycle:
        faults.append(
            each.services_source.fault(
                (cycle[0], "depends_on"),
                found=f"a circle: {' -> '.join(cycle)}",
                allowed="services that can start one after another",
                hint="remove one of these depends_on",
            )
        )
    return faults


def _engine_faults(each: Environment, name: str, service: Mapping[str, Any]) -> Iterator[Fault]:
    provider = each.document.get("provider") if isinstance(each.document, Mapping) else None
    if service.get("engine") == "mysql" and provider != "existing":
        yield each.services_source.fault(
            (name, "engine"),
            found=f"mysql in an environment of provider {provider}",
            allowed="mysql only with provider: existing",
            hint="MariaDB and MySQL servers are not started here, only used",
        )


def _host_faults(each: Environment, name: str, service: Mapping[str, Any], groups: Groups) -> Iterator[Fault]:
    group = service.get("hosts")
    if not isinstance(group, str):
        return
    inside = set(groups.get(each.name, each.hosts))
    fitting = sorted(key for key, hosts in groups.items() if hosts and set(hosts) <= inside)
    if not groups.get(group):
        found = f"{shown(group)}, a group {'without hosts' if group in groups else 'that the inventory lacks'}"
        yield each.services_source.fault(
            (name, "hosts"),
            found=found,
            allowed=f"a group of hosts of {each.name}: {listed(fitting)}",
            hint=did_you_mean(group, fitting),
        )
        return
    outside = sorted(set(groups[group]) - inside)
    if outside:
        yield each.services_source.fault(
            (name, "hosts"),
            found=f"{group} with hosts outside {each.name}: {listed(outside)}",
            allowed=f"a group of hosts of {each.name}: {listed(fitting)}",
        )


def _reference_faults(each: Environment, name: str, service: Mapping[str, Any], services: Mapping[str, Any]) -> Iterator[Fault]:
    others = sorted(set(services) - {name})
    wanted: list[tuple[tuple[str | int, ...], Any]] = [((name, "depends_on", index), other) for index, other in enumerate(_list(service.get("depends_on")))]
    uses = service.get("uses")
    wanted += [((name, "uses", role), other) for role, other in (uses.items() if isinstance(uses, Mapping) else ())]
    for path, other in wanted:
        if isinstance(other, str) and other not in services:
            yield each.services_source.fault(
                path,
                found=shown(other),
                allowed=f"a service of {each.name}: {listed(others)}",
                hint=did_you_mean(other, others),
            )


def release_faults(release: Document, target: Environment) -> list[Fault]:
    """Only for a release that is about to go to the target."""
    if not isinstance(release.value, Mapping) or not isinstance(target.services, Mapping):
        return []
    components = release.value.get("components")
    provided = set(components) if isinstance(components, Mapping) else set()
    users = {
        name: service["component"] for name, service in target.services.items() if isinstance(service, Mapping) and isinstance(service.get("component"), str)
    }
    faults = [
        release.source.fault(
            ("components", component),
            found=f"the component {component}, which no service of {target.name} uses",
            allowed=f"components of its services: {listed(sorted(set(users.values())))}",
            hint=did_you_mean(component, users.values()),
        )
        for component in sorted(provided - set(users.values()))
    ]
    return faults + [
        target.services_source.fault(
            (name, "component"),
            found=f"{component}, which release {release.name} lacks",
            allowed=f"a component of the release: {listed(sorted(provided))}",
            hint=did_you_mean(component, provided),
        )
        for name, component in sorted(users.items())
        if component not in provided
    ]


def policy_faults(policy: Document, environments: Sequence[Environment]) -> list[Fault]:
    if not isinstance(policy.value, Mapping):
        return []
    applies = policy.value.get("applies_to")
    known = sorted(each.name for each in environments)
    named = _list(applies.get("environments")) if isinstance(applies, Mapping) else []
    faults = [
        policy.source.fault(
            ("applies_to", "environments", index),
            found=shown(name),
            allowed=f"an environment of the inventory: {listed(known)}",
            hint=did_you_mean(name, known),
        )
        for index, name in enumerate(named)
        if name not in known
    ]
    names = [rule.get("name") for rule in _list(policy.value.get("rules")) if isinstance(rule, Mapping)]
    return faults + [
        policy.source.fault(("rules", index, "name"), found=f"{shown(name)} again", allowed="a name that no rule before it has")
        for index, name in enumerate(names)
        if name is not None and name in names[:index]
    ]


def name_fault(document: Document, key: str) -> list[Fault]:
    """A file is found by its name, so the name inside must be the same."""
    inside = document.value.get(key) if isinstance(document.value, Mapping) else None
    if not isinstance(inside, str) or inside == document.name:
        return []
    return [document.source.fault((key,), found=shown(inside), allowed=f"the name of the file, {document.name}", hint="rename one of them")]


def _cycle(graph: Mapping[str, Sequence[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        # graphlib lists predecessors first; turned round it reads "needs".
        return list(reversed(exc.args[1]))
    return []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_stage(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
