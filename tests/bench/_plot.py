# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row's distance from its bar as one SVG: bars left of the line are good, whichever direction the figure has."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from ._runner import Row

WIDTH, LEFT, LINE = 1000, 420, 24
DECADES = 2.0  # the axis reaches from 1/100 of the bar to 100 times the bar


def _position(row: Row) -> float:
    """0 is the bar; -1 ten times better, +1 ten times worse."""
    if row.ratio <= 0 or math.isinf(row.ratio) or row.bar <= 0:
        return -DECADES if row.ok else DECADES
    distance = math.log10(row.ratio / row.bar)
    return max(-DECADES, min(DECADES, distance if row.better == "lower" else -distance))


def svg(rows: Sequence[Row]) -> str:
    height = LINE * (len(rows) + 2)
    middle = LEFT + (WIDTH - LEFT) / 2
    scale = (WIDTH - LEFT) / 2 / DECADES * 0.8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        "<title>Benchmarks against their bars</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{middle - 8}" y="16" text-anchor="end" fill="#1b5e20">better than the bar</text>',
        f'<text x="{middle + 8}" y="16" fill="#b71c1c">short</text>',
        f'<line x1="{middle}" x2="{middle}" y1="4" y2="{height - 8}" stroke="#444444" stroke-dasharray="4 3"/>',
    ]
    for number, row in enumerate(rows, start=1):
        top, reach = number * LINE, _position(row) * scale
        colour = "#2e7d32" if row.ok else "#c62828"
        parts.append(f'<text x="{LEFT - 10}" y="{top + 15}" text-anchor="end">{escape(f"{row.section}: {row.name}")}</text>')
        parts.append(
            f'<rect x="{min(middle, middle + reach):.1f}" y="{top + 4}" width="{max(2, abs(reach)):.1f}" '
            f'height="{LINE - 8}" fill="{colour}"><title>{escape(str(row))}</title></rect>'
        )
        parts.append(f'<text x="{WIDTH - 6}" y="{top + 15}" text-anchor="end">{row.ratio:.3g}</text>')
    return "\n".join([*parts, "</svg>", ""])
