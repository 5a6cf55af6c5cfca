# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what hosts say about themselves: their environment's documents and what was observed on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

HostVars = Mapping[str, Mapping[str, Any]]


def plain(value: Any) -> Any:
    """The same value without the types of the templating engine."""
    return json.loads(json.dumps(value, default=str))


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
        for service, backend in plain(hostvars[host].get("deploy_live", {})).items():
            if live.setdefault(service, backend) != backend:
                raise DeploymentError(
                    f"The balancers disagree on {service}: one serves {live[service]}, {host} serves {backend}. Run evenkeel.release.recover."
                )
    return live


def read_manifest(*, folder: str, version: str) -> dict[str, Any]:
    path = Path(folder) / f"{version}.yml"
    try:
        manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        known = sorted(found.stem for found in Path(folder).glob("*.yml"))
        raise DeploymentError(
            f"Release {version!r} has no readable manifest {path} ({exc.strerror}); releases there are {', '.join(known) or 'none'}."
        ) from exc
    except yaml.YAMLError as exc:
        raise DeploymentError(f"The release manifest {path} is not YAML: {exc}") from exc
    if not isinstance(manifest, dict) or "components" not in manifest or str(manifest.get("version")) != version:
        raise DeploymentError(f"The release manifest {path} does not describe release {version}. Check it with evenkeel.release.validate.")
    base = path.parent
    for component in manifest["components"].values():
        source = str(component["artifact"])
        if "://" not in source and not Path(source).is_absolute():
            component["artifact"] = str((base / source).resolve())
    return manifest
