# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of a test case: the base document with what the case changes. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any


class MergeError(ValueError):
    """A path that is not there."""


def merged(base: Any, change: Any) -> Any:
    """Mappings are merged, anything else replaces what was there."""
    if isinstance(base, Mapping) and isinstance(change, Mapping):
        return {**base, **{key: merged(base.get(key), value) for key, value in change.items()}}
    return copy.deepcopy(change)


def without(document: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The document less the values at these dotted paths; MergeError for one that it has not, since a case would then test nothing."""
    left: dict[str, Any] = copy.deepcopy(dict(document))
    for path in paths:
        *above, last = path.split(".")
        place: Any = left
        for name in above:
            place = place.get(name) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            raise MergeError(f"the evidence has no {path} to take out")
        del place[last]
    return left
