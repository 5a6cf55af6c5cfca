# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoints that were recorded for an environment: {service: {host: {address, ports, paths}}}."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import layout
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision.errors import ProvisionError

Endpoints = dict[str, dict[str, dict[str, Any]]]


def path_of(state_dir: str, environment: str) -> Path:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", environment):
        raise ProvisionError(f"Environment {environment!r} is not a name: allowed are a-z, 0-9 and '_', a letter first.")
    return Path(state_dir).expanduser() / "provisioned" / f"{environment}.json"


def read(state_dir: str, environment: str) -> Endpoints | None:
    path = path_of(state_dir, environment)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise ProvisionError(f"The record {path} cannot be read: {exc}. Run evenkeel.release.provision again to write it.") from exc
    endpoints: Endpoints = document["endpoints"]
    return endpoints


def from_ledger(url: str, environment: str) -> Endpoints | None:
    """The last provision's endpoints, unless a teardown came after it. A ledger that does not exist yet knows nothing."""
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
        return None
    from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

    last: Endpoints | None = None
    store = open_store(url)
    for entry in store.entries(environment=environment, phase="outcome"):
        if entry.kind == "teardown" and entry.body.get("verdict") == "passed":
            last = None
        if entry.kind == "provision" and entry.body.get("verdict") == "passed":
            last = entry.body.get("endpoints") or last
    return last


def of_existing(environment: str, documents: Mapping[str, Any]) -> Endpoints:
    """Endpoints of hosts that are there, from the documents alone."""
    if documents["environment"].get("provider") != "existing":
        raise ProvisionError(f"Environment {environment} has no recorded endpoints. Run evenkeel.release.provision for it first.")
    endpoints: Endpoints = {}
    for name, service in documents["services"].items():
        ports = {key: int(port) for key, port in (service.get("ports") or {}).items()}
        if not ports and service.get("port") is not None:
            ports = {"http" if service["engine"] == "haproxy" else "main": int(service["port"])}
        if not ports and service["engine"] != "sqlite":
            raise ProvisionError(f"Service {name} of {environment}: the provider 'existing' needs port or ports; found neither.")
        hosts, groups = documents["groups"].get(service.get("hosts"), []), documents["groups"]
        endpoints[name] = {
            host: {
                "address": documents["addresses"].get(host, host),
                "ports": _of_host(ports, layout.own_colour(service, host, groups)),
                "paths": dict(service.get("paths") or {}),
            }
            for host in hosts
        }
    return endpoints


def _of_host(ports: Mapping[str, int], colour: str) -> dict[str, int]:
    return {name: port for name, port in ports.items() if not colour or name not in layout.COLOURS or name == colour}
