# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves that have nothing to do with each other are ordered by themselves, which keeps each search small. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Declared, Facts, Move


def split(moves: Sequence[Move], declared: Declared, before: Mapping[str, Sequence[str]]) -> list[list[Move]]:
    """Groups of moves of which one can matter to another, in the order of their first move."""
    parent = {move: move for move in moves}

    def root(move: Move) -> Move:
        while parent[move] != move:
            move = parent[move]
        return move

    touches = {move: _touches(move, declared) for move in moves}
    for left, right in combinations(moves, 2):
        ordered = right.component in before.get(left.component, ()) or left.component in before.get(right.component, ())
        if ordered or touches[left] & touches[right]:
            parent[root(right)] = root(left)
    groups: dict[Move, list[Move]] = {}
    for move in moves:
        groups.setdefault(root(move), []).append(move)
    return list(groups.values())


def _touches(move: Move, declared: Declared) -> set[str]:
    """Contracts and libraries whose state depends on the move. Two that need one contract of a third are only joined more often than needed."""
    found: set[str] = set()
    for version in (move.before, move.after):
        facts = declared[move.component].facts(version) if version and move.component in declared else None
        found |= _named(facts) if facts else set()
    return found


def _named(facts: Facts) -> set[str]:
    return {*facts.provides, *(need.contract for need in facts.needs), *(f"library {each.name}" for each in facts.libraries)}
