# SPDX-License-Identifier: GPL-3.0-or-later
"""Kayenta's classification of one metric, with its holes: what its NetflixACAJudge 1.0 says, this says.

After spinnaker/kayenta (Apache-2.0), read at commit a69573be; docs/reference/judge.md lists what is the same and what is not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import brent
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import (
    ERROR,
    HIGH,
    LOW,
    NODATA,
    NODATA_FAIL,
    PASS,
    JudgeError,
    Metric,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.ranks import above_share, midranks


@dataclass(frozen=True)
class Interval:
    low: float
    high: float
    estimate: float


@dataclass(frozen=True)
class Classified:
    label: str
    reason: str
    deviation: float = 1.0
    critical: bool = False
    interval: Interval | None = None


def classify(canary: Sequence[float], baseline: Sequence[float], metric: Metric, *, tolerance: float, confidence: float) -> Classified:
    """The values are clean already. A test that can't be computed is an Error, as there."""
    if not canary or not baseline:
        return _without_data(metric)
    if sorted(canary) == sorted(baseline):
        return Classified(PASS, "The Canary and Baseline data are identical")
    if len({*canary, *baseline}) == 1:
        return Classified(PASS, "")
    try:
        interval = mann_whitney(canary, baseline, confidence)
    except JudgeError as exc:
        return Classified(ERROR, f"Metric Classification Failed: {exc}", critical=False)
    return _compared(canary, baseline, metric, interval, tolerance)


def _without_data(metric: Metric) -> Classified:
    if metric.nan == "replace":
        return Classified(PASS, "")
    reason = f"Missing data for {metric.name}"
    if metric.required and not metric.critical:
        return Classified(NODATA_FAIL, reason)
    return Classified(NODATA, reason, critical=bool(metric.critical))


def _compared(canary: Sequence[float], baseline: Sequence[float], metric: Metric, interval: Interval, tolerance: float) -> Classified:
    sizes = metric.effect
    usual = 0.5 if sizes.measure == "cles" else 1.0
    deviation = mean_ratio(canary, baseline)
    effect = above_share(canary, baseline) if sizes.measure == "cles" else deviation
    bound = tolerance * abs(interval.estimate)
    direction = metric.direction or "either"

    def enough(limit: float | None, *, up: bool) -> bool:
        """An effect that can't be computed is not asked for."""
        least = usual if limit is None else limit
        return math.isnan(effect) or (effect >= least if up else effect <= least)

    if direction in ("increase", "either") and interval.low > bound and enough(sizes.allowed_increase, up=True):
        label, critical = HIGH, bool(metric.critical) and enough(sizes.critical_increase, up=True)
    elif direction in ("decrease", "either") and interval.high < -bound and enough(sizes.allowed_decrease, up=False):
        label, critical = LOW, bool(metric.critical) and enough(sizes.critical_decrease, up=False)
    else:
        return Classified(PASS, "", deviation, interval=interval)
    reason = f"The metric {metric.name} was classified as {label} (Critical)" if critical else f"{metric.name} was classified as {label}"
    return Classified(label, reason, deviation, critical, interval)


def mean_ratio(canary: Sequence[float], baseline: Sequence[float]) -> float:
    top, bottom = math.fsum(canary) / len(canary), math.fsum(baseline) / len(baseline)
    return top / bottom if top and bottom else math.nan


def mann_whitney(canary: Sequence[float], baseline: Sequence[float], confidence: float) -> Interval:
    if len(set(canary)) == len(set(baseline)) == 1:
        # There, noise of 1e-5 of the value makes an interval of a hair's breadth around this, other at each run. It can't tell zeros
        # or single points apart, though.
        if not any(len(side) > 1 and side[0] for side in (canary, baseline)):
            raise JudgeError("all values of each side are equal.")
        apart = canary[0] - baseline[0]
        return Interval(apart, apart, apart)
    lowest, highest = min(canary) - max(baseline), max(canary) - min(baseline)
    quantile = NormalDist().inv_cdf((1.0 - confidence) / 2)

    def found(z: float) -> float:
        if difference(lowest, z, canary, baseline) <= 0:
            return lowest
        if difference(highest, z, canary, baseline) >= 0:
            return highest
        return brent.root(lambda shift: difference(shift, z, canary, baseline), lowest, highest)

    estimate = brent.root(lambda shift: difference(shift, 0.0, canary, baseline), lowest, highest)
    return Interval(found(-quantile), found(quantile), estimate)


def difference(shift: float, quantile: float, canary: Sequence[float], baseline: Sequence[float]) -> float:
    """Standardized rank sum of the canary less that shift, corrected for ties and continuity, less the quantile."""
    n, m = len(canary), len(baseline)
    ranks = midranks([value - shift for value in canary] + list(baseline))
    excess = sum(ranks[:n]) - n * (n + 1) / 2 - n * m / 2
    tied = sum(count**3 - count for count in Counter(ranks).values())
    variance = n * m / 12 * ((n + m + 1) - tied / ((n + m) * (n + m - 1)))
    if variance <= 0:
        raise JudgeError("all values are equal after the shift.")
    correction = math.copysign(0.5, excess) if excess else 0.0
    return (excess - correction) / math.sqrt(variance) - quantile
