# SPDX-License-Identifier: GPL-3.0-or-later
"""One figure from many metrics: groups with weights, as Kayenta adds them up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import HIGH, LOW, NODATA, NODATA_FAIL, PASS, Finding

MOST_WITHOUT_DATA = 50.0  # percent of the metrics


class Score(NamedTuple):
    value: float
    groups: dict[str, float | None]
    reason: str


def score(findings: Sequence[Finding], weights: Mapping[str, float]) -> Score:
    """Muted metrics are left out by the caller."""
    groups = {name: _group([each for each in findings if name in each.groups]) for name in _names(findings)}
    failures = [each for each in findings if each.critical and each.classification != PASS]
    if failures:
        return Score(0.0, groups, f"Canary Failed: {failures[0].reason}")
    missing = sum(each.classification == NODATA for each in findings)
    if findings and missing / len(findings) * 100 >= MOST_WITHOUT_DATA:
        return Score(0.0, groups, f"Canary Failed: 50% or more metrics returned {NODATA.upper()}")
    return Score(_sum(groups, weights), groups, "")


def _names(findings: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(name for each in findings for name in each.groups))


def _group(findings: Sequence[Finding]) -> float | None:
    """Percent that passed of those that could be told; None without any."""
    told = [each for each in findings if each.classification in (PASS, HIGH, LOW, NODATA_FAIL)]
    return sum(each.classification == PASS for each in told) / len(told) * 100 if told else None


def _sum(groups: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """Groups without a weight share what is left of 100; a group without data does no harm."""
    open_groups = [name for name in groups if name not in weights]
    left = (100 - math.fsum(weights.values())) / len(open_groups) if open_groups else 0.0
    total = 0.0
    for name, found in groups.items():
        total += (100.0 if found is None else found) * weights.get(name, left) / 100
    return float(Decimal(repr(total)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))
