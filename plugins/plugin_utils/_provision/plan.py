# SPDX-License-Identifier: GPL-3.0-or-later
"""What to start, where and in which order. Plain data in, plain data out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import layout
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision.errors import ProvisionError

Services = Mapping[str, Mapping[str, Any]]
MAIN_PORT = {"postgresql": "main", "mysql": "main", "openbao": "main", "haproxy": "http"}
USUAL_PROBE = {
    "postgresql": {"name": "accepts connections", "type": "postgresql"},
    "mysql": {"name": "listens", "type": "tcp"},
    "haproxy": {"name": "listens", "type": "tcp"},
    "openbao": {"name": "unsealed", "type": "http", "path": "/v1/sys/health"},
}


def waves(services: Services) -> list[list[str]]:
    """Services in the order of their dependencies: each wave needs only earlier ones. Sorted, so that it is the same each time."""
    left = {name: set(service.get("depends_on") or []) for name, service in services.items()}
    unknown = sorted({f"{name} depends on {other}" for name, needs in left.items() for other in needs - set(services)})
    if unknown:
        raise ProvisionError(f"Unknown services: {'; '.join(unknown)}; known are {', '.join(sorted(services))}.")
    result: list[list[str]] = []
    while left:
        ready = sorted(name for name, needs in left.items() if not needs & set(left))
        if not ready:
            raise ProvisionError(f"The services depend on each other in a circle: {', '.join(sorted(left))}. Remove one depends_on.")
        result.append(ready)
        for name in ready:
            del left[name]
    return result


def started(services: Services) -> list[list[str]]:
    """The waves without applications, which a deployment starts, and without databases that are files."""
    kept = [[name for name in wave if services[name]["engine"] not in ("application", "sqlite")] for wave in waves(services)]
    return [wave for wave in kept if wave]


def balanced(services: Services, balancer: str) -> list[str]:
    return [name for name, service in services.items() if (service.get("uses") or {}).get("balancer") == balancer]


def balancer_ports(services: Services, balancer: str) -> dict[str, tuple[str, str]]:
    """{application: (name of its live port, name of its preview port)}; the first one has the short names."""
    names = balanced(services, balancer)
    return {name: ("http", "preview") if index == 0 else (f"http_{name}", f"preview_{name}") for index, name in enumerate(names)}


def port_names(services: Services, name: str, *, host: str = "", groups: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    engine = services[name]["engine"]
    if engine == "application":
        return layout.ports(services[name], host, groups)
    if engine == "haproxy":
        return [port for pair in balancer_ports(services, name).values() for port in pair] or ["http", "preview"]
    return ["main", "cluster"] if engine == "openbao" else ["main"]


def wanted_on(services: Services, *, groups: Mapping[str, Sequence[str]], host: str) -> dict[str, dict[str, Any]]:
    """{service: {engine, ports: {name: declared port, or 0}}} of the services of that host."""
    wanted: dict[str, dict[str, Any]] = {}
    for name, service in services.items():
        if service["hosts"] not in groups:
            raise ProvisionError(f"Service {name}: hosts names the group {service['hosts']!r}, which is not in the inventory.")
        if host not in groups[service["hosts"]]:
            continue
        declared = dict(service.get("ports") or {})
        if service.get("port"):
            declared.setdefault(MAIN_PORT.get(service["engine"], "main"), service["port"])
        wanted[name] = {
            "engine": service["engine"],
            "ports": {port: int(declared.get(port, 0)) for port in port_names(services, name, host=host, groups=groups)},
        }
    return wanted


def settings(services: Services, name: str, *, endpoints: Mapping[str, Any], host: str) -> dict[str, Any]:
    """The engine's settings for module local_service."""
    service = services[name]
    if service["engine"] == "postgresql":
        return {"database": service["database"]} if service.get("database") else {}
    if service["engine"] != "haproxy":
        return {}
    own = endpoints[name][host]["ports"]
    applications = []
    for application, (live, preview) in balancer_ports(services, name).items():
        at = endpoints.get(application, {})
        applications.append(
            {
                "service": application,
                "http": own[live],
                "preview": own[preview],
                "check_path": _ready_path(services[application]),
                "servers": _servers(services[application], at),
            }
        )
    return {"applications": applications}


def _servers(service: Mapping[str, Any], at: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """{colour: its servers}; {main: servers} when a release is replaced on its host. A host has a server for each instance it may run."""
    if layout.one_pool(service) and not layout.surges(service):
        return {"main": [_server(host, found, "main") for host, found in sorted(at.items())]}
    pools = {
        name: [_server(layout.server_name(host, name), found, name) for host, found in sorted(at.items()) if name in found["ports"]]
        for name in (*layout.COLOURS, *([layout.BASELINE] if layout.compares_same_age(service) else []))
    }
    if layout.surges(service):
        return {"main": sorted((server for servers in pools.values() for server in servers), key=lambda server: str(server["name"]))}
    return pools


def _server(name: str, found: Mapping[str, Any], port: str) -> dict[str, Any]:
    return {"name": name, "address": found["address"], "port": found["ports"][port]}


def _ready_path(service: Mapping[str, Any]) -> str:
    paths = {probe.get("name"): probe.get("path", "/") for probe in service.get("probes") or [] if probe["type"] == "http"}
    return str(paths.get("ready") or next(iter(paths.values()), ""))


def probes(services: Services, name: str, *, endpoint: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The service's probes with address and port filled in, named "<service>: <probe>"."""
    service = services[name]
    port = endpoint["ports"].get(MAIN_PORT.get(service["engine"], "main")) or next(iter(endpoint["ports"].values()))
    known = {"address": endpoint["address"], "port": port}
    usual = [USUAL_PROBE[service["engine"]]] if service["engine"] in USUAL_PROBE else []
    result = []
    for probe in service.get("probes") or usual:
        filled = {key: _fill(value, known) for key, value in probe.items()}
        if filled["type"] != "command" and "url" not in filled:
            filled = {"host": known["address"], "port": port, **filled}
        if "port" in filled:
            filled["port"] = int(filled["port"])
        result.append({**filled, "name": f"{name}: {filled.get('name', filled['type'])}"})
    return result


def _fill(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\{(address|port)\}", lambda found: str(known[found.group(1)]), value)
    if isinstance(value, list):
        return [_fill(item, known) for item in value]
    return value


def work(services: Services, *, endpoints: Mapping[str, Any], host: str, start: bool) -> list[dict[str, Any]]:
    """Per wave: the services of that host with their settings, and the probes that have to pass before the next wave."""
    result = []
    for names in started(services):
        mine = [name for name in names if host in endpoints.get(name, {})]
        result.append(
            {
                "names": names,
                "services": [
                    {
                        "name": name,
                        "engine": services[name]["engine"],
                        "endpoint": endpoints[name][host],
                        "settings": settings(services, name, endpoints=endpoints, host=host),
                    }
                    for name in mine
                    if start
                ],
                "probes": [probe for name in mine for probe in probes(services, name, endpoint=endpoints[name][host])],
            }
        )
    return result
