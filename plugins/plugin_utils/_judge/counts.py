# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact tests on counts. All of them are one-sided: how likely are so many events, or more, when nothing is worse?"""

from __future__ import annotations

import math
from collections.abc import Callable

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.normal import beta_share


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def fisher_above(events: int, of: int, base_events: int, base_of: int) -> float:
    """Fisher's exact test: P(this many of all events or more fall on the canary), given both sizes and the sum of the events."""
    total = events + base_events
    first, last = max(0, total - base_of), min(total, of)
    if events <= first:
        return 1.0

    def grown(k: int) -> float:
        return (of - k) * (total - k) / ((k + 1) * (base_of - total + k + 1))

    start = math.exp(_log_choose(of, events) + _log_choose(base_of, total - events) - _log_choose(of + base_of, total))
    if events > total * of / (of + base_of):
        return min(1.0, _tail(start, events, last, grown))
    # From the other end: there the terms fall, so that the sum ends early.
    low = math.exp(_log_choose(of, events - 1) + _log_choose(base_of, total - events + 1) - _log_choose(of + base_of, total))
    return max(0.0, 1.0 - _tail(low, events - 1, first, lambda k: 1.0 / grown(k - 1), step=-1))


def _tail(term: float, start: int, end: int, grown: Callable[[int], float], *, step: int = 1) -> float:
    """Sum of the terms from start to end; each is the one before times `grown`."""
    total, k = term, start
    while k != end:
        term *= grown(k)
        total += term
        k += step
        # Not below alone: a start too small for a float is 0 and stays it.
        if term <= total * 1e-18:
            break
    return total


def binomial_above(events: int, of: int, share: float) -> float:
    """P(X >= events) with X ~ Binomial(of, share)."""
    if events <= 0:
        return 1.0
    return 0.0 if events > of else beta_share(events, of - events + 1, share)


def poisson_above(events: int, expected: float) -> float:
    """P(X >= events) with X ~ Poisson(expected)."""
    if events <= 0:
        return 1.0
    if expected <= 0:
        return 0.0

    def term(k: int) -> float:
        return math.exp(k * math.log(expected) - expected - math.lgamma(k + 1))

    if events > expected:
        return min(1.0, _tail(term(events), events, -1, lambda k: expected / (k + 1)))
    return max(0.0, 1.0 - _tail(term(events - 1), events - 1, 0, lambda k: k / expected, step=-1))


def rates_above(events: int, exposure: float, base_events: int, base_exposure: float) -> float:
    """Two Poisson rates: given their sum, the canary's events are binomial with its share of the exposure."""
    return binomial_above(events, events + base_events, exposure / (exposure + base_exposure))


def _root(rising: Callable[[float], float], low: float = 0.0, high: float = 1.0) -> float:
    for _step in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def smallest_found(found: Callable[[int], bool], top: int) -> int | None:
    """The smallest count up to `top` that is found; a count above one that is found is found as well."""
    if top < 0 or not found(top):
        return None
    low, high = -1, top
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def share_with_power(count: int, of: int, power: float) -> float:
    """The share at which that count or more comes up with that probability."""
    return _root(lambda p: binomial_above(count, of, p) - power)
