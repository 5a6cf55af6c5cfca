# SPDX-License-Identifier: GPL-3.0-or-later
"""What hangs on what: children go before their parents, and a row that something still needs stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

CASCADE = "cascade"
DETACH = ("set null", "set default")


class Edge(NamedTuple):
    """A foreign key."""

    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    keys: tuple[str, ...]
    on_delete: str  # cascade, set null, set default, restrict or no action

    @property
    def holds(self) -> bool:
        return self.on_delete != CASCADE and self.on_delete not in DETACH


class Table(NamedTuple):
    name: str  # as the policy writes it
    columns: Mapping[str, str]  # name -> type, in small letters
    key: tuple[str, ...]  # primary key; empty: there is none


def arrange(names: Iterable[str], edges: Iterable[Edge]) -> tuple[list[str], bool]:
    """(tables, children before parents; whether some hang on each other in a circle)."""
    left = sorted(set(names))
    parents: dict[str, set[str]] = {name: set() for name in left}
    circle = False
    for edge in edges:
        if edge.child == edge.parent and edge.child in parents:
            circle = circle or edge.holds
        elif edge.child in parents and edge.parent in parents:
            parents[edge.child].add(edge.parent)
    found: list[str] = []
    while left:
        free = [name for name in left if not any(name in parents[other] for other in left)]
        circle = circle or not free
        # In a circle any beginning is as good as another; the rounds after it bring the rest.
        found += free or left[:1]
        left = [name for name in left if name not in found]
    # A table is free when no child of it is left: children have come first.
    return found, circle
