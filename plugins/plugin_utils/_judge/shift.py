# SPDX-License-Identifier: GPL-3.0-or-later
"""How far is one sample above the other: Hodges and Lehmann's estimate and the interval that belongs to Mann and Whitney's test."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.normal import quantile_above

SORTED_UP_TO = 40_000  # pairs; above that the differences are counted, not listed


class Shift(NamedTuple):
    """`error` is the standard error that the width of the interval speaks of; infinite when the samples are too small for one."""

    estimate: float
    low: float
    high: float
    error: float


def shift(canary: Sequence[float], baseline: Sequence[float], alpha: float, inflation: float = 1.0) -> Shift:
    """The median of all differences canary - baseline; each side of the interval errs with alpha / 2."""
    differences = _Differences(canary, baseline)
    n, m = len(canary), len(baseline)
    pairs, spread = n * m, math.sqrt(n * m * (n + m + 1) / 12 * inflation)
    middle = differences.nth((pairs - 1) // 2) / 2 + differences.nth(pairs // 2) / 2

    def bounds(z: float) -> tuple[float, float]:
        cut = math.floor(pairs / 2 - z * spread - 0.5)
        return (-math.inf, math.inf) if cut < 0 else (differences.nth(cut), differences.nth(pairs - 1 - cut))

    low, high = bounds(quantile_above(alpha / 2))
    # One standard error each way is there even for samples that are too small for the interval itself.
    near, far = bounds(1.0)
    return Shift(middle, low, high, (far - near) / 2)


class _Differences:
    """All differences of two samples in order, the lowest has the number 0."""

    def __init__(self, canary: Sequence[float], baseline: Sequence[float]) -> None:
        self._canary, self._minus = sorted(canary), sorted(-value for value in baseline)
        self._all = sorted(x - y for x in canary for y in baseline) if len(canary) * len(baseline) <= SORTED_UP_TO else None

    def nth(self, number: int) -> float:
        if self._all is not None:
            return self._all[number]
        low, high = self._canary[0] + self._minus[0], self._canary[-1] + self._minus[-1]
        for _step in range(64):
            middle = (low + high) / 2
            if not low < middle < high:
                break
            low, high = (low, middle) if self._up_to(middle) > number else (middle, high)
        return high

    def _up_to(self, value: float) -> int:
        return sum(bisect_right(self._minus, value - each) for each in self._canary)
