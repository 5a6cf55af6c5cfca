# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a plan moves works together with what runs, in which order, and what to do where it does not. The one function that is asked is judge()."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import expand, explain, order, pieces, state, vendor
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Declared, Move, Problem, State, state_of

MOST_TOLD = 50


def judge(
    *,
    running: Mapping[str, str],
    wanted: Mapping[str, str],
    declared: Declared,
    today: str,
    given: Sequence[str] = (),
    hosts: state.Hosts | None = None,
    before: order.Before | None = None,
    rollback: bool = True,
) -> dict[str, Any]:
    """{verdict, broken, existing, conflicts, on_the_way, order, given, given_works, why, expand, unknown, support, torn, lines}.

    running, wanted: {component: version}, in wanted "" removes it; given: the order in which the plan would move them, by component; hosts: {component: its
    hosts}; before: {component: those that go before it}; today: YYYY-MM-DD.

    failed: the end is broken, a step is not allowed, or the given order breaks something on the way (and another one, under `order`, may not);
    inconclusive: nothing is declared of something that runs or moves, or it takes too long to tell; passed only when everything is known and works.
    `existing` are problems that were there before and that the plan does not touch; they are told and do not fail it.
    A plan that moves nothing asks whether what runs works.
    """
    now = state_of(running)
    moves = [Move(name, running.get(name, ""), version) for name, version in sorted(wanted.items()) if running.get(name, "") != version]
    moved = {move.component for move in moves}
    end = {name: version for name, version in {**running, **wanted}.items() if version}
    before_all = state.problems(now, declared, hosts)
    at_end = state.problems(state_of(end), declared, hosts)
    existing = [one for one in at_end if moves and one in before_all and not {one.component, one.other} & moved]
    conflicts = [one for one in at_end if one not in existing] + vendor.refused(moves, declared, rollback=rollback)
    tester = _tester(before_all, hosts)
    found = _ordered(now, moves, declared, conflicts, tester, given=given, before=before or {}, rollback=rollback, old=before_all, hosts=hosts)
    unknown = [{"component": name, "version": version} for name, version in sorted({*state.unknown(now, declared), *state.unknown(state_of(end), declared)})]
    answer = {
        "conflicts": [one.as_dict() for one in conflicts],
        "existing": [one.as_dict() for one in existing],
        **found,
        "unknown": unknown,
        "support": vendor.support(end, declared, today=today),
        "torn": [{"component": name, "version": version, "text": text} for name, version in sorted(end.items()) for text in _torn(declared, name, version)],
    }
    answer["broken"] = len(conflicts) + len(answer["on_the_way"]) + len(answer["torn"])
    answer["verdict"] = _verdict(answer)
    answer["lines"] = _lines(answer)
    return answer


def _ordered(
    now: State,
    moves: Sequence[Move],
    declared: Declared,
    conflicts: Sequence[Problem],
    tester: expand.Tester,
    *,
    given: Sequence[str],
    before: order.Before,
    rollback: bool,
    old: Sequence[Problem],
    hosts: state.Hosts | None,
) -> dict[str, Any]:
    asked = _in_order(moves, given)
    points = [*order.forward(now, asked, declared), *(order.back(now, asked, declared) if rollback else ())]
    on_the_way = _on_the_way(points, declared, hosts, old, conflicts)
    early = [
        f"{name} must go before {move.component}" for at, move in enumerate(asked) for name in before.get(move.component, ()) if name in _names(asked[at:])
    ]
    on_the_way = [*({"where": "in the order of the plan", "text": text, "moves": []} for text in early), *on_the_way]
    answer: dict[str, Any] = {
        "given": _names(asked), "given_works": not on_the_way and not conflicts, "on_the_way": on_the_way[:MOST_TOLD], "order": None, "why": [], "expand": None
    }  # fmt: skip
    if conflicts:
        return {**answer, "why": [one.text for one in conflicts]}
    if not on_the_way:
        return {**answer, "order": _names(asked)}
    search = declared if rollback else {name: _never_back(one) for name, one in declared.items()}
    try:
        way: list[Move] = []
        for piece in pieces.split(asked, search, before):
            found = order.find(now, piece, search, broken=tester(search), before=before, prefer=_names(asked))
            if found is None:
                return {**answer, **_no_order(now, piece, search, tester, before, old, hosts)}
            way += found
    except CompatibilityError as exc:
        return {**answer, "why": [str(exc)]}
    return {**answer, "order": _names(way)}


