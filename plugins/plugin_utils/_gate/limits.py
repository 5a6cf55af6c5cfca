# SPDX-License-Identifier: GPL-3.0-or-later
"""How much work a condition may make. Steps and not seconds are counted, so that the same policy on the same evidence always ends alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 4000  # characters of an expression
NODES = 500  # parts of an expression
DEEPEST = 40  # parts inside each other
STEPS = 500_000  # visited parts, and values that were put together; about half a second
LONGEST_TEXT = 1_000_000  # characters of a text that an expression makes


class LimitError(ValueError):
    """An expression that is too large, or that makes too much work."""


def check_length(expression: str) -> None:
    if not 0 < len(expression) <= LONGEST:
        raise LimitError(f"the expression has {len(expression)} characters, allowed are 1 to {LONGEST}")


def check_parts(parsed: Mapping[str, Any]) -> None:
    stack, nodes = [(parsed, 1)], 0
    while stack:
        node, depth = stack.pop()
        nodes += 1
        if depth > DEEPEST:
            raise LimitError(f"the expression is nested more than {DEEPEST} deep")
        if nodes > NODES:
            raise LimitError(f"the expression has more than {NODES} parts")
        stack += [(child, depth + 1) for child in node.get("children", ()) if isinstance(child, Mapping)]


class Budget:
    """What is left of the steps of one expression."""

    def __init__(self, steps: int = STEPS) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        self._left -= steps
        if self._left < 0:
            raise LimitError(f"the expression makes too much work on this evidence, allowed are {STEPS} steps")

    def weigh(self, value: Any) -> None:
        """Spend a step for each value inside; a value that is there twice costs twice, as printing or comparing it would."""
        stack = [value]
        while stack:
            one = stack.pop()
            self.spend()
            if isinstance(one, str) and len(one) > LONGEST_TEXT:
                raise LimitError(f"the expression makes a text of {len(one)} characters, allowed {LONGEST_TEXT}")
            if isinstance(one, Mapping):
                stack.extend(one.values())
            elif isinstance(one, list):
                stack.extend(one)
