# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import burn
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.judge import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import JudgeError, Metric, Pair, Series, Settings
from ansible_collections.evenkeel.release.tests.unit.judge.simulate import gauge, lognormal

WATCH = Settings(mode="watch")
BEGAN = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def minutes(series: Series) -> Series:
    return Series(tuple(BEGAN + 60 * number for number in range(len(series.values))), series.values)


def counted(errors: list[int], of: int = 200, step: float = 60.0) -> Series:
    times = tuple(BEGAN + step * number for number in range(len(errors)))
    return Series(times, (), tuple((float(count), float(of)) for count in errors), sum(errors), of * len(errors))


def test_it_says_since_when() -> None:
    """Twice as slow from the 30th minute on."""
    pick = random.Random(5)
    values = list(lognormal(pick, 30).values) + list(lognormal(pick, 30, 2.0).values)
    found = judge([Pair(Metric("p95"), minutes(gauge(values)), lognormal(pick, 240))], WATCH)
    [metric] = found["metrics"]
    assert (found["verdict"], metric["classification"]) == ("failed", "High")
    assert metric["began"] == pytest.approx(BEGAN + 30 * 60, abs=180)
    assert metric["began"] < metric["told"] <= BEGAN + 45 * 60
    assert metric["reason"].startswith("p95 is above what was usual before, since 2027-01-15T08:")


@pytest.mark.parametrize(
    ("options", "factor", "verdict", "label"),
    [
        ({"direction": "decrease"}, 3.0, "passed", "Pass"),
        ({"direction": "increase"}, 3.0, "failed", "High"),
        ({}, 1 / 3, "failed", "Low"),
        ({}, 1.0, "passed", "Pass"),
    ],
)
def test_directions(options: dict, factor: float, verdict: str, label: str) -> None:
    pick = random.Random(6)
    found = judge([Pair(Metric("p95", **options), lognormal(pick, 60, factor), lognormal(pick, 240))], WATCH)
    assert (found["verdict"], found["metrics"][0]["classification"]) == (verdict, label)


def test_asking_every_ten_minutes_is_one_watch() -> None:
    """Each look knows how long the whole takes, so the first alarm of many looks is the one that the last look tells."""
    pick = random.Random(5)
    values, before = [*lognormal(pick, 30).values, *lognormal(pick, 30, 2.0).values], lognormal(pick, 240)
    told = []
    for look in range(1, 7):
        settings = Settings(mode="watch", fractions=tuple((number + 1) / 6 for number in range(look)))
        told.append(judge([Pair(Metric("p95"), gauge(values[: 10 * look]), before)], settings)["metrics"][0]["told"])
    assert told[:3] == [None] * 3
    assert told[4] == told[5] == judge([Pair(Metric("p95"), gauge(values), before)], WATCH)["metrics"][0]["told"]


def test_one_wild_point_does_not_ring() -> None:
    pick = random.Random(7)
    values = [*lognormal(pick, 59).values, 1e9]
    assert judge([Pair(Metric("p95"), gauge(values), lognormal(pick, 240))], WATCH)["verdict"] == "passed"


def test_a_constant_that_moves() -> None:
    flat = gauge([5.0] * 60)
    assert judge([Pair(Metric("m"), gauge([5.0] * 30), flat)], WATCH)["verdict"] == "passed"
    found = judge([Pair(Metric("m"), gauge([5.0] * 10 + [6.0] * 10), flat)], WATCH)["metrics"][0]
    assert (found["verdict"], found["began"]) == ("failed", 10.0)


def test_errors_that_begin() -> None:
    usual = counted([0, 1] * 60)
    assert judge([Pair(Metric("errors", "ratio"), counted([1, 0] * 30), usual)], WATCH)["verdict"] == "passed"
    found = judge([Pair(Metric("errors", "ratio"), counted([0] * 20 + [6] * 10), usual)], WATCH)["metrics"][0]
    assert found["verdict"] == "failed"
    assert found["began"] == BEGAN + 20 * 60


def test_fewer_orders_than_usual() -> None:
    usual, half = counted([40] * 120, of=60), counted([40] * 10 + [20] * 20, of=60)
    found = judge([Pair(Metric("orders", "counter", direction="decrease"), half, usual)], WATCH)["metrics"][0]
    assert (found["verdict"], found["classification"]) == ("failed", "Low")


@pytest.mark.parametrize(
    ("metric", "canary", "baseline", "verdict", "told"),
    [
        (Metric("p95"), gauge([1.0, 2.0]), gauge([1.0, 2.0]), "inconclusive", "p95 has 2 points of the time before, needed are 40"),
        (Metric("p95"), gauge([1.0, 2.0]), None, "errored", "the watch needs the canary and a baseline"),
        (Metric("p95"), Series(), gauge([1.0] * 60), "inconclusive", "there is no data of p95 from the canary"),
        (Metric("e", "ratio"), Series(events=1, of=100), Series(events=1, of=100), "errored", "totals can't be watched"),
        (Metric("e", "ratio"), counted([1, 0]), Series(), "inconclusive", "there is no data of e from the time before"),
        (Metric("p95"), gauge([1.0] * 19), gauge([1.0] * 60), "inconclusive", "p95 has 19 points from the canary, needed are 20"),
        (
            Metric("e", "ratio"),
            counted([0], of=49),
            counted([0] * 60),
            "inconclusive",
            "e has 49 counted since the release or in the time before, needed are 50",
        ),
        (Metric("e", "ratio"), counted([0] * 60), counted([0], of=49), "inconclusive", "e has 49 counted"),
        (Metric("o", "counter"), counted([9], of=60), counted([10], of=60), "inconclusive", "o has 19 events, both times together, needed are 20"),
    ],
)
def test_what_cannot_be_watched(metric: Metric, canary: Series, baseline: Series | None, verdict: str, told: str) -> None:
    found = judge([Pair(metric, canary, baseline)], WATCH)
    assert found["verdict"] == verdict
    assert told in found["reasons"][0]


