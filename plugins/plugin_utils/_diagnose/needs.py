# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Mapping, Sequence


def all_needs(depends_on: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """{service: all that it depends on, all the way down}; a circle ends where it began."""
    found: dict[str, frozenset[str]] = {}
    for service in depends_on:
        seen: set[str] = set()
        todo = list(depends_on.get(service) or ())
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                todo += depends_on.get(name) or ()
        found[service] = frozenset(seen)
    return found
