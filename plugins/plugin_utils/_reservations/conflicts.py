# SPDX-License-Identifier: GPL-3.0-or-later
"""When two bookings stand in each other's way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import Rules

# {states: (is the first in conflict, is the second)}; a pair that is not here has no conflict.
# Plutora, "Booking conflicts": two approved ones are none, since somebody has looked at both.
TABLES: dict[str, dict[tuple[str, str], tuple[bool, bool]]] = {
    "plutora": {
        ("approved", "approved"): (False, False),
        ("approved", "pending"): (False, True),
        ("pending", "approved"): (True, False),
        ("pending", "pending"): (True, True),
    },
    "strict": {
        ("approved", "approved"): (True, True),
        ("approved", "pending"): (True, True),
        ("pending", "approved"): (True, True),
        ("pending", "pending"): (True, True),
    },
}


class Clash(NamedTuple):
    """Where and when `one` and `other` meet, and which of them is in conflict."""

    one: Booking
    other: Booking
    environments: tuple[str, ...]
    begins: datetime
    ends: datetime
    one_in_conflict: bool
    other_in_conflict: bool


def in_conflict(table: str, first: str, second: str) -> tuple[bool, bool]:
    return TABLES[table].get((first, second), (False, False))


def clash(rules: Rules, one: Booking, other: Booking) -> Clash | None:
    """None when they are apart, share it, or the table sees no conflict."""
    environments = tuple(name for name in one.environments if name in other.environments)
    if not environments or one.id == other.id or rules.share(one.mode, other.mode):
        return None
    begins, ends = max(one.blocked[0], other.blocked[0]), min(one.blocked[1], other.blocked[1])
    mine, theirs = in_conflict(rules.conflicts, one.state, other.state)
    if begins >= ends or not (mine or theirs):
        return None
    return Clash(one, other, environments, begins, ends, mine, theirs)


def clashes(rules: Rules, one: Booking, others: Iterable[Booking]) -> list[Clash]:
    found = [each for other in others if (each := clash(rules, one, other))]
    return sorted(found, key=lambda each: (each.begins, each.other.id))