def _no_order(now: State, piece: Sequence[Move], declared: Declared, tester: expand.Tester, before: order.Before, old: Any, hosts: Any) -> dict[str, Any]:
    demands = explain.demands(now, piece, declared, new=lambda at: [one for one in state.problems(at, declared, hosts) if one not in old])
    circle = explain.circle(demands) or demands
    why = explain.words(circle) or [f"no order of {', '.join(_names(piece))} works, there and back"]
    return {"order": None, "why": why, "expand": expand.propose(now, piece, declared, tester=tester, before=before)}


def _tester(old: Sequence[Problem], hosts: state.Hosts | None) -> expand.Tester:
    """A state is broken by what was not broken before."""
    known = set(old)

    def of(declared: Declared) -> Callable[[State], bool]:
        return lambda at: any(one not in known for one in state.problems(at, declared, hosts))

    return of


def _on_the_way(points: Sequence[order.Point], declared: Declared, hosts: Any, old: Sequence[Problem], conflicts: Sequence[Problem]) -> list[dict[str, Any]]:
    """Each problem once, where it comes up first."""
    told: dict[str, dict[str, Any]] = {}
    for point in points:
        for one in state.problems(point.state, declared, hosts):
            if one not in old and one not in conflicts:
                told.setdefault(one.text, {"where": point.where, "text": one.text, "moves": list(one.moves)})
    return list(told.values())


def _never_back(component: Any) -> Any:
    """Without a way back nothing stays behind on it."""
    from dataclasses import replace

    return replace(component, stays=False)


def _in_order(moves: Sequence[Move], given: Sequence[str]) -> list[Move]:
    rank = {name: place for place, name in enumerate(given)}
    return sorted(moves, key=lambda move: (rank.get(move.component, len(rank)), move.component))


def _names(moves: Sequence[Move]) -> list[str]:
    return [move.component for move in moves]


def _torn(declared: Declared, name: str, version: str) -> tuple[str, ...]:
    facts = state.facts_of(declared, name, version)
    return facts.torn if facts else ()


def _verdict(answer: Mapping[str, Any]) -> str:
    if answer["conflicts"] or answer["on_the_way"] or answer["torn"] or any(one["supported"] is False for one in answer["support"]):
        return "failed"
    return "inconclusive" if answer["unknown"] or any(one["supported"] is None for one in answer["support"]) else "passed"


def _lines(answer: Mapping[str, Any]) -> list[str]:
    """The answer for people, a line for each thing."""
    lines = [f"broken: {one['text']}. May move: {', '.join(one['moves']) or 'nothing'}" for one in answer["conflicts"]]
    lines += [f"broken {one['where']}: {one['text']}" for one in answer["on_the_way"]]
    if answer["order"] and answer["order"] != answer["given"]:
        lines.append(f"an order that works: {' -> '.join(answer['order'])}")
    if answer["on_the_way"] and not answer["order"]:
        lines += [f"no order works: {text}" for text in answer["why"]]
        lines += [answer["expand"]["text"]] if answer["expand"] else []
    lines += [f"{one['component']} {one['version']}, lock file: {one['text']}" for one in answer["torn"]]
    lines += [f"{one['component']} {one['version']}: support by {one['vendor']} {_until(one)}" for one in answer["support"] if one["supported"] is not True]
    lines += [f"unknown: nothing, or two things, declared of {one['component']} {one['version']}" for one in answer["unknown"]]
    return lines + [f"was broken before: {one['text']}" for one in answer["existing"]]


def _until(one: Mapping[str, Any]) -> str:
    return f"ended on {one['support_until']}" if one["support_until"] else "until a day that nobody declared"
