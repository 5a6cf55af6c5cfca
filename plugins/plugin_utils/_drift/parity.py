# SPDX-License-Identifier: GPL-3.0-or-later
"""Two environments against each other and against what each was left as. Pure: no clock, no disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import pair
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.roles import matched
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.seen import Item, Rule, Seen
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import rated

Finding = dict[str, Any]
Hosts = Mapping[str, Seen]
CLASSES = ("here_drifted", "there_drifted", "both_drifted", "by_design", "undecided")


def parity(here: Hosts, there: Hosts, *, rules: Mapping[str, Any] | None = None) -> list[Finding]:
    """Findings as of `compare`, with the reference environment as `before` and this one as `after`, and

    hosts: those here that are unlike every host there of the same roles; hosts_there: those there that it is shown against, or, where hosts is
    empty, those that are unlike every host here; roles; class: here_drifted | there_drifted | both_drifted | by_design (both as their baselines
    say, yet different) | undecided (no baseline); expected: {here, there}, what the baselines say of what differs.
    rules: evenkeel_drift (normalize, parity.secrets, severities).
    """
    given = rules or {}
    ways = pair.Ways(tuple(given.get("normalize") or ()), (given.get("parity") or {}).get("secrets") or "presence")
    found: list[Finding] = []
    for roles, own, other in matched({name: seen.roles for name, seen in here.items()}, {name: seen.roles for name, seen in there.items()}):
        rows = _alike({name: here[name] for name in own}, {name: there[name] for name in other}, ways) if own and other else [_nobody(own, other)]
        found += [{**finding, "roles": roles} for finding in rows]
    if not here and not there:
        found.append({**_nobody([], []), "roles": []})
    own_rules: Sequence[Rule] = given.get("severities") or ()
    return [rated(finding, own_rules) for finding in sorted(found, key=_order)]


def _nobody(own: list[str], other: list[str]) -> Finding:
    reason = {"unknown": f"no host of {'the other' if own else 'this'} environment serves it"}
    return {"path": "collector:hosts", "kind": "unknown", "before": reason, "after": reason, "hosts": own, "hosts_there": other, "class": "undecided"}


def _order(finding: Finding) -> tuple[str, list[str], list[str], list[str]]:
    return str(finding["path"]), finding["roles"], finding["hosts"], finding["hosts_there"]


def _alike(here: Hosts, there: Hosts, ways: pair.Ways) -> Iterator[Finding]:
    yield from _blind(here, there)
    seers = [*here.values(), *there.values()]
    first = seers[0].items
    for path in set().union(*(seer.items for seer in seers)):
        item = first.get(path)
        # Nearly everything is alike everywhere: that must cost little.
        if item is not None and "unknown" not in item and not (ways.secrets == "different" and pair.has_secret(item)):
            for seer in seers:
                if seer.items.get(path) != item:
                    break
            else:
                continue
        yield from _differing(path, here, there, ways)


def _blind(here: Hosts, there: Hosts) -> Iterator[Finding]:
    everything = {name for seer in (*here.values(), *there.values()) for name in seer.asked}
    for name in sorted(everything):
        reasons = [{host: reason for host, seer in side.items() if (reason := seer.blindness(name))} for side in (here, there)]
        if any(reasons):
            shown = [{"unknown": min(side.values())} if side else None for side in (reasons[1], reasons[0])]
            yield _row(f"collector:{name}", "unknown", (shown[0], shown[1]), sorted(reasons[0]), sorted(reasons[1]))


def _row(path: str, kind: str, sides: tuple[Any, Any], hosts: list[str], hosts_there: list[str]) -> Finding:
    return {"path": path, "kind": kind, "before": sides[0], "after": sides[1], "hosts": hosts, "hosts_there": hosts_there, "class": "undecided"}


def _differing(path: str, here: Hosts, there: Hosts, ways: pair.Ways) -> Iterator[Finding]:
    own = {host: seer.items.get(path) for host, seer in here.items() if seer.sees(path)}
    other = {host: seer.items.get(path) for host, seer in there.items() if seer.sees(path)}
    unread = [[host for host, item in side.items() if item and "unknown" in item] for side in (own, other)]
    if any(unread):
        sides = [pair.reason(side, hosts) for side, hosts in ((other, unread[1]), (own, unread[0]))]
        yield _row(path, "unknown", (sides[0], sides[1]), unread[0], unread[1])
    own, other = pair.read(own), pair.read(other)
    if not own or not other:
        return
    states, references = pair.states(own), pair.states(other)
    usual, usual_own = pair.usual(references), pair.usual(states)
    shown: set[str] = set()
    for item, hosts in states:
        if not any(pair.same(path, item, reference, ways) for reference, _hosts in references):
            shown.update(usual[1])
            yield _judged(path, (usual[0], item), (hosts, usual[1]), [here[host] for host in hosts], [there[host] for host in usual[1]], ways)
    for reference, hosts in references:
        if not shown.intersection(hosts) and not any(pair.same(path, item, reference, ways) for item, _hosts in states):
            yield _judged(path, (reference, usual_own[0]), ([], hosts), [here[host] for host in usual_own[1]], [there[host] for host in hosts], ways)
    if ways.secrets == "different":
        for kind, before, after, hosts, hosts_there in pair.not_different(states, references):
            yield _row(path, kind, (before, after), hosts, hosts_there)


def _judged(
    path: str, items: tuple[Item | None, Item | None], hosts: tuple[list[str], list[str]], own: list[Seen], other: list[Seen], ways: pair.Ways
) -> Finding:
    kind, before, after, names = pair.shown(path, items, ways)
    row = _row(path, kind, (before, after), *hosts)
    drifted = [pair.drifted(path, side, ways) for side in (own, other)]
    if kind == "unknown" or None in drifted:
        return row
    classes = {(True, False): "here_drifted", (False, True): "there_drifted", (True, True): "both_drifted", (False, False): "by_design"}
    expected = {"here": pair.expected(path, own[0], names), "there": pair.expected(path, other[0], names)}
    return {**row, "class": classes[bool(drifted[0]), bool(drifted[1])], "expected": expected}
