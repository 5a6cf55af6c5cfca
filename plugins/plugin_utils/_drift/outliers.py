# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of a cohort: first as of `compare`, so that severities and declarations apply to them, then as they are told, to programs and to people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import pair, tell
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.cohort import FEWEST
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.seen import Item
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import LEVELS
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.shown import DIFFERS, REDACTED, TWO_KEYS, attributes, is_secret

Finding = dict[str, Any]
State = Mapping[str, Any]  # {state, hosts}
# States of one item that are told, and hosts of each.
STATES, NAMES = 20, 5


def unknown(path: str, reason: str, hosts: list[str]) -> Finding:
    return {"path": path, "kind": "unknown", "before": None, "after": {"unknown": reason}, "hosts": hosts, "counts": []}


def foreign(path: str, states: Sequence[State], ways: pair.Ways) -> Iterator[Finding]:
    """One for each state that is not the majority's, which comes first."""
    pairs, shown, counts = _told(path, states, ways)
    for state, value, (way, names) in zip(states[1:], shown[1:], pairs, strict=True):
        # A host that is ahead of the others may be so by rule, though they are not as it is.
        if pair.same(path, state["state"], states[0]["state"], ways):
            continue
        before, after = (None if side is None else {name: side[name] for name in sorted(names) if name in side} for side in (shown[0], value))
        if way == "unknown":
            after = {"unknown": TWO_KEYS}
        elif before and after:
            after = {name: DIFFERS if text == REDACTED == before.get(name) else text for name, text in after.items()}
        yield {"path": path, "kind": way, "before": before, "after": after, "hosts": state["hosts"], "counts": counts}


def divided(path: str, states: Sequence[State], ways: pair.Ways) -> Finding:
    """One for all states: nobody can say which is right."""
    pairs, _shown_states, counts = _told(path, states, ways)
    way = next((found for found, _names in pairs if found != "unknown"), "unknown")
    after = {"unknown": TWO_KEYS} if way == "unknown" else dict.fromkeys(sorted({name for _way, names in pairs for name in names}))
    hosts = sorted(host for state in states for host in state["hosts"])
    return {"path": path, "kind": way, "before": None, "after": after, "hosts": hosts, "counts": counts, "divided": True}


def _told(path: str, states: Sequence[State], ways: pair.Ways) -> tuple[list[tuple[str, set[str]]], list[dict[str, Any] | None], list[Finding]]:
    """How each of the others is unlike the first state and in which attributes, all states as they may be shown, and who has which."""
    known = [attributes(state["state"]) for state in states if state["state"] is not None]
    secrets = {name for each in known for name, value in each.items() if is_secret(value)}
    # What is a secret on one host alone is nothing to print of the others either.
    hidden = "secret" in secrets and not all(is_secret(each.get("secret")) for each in known)
    pairs = []
    for other in states[1:]:
        way, _before, _after, names = pair.shown(path, (states[0]["state"], other["state"]), ways)
        pairs.append((way, {"secret"} if hidden else set(names)))
    every = {name for _way, names in pairs for name in names}
    shown = [_shown(state["state"], every, secrets, hidden=hidden) for state in states]
    counts = [{"value": value, "count": len(state["hosts"]), "hosts": state["hosts"][:NAMES]} for value, state in zip(shown, states, strict=True)]
    return pairs, shown, counts[:STATES]


def _shown(item: Item | None, names: set[str], secrets: set[str], *, hidden: bool) -> dict[str, Any] | None:
    if item is None:
        return None
    if hidden:
        return {"secret": REDACTED}
    return {name: REDACTED if name in secrets else value for name, value in attributes(item).items() if name in names}


def in_words(finding: Finding) -> Finding:
    """The finding with {kind: foreign | divided | unknown, value, majority} in place of what `compare` calls them."""
    kept = {name: value for name, value in finding.items() if name not in ("before", "after", "divided")}
    if finding["kind"] == "unknown":
        return {**kept, "value": finding["after"], "majority": finding["before"]}
    if finding.get("divided"):
        return {**kept, "kind": "divided", "value": None, "majority": None}
    return {**kept, "kind": "foreign", "value": finding["after"], "majority": finding["before"]}


def lines(subject: str, result: Mapping[str, Any], hosts: int) -> list[str]:
    """For people: at most so many findings, the worst first."""
    if not result["compared"]:
        return [f"{subject}: not compared, {hosts} of the {FEWEST} hosts that it takes to say which one is unlike the others."]
    found = sorted(result["findings"], key=lambda finding: LEVELS.index(finding["severity"]))
    allowed = f", {len(result['allowed'])} declared" if result["allowed"] else ""
    if not found:
        return [f"{subject}: {hosts} hosts are alike{allowed}."]
    more = [f"and {len(found) - tell.SHOWN} more"] if len(found) > tell.SHOWN else []
    return [f"{subject}: {result['verdict']}, {hosts} hosts, score {result['score']}{allowed}.", *map(_line, found[: tell.SHOWN]), *more]


def failing(findings: Sequence[Finding], severity: str) -> list[str]:
    """Path and hosts of the findings that are as bad as this or worse, and of all that is not known."""
    return [f"{finding['path']} on {_names(finding['hosts'])}" for finding in findings if tell.failing([finding], severity)]


def _line(finding: Finding) -> str:
    who = _names(finding["hosts"])
    if finding["kind"] == "unknown":
        return f"{tell.finding_text({**finding, 'before': None, 'after': finding['value']})} - on {who}"
    states = finding["counts"]
    if finding["kind"] == "divided":
        text = tell.finding_text({**finding, "before": states[0]["value"] or {}, "after": states[1]["value"] or {}})
        return f"{text} - {'; '.join(str(state['count']) + ' on ' + _names(state['hosts'], state['count']) for state in states)}"
    agreeing = f"{states[0]['count']} of {sum(state['count'] for state in states)} hosts"
    if finding["value"] is None or finding["majority"] is None:
        text = tell.finding_text({**finding, "before": None, "after": None})
        return f"{text} - missing on {who}, there on {agreeing}" if finding["value"] is None else f"{text} - there on {who}, missing on {agreeing}"
    return f"{tell.finding_text({**finding, 'before': finding['majority'], 'after': finding['value']})} - on {who}, unlike {agreeing}"


def _names(hosts: Sequence[str], count: int = 0) -> str:
    left = max(count, len(hosts)) - min(len(hosts), tell.SHOWN)
    return ", ".join(hosts[: tell.SHOWN]) + (f" and {left} more" if left else "")