def test_an_alarm_waits_for_nobody() -> None:
    """Thirty requests, all of them failed: too few for silence, enough for an alarm."""
    assert judge([Pair(Metric("e", "ratio"), counted([10] * 3, of=10), counted([0] * 120))], WATCH)["verdict"] == "failed"


def test_availability_is_told_as_what_it_is() -> None:
    found = judge([Pair(Metric("up", "availability"), counted([0] * 5 + [90] * 5), counted([0] * 60))], WATCH)
    assert found["reasons"][0].startswith("up is below what was usual before, since ")


# --- error budgets ------------------------------------------------------------------------------------------------------
HOUR = 3600.0


def rule(found: list[burn.Burning]) -> list[float]:
    return [each.rule.factor for each in found]


@pytest.mark.parametrize(
    ("hours", "pace", "fires"),
    [
        (1, 15.0, [14.4]),  # the last hour at 15 times the even pace
        (1, 14.0, []),  # 2.3 over 6 hours, 0.6 over a day
        (6, 7.0, [6.0]),
        (6, 15.0, [14.4, 6.0, 3.0, 1.0]),
        (24, 4.0, [3.0, 1.0]),
        (72, 1.2, [1.0]),
        (72, 0.9, []),
    ],
)
def test_the_rules_of_the_workbook(hours: float, pace: float, fires: list[float]) -> None:
    """Three days of data in steps of 5 minutes; the trouble lasts until now."""
    steps = 72 * 12
    bad = [pace if number >= steps - hours * 12 else 0.0 for number in range(steps)]
    times = tuple(300.0 * (number + 1) for number in range(steps))
    series = Series(times, (), tuple((each * 0.001 * 10_000, 10_000.0) for each in bad), 1, 1.0)
    found, unknown = burn.burning(series, 0.999, now=times[-1], min_requests=100)
    assert (rule(found), unknown) == (fires, [])


def test_over_and_gone_does_not_fire() -> None:
    """The hour was bad, the last ten minutes are good: the short window is what ends an alarm."""
    times = tuple(60.0 * (number + 1) for number in range(60))
    series = Series(times, (), tuple((20.0 if number < 50 else 0.0, 1000.0) for number in range(60)), 1, 1.0)
    assert burn.burning(series, 0.999, now=3600.0, min_requests=100)[0] == []


def test_a_young_release_is_not_taken_for_three_days() -> None:
    times = tuple(60.0 * (number + 1) for number in range(10))
    bad = Series(times, (), ((100.0, 1000.0),) * 10, 1, 1.0)  # 10 %, for ten minutes: a hundred times the pace
    found, _unknown = burn.burning(bad, 0.999, now=600.0, min_requests=100)
    assert rule(found) == [14.4]
    assert found[0].long == pytest.approx(100 / 6, rel=0.01)
    slow = Series(times, (), ((3.0, 1000.0),) * 10, 1, 1.0)
    assert burn.burning(slow, 0.999, now=600.0, min_requests=100)[0] == []


def test_too_few_requests_to_know() -> None:
    series = Series((60.0, 120.0), (), ((1.0, 2.0), (1.0, 2.0)), 2, 4.0)
    assert burn.burning(series, 0.999, now=120.0, min_requests=100) == ([], list(burn.RULES))
    with pytest.raises(JudgeError, match="leaves no budget"):
        burn.burning(series, 1.0, now=120.0, min_requests=100)


def test_the_budget_fails_the_run() -> None:
    metric = Metric("shop", "ratio", objective=0.999, burn=True, highest=0.5)
    found = judge([Pair(metric, counted([40] * 60))], Settings())
    assert [each["verdict"] for each in found["metrics"]] == ["passed", "failed"]
    assert "shop burns its error budget: 200 times the even pace over 1 h and 200 times over 5 min" in found["reasons"][0]
    good = judge([Pair(metric, counted([0] * 60))], Settings())
    assert (good["verdict"], good["metrics"][1]["reason"]) == ("passed", "shop keeps its error budget.")
    few = judge([Pair(metric, counted([0] * 3, of=5))], Settings(), now=BEGAN + 180)
    assert "too few requests to know how fast" in few["metrics"][1]["reason"]


def test_a_budget_without_points_by_time_is_an_error() -> None:
    metric = Metric("shop", "ratio", objective=0.999, burn=True, highest=0.5)
    assert judge([Pair(metric, Series(events=1, of=1000))], Settings())["verdict"] == "errored"
