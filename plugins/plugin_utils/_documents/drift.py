# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of evenkeel_drift that its schema can't tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Environment
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.score import WEIGHTS


def drift_faults(each: Environment) -> Iterator[Fault]:
    """A score must not fall when drift gets worse."""
    weights = each.drift.get("weights") if isinstance(each.drift, Mapping) else None
    own = weights.get("severities") if isinstance(weights, Mapping) else None
    if not isinstance(own, Mapping) or not all(isinstance(value, (int, float)) for value in own.values()):
        return
    chosen = {**WEIGHTS, **own}
    for worse, lesser in pairwise(WEIGHTS):
        if chosen[worse] < chosen[lesser]:
            written = worse if worse in own else lesser
            yield each.drift_source.fault(
                ("weights", "severities", written),
                found=f"{worse} {chosen[worse]}, less than {lesser} {chosen[lesser]}",
                allowed=f"{worse} at least as heavy as {lesser}",
            )
