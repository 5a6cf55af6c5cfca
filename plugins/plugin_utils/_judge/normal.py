# SPDX-License-Identifier: GPL-3.0-or-later
"""The normal and Student distributions, as far as the judge needs them."""

from __future__ import annotations

import math

_ROOT2 = math.sqrt(2.0)


def above(z: float) -> float:
    """P(Z > z), exact to the last digits far out in the tail too."""
    return 0.5 * math.erfc(z / _ROOT2)


def density(z: float) -> float:
    return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def quantile_above(p: float) -> float:
    """z with P(Z > z) = p. statistics.NormalDist loses the tail below 1e-16, so the last steps are Newton's on its logarithm."""
    if not 0.0 < p < 1.0:
        return math.inf if p <= 0.0 else -math.inf
    if p > 0.5:
        return -quantile_above(1.0 - p)
    z = math.sqrt(max(0.0, -2.0 * math.log(2.0 * p)))
    for _step in range(60):
        tail = above(z)
        change = (math.log(tail) - math.log(p)) * tail / density(z)
        z += change
        if abs(change) < 1e-14 * max(1.0, abs(z)):
            break
    return z


def t_above(t: float, degrees: float) -> float:
    """P(T > t) of Student's t."""
    tail = 0.5 * beta_share(degrees / 2.0, 0.5, degrees / (degrees + t * t))
    return tail if t >= 0 else 1.0 - tail


def beta_share(a: float, b: float, x: float) -> float:
    """Regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22)."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Lentz's way to evaluate it."""
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 500):
        for step in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > tiny else tiny)
            c = 1.0 + step / c
            c = c if abs(c) > tiny else tiny
            result *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return result
