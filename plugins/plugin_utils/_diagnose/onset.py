# SPDX-License-Identifier: GPL-3.0-or-later
"""When the symptoms began: as told, or found in series by the judge's watch."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import DiagnoseError, stamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import gather, request, watch
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.defaults import complete
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import GAUGE, JudgeError, Metric, Series
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.times import seconds

ALPHA = 0.01
SOURCES = (
    *("points", "query", "start", "end", "step", "file", "series", "columns", "where", "events", "of", "exposure"),
    *("probes", "probe", "haproxy", "balancer", "backend", "server", "field"),
)
SHARE = 1 / 3  # of a series, what counts as the usual time when nobody says until when it was


@dataclass(frozen=True)
class Onset:
    at: float
    text: str
    # How far it may be off, beside the clocks: the points of a series have a distance.
    precision: float = 0.0


def told(value: Any) -> Onset:
    try:
        at = seconds(value, "symptoms_since")
    except JudgeError as exc:
        raise DiagnoseError(f"The question cannot be answered: {exc}") from exc
    return Onset(at, f"as told, {stamp(at)}")


def document(series: Sequence[Mapping[str, Any]], more: Mapping[str, Any]) -> dict[str, Any]:
    """As the judge checks it: each series as the canary of a metric."""
    metrics = []
    for each in series:
        source = {key: value for key, value in each.items() if key in SOURCES}
        metrics.append({**{key: value for key, value in each.items() if key not in SOURCES}, "canary": source})
    return dict(request.numbers({"metrics": metrics, **more}))


def found(asked: Mapping[str, Any], *, until: float | None = None) -> Onset:
    """The earliest alarm of all series of a document without faults.

    until: the time before it counts as usual; without, the first third of each series does.
    """
    alarms, quiet = [], []
    for each in asked["metrics"]:
        metric = complete(request.metric(each), "watch")
        try:
            series = gather.series(each["canary"], metric, asked)
            alarm = _alarm(series, metric, until, alpha=ALPHA / len(asked["metrics"]))
        except JudgeError as exc:
            quiet.append(f"{metric.name}: {exc}")
            continue
        if alarm:
            alarms.append(alarm)
        else:
            quiet.append(f"{metric.name} stays within what was usual before")
    if not alarms:
        raise DiagnoseError(f"No series shows when the symptoms began: {'; '.join(quiet)}. Next: give symptoms_since, or a series that shows them.")
    return min(alarms, key=lambda onset: onset.at)


def _alarm(series: Series, metric: Metric, until: float | None, *, alpha: float) -> Onset | None:
    if not series.times:
        raise JudgeError("it has no points by time.")
    cut = bisect.bisect_left(series.times, until) if until is not None else _usual(series, metric)
    usual, rest = _part(series, 0, cut), _part(series, cut, len(series.times))
    lacking = watch.lacking(rest, usual, metric)
    if lacking:
        raise JudgeError(lacking)
    alarm = watch.watch(rest, usual, metric, alpha)
    if alarm is None:
        return None
    gaps = sorted(later - earlier for earlier, later in zip(series.times, series.times[1:]))
    gap = gaps[len(gaps) // 2] if gaps else 0.0
    way = "above" if alarm.label == "High" else "below"
    return Onset(alarm.began, f"{metric.name} is {way} what was usual since {stamp(alarm.began)}, told at {stamp(alarm.at)}", gap)


def _usual(series: Series, metric: Metric) -> int:
    third = max(1, round(len(series.times) * SHARE))
    return max(third, min(watch.FEWEST, len(series.times) - 1)) if metric.kind == GAUGE else third


def _part(series: Series, begin: int, end: int) -> Series:
    parts = series.parts[begin:end]
    cut = replace(series, times=series.times[begin:end], values=series.values[begin:end], parts=parts)
    return replace(cut, events=int(sum(events for events, _of in parts)), of=float(sum(of for _events, of in parts)))
