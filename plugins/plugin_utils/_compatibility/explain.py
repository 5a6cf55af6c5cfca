# SPDX-License-Identifier: GPL-3.0-or-later
"""Why no order works, in words: which move has to come before which other one, and where that leads in a circle."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import order
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Declared, Move, Problem, State


class First(NamedTuple):
    """`first` must be moved before `then`, or `text` comes about."""

    first: str
    then: str
    text: str


def demands(state: State, moves: Sequence[Move], declared: Declared, *, new: Callable[[State], Sequence[Problem]]) -> list[First]:
    """What breaks when a move is the first of all, and which other move would have prevented it."""
    names = {move.component for move in moves}
    found: list[First] = []
    for move in moves:
        for point in order.forward(state, [move], declared):
            for problem in new(point.state):
                for other in (problem.component, problem.other):
                    if other in names and other != move.component:
                        found.append(First(other, move.component, problem.text))
    unique = {(each.first, each.then): each for each in reversed(found)}
    return [unique[key] for key in sorted(unique)]


def circle(found: Sequence[First]) -> list[First]:
    """The demands along a circle; empty when there is none."""
    graph: dict[str, list[str]] = {}
    for each in found:
        graph.setdefault(each.then, []).append(each.first)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        names = list(exc.args[1])  # each one is needed by the next
        by_pair: Mapping[tuple[str, str], First] = {(each.first, each.then): each for each in found}
        return [by_pair[pair] for pair in zip(names, names[1:]) if pair in by_pair]
    return []


def words(found: Sequence[First]) -> list[str]:
    """One line for each demand."""
    return [f"{each.first} must go before {each.then}: otherwise {each.text}" for each in found]
