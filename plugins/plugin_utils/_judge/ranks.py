# SPDX-License-Identifier: GPL-3.0-or-later
"""Mann and Whitney's test: exact for small samples, ties included; normal, corrected for ties, for large ones."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.normal import above

EXACT_UP_TO = 60  # both samples together: their number of arrangements still fits into the slots of `_arrangements`
_SLOT = 64


def midranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1, the mean rank for equal values, in the order of the values."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end + 1 < len(order) and values[order[end + 1]] == values[order[start]]:
            end += 1
        for place in range(start, end + 1):
            ranks[order[place]] = (start + end) / 2 + 1
        start = end + 1
    return ranks


def above_share(canary: Sequence[float], baseline: Sequence[float]) -> float:
    """Share of pairs in which the canary is higher, equal pairs by half (Vargha and Delaney 2000)."""
    n, m = len(canary), len(baseline)
    ranks = midranks([*canary, *baseline])
    return (2 * sum(ranks[:n]) - n * (n + 1)) / (2 * n * m)


def p_above(sample: Sequence[float], other: Sequence[float], inflation: float = 1.0) -> float:
    """P(ranks of the sample as high as these or higher) when both come from one distribution.

    `inflation` is the factor by which points that depend on each other enlarge the variance; from 1 on it only makes p greater.
    """
    n, m = len(sample), len(other)
    ranks = midranks([*sample, *other])
    rank_sum = sum(ranks[:n])
    p = _exact(ranks, n, rank_sum) if n + m <= EXACT_UP_TO else above(z_score(ranks, n, rank_sum))
    return p if inflation <= 1.0 else max(p, above(z_score(ranks, n, rank_sum) / math.sqrt(inflation)))


def z_score(ranks: Sequence[float], n: int, rank_sum: float) -> float:
    """Standardized, corrected for ties and by half a rank for continuity; 0 when all values are equal."""
    total = len(ranks)
    m = total - n
    ties = sum(count**3 - count for count in Counter(ranks).values())
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    return (rank_sum - n * (total + 1) / 2 - 0.5) / math.sqrt(variance) if variance > 0 else 0.0


def _exact(ranks: Sequence[float], n: int, rank_sum: float) -> float:
    doubled = tuple(sorted(round(2 * rank) for rank in ranks))
    sums = _arrangements(doubled, n)
    wanted = round(2 * rank_sum)
    return sums[min(wanted, len(sums) - 1)] if wanted < len(sums) else 0.0


@lru_cache(maxsize=256)
def _arrangements(doubled: tuple[int, ...], n: int) -> tuple[float, ...]:
    """P(sum >= s) for every s, over all ways to choose n of the ranks.

    Streitberg and Roehmel's recursion. Each polynomial is one whole number with a slot of 64 bits per coefficient,
    so that adding and shifting numbers does all its coefficients at once.
    """
    ways = [1] + [0] * n
    for rank in doubled:
        for chosen in range(n, 0, -1):
            if ways[chosen - 1]:
                ways[chosen] += ways[chosen - 1] << (rank * _SLOT)
    packed, slot = ways[n], (1 << _SLOT) - 1
    top = sum(doubled[-n:])
    raw = packed.to_bytes((top + 1) * _SLOT // 8, "little")
    counts = [int.from_bytes(raw[place : place + 8], "little") & slot for place in range(0, len(raw), 8)]
    total, running = math.comb(len(doubled), n), 0
    shares = []
    for count in reversed(counts):
        running += count
        shares.append(running / total)
    return tuple(reversed(shares))
