# SPDX-License-Identifier: GPL-3.0-or-later
"""How often the judge is right: the bars of false alarms and of detection, in short. tests/bench/judge.py does the same at length."""

from __future__ import annotations

import random

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.judge import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Metric, Pair, Settings
from ansible_collections.evenkeel.release.tests.unit.judge.simulate import (
    dependent,
    fisher_alarm,
    lognormal,
    looked_at,
    requests,
    verdicts,
)

KAYENTA = Settings(mode="kayenta")


def test_ten_percent_errors_are_found_at_180_requests() -> None:
    """No simulation: summed over all outcomes. At 60 requests it can't be had, and the judge must not pass then."""
    assert fisher_alarm(180, 0.0, 0.10) >= 0.99
    assert fisher_alarm(60, 0.0, 0.10) == pytest.approx(0.39, abs=0.01)
    pick = random.Random(1)
    found = verdicts(200, lambda: Pair(Metric("errors", "ratio"), requests(pick, 60, 0.10), requests(pick, 60, 0.0)))
    assert found["passed"] <= 0.01
    found = verdicts(100, lambda: Pair(Metric("errors", "ratio"), requests(pick, 180, 0.10), requests(pick, 180, 0.0)))
    assert found["failed"] >= 0.95


def test_equal_error_rates_raise_no_alarm_at_any_size() -> None:
    """Every n from 2 to 60 and some more, exactly; the bench does every one to 500."""
    sizes = [*range(2, 60), 100, 180, 333, 500]
    assert max(fisher_alarm(n, rate) for n in sizes for rate in (0.01, 0.1, 0.5)) <= 0.01


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 10, 20, 31, 60, 120])
def test_equal_latencies_raise_no_alarm_at_any_size(n: int) -> None:
    """At most alpha by theory; the seeds are fixed, the bench does thousands."""
    pick = random.Random(n)
    runs = 600 if n <= 10 else 300 if n <= 31 else 100
    assert verdicts(runs, lambda: Pair(Metric("latency"), lognormal(pick, n), lognormal(pick, n)))["failed"] <= 0.02


def test_kayenta_does_raise_them() -> None:
    """The negative control: the same figures that were measured of its judge, 24.8 % and 5.2 %."""
    pick = random.Random(2)
    found = [verdicts(400, lambda n=n: Pair(Metric("latency"), lognormal(pick, n), lognormal(pick, n)), KAYENTA)["failed"] for n in (2, 3)]
    assert found == pytest.approx([0.248, 0.052], abs=0.05)


@pytest.mark.parametrize(("n", "factor", "kayenta"), [(20, 1.5, 0.42), (50, 1.25, 0.33), (60, 1.25, 0.47)])
def test_more_is_found_than_by_kayenta(n: int, factor: float, kayenta: float) -> None:
    pick = random.Random(3)
    assert verdicts(80, lambda: Pair(Metric("latency"), lognormal(pick, n, factor), lognormal(pick, n)))["failed"] > kayenta


def test_five_looks_raise_no_more_alarms_than_one() -> None:
    pick = random.Random(4)
    assert sum(looked_at(pick, 5, 6, 1.0) for _run in range(100)) / 100 <= 0.02
    assert sum(looked_at(pick, 5, 12, 1.5) for _run in range(20)) / 20 >= 0.9


def test_points_that_depend_on_each_other() -> None:
    """Half of each point is in the next one: Kayenta rings in 7 to 8 % of the runs."""
    pick = random.Random(5)
    assert verdicts(300, lambda: Pair(Metric("latency"), dependent(pick, 30, 0.5), dependent(pick, 30, 0.5)))["failed"] <= 0.03


def test_the_power_statement_is_true() -> None:
    """Of the change that it names, about 80 % are found."""
    pick = random.Random(6)
    metric = Metric("latency", direction="increase")
    named = [judge([Pair(metric, lognormal(pick, 50), lognormal(pick, 50))], Settings())["metrics"][0]["detectable"] for _run in range(20)]
    change = sorted(named)[10]
    assert 0.25 < change < 0.35
    assert verdicts(100, lambda: Pair(metric, lognormal(pick, 50, 1 + change), lognormal(pick, 50)))["failed"] == pytest.approx(0.8, abs=0.12)
    errors = Metric("errors", "ratio")
    share = judge([Pair(errors, requests(pick, 500, 0.02), requests(pick, 500, 0.02))], Settings())["metrics"][0]["detectable"]
    assert verdicts(100, lambda: Pair(errors, requests(pick, 500, 0.02 + share), requests(pick, 500, 0.02)))["failed"] == pytest.approx(0.8, abs=0.15)


def test_the_watch_seldom_rings_without_a_cause() -> None:
    pick = random.Random(7)
    assert verdicts(150, lambda: Pair(Metric("latency"), lognormal(pick, 60), lognormal(pick, 60)), Settings(mode="watch"))["failed"] <= 0.02
