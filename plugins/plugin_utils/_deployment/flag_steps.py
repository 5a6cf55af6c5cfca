# SPDX-License-Identifier: GPL-3.0-or-later
"""By which steps a flag is raised, and what each of them is judged by.

Each step is judged by what was seen in it alone. Counts of all steps together would mix steps of different shares: when failures change in the
course of time, for whatever reason, the users with the flag, most of whom come late, look worse or better than they are. What the steps have in
common is the chance of a false alarm, of which each gets an even part.

A metric with {variant} parts users with the flag from those without, in the same minutes: the sound comparison. Where nobody is without, at 100 %,
they are compared with those who had no flag in the step before. A metric without {variant} sees all users, so it is compared with itself before the
first step, when the release was out and dark.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import exposition
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.canary import SIDES, USUAL
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.command_line import fill
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.defaults import MUST_SEE, TOLERANCES

Document = Mapping[str, Any]
STEPS = ({"percent": 5, "seconds": 60}, {"percent": 25, "seconds": 120}, {"percent": 50, "seconds": 120}, {"percent": 100, "seconds": 120})
ALPHA = 0.01
VARIANT = "{variant}"


def steps(rollout: Document) -> list[dict[str, Any]]:
    """The step before the first one, at 0 %, then those that are declared: {number, percent, seconds, last, strict, alpha}.

    strict: too little seen is no pass, in the last step and in the last one in which some users have no flag.
    """
    declared = [dict(step) for step in rollout.get("steps") or STEPS]
    shares = [float(step["percent"]) for step in declared]
    if shares != sorted(set(shares)) or not 0 < shares[0] <= shares[-1] <= 100:
        raise DeploymentError(
            f"rollout.steps raises the flag to {', '.join(f'{share:g}' for share in shares)} %; allowed is each above the one before, to 100."
        )
    compared = max((number for number, share in enumerate(shares, start=1) if share < 100), default=len(shares))
    dark = {"number": 0, "percent": 0, "seconds": rollout.get("dark_seconds", declared[0]["seconds"])}
    return [
        dark,
        *(
            {**step, "number": number, "last": number == len(declared), "strict": number in (compared, len(declared)), "alpha": ALPHA / len(declared)}
            for number, step in enumerate(declared, start=1)
        ),
    ]


def scraped(rollout: Document) -> list[Document]:
    return [metric for metric in rollout.get("metrics") or USUAL if "scrape" in metric]


def counts(rollout: Document, texts: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """{host: {metric: {on, off or whole: {events, of}}}} of what the hosts show; without a series nothing was counted yet."""
    return {host: {metric["name"]: _sides(metric["scrape"], rollout, text) for metric in scraped(rollout)} for host, text in texts.items()}


def _sides(scrape: Any, rollout: Document, text: str) -> dict[str, dict[str, float]]:
    parts = scrape if isinstance(scrape, Mapping) else {"events": scrape}
    return {
        side: {part: exposition.total(text, fill(selector, {"variant": variant}) if variant else selector) or 0.0 for part, selector in parts.items()}
        for side, variant in _variants(scrape, rollout).items()
    }


def _variants(value: Any, rollout: Document) -> dict[str, str]:
    """{side: what {variant} stands for}."""
    flag = rollout.get("flag") or {}
    if VARIANT in json.dumps(value):
        return {"on": str(flag.get("on_variant", "on")), "off": str(flag.get("off_variant", "off"))}
    return {"whole": ""}


def metrics(rollout: Document, *, number: int, pool: str, readings: Sequence[Document]) -> list[dict[str, Any]]:
    """What canary_judge is asked at the end of step `number`.

    readings: {step, at, hosts: what `counts` gave, balancers: [{address, backends}]}, the first and last of a step being its bounds.
    pool: the service's backend at its balancers, "" without any.
    """
    plan = {step["number"]: float(step["percent"]) / 100 for step in steps(rollout)}
    return [_aimed(dict(metric), rollout=rollout, number=number, shares=plan, pool=pool, readings=readings) for metric in rollout.get("metrics") or USUAL]


def _aimed(metric: dict[str, Any], *, rollout: Document, number: int, shares: Mapping[int, float], pool: str, readings: Sequence[Document]) -> dict[str, Any]:
    if any(side in metric for side in SIDES):
        return metric
    declared = metric.pop("scrape", None) or metric.get("query")
    sides = _variants(declared, rollout) if declared else {"whole": ""}
    here, share = _window(readings, number), shares[number]
    if "whole" in sides:
        before = _window(readings, 0)
        metric = _diluted(metric, share)
        canary, baseline = ("whole", here, 1.0), ("whole", before, 1.0)
    else:
        control = number if share < 1 else number - 1
        canary, baseline = ("on", here, share), ("off", _window(readings, control), 1 - shares[control])
    query = metric.pop("query", None)
    for name, (side, window, part) in zip(SIDES, (canary, baseline), strict=True):
        if query is not None:
            metric[name] = _asked(query, sides[side], window, part if metric["kind"] == "counter" else None)
        elif declared is not None:
            metric[name] = _gained(metric, side, window, part)
        elif pool:
            metric[name] = {"haproxy": list(window), "backend": pool}
        else:
            raise DeploymentError(f"Metric {metric['name']} has no source, and the service has no balancer that counts. Give it query, scrape or canary.")
    return metric


def _window(readings: Sequence[Document], number: int) -> tuple[Document, Document]:
    own = [reading for reading in readings if int(reading["step"]) == number]
    if not own:
        raise DeploymentError(f"There is no reading of step {number} of the flag, so nothing can be compared with it.")
    return own[0], own[-1]


def _diluted(metric: dict[str, Any], share: float) -> dict[str, Any]:
    """Of all users only a share has the flag: what it does to them shows in the whole by that share."""
    kind = str(metric["kind"])
    if kind != "gauge" and kind in MUST_SEE:
        metric["must_see"] = metric.get("must_see", MUST_SEE[kind]) * share
        metric["tolerance"] = metric.get("tolerance", TOLERANCES[kind]) * share
    return metric


def _asked(query: Any, variant: str, window: tuple[Document, Document], exposure: float | None) -> dict[str, Any]:
    filled = fill(query, {"variant": variant}) if variant else query
    more = {} if exposure is None else {"exposure": exposure}
    return {"query": filled, "start": window[0]["at"], "end": window[1]["at"], **more}


def _gained(metric: Document, side: str, window: tuple[Document, Document], part: float) -> dict[str, float]:
    """Counted between two readings on the hosts that are in both; a counter that fell began anew at 0."""
    before, after = (reading["hosts"] for reading in window)
    both = [host for host in after if host in before]
    if not both:
        raise DeploymentError(f"Metric {metric['name']}: no host showed its counters both times. Can {', '.join(before) or 'the hosts'} be asked for them?")
    pairs = [(before[host][metric["name"]][side], after[host][metric["name"]][side]) for host in both]
    found = {name: sum(_growth(old[name], new[name]) for old, new in pairs) for name in pairs[0][0]}
    if metric["kind"] == "counter":
        return {"events": found["events"], "of": (float(window[1]["at"]) - float(window[0]["at"])) * part}
    # An event may show before its request: they are read one after the other while users go on.
    return {"events": found["events"], "of": max(found["of"], found["events"])}


def _growth(old: float, new: float) -> float:
    return new - old if new >= old else new


def check(plan: Document, services: Mapping[str, Document], *, today: date) -> None:
    """Raises when the steps or what they are judged by could not be taken, before anything changes."""
    for item in plan["services"]:
        if not item.get("flag"):
            continue
        rollout = services[item["service"]].get("rollout") or {}
        try:
            told = list(_faults(rollout, pool=item["service"] if item["balancer"] else "", today=today))
        except DeploymentError as exc:
            raise DeploymentError(f"Service {item['service']}: {exc}") from exc
        if told:
            raise DeploymentError(f"Service {item['service']}, rollout.{'; '.join(told)}.")


def _faults(rollout: Document, *, pool: str, today: date) -> Iterable[str]:
    # Slow to load, and every filter is loaded by each task that uses one.
    from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import request

    for metric in scraped(rollout):
        _check_scrape(metric)
    nothing = counts(rollout, {"host": ""})
    readings = [{"step": step["number"], "at": at, "hosts": nothing, "balancers": []} for step in steps(rollout) for at in (0, 1)]
    document: dict[str, Any] = {"metrics": metrics(rollout, number=1, pool=pool, readings=readings), "start": 0, "end": 1}
    if "prometheus" in rollout:
        document["prometheus"] = rollout["prometheus"]
    for fault in request.faults(request.numbers(document), today):
        yield f"{fault.path}: found {fault.found}, allowed {fault.allowed}"


def _check_scrape(metric: Document) -> None:
    scrape, kind = metric["scrape"], metric["kind"]
    parts = set(scrape) if isinstance(scrape, Mapping) else set()
    fits = {"ratio": parts == {"events", "of"}, "counter": isinstance(scrape, str)}
    if not fits.get(kind, False):
        raise DeploymentError(
            f"Metric {metric['name']} is a {kind} and scrapes {scrape!r}; allowed are a counter with one selector, and a ratio with events and of."
            " Other kinds come from Prometheus or from a file."
        )
