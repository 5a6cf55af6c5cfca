# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what hosts say about themselves: their environment's documents and what was observed on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import host as of_host
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import parse

HostVars = Mapping[str, Mapping[str, Any]]


def plain(value: Any) -> Any:
    """The same value without the types of the templating engine."""
    return json.loads(json.dumps(value, default=str))


def said(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What a host said in this run, from its variables. One at a time: reading all would evaluate every lookup of its group_vars."""
    names = [of_host.VARIABLE] if of_host.VARIABLE in variables else [name for name in of_host.SAYS if name in variables]
    return of_host.said({name: plain(variables[name]) for name in names})


class HostsOnce(dict[str, Any]):
    """Hosts' variables, each gathered once: gathering them takes Ansible a millisecond, and a plan asks several times."""

    def __init__(self, hostvars: HostVars) -> None:
        super().__init__()
        self._hostvars = hostvars

    def __missing__(self, host: str) -> Any:
        found = self[host] = self._hostvars[host]
        return found


def environment_of(*, name: str, groups: Mapping[str, Sequence[str]], hostvars: HostVars) -> tuple[dict[str, Any], dict[str, Any]]:
    """(environment document, its services) of the environment's group."""
    hosts = groups.get(name)
    if not hosts:
        raise DeploymentError(f"The environment {name!r} is not a group of the inventory with hosts; groups are {', '.join(sorted(groups))}.")
    first = hostvars[hosts[0]]
    missing = [document for document in ("evenkeel_environment", "evenkeel_services") if document not in first]
    if missing:
        raise DeploymentError(f"Host {hosts[0]} of {name} has no {' and no '.join(missing)}. Put the documents into group_vars/{name}.yml.")
    return plain(first["evenkeel_environment"]), plain(first["evenkeel_services"])


def live_backends(*, hosts: Sequence[str], hostvars: HostVars) -> dict[str, str]:
    """{service: backend} from the balancers' maps; balancers that disagree are an error, never a guess."""
    live: dict[str, str] = {}
    for host in hosts:
        for service, backend in said(hostvars[host])["deploy_live"].items():
            if live.setdefault(service, backend) != backend:
                raise DeploymentError(
                    f"The balancers disagree on {service}: one serves {live[service]}, {host} serves {backend}. Run evenkeel.release.recover."
                )
    return live


def places(*, hosts: Sequence[str], hostvars: HostVars) -> dict[str, dict[str, Any]]:
    """{host: {zone, rank, colours}}: where a host is, when it has its turn, and which colour of which service runs there."""
    found = {}
    for host in hosts:
        rank = plain(hostvars[host].get("evenkeel_rank", 0))
        if isinstance(rank, bool) or not str(rank).lstrip("-").isdigit():
            raise DeploymentError(f"evenkeel_rank of host {host} is {rank!r}; allowed are whole numbers, lower ones are replaced first.")
        zone = str(plain(hostvars[host].get("evenkeel_zone", "")))
        found[host] = {"zone": zone, "rank": int(rank), "colours": said(hostvars[host])["deploy_colours"]}
    return found


def read_manifest(*, folder: str, version: str) -> dict[str, Any]:
    path = Path(folder) / f"{version}.yml"
    if path.parent != Path(folder):
        raise DeploymentError(f"{version!r} is no version of a release: it is never a path. Pass -e evenkeel_version=<release>.")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        known = sorted(found.stem for found in Path(folder).glob("*.yml"))
        raise DeploymentError(
            f"Release {version!r} has no readable manifest {path} ({exc.strerror}); releases there are {', '.join(known) or 'none'}."
        ) from exc
    except UnicodeDecodeError as exc:
        raise DeploymentError(f"The release manifest {path} is not text in UTF-8. Restore it from version control.") from exc
    manifest, _source, faults = parse(text, str(path))
    if faults:
        raise DeploymentError(render(faults, {"releases": 1}))
    if not isinstance(manifest, dict) or not isinstance(manifest.get("components"), dict) or str(manifest.get("version")) != version:
        raise DeploymentError(f"The release manifest {path} does not describe release {version}. Check it with evenkeel.release.validate.")
    base = path.parent
    for component in manifest["components"].values():
        for each in (component, *component.get("variants", ())):
            _settle(each, "artifact", base)
            for signature in each.get("signatures", ()):
                _settle(signature, "source", base)
    return manifest


def _settle(entry: dict[str, Any], name: str, base: Path) -> None:
    """A relative path is one beside the manifest."""
    source = str(entry.get(name) or "")
    if source and "://" not in source and not Path(source).is_absolute():
        entry[name] = str((base / source).resolve())
