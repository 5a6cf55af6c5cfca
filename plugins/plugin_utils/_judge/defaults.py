# SPDX-License-Identifier: GPL-3.0-or-later
"""What a metric that says nothing about it gets, by kind; docs/reference/judge.md says why."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import AVAILABILITY, COUNTER, GAUGE, RATIO, Metric

DIRECTIONS = {GAUGE: "either", COUNTER: "either", RATIO: "increase", AVAILABILITY: "increase"}
# A change below it is not worth a failure, however sure it is. Relative, but for shares: there it is a difference of shares.
TOLERANCES = {GAUGE: 0.05, COUNTER: 0.05, RATIO: 0.001, AVAILABILITY: 0.0}
# A run that couldn't have seen a change of this size doesn't pass. In the same units.
MUST_SEE = {GAUGE: 1.0, COUNTER: 1.0, RATIO: 0.10, AVAILABILITY: 0.10}
# Points of a gauge, events of a counter (both sides together), requests, samples; on each side but for the counter.
MIN_SAMPLES = {GAUGE: 20, COUNTER: 20, RATIO: 50, AVAILABILITY: 30}


def complete(metric: Metric, mode: str) -> Metric:
    """In the modes that are ours a metric is critical unless it says otherwise; in Kayenta's it is not."""
    kind = metric.kind
    # Both count failures: what goes down in availability goes up here.
    direction = "increase" if kind == AVAILABILITY else metric.direction
    return replace(
        metric,
        groups=metric.groups or ("all",),
        direction=direction or ("either" if mode == "kayenta" else DIRECTIONS[kind]),
        critical=(mode != "kayenta") if metric.critical is None else metric.critical,
        tolerance=TOLERANCES[kind] if metric.tolerance is None else metric.tolerance,
        must_see=MUST_SEE[kind] if metric.must_see is None else metric.must_see,
        min_samples=MIN_SAMPLES[kind] if metric.min_samples is None else metric.min_samples,
    )
