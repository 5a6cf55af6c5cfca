# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that are made up: how often does the judge find what is there, and what is not? The same for unit tests and the bench."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from math import comb, log

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import counts
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.judge import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Metric, Pair, Series, Settings

SIGMA = 0.4  # of the logarithms: what the reference figures were measured with


def gauge(values: list[float]) -> Series:
    return Series(times=tuple(map(float, range(len(values)))), values=tuple(values))


def lognormal(pick: random.Random, n: int, factor: float = 1.0) -> Series:
    return gauge([pick.lognormvariate(3, SIGMA) * factor for _point in range(n)])


def dependent(pick: random.Random, n: int, r: float, factor: float = 1.0) -> Series:
    """Logarithms that remember r of the point before."""
    level, values = pick.gauss(0, 1), []
    for _point in range(n):
        values.append(factor * 2.718281828 ** (3 + SIGMA * level))
        level = r * level + (1 - r * r) ** 0.5 * pick.gauss(0, 1)
    return gauge(values)


def requests(pick: random.Random, n: int, rate: float) -> Series:
    return Series(events=sum(pick.random() < rate for _request in range(n)), of=n)


def verdicts(runs: int, run: Callable[[], Pair], settings: Settings | None = None) -> Counter[str]:
    """Shares of the runs."""
    found = Counter(judge([run()], settings or Settings())["verdict"] for _run in range(runs))
    return Counter({verdict: count / runs for verdict, count in found.items()})  # type: ignore[misc]


def fisher_alarm(n: int, rate: float, worse: float | None = None, level: float = 0.01) -> float:
    """How often `n` requests on each side are found worse: summed over all outcomes, not simulated."""
    total = 0.0
    for base in range(n + 1):
        weight = _binomial(base, n, rate)
        if weight < 1e-12:
            continue
        least = counts.smallest_found(lambda count, base=base: counts.fisher_above(count, n, base, n) <= level, n)
        if least is not None:
            total += weight * counts.binomial_above(least, n, rate if worse is None else worse)
    return total


@lru_cache(maxsize=100_000)
def _binomial(k: int, n: int, p: float) -> float:
    if p in (0.0, 1.0):
        return float(k == (n if p else 0))
    logs = log(comb(n, k)) + k * log(p) + (n - k) * log(1 - p)
    return 2.718281828459045**logs


def looked_at(pick: random.Random, looks: int, each: int, factor: float, **metric: object) -> bool:
    """One run whose points come in as many batches as there are looks; whether any look says it is worse."""
    canary, baseline = (list(lognormal(pick, looks * each, scale).values) for scale in (factor, 1.0))
    for look in range(1, looks + 1):
        settings = Settings(fractions=tuple((number + 1) / looks for number in range(look)))
        pair = Pair(Metric("latency", **metric), gauge(canary[: look * each]), gauge(baseline[: look * each]))  # type: ignore[arg-type]
        if judge([pair], settings)["verdict"] == "failed":
            return True
    return False
