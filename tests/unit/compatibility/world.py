# SPDX-License-Identifier: GPL-3.0-or-later
"""Small worlds of components for the tests, and an oracle that tries every order and looks at every state by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.declared import component
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Component

# {component: {version: ({contract: [versions]}, {contract: range})}}
World = Mapping[str, Mapping[str, tuple[Mapping[str, Sequence[str]], Mapping[str, str]]]]


def declare(world: World, **more: Mapping[str, Any]) -> dict[str, Component]:
    return {name: component(document(name, versions, **more.get(name, {}))) for name, versions in world.items()}


def document(name: str, versions: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    rows = [{"range": version, "provides": dict(provides), "requires": dict(requires)} for version, (provides, requires) in versions.items()]
    return {"component": name, "versions": rows, **more}


class Oracle:
    """Contracts of the worlds are met when the major number is the same: it knows no ranges but ^n."""

    def __init__(self, world: World, running: Mapping[str, str], wanted: Mapping[str, str], *, stays: Sequence[str] = (), stopped: Sequence[str] = ()) -> None:
        self.world, self.running, self.wanted, self.stays, self.stopped = world, dict(running), dict(wanted), stays, stopped

    def orders(self) -> Iterator[tuple[str, ...]]:
        moves = sorted(name for name in self.wanted if self.wanted[name] != self.running[name])
        for order in permutations(moves):
            if all(self.whole(state) for state in self.states(order)):
                yield order

    def states(self, order: Sequence[str]) -> Iterator[dict[str, set[str]]]:
        done: list[str] = []
        for name in order:
            yield self.at(done, name)
            done.append(name)
            yield self.at(done)
            # The way back from here, last first.
            kept = [each for each in done if each in self.stays]
            going = list(done)
            for last in reversed(done):
                going.remove(last)
                if last not in kept:
                    yield self.at([*going, *kept], last)
                yield self.at([*going, *kept])

    def at(self, done: Sequence[str], under_way: str = "") -> dict[str, set[str]]:
        state = {name: {self.wanted[name] if name in done else version} for name, version in self.running.items()}
        if under_way and under_way not in self.stopped:
            state[under_way] = {self.running[under_way], self.wanted[under_way]}
        return state

    def whole(self, state: Mapping[str, set[str]]) -> bool:
        for name, versions in state.items():
            for version in versions:
                for contract, wanted in self.world[name][version][1].items():
                    providers = [other for other in state if any(contract in self.world[other][at][0] for at in state[other])]
                    if not any(all(self.offers(other, at, contract, wanted) for at in state[other]) for other in providers):
                        return False
        return True

    def offers(self, name: str, version: str, contract: str, wanted: str) -> bool:
        return any(f"^{each.split('.')[0]}" == wanted for each in self.world[name][version][0].get(contract, ()))
