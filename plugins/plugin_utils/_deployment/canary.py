# SPDX-License-Identifier: GPL-3.0-or-later
"""What a canary is judged by at one of its steps: the metrics that a service declares, aimed at its two pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import acts, watch
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.command_line import fill
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

# Without any declared metric: failed requests as the balancer counts them, of which a tenth is too much whatever the old release does.
USUAL = ({"name": "failed requests", "kind": "ratio", "highest": 0.1},)
STEPS = ({"weight": 5, "seconds": 60}, {"weight": 25, "seconds": 120}, {"weight": 50, "seconds": 120})
# Of all users: a canary and a baseline of the same age have the same share each.
HALF = 50
# Where a metric comes from; `query` and `haproxy` are aimed at each pool, the others are taken as they are.
SIDES = ("canary", "baseline")


def steps(rollout: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps with their number, the share of the whole run that lies behind each when it ends, and whether it is the last one."""
    declared = [dict(step) for step in rollout.get("steps") or STEPS]
    total = sum(step["seconds"] for step in declared) or len(declared)
    behind, found = 0.0, []
    for number, step in enumerate(declared, start=1):
        behind += step["seconds"] if total != len(declared) else 1
        found.append({**step, "number": number, "fraction": round(behind / total, 6), "last": number == len(declared)})
    return found


def shares(step: Mapping[str, Any], *, canary: str, live: str, baseline: str) -> dict[str, float]:
    """Percent per pool. A baseline that is not the live pool gets as much as the canary."""
    weight = step["weight"]
    if baseline == live:
        return {canary: weight, live: 100 - weight}
    return {canary: weight, baseline: weight, live: 100 - 2 * weight}


def fractions(all_steps: Sequence[Mapping[str, Any]], number: int) -> list[float]:
    """Share of the run at each look so far; the judge spends its chance of a false alarm by them."""
    return [float(step["fraction"]) for step in all_steps[:number]]


