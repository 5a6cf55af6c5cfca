# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws latency and errors over time as SVG. Colours come from the page's style sheet, so dark mode needs no second picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape
from itertools import groupby
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._report.samples import Bucket

LEFT, RIGHT, TOP = 46, 12, 40
LATENCY, GAP, ERRORS, STRIP = 150, 30, 60, 8
BOTTOM = TOP + LATENCY + GAP + ERRORS
HEIGHT = BOTTOM + 44
LETTER = 6.6


@dataclass(frozen=True)
class Scale:
    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.first + share * (self.last - self.first), 1)


def draw(
    buckets: Sequence[Bucket],
    switches: Sequence[Mapping[str, Any]],
    *,
    versions: Sequence[str],
    width: int,
    name: str,
    ident: str,
    step: float,
) -> str:
    """switches: {t, release}; those outside the time of the buckets are left out. ident makes the ids unique in the page.
    versions: all of the page, so that a version has one colour in every plot."""
    if not buckets:
        return ""
    start, end = buckets[0].t, buckets[-1].t + step
    x = Scale(start, end, LEFT, width - RIGHT)
    inside = [switch for switch in switches if start <= switch["t"] <= end]
    ceiling = nice(max((bucket.p95 for bucket in buckets if bucket.p95 is not None), default=1.0))
    worst = max(bucket.errors for bucket in buckets)
    most = nice(max(worst, 1.0))
    latency = Scale(0, ceiling, TOP + LATENCY, TOP)
    errors = Scale(0, most, BOTTOM, BOTTOM - ERRORS)
    parts = [
        _head(name, ident, width, _description(buckets, inside, worst)),
        _grid(latency, ceiling, width, "ms"),
        _grid(errors, most, width, "errors/s", steps=1),
        _versions(buckets, x, versions, step),
        _line(buckets, x, latency, lambda bucket: bucket.p95, "p95", step),
        _line(buckets, x, latency, lambda bucket: bucket.p50, "p50", step),
        _bars(buckets, x, errors, step),
        _markers(inside, x, width, versions),
        _times(x, start, end, width),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def nice(value: float) -> float:
    """The next 1, 2, 4, 6 or 8 times a power of ten: a scale people can read."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)


def version_index(versions: Sequence[str], version: str) -> int:
    return versions.index(version) % 4 if version in versions else 0


def _head(name: str, ident: str, width: int, description: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {width} {HEIGHT}" role="img" aria-labelledby="{ident}-t {ident}-d"'
        f' xmlns="http://www.w3.org/2000/svg"><title id="{ident}-t">{escape(name)}: latency and errors over time</title>'
        f'<desc id="{ident}-d">{escape(description)}</desc>'
    )


def _description(buckets: Sequence[Bucket], switches: Sequence[Mapping[str, Any]], worst: float) -> str:
    moments = ", ".join(f"to {switch['release']} at {_hour(switch['t'])}" for switch in switches) or "none"
    highest = max((bucket.p95 for bucket in buckets if bucket.p95 is not None), default=0.0)
    return f"Highest 95th percentile {highest:.0f} ms, most errors per second {worst:.0f}. Switches of traffic: {moments}. Times are UTC."


def _hour(moment: float) -> str:
    return datetime.fromtimestamp(moment, tz=timezone.utc).strftime("%H:%M:%S")


def _grid(scale: Scale, ceiling: float, width: int, unit: str, *, steps: int = 4) -> str:
    lines = []
    for number in range(steps + 1):
        value = ceiling * number / steps
        y = scale(value)
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{value:g}</text>')
    lines.append(f'<text class="unit" x="{LEFT}" y="{scale(ceiling) - 7}">{unit}</text>')
    return "".join(lines)


def _line(
    buckets: Sequence[Bucket],
    x: Scale,
    y: Scale,
    value: Callable[[Bucket], float | None],
    style: str,
    step: float,
) -> str:
    """Broken where nothing was answered: a straight line across a gap would claim data."""
    runs, points = [], []
    for bucket in [*buckets, None]:
        height = value(bucket) if bucket else None
        if bucket is not None and height is not None:
            points.append(f"{x(bucket.t + step / 2)},{y(height)}")
        elif points:
            runs.append("M" + " L".join(points))
            points = []
    return f'<path class="line {style}" d="{" ".join(runs)}"/>' if runs else ""


def _bars(buckets: Sequence[Bucket], x: Scale, y: Scale, step: float) -> str:
    return "".join(
        f'<rect class="errors" x="{x(bucket.t)}" width="{max(1.0, round(x(bucket.t + step) - x(bucket.t) - 0.4, 1))}"'
        f' y="{y(bucket.errors)}" height="{round(BOTTOM - y(bucket.errors), 1)}"/>'
        for bucket in buckets
        if bucket.errors
    )


def _versions(buckets: Sequence[Bucket], x: Scale, names: Sequence[str], step: float) -> str:
    """A strip below the plot: which version answered most of the requests of each interval."""
    parts = []
    for version, group in groupby(buckets, key=lambda bucket: bucket.version):
        run = list(group)
        if not version:
            continue
        left, right = x(run[0].t), x(run[-1].t + step)
        place = f'x="{left}" width="{round(right - left, 1)}"'
        style = f"v{version_index(names, version)}"
        parts.append(f'<rect class="band {style}" {place} y="{TOP}" height="{LATENCY}"/>')
        parts.append(f'<rect class="strip {style}" {place} y="{BOTTOM + 2}" height="{STRIP}"/>')
        if right - left > len(version) * LETTER + 6:
            middle = round((left + right) / 2, 1)
            parts.append(f'<text class="tick" x="{middle}" y="{BOTTOM + STRIP + 15}" text-anchor="middle">{escape(version)}</text>')
    return "".join(parts)


def _markers(switches: Sequence[Mapping[str, Any]], x: Scale, width: int, names: Sequence[str]) -> str:
    """Labels change rows when they would overlap, and stay inside the picture."""
    parts, ends = [], [0.0, 0.0]
    for switch in sorted(switches, key=lambda item: float(item["t"])):
        label = f"to {switch['release']}"
        place, wide = x(switch["t"]), len(label) * LETTER
        left = min(max(place - wide / 2, 2), width - wide - 2)
        row = 0 if ends[0] + 4 < left else 1
        ends[row] = left + wide
        style = f"v{version_index(names, str(switch['release']))}"
        top = 13 + 13 * row
        parts.append(f'<line class="switch {style}" x1="{place}" x2="{place}" y1="{top + 3}" y2="{BOTTOM}"/>')
        parts.append(f'<text class="label {style}" x="{round(left, 1)}" y="{top}">{escape(label)}</text>')
    return "".join(parts)


def _times(x: Scale, start: float, end: float, width: int) -> str:
    count = max(2, min(8, width // 130))
    span = end - start
    parts = []
    for number in range(count + 1):
        moment = start + span * number / count
        anchor = "start" if number == 0 else "end" if number == count else "middle"
        parts.append(f'<text class="tick" x="{x(moment)}" y="{HEIGHT - 4}" text-anchor="{anchor}">{_hour(moment)}</text>')
    return "".join(parts)
