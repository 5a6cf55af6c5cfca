# SPDX-License-Identifier: GPL-3.0-or-later
"""From documents and observations to the plan of one deployment: which colour of which service on which hosts.

A plan is plain data. It is written into the ledger as the body of the deployment's intent, so that a later run can
finish or roll back what this one began without reading any other document again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import batches, layout
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.strategy import replacement

COLOURS = layout.COLOURS
REPLACED = layout.REPLACED
Document = Mapping[str, Any]


def build(
    *,
    environment: str,
    services: Mapping[str, Document],
    manifest: Document,
    endpoints: Mapping[str, Mapping[str, Document]],
    deployed: Mapping[str, str],
    live: Mapping[str, str],
    hosts: Mapping[str, Document] | None = None,
    only: str = "",
    force: bool = False,
    tried: bool = True,
) -> dict[str, Any]:
    """The plan to bring `manifest` to `environment`.

    Services that run the release already are left out, unless `force`: a plan without services has nothing to do.
    tried: whether it goes forward, so that a canary meets some users first; a way back is not tried out on anybody.

    deployed: {service: release} that the ledger knows; live: {service: backend} that the balancers serve now.
    hosts: {host: {zone, rank, colours: {service: colour that runs there}}} of the services that are replaced on their hosts.
    Services come in dependency order: a service is switched after the ones it depends on. On the way back before them: what a new release asks of
    others is what the old ones need not have.
    """
    wanted = _wanted(services, manifest, only)
    order = dependency_order(services)
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
                known=hosts or {},
                tried=tried,
            )
            for name in (order if tried else reversed(order))
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
    return [_told(service) for service in plan["services"]]


def _told(service: Document) -> str:
    before = service["previous"] or "nothing"
    if service["strategy"] in REPLACED:
        return f"{service['service']}: {before} -> {service['release']} on {', then '.join(', '.join(batch) for batch in service['batches'])}"
    where = ", ".join(sorted(host for host, at in service["hosts"].items() if at.get("only", service["idle"]) == service["idle"]))
    return f"{service['service']}: {before} ({service['live']}) -> {service['release']} ({service['idle']}) on {where}"


def on_host(services: Sequence[Document], host: str) -> list[dict[str, Any]]:
    """The services of that host, each with the colours that it has there.

    Where each colour has hosts of its own, a plan is carried out on those of the idle colour, and settled on all of them: what does not stay
    leaves no release behind.
    """
    found = []
    for service in services:
        at = service["hosts"].get(host)
        if at is None:
            continue
        if "keep" in service or at.get("only", service["idle"]) == service["idle"]:
            own = {key: value for key, value in at.items() if key in ("live", "idle", "keep", "drop")}
            gone = {"keep_release": ""} if "keep" in service and at.get("only", service["keep"]) != service["keep"] else {}
            found.append({**service, **own, **gone})
    return found


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
    *,
    name: str,
    service: Document,
    manifest: Document,
    endpoints: Mapping[str, Mapping[str, Document]],
    previous: str,
    live: str,
    known: Mapping[str, Document],
    tried: bool,
) -> dict[str, Any]:
    component = manifest["components"][service.get("component", name)]
    hosts = endpoints.get(name)
    if not hosts:
        raise DeploymentError(f"Service {name} has no endpoints: the environment is not provisioned. Run evenkeel.release.provision first.")
    strategy = replacement(service)
    service = {**service, "strategy": strategy}
    balancer = _balancer(name, service, endpoints)
    common = {
        "service": name,
        "release": manifest["version"],
        "previous": previous,
        "strategy": strategy,
        "first_host": sorted(hosts)[0],
        "artifact": _artifact(component, service.get("component", name), manifest),
        "balancer": balancer,
        "front": _front(balancer, hosts),
    }
    places = {host: {"address": at["address"], "ports": dict(at["ports"]), "root": at["paths"]["root"]} for host, at in hosts.items()}
    if strategy not in REPLACED:
        colour = _live_colour(name, live)
        placed = {host: _switched_place(name, service, host, at) for host, at in places.items()}
        found = {**common, "live": colour, "idle": other(colour), "hosts": placed, **(_same_age(name, service, places) if previous and tried else {})}
        return {**found, "first_host": _first_host(name, service, placed, other(colour))}
    placed = {host: _replaced_place(name, host, at, known.get(host, {}), surge=layout.surges(service)) for host, at in places.items()}
    first = placed[common["first_host"]]
    return {**common, "live": first["live"], "idle": first["idle"], "hosts": placed, **_rollout(name, service, placed, known)}


def _artifact(component: Document, name: str, manifest: Document) -> dict[str, Any]:
    if "artifact" not in component:
        raise DeploymentError(
            f"Release {manifest['version']} has variants for {name}; a deployment takes one artifact for all hosts."
            " Name one with artifact and sha256, or fetch the variants with evenkeel.release.artifact in a play of your own."
        )
    extra = {key: component[key] for key in ("size", "signatures") if key in component}
    return {"component": str(name), "source": component["artifact"], "sha256": component["sha256"], **extra}


def _replaced_place(name: str, host: str, at: Document, known: Document, *, surge: bool) -> dict[str, Any]:
    """Without surge both colours have the one port. Which of them runs is each host's own affair, since one that was left out lags behind."""
    colour = known.get("colours", {}).get(name) or COLOURS[1]
    needed = COLOURS if surge else ("main",)
    _need_ports(name, host, at, needed, why="strategy rolling with surge" if surge else "its strategy")
    ports = {each: at["ports"][each] for each in COLOURS} if surge else dict.fromkeys(COLOURS, at["ports"]["main"])
    return {**at, "ports": ports, "live": colour, "idle": other(colour)}


