# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host has to do in a phase of a deployment, and what it says of itself afterwards: plain data in, plain data out.

What a host says is one value, the registered variable `deploy_host`, and not facts: facts may be kept over runs or not be injected at all, and
a host that was reached in an earlier run has not been reached in this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import layout, plan, probes, runtime
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.plan import REPLACED

VARIABLE = "deploy_host"
# What is known of a host, with what counts where it said nothing.
SAYS: dict[str, Any] = {
    "deploy_observed": False,
    "deploy_done": [],
    "deploy_failed": {},
    "deploy_live": {},
    "deploy_colours": {},
    "deploy_installed": {},
    "deploy_removed": {},
    "deploy_protects": False,
    "deploy_drifts": False,
}
# What a service declares that has its schema brought to a release.
MIGRATING = {"migrate", "migrations"}
# Of a service of a plan, what is about other hosts.
ELSEWHERE = ("hosts", "batches", "balancer")
Document = Mapping[str, Any]
Said = dict[str, Any]


def said(variables: Document) -> Said:
    """What the host said so far. A phase that it did not come back from has overwritten it: silence is never success."""
    known = variables.get(VARIABLE) or {}
    return {name: known.get(name, variables.get(name, default)) for name, default in SAYS.items()}


def done(before: Document, phase: str, **more: Any) -> Said:
    return {**before, "deploy_done": [*before["deploy_done"], phase], **more}


def failed(before: Document, *, phase: str, task: str, msg: str, last: bool = False) -> Said:
    """The first failure stays, since later ones follow from it, unless this is the last word."""
    if before["deploy_failed"] and not last:
        return dict(before)
    return {**before, "deploy_failed": {"phase": phase, "task": task, "msg": msg}}


def asked(services: Document, endpoints: Document, host: str) -> dict[str, Any]:
    """The options of module deployment_observe for that host; both are empty where nothing can be seen."""
    here = {name: endpoints[name][host].get("paths", {}) for name in services if host in endpoints.get(name, {})}
    return {
        "balancers": [{"socket": at["socket"], "map": at["map"]} for name, at in here.items() if services[name].get("engine") == "haproxy"],
        "roots": {name: at["root"] for name, at in here.items() if services[name].get("engine") == "application"},
    }


def observed(answer: Document, *, protects: bool, drifts: bool) -> Said:
    """What the host says first. Nothing of an earlier deployment is left in it."""
    releases = answer.get("releases", {})
    return {
        **SAYS,
        "deploy_observed": True,
        "deploy_live": dict(answer.get("live", {})),
        "deploy_colours": {name: found["colour"] for name, found in releases.items()},
        "deploy_installed": {name: found["installed"] for name, found in releases.items()},
        "deploy_protects": protects,
        "deploy_drifts": drifts,
    }


def staged(item: Document, host: str, *, files: Sequence[Document], owner: str) -> dict[str, Any]:
    """One of the `services` of module service_stage, without its source."""
    return {
        "name": item["service"],
        "root": item["hosts"][host]["root"],
        "version": item["release"],
        "sha256": item["artifact"]["sha256"],
        "protect": [item["previous"]] if item["previous"] else [],
        "colour": item["idle"],
        "owner": owner or None,
        "files": list(files),
    }


