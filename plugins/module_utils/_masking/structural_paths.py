# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths into JSON, merged into one tree: what is walked once, whatever the number of paths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._masking.policy_model import Rule
from ansible_collections.evenkeel.release.plugins.module_utils._masking.transformers import MaskingError

STEP = re.compile(r"[.]([A-Za-z_][A-Za-z0-9_]*)|\['((?:[^'\\]|\\.)+)'\]|\[([0-9]+)\]|\[([*])\]", re.DOTALL)


class Each(NamedTuple):
    """All elements of a list."""


class Node(NamedTuple):
    keys: dict[str, Node]
    places: dict[int, Node]
    each: list[Node]  # none or one
    rule: Optional[Rule]
    number: int  # of the leaf, in the order of the policy

    @property
    def kind(self) -> str:
        if self.rule is not None:
            return "leaf"
        return "object" if self.keys else "array"


def steps(path: str) -> list[object]:
    found: list[object] = []
    place = 1
    while place < len(path):
        match = STEP.match(path, place)
        if match is None or not path.startswith("$"):
            raise MaskingError(f"json: {path} is no path; paths are written $.a.b, $.items[*].name, $.list[0] or $['a name'].")
        name, quoted, index, _each = match.groups()
        found.append(name or (re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if quoted else int(index) if index else Each()))
        place = match.end()
    return found


def _node(rule: Optional[Rule] = None, number: int = -1) -> Node:
    return Node({}, {}, [], rule, number)


def tree(leaves: Sequence[tuple[str, Rule]]) -> Node:
    """Raises when two paths want different things of one place."""
    root = _node()
    for number, (path, rule) in enumerate(leaves):
        at, way = root, steps(path)
        for place, step in enumerate(way):
            last = place == len(way) - 1
            fresh = _node(rule, number) if last else _node()
            at = _enter(at, step, fresh, path)
            if at is not fresh and (last or at.rule is not None):
                raise MaskingError(f"{path}: another path masks the same place, or one around it; drop one of them")
    return root


def _enter(at: Node, step: object, fresh: Node, path: str) -> Node:
    lists = bool(at.places or at.each)
    if (isinstance(step, str) and lists) or (not isinstance(step, str) and at.keys):
        raise MaskingError(f"{path}: other paths say that an object is there, or that a list is; keep one kind")
    if isinstance(step, str):
        return at.keys.setdefault(step, fresh)
    if (isinstance(step, int) and at.each) or (isinstance(step, Each) and at.places):
        raise MaskingError(f"{path}: [*] and places by number exclude each other in one list; use [*]")
    if isinstance(step, int):
        return at.places.setdefault(step, fresh)
    if not at.each:
        at.each.append(fresh)
    return at.each[0]