def _switched_place(name: str, service: Document, host: str, at: Document) -> dict[str, Any]:
    """Where each colour has hosts of its own, both names stand for the one port of a host: what it never runs is not there to be stopped."""
    if not service.get("colours"):
        _need_ports(name, host, at, COLOURS, why="its strategy")
        return dict(at)
    mine = [colour for colour in COLOURS if colour in at["ports"]]
    if len(mine) != 1:
        raise DeploymentError(
            f"Service {name} has hosts of its own for each colour, and {host} has the ports {_list(at['ports'])}; needed is the one of its colour."
            " Run evenkeel.release.provision."
        )
    return {**at, "only": mine[0], "ports": dict.fromkeys(COLOURS, at["ports"][mine[0]])}


def _first_host(name: str, service: Document, placed: Mapping[str, Document], idle: str) -> str:
    able = sorted(host for host, at in placed.items() if at.get("only", idle) == idle)
    if not able:
        raise DeploymentError(
            f"Service {name}: {idle} is idle, and none of its hosts is left to take the release; its group is {service['colours'].get(idle)}."
        )
    return able[0]


def _same_age(name: str, service: Document, places: Mapping[str, Document]) -> dict[str, Any]:
    """Whether the old release is started anew for a canary to be compared with; a first release has no old one."""
    if not layout.compares_same_age(service):
        return {}
    if service.get("colours"):
        raise DeploymentError(f"Service {name}: a baseline of the same age needs both colours on the same hosts; remove colours, or baseline.")
    for host, at in places.items():
        _need_ports(name, host, at, (*COLOURS, layout.BASELINE), why="a baseline of the same age")
    return {layout.BASELINE: True}


def _need_ports(name: str, host: str, at: Document, needed: Sequence[str], *, why: str) -> None:
    if not set(needed).issubset(at["ports"]):
        raise DeploymentError(
            f"Service {name} needs the ports {_list(needed)} on each host for {why}; {host} has {_list(at['ports'])}."
            " Declare them in ports where the provider is existing, then run evenkeel.release.provision."
        )


def _rollout(name: str, service: Document, placed: Mapping[str, Document], known: Mapping[str, Document]) -> dict[str, Any]:
    """Which hosts are replaced together, how many serve meanwhile, and how each batch is watched."""
    rollout = service.get("rollout") or {}
    common = {"watch": dict(rollout.get("watch") or {}), **{key: rollout[key] for key in ("on_failure", "progress_deadline") if key in rollout}}
    if service["strategy"] == "recreate":
        return {"batches": [sorted(placed)], "min_healthy": 0, **common}
    hosts = [{"name": host, "zone": known.get(host, {}).get("zone", ""), "rank": known.get(host, {}).get("rank", 0)} for host in placed]
    needed = rollout.get("min_healthy", 0)
    surge = rollout.get("surge", False)
    try:
        made = batches.make(hosts, sizes=rollout.get("batches") or [1], min_healthy=needed, surge=surge)
    except DeploymentError as exc:
        raise DeploymentError(f"Service {name}: {exc}") from exc
    found = {"batches": made, "min_healthy": batches.healthy(needed, len(hosts)), **common}
    return {**found, "surge": True} if surge else found


def _balancer(name: str, service: Document, endpoints: Mapping[str, Mapping[str, Document]]) -> list[dict[str, Any]]:
    used = service.get("uses", {}).get("balancer")
    if not used and service.get("strategy") in REPLACED:
        return []
    if not used or used not in endpoints:
        raise DeploymentError(
            f"Service {name} needs a balancer for its strategy {service.get('strategy', 'blue_green')}: uses.balancer is {used!r};"
            f" services with endpoints are {_list(endpoints)}."
        )
    return [
        {
            "host": host,
            "address": at["address"],
            "socket": at["paths"]["socket"],
            "map": at["paths"]["map"],
            # One that serves several applications has ports of its own for each after the first.
            "http": at["ports"].get(f"http_{name}") or at["ports"].get("http", 0),
            "preview": at["ports"].get(f"preview_{name}") or at["ports"].get("preview", 0),
        }
        for host, at in sorted(endpoints[used].items())
    ]


def _front(balancer: Sequence[Document], hosts: Mapping[str, Document]) -> dict[str, Any]:
    """{host, address, port, preview}: where users meet the service, and where nobody but us meets the idle colour (0: nowhere)."""
    if balancer:
        return {"host": balancer[0]["host"], "address": balancer[0]["address"], "port": balancer[0]["http"], "preview": balancer[0]["preview"]}
    first = sorted(hosts)[0]
    return {"host": first, "address": hosts[first]["address"], "port": hosts[first]["ports"]["main"], "preview": 0}


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