class Service:
    """One service of a plan on one of its hosts. item: as plan.on_host gives it; document: as evenkeel_services declares it."""

    def __init__(self, item: Document, document: Document, *, host: str, stop_seconds: int, supervisor_dir: Callable[[], str]) -> None:
        self.item, self.document, self.host = item, document, host
        self.at: Document = item["hosts"][host]
        self._stop_seconds, self._supervisor_dir = stop_seconds, supervisor_dir

    def runs(self, colour: str, release: str, *, configured: str = "") -> dict[str, Any]:
        kind = self.document.get("runtime", "process")
        config: Sequence[Document] = self.document.get("config") or [{}]
        at = {
            "kind": kind,
            "service": self.item["service"],
            "colour": colour,
            "release": release,
            "root": self.at["root"],
            "address": self.at["address"],
            "port": self.at["ports"][colour],
            "config_name": config[0].get("name", ""),
            "command": self.document["command"],
            "environment": self.document.get("environment") or {},
            "user": self.document.get("user") or "",
            "stop_seconds": self._stop_seconds,
            # Units need no folder, and an environment of units alone need not have one.
            "supervisor_dir": "" if kind == "systemd" else self._supervisor_dir(),
            "host": self.host,
            "configured": configured,
        }
        return runtime.runs(at)

    def aimed(self, kind: str, colour: str) -> list[dict[str, Any]]:
        """The probes of that kind (probes or rehearse), at the port of the colour."""
        return probes.at(self.document.get(kind) or [], {"address": self.at["address"], "port": self.at["ports"][colour]})

    def begun(self, *, deadline: float) -> dict[str, Any]:
        """The idle colour beside the live one: options of module service_replace."""
        idle = self.item["idle"]
        return {
            "root": self.at["root"],
            "release": self.item["release"],
            "colour": idle,
            "start": self.runs(idle, self.item["release"]),
            "activate": False,
            "probes": self.aimed("probes", idle),
            "healthy_deadline": deadline,
        }

    def begun_anew(self, *, deadline: float) -> dict[str, Any]:
        """The old release once more, beside itself, for a canary to be compared with: as old as that, and with the configuration that serves."""
        old, live = self.item["previous"], self.item["live"]
        return {
            "root": self.at["root"],
            "release": old,
            "colour": live,
            "start": self.runs(layout.BASELINE, old, configured=live),
            "activate": False,
            "probes": self.aimed("probes", layout.BASELINE),
            "healthy_deadline": deadline,
        }

    def ended_anew(self) -> dict[str, Any]:
        """Nobody is compared any more, whichever way the deployment went."""
        old, live = self.item["previous"], self.item["live"]
        stop = self.runs(layout.BASELINE, old, configured=live)
        return {"root": self.at["root"], "release": "", "colour": live, "stop": stop, "activate": False}

    def kept(self, *, stop: bool) -> dict[str, Any]:
        """What stays runs and the links point at it; what goes is stopped on request."""
        options = {
            "root": self.at["root"],
            "release": self.item["keep_release"],
            "colour": self.item["keep"],
            "start": self.runs(self.item["keep"], self.item["keep_release"]),
        }
        return {**options, "stop": self.runs(self.item["drop"], self.item["drop_release"])} if stop else options

    def replaced(self, *, direction: str, deadline: float) -> dict[str, Any]:
        """What stays in the place of what goes, and healthy; with surge beside it. On the way back nobody waits for more than that."""
        rollout = self.document.get("rollout") or {}
        beside = bool(self.item.get("surge"))
        return {
            **self.kept(stop=not beside),
            **({"activate": False} if beside else {}),
            "probes": self.aimed("probes", self.item["keep"]),
            "healthy_deadline": rollout.get("healthy_deadline", deadline),
            "minimum_healthy": rollout.get("minimum_healthy", 0) if direction == "forward" else 0,
        }


def here(services: Sequence[Document], host: str, *, only_replaced: bool | None = None) -> list[dict[str, Any]]:
    """The services of that host, without what is said of others; of them those that are replaced in their place, or those that are not."""
    found = plan.on_host(services, host)
    return [
        {**{key: value for key, value in item.items() if key not in ELSEWHERE}, "hosts": {host: item["hosts"][host]}}
        for item in found
        if only_replaced is None or ("batches" in item) == only_replaced
    ]


def settled_by(replaced: Document | None, *, deployment: str, direction: str) -> dict[str, str]:
    """{service: release} that this deployment has just brought and seen healthy here. replaced: what the task of that step registered."""
    known = replaced or {}
    if known.get("failed") or known.get("deployment") != deployment or known.get("direction") != direction:
        return {}
    return dict(known.get("releases", {}))


def untouched(item: Document, host: str, *, touched: Sequence[str]) -> bool:
    """Whether a deployment that goes back had not come to this service here: what an operator did there is not undone."""
    return item["strategy"] in REPLACED and host not in touched


def ended(item: Document, host: str, brought: Mapping[str, str], *, touched: Sequence[str] | None) -> bool:
    """Whether nothing is left to do here for a service when the deployment ends.

    brought: what `settled_by` gives; touched: the hosts that a deployment on its way back had come to, None for one that is not.
    """
    if touched is not None and untouched(item, host, touched=touched):
        return True
    return bool(item["keep_release"]) and brought.get(item["service"]) == item["keep_release"] and not item.get(layout.BASELINE)


def phases(deployment: Document, services: Document, states: Mapping[str, Document], *, act: str) -> dict[str, list[str]]:
    """The hosts of each phase. states: {host: what it said} of all hosts of the environment."""
    items = deployment["services"]
    every = sorted({host for item in items for host in item["hosts"]})
    migrating = {item["first_host"] for item in items if MIGRATING & services[item["service"]].keys()}
    protected = {host for host, state in states.items() if state["deploy_protects"]}
    return {
        "lift": sorted(protected & set(every)),
        "stage": [host for host in every if plan.on_host(items, host)],
        "migrate": [] if act == "rollback" else sorted(migrating),
        "start": [host for host in every if any(item["strategy"] not in REPLACED for item in plan.on_host(items, host))],
        "settle": every,
        "protect": sorted(protected),
        "drift": sorted(host for host, state in states.items() if state["deploy_drifts"]),
    }
