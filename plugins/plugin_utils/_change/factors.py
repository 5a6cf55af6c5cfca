# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured of a change to tell how much breaks when it goes wrong, and how likely that is.

Each factor answers with a share of its points from 0 to 1, what it measured, and what would lower it; share None says that it could not be told.
A worse input never gives a smaller share. The factors of novelty, history and time are in factors_past.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import graph
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.rules import CRITICALITIES, TIERS

Document = Mapping[str, Any]
TIER_SHARE = dict(zip(TIERS, (0.0, 0.2, 0.5, 1.0), strict=True))
CRITICALITY_SHARE = dict(zip(CRITICALITIES, (0.0, 0.35, 0.7, 1.0), strict=True))
# ServiceNow's success score takes 10, 5 and 2 for an incident of priority 1, 2 and 3 (change-score-calculation).
PRIORITY_SHARE = {1: 1.0, 2: 0.5, 3: 0.2}
LEAST_INCIDENT = 0.1


class Case(NamedTuple):
    """`plan` is a scope; `begin` and `end` are when it is done, `end` None when nobody knows how long it takes."""

    plan: Document
    services: Mapping[str, Document]
    environment: Document
    history: Sequence[Document] | None
    facts: Document
    now: datetime
    begin: datetime
    end: datetime | None
    rules: Document


class Found(NamedTuple):
    share: float | None
    measured: str
    lower: str


Factor = Callable[[Case], Found]


def hosts(case: Case) -> Found:
    touched = _touched_hosts(case)
    if touched is None:
        return Found(None, "the plan does not name the hosts", "open the change from a plan, or give each service a group with hosts")
    return Found(ratio(len(touched), case.rules["worst"]["hosts"]), f"{many(len(touched), 'host')} touched", "deploy to a part of the hosts first")


def share(case: Case) -> Found:
    touched, total = _touched_hosts(case), number(case.facts.get("hosts_total"))
    if touched is None or not total:
        return Found(None, "how many hosts the environment has is unknown", "give hosts_total, or run from the inventory of the environment")
    part = ratio(len(touched), total)
    return Found(part, f"{len(touched)} of {many(int(total), 'host')} of the environment, {part:.0%}", "deploy to fewer hosts, one service at a time")


def zones(case: Case) -> Found:
    touched, known = _touched_hosts(case), case.facts.get("zones")
    lower = "set evenkeel_zone on each host, and deploy to one zone first"
    if touched is None or not isinstance(known, Mapping) or not all(known.get(host) for host in touched):
        return Found(None, "not every touched host says its zone", lower)
    every, mine = {zone for zone in known.values() if zone}, {known[host] for host in touched}
    return Found(ratio(len(mine), len(every)), f"{len(mine)} of {many(len(every), 'zone')} touched", "deploy to one zone first")


def users(case: Case) -> Found:
    """Those of the services that change, and of all that are cut off while one of them is down; the largest, since they are the same people."""
    reached = {name for each in names_of(case) for name in (each, *graph.cut_off(case.services, each))}
    declared = {name: number(case.services.get(name, {}).get("users")) for name in reached}
    silent = sorted(name for name, users in declared.items() if users is None)
    if silent:
        return Found(None, f"{some(silent)} {'do' if len(silent) > 1 else 'does'} not declare users", "declare users of each service")
    most = max((users for users in declared.values() if users is not None), default=0)
    return Found(ratio(most, case.rules["worst"]["users"]), f"{most:g} users meet it", "let a canary meet some of them first")


def criticality(case: Case) -> Found:
    declared = {name: case.services.get(name, {}).get("criticality") for name in names_of(case)}
    silent = sorted(name for name, one in declared.items() if one not in CRITICALITY_SHARE)
    if silent:
        return Found(None, f"{some(silent)} {'do' if len(silent) > 1 else 'does'} not declare a criticality", "declare the criticality of each service")
    worst = max(declared.values(), key=lambda one: CRITICALITY_SHARE[str(one)], default="low")
    named = sorted(name for name, one in declared.items() if one == worst)
    return Found(CRITICALITY_SHARE[str(worst)], f"{worst}: {some(named)}", "change critical services by themselves")


def environment(case: Case) -> Found:
    tier = case.environment.get("tier")
    if tier not in TIER_SHARE:
        return Found(None, "the environment has no tier", "declare the tier of the environment")
    return Found(TIER_SHARE[str(tier)], f"{case.environment.get('name')} is a {tier} environment", "nothing: prove the release in the environments before it")


