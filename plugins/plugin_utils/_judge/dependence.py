# SPDX-License-Identifier: GPL-3.0-or-later
"""Points of a series that depend on each other tell less than their number says. By how much is the variance greater?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Series
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.ranks import midranks

# A release that gets slower and slower has dependent points too; without a cap that would excuse it.
MOST = 3.0
FEWEST = 10


def of_gauges(*sides: Sequence[float]) -> float:
    """(1 + r) / (1 - r), with r the correlation of each value's rank with the one before it, within each side."""
    products, squares = 0.0, 0.0
    for values in sides:
        if len(values) >= FEWEST:
            middle = (len(values) + 1) / 2
            ranks = [rank - middle for rank in midranks(values)]
            products += sum(old * new for old, new in zip(ranks, ranks[1:]))
            squares += sum(rank * rank for rank in ranks)
    r = max(0.0, products / squares) if squares else 0.0
    return min(MOST, (1 + r) / (1 - r)) if r < 1 else MOST


def of_counts(*sides: Series, shares: bool) -> float:
    """Pearson's chi-squared over its degrees of freedom, where it is more than chance makes it."""
    chi, degrees = 0.0, 0
    for side in sides:
        parts = [(events, of) for events, of in side.parts if of > 0]
        rate = side.events / side.of if side.of else 0.0
        if len(parts) < FEWEST or rate <= 0 or (shares and rate >= 1):
            continue
        unit = rate * (1 - rate) if shares else rate
        chi += math.fsum((events - of * rate) ** 2 / (of * unit) for events, of in parts)
        degrees += len(parts) - 1
    if not degrees or chi / degrees <= 1 + 2 * math.sqrt(2 / degrees):
        return 1.0
    return min(MOST, chi / degrees)