def metrics(
    rollout: Mapping[str, Any], *, canary: str, baseline: str, readings: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The metrics as module canary_judge takes them.

    canary, baseline: the two backends. A metric with `query` asks Prometheus for each of them, {pool} being its name; one with `canary` and
    `baseline` is taken as it is; one without a source is read from the balancer's own counters.
    earlier: when earlier releases met their first users, {release, start, pool}. A query with `earlier: n` asks for the last n of them too,
    for as long as this run has taken.
    """
    took = readings[-1]["at"] - readings[0]["at"] if readings else 0
    pools = {"canary": canary, "baseline": baseline}
    return [_aimed(dict(metric), pools=pools, readings=readings, earlier=earlier, took=took) for metric in rollout.get("metrics") or USUAL]


def look_back(plan: Mapping[str, Any], services: Mapping[str, Mapping[str, Any]], entries: Sequence[Mapping[str, Any]]) -> None:
    """Adds to each canary of the plan the earlier releases that its metrics ask for, so that the plan says what it was compared with."""
    for service in plan["services"]:
        rollout = services[service["service"]].get("rollout") or {}
        wanted = max((_wanted(metric) for metric in rollout.get("metrics") or ()), default=0)
        if service["strategy"] != "canary" or wanted < 1:
            continue
        known = acts.acts(entries, plan["environment"])
        guard = {"earlier": wanted + 1, "minutes": sum(step["seconds"] for step in steps(rollout)) / 60}
        spans = watch.earlier(entries, known, None, service["service"], guard)
        others = [span for span in spans if span.pool and span.release != service["release"]]
        service["earlier"] = [{"release": span.release, "start": span.met, "pool": span.pool} for span in others[:wanted]]


def check(plan: Mapping[str, Any], services: Mapping[str, Mapping[str, Any]], *, today: date) -> None:
    """Raises when the judge could not take what a service declares: the first users of a canary are too late to find that out."""
    # Slow to load, and every filter is loaded by each task that uses one.
    from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import request

    reading = {"at": 0, "backends": {}}
    for service in plan["services"]:
        if service["strategy"] != "canary":
            continue
        rollout = services[service["service"]].get("rollout") or {}
        _check_shares(service, rollout)
        _check_looks(service, rollout)
        _check_gauges(service, rollout)
        earlier = [{"release": "1.0.0", "start": 0, "pool": "canary"}]
        aimed = metrics(rollout, canary="canary", baseline="baseline", readings=[reading, reading], earlier=earlier)
        document: dict[str, Any] = {"metrics": aimed, "start": 0, "end": 1}
        if "prometheus" in rollout:
            document["prometheus"] = rollout["prometheus"]
        faults = request.faults(request.numbers(document), today)
        if faults:
            told = "; ".join(f"{fault.path}: found {fault.found}, allowed {fault.allowed}" for fault in faults)
            raise DeploymentError(f"Service {service['service']}, rollout.{told}.")


def _check_shares(service: Mapping[str, Any], rollout: Mapping[str, Any]) -> None:
    much = [step["weight"] for step in steps(rollout) if step["weight"] > HALF]
    if service.get("baseline") and much:
        raise DeploymentError(
            f"Service {service['service']}, rollout.steps: a weight of {much[0]} % leaves no such share for the baseline of the same age, which gets as much."
            f" Allowed are {HALF} % and less; or compare with the live pool (baseline: live)."
        )


def _check_looks(service: Mapping[str, Any], rollout: Mapping[str, Any]) -> None:
    """Each look needs more of the run behind it than the one before, else the judge has no chance of a false alarm to spend at it."""
    found = steps(rollout)
    looks = [0.0, *fractions(found, len(found))]
    idle = next((number for number, (before, now) in enumerate(zip(looks, looks[1:]), start=1) if now <= before), None)
    if idle:
        raise DeploymentError(
            f"Service {service['service']}, rollout.steps: step {idle} takes {found[idle - 1]['seconds']:g} s of a run of"
            f" {sum(step['seconds'] for step in found):g} s, which nothing can be judged by. Give it more seconds, or give all steps 0."
        )


def _check_gauges(service: Mapping[str, Any], rollout: Mapping[str, Any]) -> None:
    """Counters of several balancers are added up; what a gauge of several would be, nobody said."""
    read = [metric["name"] for metric in rollout.get("metrics") or () if metric.get("kind") == "gauge" and not {"query", *SIDES} & set(metric)]
    if read and len(service.get("balancer") or ()) > 1:
        raise DeploymentError(
            f"Service {service['service']}, rollout.metrics: {read[0]} is a gauge without a source, and the service has {len(service['balancer'])} balancers."
            " Give it a query."
        )


def _aimed(
    metric: dict[str, Any], *, pools: Mapping[str, str], readings: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]], took: float
) -> dict[str, Any]:
    if any(side in metric for side in SIDES):
        return metric
    query = metric.pop("query", None)
    for side in SIDES:
        if query is not None:
            metric[side] = {"query": _pool(query, pools[side])}
        else:
            metric[side] = {"haproxy": list(readings), "backend": pools[side]}
    if query is not None and _wanted(metric):
        # Without any the metric stays one of two pools; with fewer than three the judge says that they were too few.
        chosen = earlier[: metric.pop("earlier")]
        asked = [{"release": each["release"], "query": _pool(query, each["pool"]), "start": each["start"], "end": each["start"] + took} for each in chosen]
        metric.update({"earlier": asked} if asked else {})
    return metric


def _wanted(metric: Mapping[str, Any]) -> int:
    """How many earlier releases a query is compared with. A canary has a part of the users, so events by time say nothing about those of a whole release."""
    wanted = metric.get("earlier")
    return wanted if isinstance(wanted, int) and wanted is not True and wanted > 0 and metric.get("kind") != "counter" else 0


def _pool(query: Any, pool: str) -> Any:
    return fill(query, {"pool": pool})
