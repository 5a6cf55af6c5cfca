# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a source gave to a series that can be judged: missing values, outliers, counters that start anew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import (
    AVAILABILITY,
    COUNTER,
    GAUGE,
    JudgeError,
    Metric,
    Series,
)

LARGEST = 1e100  # squares and sums of such values are still numbers


def series(document: Mapping[str, Any], metric: Metric) -> Series:
    """`document` is {points, events, of, exposure} as docs/reference/judge.md defines them."""
    rows = [_row(row, metric.name) for row in document.get("points") or []]
    if metric.kind == GAUGE:
        kept = gauge([row[:2] for row in rows], metric)  # type: ignore[misc]
        return Series(times=tuple(row[0] for row in kept), values=tuple(row[1] for row in kept))
    if metric.kind == COUNTER:
        return _counter(rows, document, metric.name)
    return _ratio(rows, document, metric)


def number(value: Any, name: str) -> float:
    """A missing value is NaN: None, "NaN", and what is not finite."""
    if value is None:
        return math.nan
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise JudgeError(f"{name} has the value {str(value)[:40]!r}, needed is a number.") from None
    if math.isfinite(found) and abs(found) > LARGEST:
        raise JudgeError(f"{name} has the value {found:g}, needed is one up to {LARGEST:g}.")
    return found if math.isfinite(found) else math.nan


def _row(row: Any, name: str) -> tuple[float, ...]:
    if isinstance(row, (str, Mapping)) or not isinstance(row, Sequence) or len(row) not in (2, 3):
        raise JudgeError(f"{name} has the point {str(row)[:60]!r}, needed is [seconds, value] or [seconds, events, of].")
    return tuple(number(value, name) for value in row)


def gauge(rows: Sequence[tuple[float, float]], metric: Metric) -> list[tuple[float, float]]:
    """Kayenta's cleaning of (time, value): missing values are removed or 0, outliers kept or cut."""
    if metric.nan == "replace":
        kept = [(time, 0.0 if math.isnan(value) else value) for time, value in rows]
    else:
        kept = [(time, value) for time, value in rows if not math.isnan(value)]
    if metric.outliers == "keep" or not kept:
        return kept
    lowest, highest = fences([value for _time, value in kept], metric.outlier_factor)
    return [(time, value) for time, value in kept if lowest <= value <= highest]


def fences(values: Sequence[float], factor: float) -> tuple[float, float]:
    """Tukey's, widened to the 1st and 99th percentile, so that a long tail is not cut as a whole."""
    ordered = sorted(values)
    low, high = percentile(ordered, 25), percentile(ordered, 75)
    reach = factor * (high - low)
    return min(percentile(ordered, 1), low - reach), max(percentile(ordered, 99), high + reach)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Between two values by linear interpolation, the method 7 of Hyndman and Fan."""
    place = (len(ordered) - 1) * share / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def increases(values: Sequence[float]) -> list[float]:
    """Steps of a counter. One that goes back started anew, so all that it shows then is new."""
    return [new - old if new >= old else new for old, new in zip(values, values[1:])]


def _counter(rows: Sequence[tuple[float, ...]], document: Mapping[str, Any], name: str) -> Series:
    """Events per second of exposure; `exposure` says how much traffic one second stood for."""
    factor = number(document.get("exposure", 1), name)
    if not factor > 0:
        raise JudgeError(f"{name} has the exposure {document.get('exposure')!r}, needed is a number above 0.")
    if not rows and "events" in document:
        return Series(events=_whole(document["events"], name), of=number(document.get("of"), name) * factor)
    kept = sorted(row[:2] for row in rows if not math.isnan(row[1]))
    grown = increases([row[1] for row in kept])
    spans = [(new[0] - old[0]) * factor for old, new in zip(kept, kept[1:])]
    times = tuple(row[0] for row in kept[1:])
    return Series(times=times, parts=tuple(zip(grown, spans)), events=round(sum(grown)), of=sum(spans))


def _ratio(rows: Sequence[tuple[float, ...]], document: Mapping[str, Any], metric: Metric) -> Series:
    """For availability the counted events are the failures, so that more is worse as with errors."""
    if not rows and "of" in document:
        return _totals(document, metric)
    up = metric.kind == AVAILABILITY
    if not up and any(len(row) < 3 for row in rows):
        raise JudgeError(f"{metric.name} is a ratio, but has points without a total; needed is [seconds, events, of].")
    kept = [row for row in rows if not any(map(math.isnan, row))]
    found = [(row[0], row[1], row[2] if len(row) == 3 else 1.0) for row in kept]
    if up:
        found = [(time, of - good, of) for time, good, of in found]
    for _time, events, of in found:
        if not 0 <= events <= of:
            raise JudgeError(f"{metric.name} counts {events:g} of {of:g}, needed is a part of the whole.")
    # A sample that was up for a part of its time is a failure: rounding it away would hide it.
    total = math.ceil(math.fsum(events for _time, events, _of in found) - 1e-9)
    times, parts = tuple(row[0] for row in found), tuple(row[1:] for row in found)
    return Series(times=times, parts=parts, events=total, of=round(math.fsum(part[1] for part in parts)))


def _totals(document: Mapping[str, Any], metric: Metric) -> Series:
    of, events = _whole(document["of"], metric.name), _whole(document.get("events"), metric.name)
    if events > of:
        raise JudgeError(f"{metric.name} counts {events} of {of}, needed is a part of the whole.")
    return Series(events=of - events if metric.kind == AVAILABILITY else events, of=of)


def _whole(value: Any, name: str) -> int:
    found = number(value, name)
    if math.isnan(found) or found < 0:
        raise JudgeError(f"{name} has the count {value!r}, needed is a whole number from 0 on.")
    return round(found)


def described(found: Series, kind: str) -> dict[str, Any]:
    """What a report shows of one side."""
    if kind != GAUGE:
        whole = {"n": found.of, "events": found.events, "rate": found.rate}
        return {**whole, "n": round(found.of, 3)} if found.of else whole
    ordered = sorted(found.values)
    if not ordered:
        return {"n": 0}
    mean = math.fsum(ordered) / len(ordered)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in ordered) / (len(ordered) - 1)) if len(ordered) > 1 else 0.0
    shares = {f"p{share}": percentile(ordered, share) for share in (50, 95)}
    return {"n": len(ordered), "mean": mean, **shares, "min": ordered[0], "max": ordered[-1], "std": spread}