def single_points(case: Case) -> Found:
    """Services whose failure cuts others off and that have one instance, or all of them on one host."""
    groups = case.facts.get("hosts_of")
    touched = {*names_of(case), *_databases(case)}
    strange = sorted(touched - set(case.services))
    if strange:
        return Found(None, f"who needs {some(strange)} is unknown: the services of the environment do not name it", "declare each service")
    hit: dict[str, set[str]] = {}
    for name in sorted(touched):
        cut = graph.cut_off(case.services, name)
        places = groups.get(name) if isinstance(groups, Mapping) else None
        if cut and not isinstance(places, (list, tuple)):
            return Found(None, f"on how many hosts {name} runs is unknown, and {some(sorted(cut))} need it", "run from the inventory of the environment")
        if cut and len(set(places or ())) <= 1:
            hit[name] = cut
    if not hit:
        return Found(0.0, "no service that changes is a single point of failure", "nothing")
    lost = set().union(*hit.values())
    part = 0.5 + 0.5 * ratio(len(lost), max(1, len(case.services) - 1))
    return Found(part, f"{some(sorted(hit))} on one host; while it is down {some(sorted(lost))} can't work", f"a second host for {some(sorted(hit))}")


def services(case: Case) -> Found:
    names = sorted(names_of(case))
    return Found(ratio(len(names), case.rules["worst"]["services"]), f"{many(len(names), 'service')} changed: {some(names)}", "deploy them one by one")


def configuration(case: Case) -> Found:
    keys = number(case.facts.get("keys_changed"))
    if keys is None:
        return Found(None, "how many configuration keys change is unknown", "give keys_changed, counted by evenkeel.release.drift_parity or a dry run")
    return Found(ratio(keys, case.rules["worst"]["configuration"]), f"{many(int(keys), 'configuration key')} changed", "release code and configuration apart")


def artifacts(case: Case) -> Found:
    pins = [str(each.get("artifact") or "") for each in case.plan.get("services", ())]
    if not all(pins):
        return Found(None, "not every artifact is pinned by its digest", "pin each artifact by sha256 in the release manifest")
    return Found(ratio(len(set(pins)), case.rules["worst"]["artifacts"]), f"{many(len(set(pins)), 'artifact')} replaced", "release fewer components at once")


def migration(case: Case) -> Found:
    kind, one_way = case.plan.get("migration"), case.facts.get("one_way")
    lower = "split it: expand now, contract in a later release"
    if kind not in ("none", "expand", "contract"):
        return Found(None, "the release does not say whether it migrates data", lower)
    if kind == "none":
        return Found(0.0, "no data migration", "nothing")
    if kind == "contract" or one_way:
        return Found(1.0, f"{kind}{', one-way' if one_way else ''}: the old version does not run on the new schema", lower)
    if one_way is None:
        return Found(None, "expand, and whether one of its migrations is one-way is unknown", lower)
    return Found(0.4, "expand: the old version runs on the new schema", lower)


def drift(case: Case) -> Found:
    seen = case.facts.get("drift")
    count = number(seen.get("findings")) if isinstance(seen, Mapping) else None
    if count is None or not isinstance(seen, Mapping) or seen.get("verdict") in ("errored", "inconclusive"):
        return Found(None, "nobody could tell whether the environment drifted", "run evenkeel.release.drift on the environment")
    part = max(0.2, ratio(count, case.rules["worst"]["drift"])) if count else 0.0
    return Found(part, f"{many(int(count), 'open finding')} of drift", "repair the drift, or take a new baseline on purpose")


def incidents(case: Case) -> Found:
    given = case.facts.get("incidents")
    if not isinstance(given, (list, tuple)):
        return Found(None, "open incidents are unknown", "give the list of open incidents; an empty one says that there is none")
    part = min(1.0, sum(PRIORITY_SHARE.get(_priority(one), LEAST_INCIDENT) for one in given))
    shown = some(sorted(str(one.get("id", "?"))[:40] if isinstance(one, Mapping) else "?" for one in given)) if given else "none"
    return Found(part, f"open incidents: {shown}", "end the incidents first")


def number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None


def _priority(incident: Any) -> int:
    """An incident that does not say is of the first."""
    found = incident.get("priority") if isinstance(incident, Mapping) else None
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 1 else 1


def names_of(case: Case) -> set[str]:
    return {str(each.get("service", "")) for each in case.plan.get("services", ())}


def _databases(case: Case) -> set[str]:
    if case.plan.get("migration") == "none":
        return set()
    used = {str(other) for name in names_of(case) for other in case.services.get(name, {}).get("uses", {}).values()}
    return {name for name in used if case.services.get(name, {}).get("engine") in ("postgresql", "mysql", "sqlite")}


def _touched_hosts(case: Case) -> set[str] | None:
    each = [set(map(str, service.get("hosts") or ())) for service in case.plan.get("services", ())]
    return set().union(*each) if all(each) else None


def ratio(part: float, whole: float) -> float:
    return min(1.0, part / whole) if whole else 1.0


def many(how_many: int, noun: str) -> str:
    return f"{how_many} {noun}" if how_many == 1 else f"{how_many} {noun}s"


def some(names: Iterable[str], most: int = 5) -> str:
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "") or "none"
