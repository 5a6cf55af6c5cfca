# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of one environment that run the same, out of the store, compared among themselves. Pure but for the store: no clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import fleet, pair
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.cohort import FEWEST, cohort
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.decide import judged
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.normalize import fits
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outliers import divided, foreign, in_words, unknown
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.seen import Item, Seen, seen
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import rated
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects

Finding = dict[str, Any]
Hosts = Mapping[str, Mapping[str, Any]]
UNSEEN = "this host told nothing"


def compared(
    hosts: Hosts, objects: Objects, *, rules: Mapping[str, Any], declared: Sequence[Mapping[str, Any]], today: date, unseen: Sequence[str] = ()
) -> dict[str, Any]:
    """{compared, verdict, findings, allowed, unused, score, by_severity, counts}; hosts as of `environments`.

    Hosts that told nothing are unknown, and are counted: fewer than three that there are at all is no fault, fewer that were seen is not known.
    """
    if len({*hosts, *unseen}) < FEWEST:
        counts = dict.fromkeys(("expected", "foreign", "divided", "unknown"), 0)
        return {**judged([], (), rules=rules, today=today), "verdict": "inconclusive", "unused": [], "compared": False, "counts": counts}
    result = among(_seers(hosts, objects, rules), rules=rules) if len(hosts) >= FEWEST else {"counts": {}, "findings": []}
    found: list[Finding] = [*([unknown("collector:hosts", UNSEEN, sorted(unseen))] if unseen else []), *result["findings"]]
    ranked = [rated(finding, rules.get("severities") or ()) for finding in sorted(found, key=lambda each: (each["path"], each["hosts"]))]
    told = judged(ranked, declared, rules=rules, today=today)
    worded = {name: [in_words(finding) for finding in told[name]] for name in ("findings", "allowed")}
    return {**told, **worded, "compared": True, "counts": {"expected": 0, "foreign": 0, "divided": 0, "unknown": 0, **result["counts"]}}


def among(seers: Mapping[str, Seen], *, rules: Mapping[str, Any]) -> dict[str, Any]:
    """{counts, findings}, the findings as of `compare` with the majority as `before`, not rated yet."""
    ways = pair.Ways(tuple(rules.get("normalize") or ()), "equal")
    first = next(iter(seers.values())).items
    base = {path: item for path, item in first.items() if "unknown" not in item}
    deltas = {host: _delta(base, seer) for host, seer in seers.items()}
    _without_votes_of_the_blind(seers, deltas)
    told = cohort(base, deltas, alike=lambda path: _alike(path, ways), show=_raw)
    findings = [*_blind(seers), *_unread(told["unknown"], seers)]
    unread = {row["path"]: row["hosts"] for row in told["unknown"]}
    for row in told["foreign"]:
        others = {*unread.get(row["path"], ()), *(host for state in row["others"] for host in state["hosts"])}
        majority = {"state": row["expected"], "hosts": [host for host in sorted(seers) if host not in others]}
        findings += foreign(row["path"], [majority, *row["others"]], ways)
    findings += [divided(row["path"], row["states"], ways) for row in told["divided"]]
    return {"counts": told["counts"], "findings": findings}


def _seers(hosts: Hosts, objects: Objects, rules: Mapping[str, Any]) -> dict[str, Seen]:
    base = str(hosts[min(hosts)]["root"])
    record = objects.record(base)
    items = record.all_items()
    deltas = fleet.stored(objects, base, {host: str(hosts[host]["root"]) for host in sorted(hosts)})
    result = {}
    for host, delta in deltas.items():
        gone = set(delta["gone"])
        now = {**{path: item for path, item in items.items() if path not in gone}, **delta["items"]}
        own = {"host": host, **(hosts[host].get("facts") or {})}
        result[host] = seen(now, delta["collectors"], own=own, rules=rules.get("normalize") or ())
    return result


def _delta(base: Mapping[str, Item], seer: Seen) -> dict[str, Any]:
    items = {path: item for path, item in seer.items.items() if "unknown" in item or base.get(path) != item}
    return {"items": items, "gone": [path for path in base if path not in seer.items]}


def _without_votes_of_the_blind(seers: Mapping[str, Seen], deltas: Mapping[str, dict[str, Any]]) -> None:
    """What lies where a host could not look is neither there nor gone."""
    paths = {path for delta in deltas.values() for path in (*delta["items"], *delta["gone"])}
    for host, seer in seers.items():
        if seer.closed or any(seer.blindness(name) for name in _asked(seers)):
            hidden = {path for path in paths if not seer.sees(path)}
            delta = deltas[host]
            delta["items"].update((path, {"unknown": ""}) for path in hidden)
            delta["gone"] = [path for path in delta["gone"] if path not in hidden]


def _blind(seers: Mapping[str, Seen]) -> Iterator[Finding]:
    for name in _asked(seers):
        reasons = {host: reason for host, seer in seers.items() if (reason := seer.blindness(name))}
        if reasons:
            yield unknown(f"collector:{name}", min(reasons.values()), sorted(reasons))


def _unread(rows: Sequence[Mapping[str, Any]], seers: Mapping[str, Seen]) -> Iterator[Finding]:
    """Only what a host itself says it could not read: the folder or collector around the rest is told already."""
    for row in rows:
        own = {host: seers[host].items.get(row["path"]) or {} for host in row["hosts"] if seers[host].sees(row["path"])}
        reasons = {host: str(item["unknown"]) for host, item in own.items() if "unknown" in item}
        if reasons:
            yield unknown(row["path"], min(reasons.values()), sorted(reasons))


def _asked(seers: Mapping[str, Seen]) -> list[str]:
    return sorted({name for seer in seers.values() for name in seer.asked})


def _alike(path: str, ways: pair.Ways) -> Callable[[Any, Any], bool] | None:
    """Each state is compared with each other one: only where a rule may make them equal, since every host may have its own."""
    fitting = [rule for rule in ways.rules if (rule.get("ignore") or rule.get("at_least")) and fits(rule, path)]
    own = pair.Ways(fitting, ways.secrets)
    return (lambda one, other: pair.same(path, one, other, own) and pair.same(path, other, one, own)) if fitting else None


def _raw(item: Item | None) -> Item | None:
    return item
