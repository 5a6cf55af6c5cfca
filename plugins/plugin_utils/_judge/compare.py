# SPDX-License-Identifier: GPL-3.0-or-later
"""The canary against its baseline: the test that fits the kind of the metric, and what it could have seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import counts, dependence, ranks
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import COUNTER, GAUGE, HIGH, LOW, Metric, Series
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.normal import above, quantile_above
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.shift import shift


class Compared(NamedTuple):
    """`effect`, `interval` and `detectable` are relative, or differences in `unit`. `label` is the direction that p speaks of."""

    test: str
    label: str
    p: float
    effect: float | None
    interval: tuple[float | None, float | None] | None
    detectable: float | None
    unit: str
    matters: bool


class Question(NamedTuple):
    """`level` is the p below which the change is believed."""

    metric: Metric
    level: float
    power: float

    @property
    def side_level(self) -> float:
        return self.level / 2 if self.metric.direction == "either" else self.level


def compare(canary: Series, baseline: Series, question: Question) -> Compared:
    kind = question.metric.kind
    if kind == GAUGE:
        return _gauges(canary.values, baseline.values, question)
    return _rates(canary, baseline, question) if kind == COUNTER else _shares(canary, baseline, question)


def _sided(high: float, low: float, question: Question) -> tuple[str, float]:
    """(label, p) of the directions that count."""
    direction = question.metric.direction
    if direction == "either":
        return (HIGH, min(1.0, 2 * high)) if high <= low else (LOW, min(1.0, 2 * low))
    return (HIGH, high) if direction == "increase" else (LOW, low)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# --- gauges -----------------------------------------------------------------------------------------------------------
def _gauges(canary: Sequence[float], baseline: Sequence[float], question: Question) -> Compared:
    inflation = dependence.of_gauges(canary, baseline)
    label, p = _sided(ranks.p_above(canary, baseline, inflation), ranks.p_above(baseline, canary, inflation), question)
    positive = min(*canary, *baseline) > 0
    scale = 1.0 if positive else _scale(baseline)
    # Latencies and sizes differ by factors: their logarithms differ by shifts.
    sides = [[math.log(value) for value in side] for side in (canary, baseline)] if positive else [list(canary), list(baseline)]
    moved = shift(sides[0], sides[1], question.level if question.metric.direction == "either" else 2 * question.level, inflation)

    def told(amount: float) -> float:
        return math.expm1(min(amount, 700.0)) if positive else amount / scale

    error = _error(canary, baseline, moved.error * (1 if positive else 1 / scale), inflation)
    far = (quantile_above(question.side_level) + quantile_above(1 - question.power)) * error
    detectable = _finite(math.expm1(min(far, 700.0)) if positive else far)
    effect = told(moved.estimate)
    sign = 1 if label == HIGH else -1
    least = question.metric.tolerance or 0.0
    # Where most values are equal, as in a gauge of rare errors, the median of the differences stays 0 and the mean tells.
    matters = sign * effect >= least or _mean_moved(canary, baseline, sign) >= least
    unit = "" if positive or _scale(baseline) != 1.0 else "units"
    interval = (_finite(told(moved.low)), _finite(told(moved.high)))
    return Compared("Mann-Whitney", label, p, _finite(effect), interval, detectable, unit, matters)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _scale(baseline: Sequence[float]) -> float:
    """What a change is relative to; 1, the unit itself, where the baseline is nothing but zeros."""
    ordered = sorted(baseline)
    return abs(ordered[len(ordered) // 2]) or abs(_mean(baseline)) or 1.0


def _mean_moved(canary: Sequence[float], baseline: Sequence[float], sign: int) -> float:
    usual = abs(_mean(baseline))
    moved = sign * (_mean(canary) - _mean(baseline))
    return moved / usual if usual else math.copysign(math.inf, moved) if moved else 0.0


def _error(canary: Sequence[float], baseline: Sequence[float], error: float, inflation: float) -> float:
    if error > 0 or len({*canary, *baseline}) == 1:
        return error

    def squared(values: Sequence[float]) -> float:
        mean = _mean(values)
        return math.fsum((value - mean) ** 2 for value in values) / max(1, len(values) - 1) / len(values)

    return math.sqrt((squared(canary) + squared(baseline)) * inflation) / (abs(_mean(baseline)) or 1.0)


# --- shares of requests -------------------------------------------------------------------------------------------------
def _widened(p: float, inflation: float) -> float:
    """The p of a z that is smaller by what bursts add to the variance."""
    return p if inflation <= 1 or not 0 < p < 0.5 else max(p, above(quantile_above(p) / math.sqrt(inflation)))


def _shares(canary: Series, baseline: Series, question: Question) -> Compared:
    n, m = round(canary.of), round(baseline.of)
    inflation = dependence.of_counts(canary, baseline, shares=True)
    high = _widened(counts.fisher_above(canary.events, n, baseline.events, m), inflation)
    low = _widened(counts.fisher_above(n - canary.events, n, m - baseline.events, m), inflation)
    label, p = _sided(high, low, question)
    effect = canary.rate - baseline.rate
    detectable = _detectable_share(n, baseline, question, inflation)
    matters = (effect if label == HIGH else -effect) >= (question.metric.tolerance or 0.0)
    return Compared("Fisher", label, p, effect, _newcombe(canary, baseline, question, inflation), detectable, "share", matters)


def _newcombe(canary: Series, baseline: Series, question: Question, inflation: float) -> tuple[float, float]:
    """Newcombe's interval of a difference of shares (1998, method 10), from Wilson's interval of each."""
    z = quantile_above(question.side_level) * math.sqrt(inflation)

    def wilson(side: Series) -> tuple[float, float]:
        n, share = side.of, side.rate
        middle, reach = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return (middle - reach) / (1 + z * z / n), (middle + reach) / (1 + z * z / n)

    (low, high), (base_low, base_high) = wilson(canary), wilson(baseline)
    apart = canary.rate - baseline.rate
    down = math.hypot(canary.rate - low, base_high - baseline.rate)
    up = math.hypot(high - canary.rate, baseline.rate - base_low)
    return apart - down, apart + up


def _detectable_share(n: int, baseline: Series, question: Question, inflation: float) -> float | None:
    """With this baseline: the least count that would have been found, and how far above it the share is that reaches it with that power."""
    level, m = question.side_level, round(baseline.of)

    def found(count: int) -> bool:
        return _widened(counts.fisher_above(count, n, baseline.events, m), inflation) <= level

    least = counts.smallest_found(found, n)
    return None if least is None else max(0.0, counts.share_with_power(least, n, question.power) - baseline.rate)


# --- events by time -----------------------------------------------------------------------------------------------------
def _rates(canary: Series, baseline: Series, question: Question) -> Compared:
    inflation = dependence.of_counts(canary, baseline, shares=False)
    sides = (canary.events, canary.of, baseline.events, baseline.of)
    high = _widened(counts.rates_above(*sides), inflation)
    low = _widened(counts.rates_above(*sides[2:], *sides[:2]), inflation)
    label, p = _sided(high, low, question)
    # Half an event more on each side keeps the logarithm finite.
    ratio = (canary.events + 0.5) / canary.of / ((baseline.events + 0.5) / baseline.of)
    error = math.sqrt((1 / (canary.events + 0.5) + 1 / (baseline.events + 0.5)) * inflation)
    z = quantile_above(question.side_level)
    interval = (ratio * math.exp(-z * error) - 1, ratio * math.exp(min(z * error, 700.0)) - 1)
    # What would be seen at the baseline's rate: the canary's own count may be what is wrong with it.
    usual = (baseline.events + 0.5) * canary.of / baseline.of
    expected = math.sqrt((1 / usual + 1 / (baseline.events + 0.5)) * inflation)
    detectable = math.expm1(min((z + quantile_above(1 - question.power)) * expected, 700.0))
    effect = ratio - 1
    matters = (effect if label == HIGH else -effect) >= (question.metric.tolerance or 0.0)
    return Compared("Poisson rates", label, p, effect, interval, detectable, "", matters)
