# SPDX-License-Identifier: GPL-3.0-or-later
"""From what somebody asks, what the ledger knows and what is declared to the question that plan.judge() answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import plan, running
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Declared
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.plan import dependency_order
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.asked import Asked


class Question(NamedTuple):
    """lost: services that run something whose version nobody can tell; items: versions that the matrix shows."""

    declared: Declared
    now: dict[str, str]
    wanted: dict[str, str]
    order: list[str]
    before: Mapping[str, Sequence[str]]
    hosts: dict[str, list[str]]
    tested: dict[running.Pair, list[str]]
    items: list[tuple[str, str]]
    lost: list[str]
    rollback: bool


def make(args: Mapping[str, Any], known: Asked, declared: Declared, manifests: Sequence[Mapping[str, Any]]) -> Question:
    """args: environment, version, running, wanted, order, before and rollback as the module compatibility takes them. Raises what inventory raises."""
    services = _services(args["environment"], known)
    component_of = {name: str(service.get("component", name)) for name, service in services.items()}
    of = running.versions(known.entries, manifests)
    here, lost = running.components(views.deployed(known.entries).get(args["environment"], {}), of, component_of)
    now = {**here, **_texts(args["running"], "running")}
    wanted = {**_release(args["version"], of, set(component_of.values()) if services else None), **_texts(args["wanted"], "wanted")}
    order = list(args["order"]) or list(dict.fromkeys(component_of[name] for name in dependency_order(services)))
    tested = running.tested(known.entries, of, component_of)
    items = {*now.items(), *((name, version) for name, version in wanted.items() if version), *(at for pair in tested for at in pair)}
    items |= {(name, version) for name, component in declared.items() for version in component.known}
    lost = [name for name in lost if component_of.get(name, name) not in args["running"]]
    return Question(
        declared, now, wanted, order, args["before"], _hosts(services, component_of, known.groups), tested, sorted(items), lost, bool(args["rollback"])
    )


def answer(question: Question, *, today: str) -> dict[str, Any]:
    """plan.judge() and, under `rollback`, the same of a whole rollback later in the order of a deployment: {verdict, order, given_works, lines}."""
    ask: dict[str, Any] = {"declared": question.declared, "today": today, "given": question.order, "hosts": question.hosts}
    found = plan.judge(running=question.now, wanted=question.wanted, before=question.before, rollback=question.rollback, **ask)
    if question.lost:
        found["lines"] += [f"unknown: which version of its component {name} runs; give it with running" for name in question.lost]
        found["unknown"] += [{"component": name, "version": ""} for name in question.lost]
        found["verdict"] = "inconclusive" if found["verdict"] == "passed" else found["verdict"]
    moved = {name: version for name, version in question.wanted.items() if question.now.get(name, "") != version}
    kept = {name for name in moved if name in question.declared and question.declared[name].stays}
    there = {**question.now, **question.wanted}
    way = plan.judge(running=there, wanted={name: question.now.get(name, "") for name in moved if name not in kept}, rollback=False, **ask)
    return {**found, "rollback": {key: way[key] for key in ("verdict", "order", "given_works", "lines")}}


def _services(environment: str, known: Asked) -> dict[str, Any]:
    if not environment:
        return {}
    _document, services = inventory.environment_of(name=environment, groups=known.groups, hostvars=known.hostvars)
    return services


def _release(version: str, of: running.Versions, used: set[str] | None) -> dict[str, str]:
    if not version:
        return {}
    if version not in of:
        raise CompatibilityError(f"Release {version!r} has no manifest; known are {', '.join(sorted(of)) or 'none'}.")
    return {name: at for name, at in of[version].items() if used is None or name in used}


def _hosts(services: Mapping[str, Any], component_of: Mapping[str, str], groups: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for name, service in services.items():
        found.setdefault(component_of[name], set()).update(groups.get(str(service.get("hosts", "")), ()))
    return {name: sorted(hosts) for name, hosts in found.items()}


def _texts(given: Mapping[str, Any], option: str) -> dict[str, str]:
    wrong = sorted(name for name, version in given.items() if not isinstance(version, str))
    if wrong:
        raise CompatibilityError(f'{option} of {", ".join(wrong)} is no text; quote versions, as in "1.10.0", and write "" for none.')
    return dict(given)
