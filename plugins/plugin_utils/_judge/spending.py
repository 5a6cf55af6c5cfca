# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking several times without more false alarms: how much of alpha each look may spend.

The rule is O'Brien and Fleming's shape of Lan and DeMets' spending function (Biometrika 1983): almost nothing early, nearly all of it
at the end. The bounds come from the recursive integration of Armitage, McPherson and Rowe (1969), so that what earlier looks spent
is not paid twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.normal import above, density, quantile_above

STEPS, MOST_STEPS = 200, 1000  # of Simpson's rule
_LOWEST = -8.0  # standard deviations below zero; what is left out has the weight of 1e-15


def spent(alpha: float, fraction: float) -> float:
    """How much of the one-sided alpha may be spent when that fraction of the information is in."""
    if fraction >= 1.0:
        return alpha
    return 0.0 if fraction <= 0.0 else 2.0 * above(quantile_above(alpha / 2) / math.sqrt(fraction))


def level(alpha: float, fractions: Sequence[float]) -> float:
    """The p below which the last of these looks may say "worse"; each fraction is that of one look, the last is that of this one."""
    # A first look after a thousandth of the run may spend nothing; a chance of 0 would have no bound that can be computed with.
    return max(1e-300, above(bounds(alpha, tuple(fractions))[-1]))


@lru_cache(maxsize=128)
def bounds(alpha: float, fractions: tuple[float, ...]) -> tuple[float, ...]:
    """The standardized bound of each look."""
    if list(fractions) != sorted(set(fractions)) or not fractions or fractions[0] <= 0 or fractions[-1] > 1:
        raise ValueError(f"looks at {list(fractions)}: each needs a fraction above the one before, above 0 and up to 1.")
    found: list[float] = []
    grid: list[float] = []
    weights: list[float] = []  # probability that is still under way, at each point of the grid
    before, used = 0.0, 0.0
    for fraction in fractions:
        step, budget = math.sqrt(fraction - before), spent(alpha, fraction) - used
        scale = math.sqrt(fraction)
        bound = quantile_above(budget) if not found else _bound(grid, weights, step=step, scale=scale, budget=budget)
        found.append(bound)
        grid, weights = _next(grid, weights, step=step, scale=scale, bound=bound)
        before, used = fraction, used + budget
    return tuple(found)


def _crossing(grid: Sequence[float], weights: Sequence[float], *, step: float, limit: float) -> float:
    return sum(weight * above((limit - place) / step) for place, weight in zip(grid, weights))


def _bound(grid: Sequence[float], weights: Sequence[float], *, step: float, scale: float, budget: float) -> float:
    low, high = -2.0, 40.0
    for _step in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _crossing(grid, weights, step=step, limit=middle * scale) > budget else (low, middle)
    return (low + high) / 2


def _next(grid: Sequence[float], weights: Sequence[float], *, step: float, scale: float, bound: float) -> tuple[list[float], list[float]]:
    """The paths that did not cross, on a new grid below the bound."""
    start, end = _LOWEST * scale, min(bound, -_LOWEST) * scale
    # Looks that follow each other closely need a fine grid.
    count = min(MOST_STEPS, max(STEPS, 4 * math.ceil((end - start) / step)))
    width = (end - start) / count
    places = [start + width * number for number in range(count + 1)]
    simpson = [width / 3 * (1 if number in (0, count) else 4 if number % 2 else 2) for number in range(count + 1)]
    if not grid:
        return places, [share * density(place / step) / step for share, place in zip(simpson, places)]
    return places, [share * _arriving(grid, weights, step=step, place=place) for share, place in zip(simpson, places)]


def _arriving(grid: Sequence[float], weights: Sequence[float], *, step: float, place: float) -> float:
    """Density of the paths at that place; what comes from more than 9 standard deviations away is left out."""
    width = grid[1] - grid[0]
    first = max(0, math.floor((place - 9 * step - grid[0]) / width))
    last = min(len(grid), math.ceil((place + 9 * step - grid[0]) / width) + 1)
    return sum(weights[number] * density((place - grid[number]) / step) for number in range(first, last)) / step
