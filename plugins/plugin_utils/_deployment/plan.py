# SPDX-License-Identifier: GPL-3.0-or-later
"""From documents and observations to the plan of one deployment: which colour of which service on which hosts.

A plan is plain data. It is written into the ledger as the body of the deployment's intent, so that a later run can
finish or roll back what this one began without reading any other document again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

COLOURS = ("blue", "green")
Document = Mapping[str, Any]


def build(
    *,
    environment: str,
    services: Mapping[str, Document],
    manifest: Document,
    endpoints: Mapping[str, Mapping[str, Document]],
    deployed: Mapping[str, str],
    live: Mapping[str, str],
    only: str = "",
    force: bool = False,
) -> dict[str, Any]:
    """The plan to bring `manifest` to `environment`.

    Services that run the release already are left out, unless `force`: a plan without services has nothing to do.

    deployed: {service: release} that the ledger knows; live: {service: backend} that the balancers serve now.
    Services come in dependency order: a service is switched after the ones it depends on.
    """
    wanted = _wanted(services, manifest, only)
    return {
        "environment": environment,
        "release": manifest["version"],
        "rollback": dict(manifest.get("rollback", {})),
        "services": [
            _service_plan(
                name=name,
                service=services[name],
                manifest=manifest,
                endpoints=endpoints,
                previous=deployed.get(name, ""),
                live=live.get(name, ""),
            )
            for name in dependency_order(services)
            if name in wanted and (force or deployed.get(name) != manifest["version"])
        ],
    }


def without(endpoints: Mapping[str, Mapping[str, Document]], *, exclude: Sequence[str], services: Mapping[str, Document]) -> dict[str, dict[str, Document]]:
    """The endpoints less the application hosts that an operator leaves out; a name that is none of them is an error."""
    applications = {name for name, service in services.items() if service.get("engine") == "application"}
    known = {host for name in applications for host in endpoints.get(name, {})}
    if not known.issuperset(exclude):
        raise DeploymentError(f"evenkeel_exclude names {_list(set(exclude) - known)}; the hosts of the applications are {_list(known)}.")
    return {name: {host: at for host, at in hosts.items() if name not in applications or host not in exclude} for name, hosts in endpoints.items()}


def tell(plan: Document) -> list[str]:
    """The plan in words, a line for each service."""
    if not plan["services"]:
        return [f"Every service of {plan['environment']} runs {plan['release']} already: there is nothing to do."]
    return [
        f"{service['service']}: {service['previous'] or 'nothing'} ({service['live']}) -> {service['release']} ({service['idle']})"
        f" on {', '.join(sorted(service['hosts']))}"
        for service in plan["services"]
    ]


def dependency_order(services: Mapping[str, Document]) -> list[str]:
    try:
        return list(TopologicalSorter({name: sorted(service.get("depends_on", [])) for name, service in services.items()}).static_order())
    except CycleError as exc:
        raise DeploymentError(f"The services depend on each other in a circle: {' -> '.join(exc.args[1])}. Remove one of these depends_on.") from exc


def other(colour: str) -> str:
    return COLOURS[1 - COLOURS.index(colour)]


def _wanted(services: Mapping[str, Document], manifest: Document, only: str) -> set[str]:
    applications = {name for name, service in services.items() if service.get("engine") == "application"}
    if only and only not in applications:
        raise DeploymentError(f"evenkeel_service is {only!r}; the environment's application services are {_list(applications)}.")
    wanted = {name for name in applications if services[name].get("component", name) in manifest["components"] and only in ("", name)}
    if not wanted:
        raise DeploymentError(
            f"Release {manifest['version']} has the components {_list(manifest['components'])}; no service of the environment uses one of them"
            f" (services use {_list({str(services[name].get('component', name)) for name in applications})})."
        )
    return wanted


def _service_plan(
    *, name: str, service: Document, manifest: Document, endpoints: Mapping[str, Mapping[str, Document]], previous: str, live: str
) -> dict[str, Any]:
    component = manifest["components"][service.get("component", name)]
    hosts = endpoints.get(name)
    if not hosts:
        raise DeploymentError(f"Service {name} has no endpoints: the environment is not provisioned. Run evenkeel.release.provision first.")
    balancer = _balancer(name, service, endpoints)
    colour = _live_colour(name, live)
    return {
        "service": name,
        "release": manifest["version"],
        "previous": previous,
        "live": colour,
        "idle": other(colour),
        "hosts": {host: {"address": at["address"], "ports": dict(at["ports"]), "root": at["paths"]["root"]} for host, at in hosts.items()},
        "first_host": sorted(hosts)[0],
        "artifact": {"source": component["artifact"], "sha256": component["sha256"]},
        "balancer": balancer,
    }


def _balancer(name: str, service: Document, endpoints: Mapping[str, Mapping[str, Document]]) -> list[dict[str, Any]]:
    used = service.get("uses", {}).get("balancer")
    if not used or used not in endpoints:
        raise DeploymentError(
            f"Service {name} is deployed blue-green and needs a balancer: uses.balancer is {used!r}; services with endpoints are {_list(endpoints)}."
        )
    return [
        {"host": host, "address": at["address"], "socket": at["paths"]["socket"], "map": at["paths"]["map"], "ports": dict(at["ports"])}
        for host, at in sorted(endpoints[used].items())
    ]


def _live_colour(name: str, backend: str) -> str:
    for colour in COLOURS:
        if backend == f"{name}_{colour}":
            return colour
    raise DeploymentError(
        f"The balancer serves {name} from {backend or 'nothing'!r}; allowed are {_list(f'{name}_{colour}' for colour in COLOURS)}."
        " Run evenkeel.release.provision to repair the balancer's map."
    )


def _list(names: Any) -> str:
    return ", ".join(sorted(str(name) for name in names)) or "none"
