# SPDX-License-Identifier: GPL-3.0-or-later
"""Two records that are known by what they differ in from a third one: what they differ in from each other costs only that. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Item = Mapping[str, Any]
Delta = Mapping[str, Any]


def rebased(third: Mapping[str, Item], before: Delta, after: Delta) -> dict[str, Any]:
    """The delta that leads from `before` to `after`, both deltas from the record with the items `third`."""
    lost = (set(before["gone"]), set(after["gone"]))
    keys = sorted({*before["items"], *after["items"], *lost[0], *lost[1]})
    pairs = {key: (_state(third, before, lost[0], key), _state(third, after, lost[1], key)) for key in keys}
    return {
        "base": before["root"],
        "root": after["root"],
        "collectors": after["collectors"],
        "items": {key: new for key, (old, new) in pairs.items() if new is not None and new != old},
        "gone": [key for key, (old, new) in pairs.items() if new is None and old is not None],
    }


def _state(third: Mapping[str, Item], delta: Delta, lost: set[str], key: str) -> Item | None:
    if key in delta["items"]:
        found: Item = delta["items"][key]
        return found
    return None if key in lost else third.get(key)
