# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts that should be alike: who is unlike the others. From what each differs in from one base, so that it costs what differs, not what there is."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.shown import whole

Item = Mapping[str, Any]
Delta = Mapping[str, Any]
Votes = dict[str, list[str]]  # state as text: hosts
Row = dict[str, Any]
Alike = Callable[[Any, Any], bool]
Show = Callable[[Any], Any]
QUORUM = 2 / 3
# Of two that differ nobody can say which one is the outlier.
FEWEST = 3
GONE = "null"
# With sorted keys, so that the order in which attributes came does not matter.
_text = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def cohort(
    base: Mapping[str, Item], deltas: Mapping[str, Delta], *, quorum: float = QUORUM, alike: Callable[[str], Alike | None] | None = None, show: Show = whole
) -> dict[str, Any]:
    """{hosts, counts: {expected, foreign, divided, unknown}, stale, foreign, divided, unknown}.

    deltas: {host: {items, gone}} over the base, as module_utils/_snapshot/record.delta makes them. The base is a host's or a former state, never
    the judge. A path is expected when all hosts agree on it, foreign when at least `quorum` of them agree and some don't, divided when
    fewer agree, so that nobody can say what is right. Who could not read a path has no vote in it. counts.unknown are the paths that somebody
    could not read. stale are the paths on which the hosts agree against the base. alike(path) says how to tell whether two states count as
    one, None being that it is not there, unless only equal ones do; show makes of a state what the rows hold.
    """
    votes, unread = _votes(deltas)
    result: dict[str, list[Row]] = {"stale": [], "foreign": [], "divided": []}
    for path in sorted(votes):
        blind = unread.get(path, ())
        kind, row = _judged(path, votes[path], base.get(path), deltas, blind, quorum, alike(path) if alike else None, show)
        if kind:
            result[kind].append(row)
    counts = {"foreign": len(result["foreign"]), "divided": len(result["divided"]), "unknown": len(unread)}
    every = len(base) + sum(path not in base for path in {*votes, *unread})
    unjudged = sum(path not in votes and len(unread[path]) == len(deltas) for path in unread)
    counts = {"expected": every - counts["foreign"] - counts["divided"] - unjudged, **counts}
    return {"hosts": len(deltas), "counts": counts, **result, "unknown": [{"path": path, "hosts": sorted(unread[path])} for path in sorted(unread)]}


def _votes(deltas: Mapping[str, Delta]) -> tuple[dict[str, Votes], dict[str, list[str]]]:
    votes: dict[str, Votes] = {}
    unread: dict[str, list[str]] = {}
    for host, delta in deltas.items():
        for path, item in delta["items"].items():
            if "unknown" in item:
                unread.setdefault(path, []).append(host)
            else:
                votes.setdefault(path, {}).setdefault(_text(item), []).append(host)
        for path in delta["gone"]:
            votes.setdefault(path, {}).setdefault(GONE, []).append(host)
    return votes, unread


def _judged(
    path: str, own: Votes, base: Item | None, hosts: Collection[str], blind: Collection[str], quorum: float, alike: Alike | None, show: Show
) -> tuple[str, Row]:
    """Those of whom nothing was heard are as the base says."""
    total = len(hosts) - len(blind)
    silent = total - sum(map(len, own.values()))
    counts = {text: len(voters) for text, voters in own.items()}
    left = _text(base)
    if silent:
        counts[left] = counts.get(left, 0) + silent
    same = {} if alike is None else _same(_ordered(counts, own), alike)
    counts = _merged(counts, same)
    ordered = _ordered(counts, own)
    first, agreeing = ordered[0], counts[ordered[0]]
    if len(ordered) == 1:
        return ("stale", {"path": path, "state": show(json.loads(first)), "hosts": total}) if own and not silent else ("", {})

    def who(text: str) -> Row:
        heard = {*blind, *(host for voters in own.values() for host in voters)}
        quiet = [host for host in hosts if host not in heard] if silent and text == same.get(left, left) else []
        voters = [host for each, known in own.items() if same.get(each, each) == text for host in known]
        return {"state": show(json.loads(text)), "hosts": sorted([*voters, *quiet])}

    if agreeing >= quorum * total:
        return "foreign", {"path": path, "expected": show(json.loads(first)), "agree": agreeing, "others": [who(text) for text in ordered[1:]]}
    return "divided", {"path": path, "states": [who(text) for text in ordered]}


def _ordered(counts: Mapping[str, int], own: Votes) -> list[str]:
    """The most usual first; of equals the base's, then any fixed order."""
    return sorted(counts, key=lambda text: (-counts[text], text in own, text))


def _same(ordered: list[str], alike: Alike) -> dict[str, str]:
    """{state: the most usual one that it counts as}, of those that count as another one."""
    states = {text: json.loads(text) for text in ordered}
    found: dict[str, str] = {}
    for place, text in enumerate(ordered):
        usual = next((other for other in ordered[:place] if other not in found and alike(states[other], states[text])), None)
        if usual is not None:
            found[text] = usual
    return found


def _merged(counts: dict[str, int], same: Mapping[str, str]) -> dict[str, int]:
    if not same:
        return counts
    merged: dict[str, int] = {}
    for text, count in counts.items():
        usual = same.get(text, text)
        merged[usual] = merged.get(usual, 0) + count
    return merged
