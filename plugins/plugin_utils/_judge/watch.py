# SPDX-License-Identifier: GPL-3.0-or-later
"""The first hour: from which moment on is the release off what was usual before? A cumulative sum tells soon and seldom wrongly.

Page's sum of log likelihood ratios, "changed" against "as before". Without a change each restart of the sum reaches the height h
with a chance of exp(-h) at most (Wald), so h = log(points / alpha) keeps the chance of a false alarm below alpha. Of normal steps the
sum overshoots and few points restart it: there Siegmund's approximation (1985) allows a lower height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import dependence
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.clean import percentile
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import COUNTER, GAUGE, HIGH, LOW, JudgeError, Metric, Series

MOVED = 1.0  # the change of a gauge that the sum is quickest for, in standard deviations; of rates and odds it is a factor of 2
CLIPPED = 4.0  # one wild point must not ring
FEWEST = 40  # points of the time before: their spread is what is usual
OVERSHOT = 2 * math.exp(1.166)
SURE = 1.28  # what was usual is known from few points: standard errors that it may be off in favour of the release


class Alarm(NamedTuple):
    """`at` is the point that rang, `began` the first one of the run that led to it."""

    label: str
    at: float
    began: float


def lacking(canary: Series, baseline: Series, metric: Metric) -> str:
    """Why it can't be watched yet; empty when it can."""
    if not canary.size:
        return f"there is no data of {metric.name} from the canary."
    if metric.kind == GAUGE:
        count = len(baseline.values)
        return f"{metric.name} has {count} points of the time before, needed are {FEWEST} to know what is usual." if count < FEWEST else ""
    if not canary.parts:
        raise JudgeError("totals can't be watched, needed are points by time.")
    return "" if baseline.of else f"there is no data of {metric.name} from the time before."


def too_few(canary: Series, baseline: Series, metric: Metric) -> str:
    """Why silence says nothing yet; empty when it does. An alarm needs none of it: the sum knows how little was usual."""
    least = metric.min_samples or 0
    if metric.kind == GAUGE:
        seen, unit = len(canary.values), "points from the canary"
    elif metric.kind == COUNTER:
        seen, unit = canary.events + baseline.events, "events, both times together"
    else:
        seen, unit = round(min(canary.of, baseline.of)), "counted since the release or in the time before"
    return f"{metric.name} has {seen} {unit}, needed are {least:g} to tell that it stays as usual." if seen < least else ""


def watch(canary: Series, baseline: Series, metric: Metric, alpha: float, fraction: float = 1.0) -> Alarm | None:
    """The first alarm in the directions that count, of data that lacks nothing.

    `fraction` is how much of the time to watch has gone by: the height is that of the whole time, so that asking again costs nothing.
    """
    sides = {"increase": (HIGH,), "decrease": (LOW,)}.get(metric.direction or "", (HIGH, LOW))
    found = []
    for label in sides:
        steps = _gauge_steps(canary, baseline, label) if metric.kind == GAUGE else _count_steps(canary, baseline, metric, label)
        points = max(1.0, len(steps) / fraction)
        height = math.log(points * len(sides) / alpha / (OVERSHOT if metric.kind == GAUGE else 1.0))
        found += [alarm for alarm in [_sum(canary.times, steps, label, height)] if alarm]
    return min(found, key=lambda alarm: alarm.at, default=None)


def _sum(times: Sequence[float], steps: Sequence[float], label: str, height: float) -> Alarm | None:
    total, began = 0.0, 0.0
    for time, step in zip(times, steps):
        if total == 0.0:
            began = time
        total = max(0.0, total + step)
        if total > height:
            return Alarm(label, time, began)
    return None


def _gauge_steps(canary: Series, baseline: Series, label: str) -> list[float]:
    count = len(baseline.values)
    logs = min(*canary.values, *baseline.values) > 0
    usual = sorted(math.log(value) for value in baseline.values) if logs else sorted(baseline.values)
    middle, sign = percentile(usual, 50), 1 if label == HIGH else -1
    # The spread of ordinary points; a few wild ones in the time before must not make the watch deaf.
    spread = 1.4826 * percentile(sorted(abs(value - middle) for value in usual), 50) or _deviation(usual)
    inflation = dependence.of_gauges(baseline.values)
    if spread:
        # Relative errors of a median absolute deviation and of a median, for normal data.
        spread *= 1 + SURE * 1.17 / math.sqrt(count) / 2
        middle += sign * SURE * 1.253 * spread * math.sqrt(inflation / count)
    steps = []
    for value in canary.values:
        off = sign * ((math.log(value) if logs else value) - middle)
        scaled = off / spread if spread else math.copysign(CLIPPED, off) if off else 0.0
        steps.append((MOVED * max(-CLIPPED, min(CLIPPED, scaled)) - MOVED * MOVED / 2) / inflation)
    return steps


def _deviation(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def _count_steps(canary: Series, baseline: Series, metric: Metric, label: str) -> list[float]:
    """Twice the rate or the odds against what they were; half of them for a change downwards."""
    by_time = metric.kind == COUNTER
    inflation = dependence.of_counts(baseline, shares=not by_time)
    reach = SURE * math.sqrt((baseline.events + 1) * inflation)
    events = baseline.events + 1 + reach if label == HIGH else max(0.0, baseline.events - reach)
    rate = events / baseline.of if by_time else min(0.999, events / (baseline.of + 1))
    if rate <= 0:
        return [0.0] * len(canary.parts)
    other = rate * 2 if label == HIGH else rate / 2
    if by_time:
        return [(count * math.log(other / rate) - (other - rate) * of) / inflation for count, of in canary.parts]
    other = 2 * rate / (1 + rate) if label == HIGH else rate / (2 - rate)
    gain, loss = math.log(other / rate), math.log((1 - other) / (1 - rate))
    return [(count * gain + (of - count) * loss) / inflation for count, of in canary.parts]
