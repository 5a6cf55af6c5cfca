# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of the versions of components, what runs, and what a plan moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import ranges


class Need(NamedTuple):
    """A contract in a range, from one component where it names one."""

    contract: str
    range: str
    source: str = ""
    optional: bool = False


class Library(NamedTuple):
    """`accepts`: ((who asks, range), ...), all of which must hold; () for nothing but the version that it brings."""

    name: str
    shared: str
    version: str
    accepts: tuple[tuple[str, str], ...] = ()
    ecosystem: str = "npm"


@dataclass(frozen=True)
class Facts:
    """Of one version of one component."""

    provides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    libraries: tuple[Library, ...] = ()
    support_until: str = ""
    # Dependencies in its own lock file that don't fit each other, in words.
    torn: tuple[str, ...] = ()


class Step(NamedTuple):
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True)
class Component:
    """`versions`: ((range, Facts), ...); `exact`: of versions that are only thought of, by their name."""

    name: str
    versions: tuple[tuple[str, Facts], ...] = ()
    mixed: bool = True
    stays: bool = False
    process: str = ""
    vendor: str = ""
    known: tuple[str, ...] = ()
    upgrades: tuple[Step, ...] = ()
    exact: Mapping[str, Facts] = field(default_factory=dict)

    def facts(self, version: str) -> Facts | None:
        """None when nothing is declared of the version, or two things are: then it is not known."""
        if version in self.exact:
            return self.exact[version]
        found = [facts for text, facts in self.versions if ranges.contains(text, version)]
        found = found or [facts for text, facts in self.versions if ranges.covers(text, version)]
        return found[0] if len(found) == 1 else None


class Move(NamedTuple):
    """A component from one version to another; "" is none."""

    component: str
    before: str
    after: str


State = Mapping[str, frozenset[str]]
Declared = Mapping[str, Component]


@dataclass(frozen=True)
class Problem:
    """One pair that does not work together. `moves`: the components that could go another way."""

    kind: str
    component: str
    version: str
    other: str
    text: str
    moves: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "component": self.component, "version": self.version, "other": self.other, "text": self.text, "moves": list(self.moves)}


def state_of(running: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """{component: version} as a state, without what is not there."""
    return {name: frozenset({version}) for name, version in running.items() if version}


def with_versions(state: State, name: str, versions: Sequence[str]) -> dict[str, frozenset[str]]:
    found = {key: value for key, value in state.items() if key != name}
    wanted = frozenset(version for version in versions if version)
    return {**found, name: wanted} if wanted else found
