# SPDX-License-Identifier: GPL-3.0-or-later
"""The canary among earlier stable releases. Releases differ a little without being bad: how much is what they say themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.clean import percentile
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import COUNTER, GAUGE, Metric, Series
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.normal import t_above

FEWEST = 3


class Historic(NamedTuple):
    """`high` and `low` are the chances that the next release of this kind is as far out; `effect` is relative to their mean."""

    high: float
    low: float
    effect: float
    unit: str


def among(canary: Series, earlier: Sequence[Series], metric: Metric) -> Historic:
    """Student's prediction interval for one more release; what the canary's own size leaves open is added to the spread."""
    logs = metric.kind != GAUGE or all(min(side.values) > 0 for side in (canary, *earlier))
    figures = [_figure(side, metric.kind, logs=logs) for side in earlier]
    own = _figure(canary, metric.kind, logs=logs)
    count, mean = len(figures), math.fsum(figures) / len(figures)
    between = math.fsum((figure - mean) ** 2 for figure in figures) / (count - 1)
    spread = math.sqrt(between * (1 + 1 / count) + _noise(canary, metric.kind, logs=logs))
    t = (own - mean) / spread if spread > 0 else math.copysign(math.inf, own - mean) if own != mean else 0.0
    high = 0.0 if t == math.inf else 1.0 if t == -math.inf else t_above(t, count - 1)
    if logs:
        return Historic(high, 1 - high, math.expm1(own - mean), "")
    return Historic(high, 1 - high, (own - mean) / abs(mean) if mean else own - mean, "" if mean else "units")


def _figure(side: Series, kind: str, *, logs: bool) -> float:
    if kind == GAUGE:
        median = percentile(sorted(side.values), 50)
        return math.log(median) if logs else median
    if kind == COUNTER:
        return math.log((side.events + 0.5) / side.of)
    return math.log((side.events + 0.5) / (side.of - side.events + 0.5))


def _noise(side: Series, kind: str, *, logs: bool) -> float:
    """Squared error of that figure."""
    if kind == GAUGE:
        values = sorted(math.log(value) for value in side.values) if logs else sorted(side.values)
        quarter = (percentile(values, 75) - percentile(values, 25)) / 1.349
        return math.pi / 2 * quarter * quarter / len(values)
    rest = 0.0 if kind == COUNTER else 1 / (side.of - side.events + 0.5)
    return 1 / (side.events + 0.5) + rest
