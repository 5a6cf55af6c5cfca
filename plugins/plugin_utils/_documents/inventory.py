# SPDX-License-Identifier: GPL-3.0-or-later
"""The files behind inventory variables. Values come templated from Ansible; files only tell where they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Environment
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import did_you_mean, listed
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

ENVIRONMENT = "evenkeel_environment"
SERVICES = "evenkeel_services"
DRIFT = "evenkeel_drift"
WAIVERS = "evenkeel_compliance_waivers"
VARIABLES = (ENVIRONMENT, SERVICES, DRIFT, WAIVERS)
_SUFFIXES = ("", ".yml", ".yaml", ".json")


@dataclass(frozen=True)
class Definition:
    """One place where a variable is written, for a group or a host."""

    variable: str
    owner: str
    source: Source


def definitions(sources: Iterable[str], *, playbook_dir: str = "") -> list[Definition]:
    """Every place in inventory files and the group_vars and host_vars beside them that writes one of the variables."""
    places = [Path(source) for source in sources if source and Path(source).exists()]
    folders = dict.fromkeys(
        [
            *(place if place.is_dir() else place.parent for place in places),
            *([Path(playbook_dir)] if playbook_dir else []),
        ]
    )
    found: list[Definition] = []
    for place in places:
        files = sorted(place.iterdir()) if place.is_dir() else [place]
        for file in files:
            if file.is_file() and file.suffix in (".yml", ".yaml"):
                found += _in_inventory(_compose(file), str(file))
    for folder in folders:
        for kind in ("group_vars", "host_vars"):
            for owner, file in _variable_files(folder / kind):
                found += _in_mapping(_compose(file), owner, str(file))
    return found


def find(found: Sequence[Definition], variable: str, *, host: str, groups: Sequence[str]) -> Source:
    """The definition that the host most likely sees: its own, then its environment's and other groups, then all."""
    order = [host, *groups, "all"]
    fitting = [each for each in found if each.variable == variable and each.owner in order]
    if not fitting:
        return Source(f"inventory (host {host})", prefix=variable)
    return min(fitting, key=lambda each: order.index(each.owner)).source


def environments(hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Sequence[str]], found: Sequence[Definition]) -> list[Environment]:
    """One per name. hostvars: {host: {variable: value}} of VARIABLES, plain."""
    hosts_of: dict[str, list[str]] = {}
    for host, variables in hostvars.items():
        if ENVIRONMENT in variables:
            hosts_of.setdefault(_name(variables[ENVIRONMENT], host), []).append(host)
    return [_environment(name, hosts, hostvars, groups, found) for name, hosts in sorted(hosts_of.items())]


def unknown_environment(name: str, known: Sequence[Environment], groups: Mapping[str, Sequence[str]]) -> dict[str, str] | None:
    """What a fault says about an environment that was asked for; None when it is there."""
    names = [each.name for each in known]
    if name in names:
        return None
    if name in groups:
        reason = "a group whose hosts have no evenkeel_environment" if groups[name] else "a group without hosts"
    else:
        reason = "no group of the inventory"
    return {
        "found": f'"{name}", {reason}',
        "allowed": f"an environment: {listed(names)}",
        "hint": did_you_mean(name, names),
    }


def _name(document: Any, host: str) -> str:
    name = document.get("name") if isinstance(document, Mapping) else None
    return name if isinstance(name, str) else f"(no name, host {host})"


def _environment(
    name: str,
    hosts: list[str],
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    found: Sequence[Definition],
) -> Environment:
    # The smallest group first: the nearer definition wins, as it does in Ansible.
    around = sorted(
        (key for key, members in groups.items() if key != "all" and hosts[0] in members),
        key=lambda key: (key != name, len(groups[key])),
    )
    return Environment(
        name=name,
        hosts=tuple(hosts),
        document=hostvars[hosts[0]][ENVIRONMENT],
        services=hostvars[hosts[0]].get(SERVICES, {}),
        document_source=find(found, ENVIRONMENT, host=hosts[0], groups=around),
        services_source=find(found, SERVICES, host=hosts[0], groups=around),
        drift=hostvars[hosts[0]].get(DRIFT, {}),
        drift_source=find(found, DRIFT, host=hosts[0], groups=around),
        waivers=hostvars[hosts[0]].get(WAIVERS, []),
        waivers_source=find(found, WAIVERS, host=hosts[0], groups=around),
    )


def _variable_files(folder: Path) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.is_file() and entry.suffix in _SUFFIXES:
            yield entry.stem, entry
        elif entry.is_dir():
            yield from ((entry.name, file) for file in sorted(entry.rglob("*")) if file.is_file() and file.suffix in _SUFFIXES)


def _compose(file: Path) -> yaml.Node | None:
    try:
        text = file.read_text(encoding="utf-8")
        return None if text.startswith("$ANSIBLE_VAULT") else yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # Ansible reports files that it can't read; here they only tell no line.


def _in_mapping(node: yaml.Node | None, owner: str, file: str) -> Iterator[Definition]:
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.value in VARIABLES:
            yield Definition(key.value, owner, Source(file, value, prefix=key.value))


def _in_inventory(node: yaml.Node | None, file: str) -> Iterator[Definition]:
    """Groups nest: {group: {vars: {...}, hosts: {host: {...}}, children: {group: ...}}}."""
    for key, group in node.value if isinstance(node, yaml.MappingNode) else ():
        for part, body in group.value if isinstance(group, yaml.MappingNode) else ():
            if part.value == "vars":
                yield from _in_mapping(body, key.value, file)
            elif part.value == "hosts":
                for host, variables in body.value if isinstance(body, yaml.MappingNode) else ():
                    yield from _in_mapping(variables, host.value, file)
            elif part.value == "children":
                yield from _in_inventory(body, file)
