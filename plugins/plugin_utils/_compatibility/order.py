# SPDX-License-Identifier: GPL-3.0-or-later
"""An order of moves in which nothing breaks on the way, there or back. Pure functions; the search is complete and always finds the same order.

On the way a component runs in both of its versions (unless it is stopped first). A failure anywhere takes back what was moved, last first; what `stays`
(a migrated schema) does not go back, so the old versions of the others meet its new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Declared, Move, State, with_versions

# How many partial orders are looked at before the answer is that it can't be told.
BUDGET = 200_000
Broken = Callable[[State], bool]
Before = Mapping[str, Sequence[str]]


class Point(NamedTuple):
    """A state on the way, in words."""

    where: str
    state: State


def forward(state: State, order: Sequence[Move], declared: Declared) -> Iterator[Point]:
    """Every state from the first move to the end."""
    for move in order:
        if both(move, declared):
            yield Point(f"while {told(move)}", with_versions(state, move.component, (move.before, move.after)))
        state = with_versions(state, move.component, (move.after,))
        yield Point(f"after {told(move)}", state)


def back(state: State, order: Sequence[Move], declared: Declared) -> Iterator[Point]:
    """Every state of a way back from each place of the order, last first."""
    for reach in range(1, len(order) + 1):
        moved = order[:reach]
        kept = [move for move in moved if stays(move, declared)]
        for left in range(reach - 1, -1, -1):
            move = moved[left]
            if move in kept:
                continue
            at = _state(state, [*moved[:left], *(each for each in kept if each not in moved[:left])])
            why = f"on the way back from {told(moved[-1])}"
            if both(move, declared):
                yield Point(
                    f"{why}, while {move.component} goes back to {move.before or 'nothing'}", with_versions(at, move.component, (move.before, move.after))
                )
            yield Point(f"{why}, after {move.component} went back to {move.before or 'nothing'}", at)


def find(
    state: State, moves: Sequence[Move], declared: Declared, *, broken: Broken, before: Before | None = None, prefer: Sequence[str] = ()
) -> list[Move] | None:
    """The first order, by `prefer` and then by name, of which no state is broken; None when there is none. CompatibilityError when that takes too long.

    before: {component: those that must be moved before it}; names that don't move are met already.
    """
    rank = {name: place for place, name in enumerate(prefer)}
    ready = sorted(moves, key=lambda move: (rank.get(move.component, len(rank)), move.component))
    return _Search(state, ready, declared, broken, before or {}).run()


class _Search:
    """Depth first over which moves are done. What is left depends only on them, and on which kept moves would break a way back to an earlier place:
    with both the same, it ends the same, so no such pair is looked at twice."""

    def __init__(self, state: State, moves: Sequence[Move], declared: Declared, broken: Broken, before: Before) -> None:
        self.state, self.moves, self.declared, self.broken, self.before = state, moves, declared, broken, before
        self.names = {move.component for move in moves}
        self.kept = [move for move in moves if stays(move, declared)]
        self.dead: set[tuple[frozenset[Move], frozenset[frozenset[Move]]]] = set()
        self.known: dict[tuple[frozenset[Move], Move | None], bool] = {}
        self.left = BUDGET

    def run(self) -> list[Move] | None:
        if len(self.kept) > 10:
            raise CompatibilityError(f"{len(self.kept)} components that stay on a rollback move at once; more than 10 are too many to search. Split the plan.")
        return self._go(frozenset(), (), frozenset())

    def _go(self, done: frozenset[Move], order: tuple[Move, ...], barred: frozenset[frozenset[Move]]) -> list[Move] | None:
        if len(order) == len(self.moves):
            return list(order)
        if (done, barred) in self.dead:
            return None
        self.left -= 1
        if self.left < 0:
            raise CompatibilityError(f"No order of {len(self.moves)} moves was found within {BUDGET} partial orders. Split the plan into smaller ones.")
        for move in self.moves:
            if move in done or not self._may(move, done):
                continue
            after = done | {move}
            if self._bad(done, move) or self._bad(after, None) or frozenset(each for each in self.kept if each in after) in barred:
                continue
            kept = {each for each in self.kept if each in after}
            found = self._go(after, (*order, move), frozenset(each for each in barred | self._bars(done, move) if each >= kept))
            if found is not None:
                return found
        self.dead.add((done, barred))
        return None

    def _may(self, move: Move, done: frozenset[Move]) -> bool:
        reached = {each.component for each in done}
        return all(name in reached or name not in self.names for name in self.before.get(move.component, ()))

    def _bars(self, done: frozenset[Move], move: Move) -> frozenset[frozenset[Move]]:
        """Sets of kept moves with which going back to here, or past this move, would break something."""
        bars = []
        for size in range(len(self.kept) + 1):
            for kept in map(frozenset, combinations(self.kept, size)):
                if not {each for each in self.kept if each in done or each == move} <= kept:
                    continue
                with_them = done | kept
                if self._bad(with_them, None) or (move not in kept and self._bad(with_them, move)):
                    bars.append(kept)
        return frozenset(bars)

    def _bad(self, done: frozenset[Move], move: Move | None) -> bool:
        """Whether the state is broken, with `move` under way."""
        if move is not None and not both(move, self.declared):
            return False
        if (done, move) not in self.known:
            at = _state(self.state, done)
            self.known[done, move] = self.broken(with_versions(at, move.component, (move.before, move.after)) if move else at)
        return self.known[done, move]


def both(move: Move, declared: Declared) -> bool:
    return bool(move.before and move.after and (move.component not in declared or declared[move.component].mixed))


def stays(move: Move, declared: Declared) -> bool:
    return move.component in declared and declared[move.component].stays


def told(move: Move) -> str:
    return f"{move.component} {move.before or 'nothing'} -> {move.after or 'nothing'}"


def _state(state: State, done: Iterable[Move]) -> State:
    found = state
    for move in done:
        found = with_versions(found, move.component, (move.after,))
    return found
