# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits that no baseline excuses: an objective of availability, a highest error rate, a longest latency."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import counts
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import AVAILABILITY, COUNTER, GAUGE, HIGH, LOW, Metric, Series


class Guarded(NamedTuple):
    """`p`: how likely so much beyond the limit is, when the service just keeps it. `beyond`: whether what was seen is beyond it."""

    label: str
    p: float
    beyond: bool
    limit: str


def limits(metric: Metric) -> int:
    """How many tests these are."""
    return sum(limit is not None for limit in (metric.highest, metric.lowest, metric.objective))


def guards(canary: Series, metric: Metric) -> Iterator[Guarded]:
    if metric.kind == AVAILABILITY:
        if metric.objective is not None:
            yield _share(canary, 1 - metric.objective, f"an availability of {metric.objective:.6g}")
        return
    if metric.highest is not None:
        yield _above(canary, metric.kind, metric.highest, f"at most {metric.highest:g}")
    if metric.lowest is not None:
        yield _below(canary, metric.kind, metric.lowest, f"at least {metric.lowest:g}")


def _share(canary: Series, share: float, limit: str) -> Guarded:
    return Guarded(HIGH, counts.binomial_above(canary.events, round(canary.of), share), canary.rate > share, limit)


def _above(canary: Series, kind: str, highest: float, limit: str) -> Guarded:
    if kind == GAUGE:
        return _median(sum(value > highest for value in canary.values), len(canary.values), HIGH, limit)
    if kind == COUNTER:
        return Guarded(HIGH, counts.poisson_above(canary.events, highest * canary.of), canary.rate > highest, limit)
    return _share(canary, highest, limit)


def _below(canary: Series, kind: str, lowest: float, limit: str) -> Guarded:
    if kind == GAUGE:
        return _median(sum(value < lowest for value in canary.values), len(canary.values), LOW, limit)
    if kind == COUNTER:
        # P(X <= k) = 1 - P(X >= k + 1)
        p = 1 - counts.poisson_above(canary.events + 1, lowest * canary.of)
        return Guarded(LOW, p, canary.rate < lowest, limit)
    n = round(canary.of)
    return Guarded(LOW, counts.binomial_above(n - canary.events, n, 1 - lowest), canary.rate < lowest, limit)


def _median(beyond: int, of: int, label: str, limit: str) -> Guarded:
    """The sign test: of a median that just keeps the limit half of the points are beyond it."""
    return Guarded(label, counts.binomial_above(beyond, of, 0.5), beyond > of / 2, limit)
