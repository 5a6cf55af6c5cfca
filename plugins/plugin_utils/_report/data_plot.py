# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws how long the last refreshes of a database took and how many rows they moved, as SVG. Colours come from the style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._report.data_read import Facts, duration
from ansible_collections.evenkeel.release.plugins.plugin_utils._report.plot import LEFT, LETTER, RIGHT, Scale, nice

TOP, TIMES, GAP, ROWS = 30, 110, 40, 70
MIDDLE = TOP + TIMES
BOTTOM = MIDDLE + GAP + ROWS
HEIGHT = BOTTOM + 38
# A letter below each bar, as colours alone are not enough for everybody and on paper.
MODES = {"full": "F", "incremental": "I", "differential": "D", "subset": "S", "schema_only": "0"}
OTHER = "?"
SLOT = {"wide": 36, "narrow": 30}  # least width of a bar and what stands around it


def letter(mode: str) -> str:
    return MODES.get(mode, OTHER)


def style(mode: str) -> str:
    return f"m{list(MODES).index(mode) if mode in MODES else len(MODES)}"


def legend(points: Sequence[Facts]) -> list[dict[str, str]]:
    modes = sorted({str(point["mode"]) for point in points}, key=lambda mode: (style(mode), mode))
    return [{"style": style(mode), "letter": letter(mode), "name": mode.replace("_", " ") or "mode not recorded"} for mode in modes]


def draw(points: Sequence[Facts], *, name: str, ident: str, width: int, slot: int) -> str:
    """points: {time, mode, seconds, rows}, oldest first; as many of the last as there is room for. Nothing for less than two: no comparison."""
    shown = list(points)[-((width - LEFT - RIGHT) // slot) :]
    if len(shown) < 2:
        return ""
    longest, most = max(float(one["seconds"]) for one in shown), max(int(one["rows"]) for one in shown)
    divisor, unit = (3600, "hours") if longest >= 7200 else (60, "minutes") if longest >= 120 else (1, "seconds")
    top, ceiling = nice(max(longest / divisor, 0.01)), nice(max(most, 1))
    slots = Scale(0, len(shown), LEFT, width - RIGHT)
    times, rows = Scale(0, top, MIDDLE, TOP), Scale(0, ceiling, BOTTOM, BOTTOM - ROWS)
    parts = [_head(name, ident, width, shown), _grid(times, top, width, unit, 2), _grid(rows, ceiling, width, "rows moved", 1)]
    for place, one in enumerate(shown):
        parts += [
            _bar(slots, place, times, float(one["seconds"]) / divisor, style(str(one["mode"])), duration(float(one["seconds"])), MIDDLE),
            _bar(slots, place, rows, int(one["rows"]), style(str(one["mode"])), compact(int(one["rows"])), BOTTOM),
            f'<text class="tick" x="{_centre(slots, place)}" y="{BOTTOM + 14}" text-anchor="middle">{letter(str(one["mode"]))}</text>',
        ]
    first, last = (escape(str(one["time"])[:16]) for one in (shown[0], shown[-1]))
    parts.append(f'<text class="tick" x="{LEFT}" y="{HEIGHT - 6}">{first}</text>')
    parts.append(f'<text class="tick" x="{width - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{last}</text></svg>')
    return "".join(parts)


def compact(count: int) -> str:
    """Three digits at most, so that it fits above a bar."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            share = count / size
            return f"{share:.1f}{unit}" if share < 9.95 else f"{share:.0f}{unit}"
    return str(count)


def _head(name: str, ident: str, width: int, shown: Sequence[Facts]) -> str:
    told = "; ".join(f"{one['time']} {one['mode'] or 'mode not recorded'}, {duration(float(one['seconds']))}, {one['rows']:,} rows" for one in shown)
    return (
        f'<svg class="plot refreshes" viewBox="0 0 {width} {HEIGHT}" role="img" aria-labelledby="{ident}-t {ident}-d"'
        f' xmlns="http://www.w3.org/2000/svg"><title id="{ident}-t">{escape(name)}: duration and rows of the last refreshes</title>'
        f'<desc id="{ident}-d">{escape(told)}. Times are UTC.</desc>'
    )


def _grid(scale: Scale, ceiling: float, width: int, unit: str, steps: int) -> str:
    lines = []
    for number in range(steps + 1):
        value = ceiling * number / steps
        y = scale(value)
        said = compact(int(value)) if value >= 1000 else f"{value:g}"
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{said}</text>')
    # Beside the bars' own numbers, which may stand as high as the topmost line.
    lines.append(f'<text class="unit" x="{LEFT}" y="{round(scale(ceiling) - 18, 1)}">{unit}</text>')
    return "".join(lines)


def _centre(slots: Scale, place: int) -> float:
    return round((slots(place) + slots(place + 1)) / 2, 1)


def _bar(slots: Scale, place: int, height: Scale, value: float, mode: str, said: str, floor: int) -> str:
    """Never lower than can be seen: a refresh of one row among millions was one."""
    wide = slots(place + 1) - slots(place)
    thick = min(wide * 0.6, 48.0)
    y = min(height(value), floor - 1.5) if value else float(floor)
    shape = f'<rect class="bar {mode}" x="{round(_centre(slots, place) - thick / 2, 1)}" y="{y}" width="{round(thick, 1)}" height="{round(floor - y, 1)}"/>'
    label = f'<text class="tick" x="{_centre(slots, place)}" y="{round(y - 3, 1)}" text-anchor="middle">{said}</text>'
    return shape + (label if len(said) * LETTER <= wide + 2 else "")


def pictures(points: Sequence[Facts], *, name: str, ident: str, widths: dict[str, int]) -> dict[str, Any]:
    """A wide and a narrow one, as of the traffic."""
    return {size: draw(points, name=name, ident=f"{ident}-{size}", width=width, slot=SLOT[size]) for size, width in widths.items()}
