# SPDX-License-Identifier: GPL-3.0-or-later
"""Expand and contract where no order works: first versions that offer the old and the new contracts, then the rest, then the versions that were wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import order
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import (
    Component,
    Declared,
    Facts,
    Move,
    State,
    with_versions,
)

MOST = 3
# What versions in between need: what the old one needs, what the new one needs, or one after the other where components need each other.
LIKES = (("before",), ("after",), ("before", "after"))
# Makes the test of a state for other declarations.
Tester = Callable[[Declared], order.Broken]


def propose(state: State, moves: Sequence[Move], declared: Declared, *, tester: Tester, before: order.Before) -> dict[str, Any] | None:
    """{offers: {component: {contract: versions}}, phases: [[{component, before, after}]], order: [texts], text}; None when this helps nothing either.

    Tries one component, then two, then three, by name.
    """
    able = [move for move in moves if _both_sides(move, declared)]
    for size in range(1, min(MOST, len(able)) + 1):
        for chosen in combinations(sorted(able), size):
            for likes in LIKES:
                found = _try(state, moves, declared, chosen, likes, tester, before)
                if found:
                    return _told(found, chosen, declared)
    return None


def _try(
    state: State, moves: Sequence[Move], declared: Declared, chosen: Sequence[Move], likes: Sequence[str], tester: Tester, before: order.Before
) -> list[list[Move]] | None:
    """The moves of each phase in an order that works, or None."""
    thought = {**declared, **{move.component: _expanded(declared[move.component], move, likes) for move in chosen}}
    broken = tester(thought)
    found = []
    for phase in _phases(moves, chosen, likes):
        way = order.find(state, phase, thought, broken=broken, before=before)
        if way is None:
            return None
        found.append(way)
        for move in way:
            state = with_versions(state, move.component, (move.after,))
    return found


def _phases(moves: Sequence[Move], chosen: Sequence[Move], likes: Sequence[str]) -> list[list[Move]]:
    """What is not expanded goes with the last of the expanded versions, which needs least of what is old."""
    rest = [move for move in moves if move not in chosen]
    phases = []
    at = {move: move.before for move in chosen}
    for place, like in enumerate(likes):
        phases.append([Move(move.component, at[move], _name(move, like)) for move in chosen] + (rest if place == len(likes) - 1 else []))
        at = {move: _name(move, like) for move in chosen}
    return [*phases, [Move(move.component, at[move], move.after) for move in chosen]]


def _told(phases: Sequence[Sequence[Move]], chosen: Sequence[Move], declared: Declared) -> dict[str, Any]:
    offers = {move.component: {contract: list(versions) for contract, versions in sorted(_offered(declared[move.component], move).items())} for move in chosen}
    steps = [order.told(move) for phase in phases for move in phase]
    said = [f"a version of {name} that offers {_said(contracts)}" for name, contracts in sorted(offers.items())]
    return {
        "offers": offers,
        "phases": [[move._asdict() for move in phase] for phase in phases],
        "order": steps,
        "text": f"First ship {' and '.join(said)}; in all: {'; '.join(steps)}",
    }


def _said(contracts: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{contract} {' and '.join(versions)}" for contract, versions in sorted(contracts.items()))


def _both_sides(move: Move, declared: Declared) -> bool:
    """Whether it stops to offer something."""
    component = declared.get(move.component)
    if component is None or not move.before or not move.after:
        return False
    old, new = component.facts(move.before), component.facts(move.after)
    return bool(old and new and any(set(versions) - set(new.provides.get(contract, ())) for contract, versions in old.provides.items()))


def _offered(component: Component, move: Move) -> dict[str, tuple[str, ...]]:
    """Of contracts whose versions change: the old and the new ones."""
    old, new = component.facts(move.before) or Facts(), component.facts(move.after) or Facts()
    every = {contract: tuple(dict.fromkeys([*old.provides.get(contract, ()), *new.provides.get(contract, ())])) for contract in {*old.provides, *new.provides}}
    return {contract: versions for contract, versions in every.items() if set(versions) != set(new.provides.get(contract, ()))}


def _expanded(component: Component, move: Move, likes: Sequence[str]) -> Component:
    new, exact = component.facts(move.after) or Facts(), dict(component.exact)
    for like in likes:
        model = component.facts(getattr(move, like)) or Facts()
        exact[_name(move, like)] = replace(model, provides={**new.provides, **_offered(component, move)})
    return replace(component, exact=exact)


def _name(move: Move, like: str) -> str:
    return f"{move.after} expanded, needs as {getattr(move, like)}"
