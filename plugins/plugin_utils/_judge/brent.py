# SPDX-License-Identifier: GPL-3.0-or-later
"""Brent's root search with the tolerance and the order of steps that Kayenta uses, because its intervals depend on both."""

from __future__ import annotations

import sys
from collections.abc import Callable

TOLERANCE = 1e-4
MOST_STEPS = 1001


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """A value near which the function changes its sign (Brent 1973, chapter 4)."""
    a, b = low, high
    at_a, at_b = function(a), function(b)
    if at_a == 0:
        return a
    if at_b == 0:
        return b
    c, at_c = a, at_a
    for _step in range(MOST_STEPS):
        before = b - a
        if abs(at_c) < abs(at_b):
            a, b, c = b, c, b
            at_a, at_b, at_c = at_b, at_c, at_b
        least = 2 * sys.float_info.epsilon * abs(b) + TOLERANCE / 2
        step = (c - b) / 2
        if abs(step) <= least or at_b == 0:
            return b
        if abs(before) >= least and abs(at_a) > abs(at_b):
            step = _interpolated((a, b, c), (at_a, at_b, at_c), before=before, least=least, step=step)
        if abs(step) < least:
            step = least if step > 0 else -least
        a, at_a = b, at_b
        b += step
        at_b = function(b)
        if (at_b > 0) == (at_c > 0) and at_b != 0 and at_c != 0:
            c, at_c = a, at_a
    return b


def _interpolated(places: tuple[float, float, float], values: tuple[float, float, float], *, before: float, least: float, step: float) -> float:
    """The secant or the inverse parabola, where it stays well inside; else the half that was planned."""
    (a, b, c), (at_a, at_b, at_c) = places, values
    span, ratio = c - b, at_b / at_a
    if a == c:
        p, q = span * ratio, 1.0 - ratio
    else:
        q, other = at_a / at_c, at_b / at_c
        p = ratio * (span * q * (q - other) - (b - a) * (other - 1.0))
        q = (q - 1.0) * (other - 1.0) * (ratio - 1.0)
    q, p = (-q, p) if p > 0 else (q, -p)
    if p < 0.75 * span * q - abs(least * q) / 2 and p < abs(before * q / 2):
        return p / q
    return step
