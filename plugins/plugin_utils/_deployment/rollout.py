# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the hosts of a plan are replaced, and in which order those that were touched go back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.layout import server_name

Plan = Mapping[str, Any]


def replaced(plan: Plan) -> list[Mapping[str, Any]]:
    """The services that are replaced on their hosts, in dependency order."""
    return [service for service in plan["services"] if service.get("batches")]


def forward(plan: Plan) -> list[list[str]]:
    """Batches of hosts over all services. A host with several of them comes once, when the last of them has its turn."""
    last = {host: service["service"] for service in replaced(plan) for host in service["hosts"]}
    found = [[host for host in batch if last[host] == service["service"]] for service in replaced(plan) for batch in service["batches"]]
    return [batch for batch in found if batch]


def back(plan: Plan, touched: Collection[str]) -> list[list[str]]:
    """The touched hosts, last one first, never more at once than on the way out."""
    found = [[host for host in batch if host in touched] for batch in reversed(forward(plan))]
    return [batch for batch in found if batch]


def check_order(plan: Plan, services: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises when a service would be replaced before one that it needs, since all balancers are switched after the last batch."""
    switched = _switched(plan)
    for service in replaced(plan):
        late = [name for name in services[service["service"]].get("depends_on", []) if name in switched]
        if late:
            raise DeploymentError(
                f"Service {service['service']} is replaced host by host, before the balancers are switched to the new {', '.join(late)} that it depends on."
                f" Deploy them one after the other: first with -e evenkeel_service={late[0]}, then with -e evenkeel_service={service['service']}."
            )


def tell_order_back(plan: Plan, services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A rollback is not refused for it: those who depend on a service should go back before it, and here they can't."""
    return [
        f"{name} depends on {service['service']} and goes back after it, since hosts are replaced before balancers are switched;"
        f" where the new {name} can't do with the old {service['service']}, roll back first with -e evenkeel_service={name}"
        for service in replaced(plan)
        for name in _switched(plan)
        if service["service"] in services[name].get("depends_on", [])
    ]


def _switched(plan: Plan) -> list[str]:
    """The services that get their users by a switch of the balancers."""
    return [service["service"] for service in plan["services"] if not service.get("batches")]


def places(services: Sequence[Mapping[str, Any]], hosts: Collection[str], *, back: bool = False) -> list[dict[str, Any]]:
    """Where these hosts get their traffic from, for each service and balancer:
    {host, socket, map, service, closed, hosts, first, servers, last, min_ready, watch}.

    services: settled ones, whose hosts know the colours that they `keep` and `drop`.
    closed: whether a page stands in for the service meanwhile, since none of its hosts is left.
    first: servers that leave the traffic before the hosts are replaced; servers: those that get it when they were; last: those that leave it then.
    """
    return [
        {
            "host": balancer["host"],
            "socket": balancer["socket"],
            "map": balancer["map"],
            "service": service["service"],
            "closed": service.get("strategy") == "recreate",
            "hosts": here,
            **_servers(service, here, back=back),
            # Before a first release nothing serves that could be kept serving.
            "min_ready": service.get("min_healthy", 0) if service.get("previous") else 0,
            "watch": _watch(service),
        }
        for service in services
        if (here := [host for host in sorted(service["hosts"]) if host in hosts])
        for balancer in service["balancer"]
    ]


def limited(found: Sequence[Mapping[str, Any]], hosts: Collection[str]) -> list[dict[str, Any]]:
    """Of such places what is about these hosts."""
    limits = [
        {key: [each for each, host in zip(place[key], place["hosts"]) if host in hosts] for key in ("first", "servers", "last", "hosts")} for place in found
    ]
    return [{**place, **limit} for place, limit in zip(found, limits) if limit["hosts"]]


def _servers(service: Mapping[str, Any], hosts: Sequence[str], *, back: bool) -> dict[str, list[dict[str, str]]]:
    """With surge the new release gets no user before it is healthy, and the old one loses none before that.
    On the way back what stays may serve already, so nothing is taken away first."""
    if not service.get("surge"):
        all_of = [_server(service, host) for host in hosts]
        return {"first": all_of, "servers": all_of, "last": []}
    stay, go = ([_server(service, server_name(host, service["hosts"][host][side])) for host in hosts] for side in ("keep", "drop"))
    return {"first": [] if back else stay, "servers": stay, "last": go}


def _server(service: Mapping[str, Any], server: str) -> dict[str, str]:
    return {"backend": service["service"], "server": server}


def _watch(service: Mapping[str, Any]) -> dict[str, Any]:
    """How a batch is watched with its users. A watch that saw nobody is no pass, but before a first release nobody is there,
    and in no time nobody comes."""
    declared = service.get("watch")
    return {"min_requests": int(declared["seconds"] > 0), **declared} if declared and service.get("previous") else {}
