# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import math
import statistics
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import history
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.judge import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Metric, Pair, Series, Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.normal import t_above
from hypothesis import given, settings
from hypothesis import strategies as st


def points(*values: float) -> Series:
    return Series(times=tuple(map(float, range(len(values)))), values=tuple(values))


def counted(events: int, of: float, parts: int = 0) -> Series:
    each = tuple((events / parts, of / parts) for _part in range(parts))
    return Series(times=tuple(map(float, range(parts))), parts=each, events=events, of=of)


QUIET = [20 + (number * 7919 % 100) / 20 for number in range(40)]  # 20 to 25, in no order
SLOW = [value * 1.5 for value in QUIET]


def one(kind: str, canary: Series | None, baseline: Series | None = None, earlier: Any = None, problem: str = "", **options: Any) -> dict[str, Any]:
    found = judge([Pair(Metric("m", kind, **options), canary, baseline, earlier or {}, problem)], Settings())
    json.dumps(found, allow_nan=False)
    return found


@pytest.mark.parametrize(
    ("kind", "canary", "baseline", "options", "verdict", "label", "reason"),
    [
        ("ratio", counted(18, 180), counted(0, 180), {}, "failed", "High", "m is higher than the baseline: +10 percentage points (p = 2.4e-06)."),
        ("ratio", counted(0, 180), counted(0, 180), {}, "passed", "Pass", "m shows no change for the worse."),
        ("ratio", counted(0, 180), counted(18, 180), {"must_see": 0.01}, "passed", "Pass", "no change for the worse"),
        ("ratio", counted(0, 180), counted(18, 180), {"direction": "either"}, "failed", "Low", "m is lower than the baseline: -10 percentage"),
        ("ratio", counted(0, 180), counted(18, 180), {}, "passed", "Pass", "no change for the worse"),
        ("ratio", counted(10, 90), counted(9, 90), {}, "inconclusive", "Nodata", "percentage points or more, needed is +10 percentage points"),
        (
            "ratio",
            counted(6, 60),
            counted(0, 60),
            {},
            "inconclusive",
            "Nodata",
            "could have seen +14.7 percentage points or more, needed is +10 percentage points",
        ),
        ("ratio", counted(7, 60), counted(0, 60), {}, "failed", "High", "p = 0.0065"),
        ("ratio", counted(3, 40), counted(0, 400), {}, "failed", "High", "(p = 0.0007)"),
        ("ratio", counted(1, 40), counted(0, 400), {}, "inconclusive", "Nodata", "40 requests of the canary are too few, needed are 50"),
        ("ratio", counted(1, 400), counted(0, 40), {}, "inconclusive", "Nodata", "40 requests of the baseline are too few"),
        ("ratio", counted(10_500, 10_000_000), counted(10_000, 10_000_000), {}, "passed", "Pass", "no change"),
        ("ratio", counted(10_500, 10_000_000), counted(10_000, 10_000_000), {"tolerance": 0}, "failed", "High", "+0.005 percentage points"),
        ("ratio", counted(30, 180), None, {"highest": 0.05}, "failed", "High", "m is 30 of 180 requests (16.7 %); allowed is at most 0.05 (p < 0.000001)"),
        ("ratio", counted(12, 180), None, {"highest": 0.05}, "inconclusive", "Nodata", "is beyond at most 0.05, but too few to be sure"),
        ("ratio", counted(9, 180), None, {"highest": 0.05}, "passed", "Pass", ""),
        ("ratio", counted(150, 180), None, {"lowest": 0.95}, "failed", "Low", "allowed is at least 0.95"),
        ("ratio", counted(0, 0), counted(3, 180), {}, "inconclusive", "Nodata", "there is no data of m from the canary."),
        ("ratio", counted(3, 180), counted(0, 0), {}, "inconclusive", "Nodata", "there is no data of m from the baseline."),
        ("availability", counted(5, 100), None, {"objective": 0.995}, "failed", "High", "m is 5 of 100 samples (5 %); allowed is an availability of 0.995"),
        ("availability", counted(1, 100), None, {"objective": 0.995}, "inconclusive", "Nodata", "too few to be sure"),
        ("availability", counted(0, 100), None, {"objective": 0.995}, "passed", "Pass", ""),
        ("availability", counted(0, 20), None, {"objective": 0.995}, "inconclusive", "Nodata", "20 samples of the canary are too few, needed are 30"),
        ("availability", counted(20, 100), counted(0, 100), {"objective": 0.5}, "failed", "High", "m is lower than the baseline"),
        ("gauge", points(*SLOW), points(*QUIET), {}, "failed", "High", "m is higher than the baseline: +50 % (p < 0.000001)."),
        ("gauge", points(*QUIET), points(*SLOW), {}, "failed", "Low", "m is lower than the baseline: -33 %"),
        ("gauge", points(*QUIET), points(*SLOW), {"direction": "increase"}, "passed", "Pass", ""),
        ("gauge", points(*QUIET), points(*QUIET), {}, "passed", "Pass", ""),
        ("gauge", points(*[value * 1.04 for value in QUIET] * 9), points(*QUIET * 9), {}, "passed", "Pass", ""),
        ("gauge", points(*[value * 1.04 for value in QUIET] * 9), points(*QUIET * 9), {"tolerance": 0.02}, "failed", "High", "+4 %"),
        ("gauge", points(*SLOW[:6]), points(*QUIET[:6]), {}, "failed", "High", "(p = 0.0022)"),
        ("gauge", points(*QUIET[:6]), points(*QUIET[6:12]), {}, "inconclusive", "Nodata", "6 points of the canary are too few, needed are 20"),
        ("gauge", points(5, 5, 5), points(1, 1, 1), {}, "inconclusive", "Nodata", "3 points"),
        ("gauge", points(*[9.0] * 30), points(*[7.0] * 30), {}, "failed", "High", "+29 %"),
        ("gauge", points(*[7.0] * 30), points(*[7.0] * 30), {}, "passed", "Pass", ""),
        ("gauge", points(*[0.0] * 30), points(*[0.0] * 30), {}, "passed", "Pass", ""),
        ("gauge", points(*[3.0] * 30), points(*[0.0] * 30), {}, "failed", "High", "+3 (p < 0.000001)"),
        ("gauge", points(*[-9.0] * 30), points(*[-7.0] * 30), {}, "failed", "Low", "-29 %"),
        ("gauge", points(*QUIET), None, {"highest": 15}, "failed", "High", "in the middle of 40 points; allowed is at most 15"),
        ("gauge", points(*QUIET), None, {"highest": 30, "lowest": 10}, "passed", "Pass", ""),
        ("gauge", points(*QUIET), None, {"lowest": 30}, "failed", "Low", "allowed is at least 30"),
        ("gauge", points(), points(*QUIET), {"nan": "replace"}, "inconclusive", "Nodata", "no data"),
        ("counter", counted(50, 600), counted(100, 600), {"direction": "decrease"}, "failed", "Low", "m is lower than the baseline: -50 %"),
        ("counter", counted(100, 600), counted(100, 600), {}, "passed", "Pass", ""),
        ("counter", counted(10, 60), counted(100, 600), {}, "inconclusive", "Nodata", "needed is +100 %"),
        ("counter", counted(10, 600), counted(8, 600), {}, "inconclusive", "Nodata", "18 events are too few, needed are 20"),
        ("counter", counted(900, 600), None, {"highest": 1.0}, "failed", "High", "m is 1.5 per second; allowed is at most 1"),
        ("counter", counted(300, 600), None, {"lowest": 1.0}, "failed", "Low", "allowed is at least 1"),
    ],
)
def test_one_metric(kind: str, canary: Series, baseline: Series | None, options: dict[str, Any], verdict: str, label: str, reason: str) -> None:
    found = one(kind, canary, baseline, **options)
    assert (found["verdict"], found["metrics"][0]["classification"]) == (verdict, label), found
    assert reason in found["metrics"][0]["reason"]
    assert found["reasons"] == ([] if verdict == "passed" else [found["metrics"][0]["reason"]])


# --- the holes of Kayenta that were measured ---------------------------------------------------------------------------
def test_errors_against_none_are_seen_in_a_gauge_too() -> None:
    """0 -> 10 % of the points: Kayenta's tolerance is a quarter of a median of differences that stays 0."""
    canary, baseline = points(*[float(number % 10 == 0) for number in range(180)]), points(*[0.0] * 180)
    assert one("gauge", canary, baseline)["verdict"] == "failed"
    assert judge([Pair(Metric("m"), canary, baseline)], Settings(mode="kayenta"))["verdict"] == "passed"


def test_two_points_are_no_verdict() -> None:
    assert judge([Pair(Metric("m"), points(3, 4), points(1, 2))], Settings(mode="kayenta"))["verdict"] == "failed"
    assert one("gauge", points(3, 4), points(1, 2))["verdict"] == "inconclusive"


@pytest.mark.parametrize("critical", [True, False])
def test_an_error_is_never_a_pass(critical: bool) -> None:
    good = Pair(Metric("good"), points(*QUIET), points(*QUIET))
    broken = Pair(Metric("broken", critical=critical), problem="its canary: Prometheus could not be asked")
    found = judge([*[good] * 30, broken], Settings())
    assert found["verdict"] == "errored"
    assert found["reasons"] == ["broken could not be judged: its canary: Prometheus could not be asked"]


values = st.lists(st.floats(-1e100, 1e100) | st.floats(0, 50), max_size=45)


@given(
    st.sampled_from(["gauge", "counter", "ratio", "availability"]),
    st.tuples(values, values),
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0, 12])),
    st.sampled_from(["increase", "decrease", "either"]),
    st.sampled_from(["default", "kayenta", "watch"]),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_whatever_comes_is_judged_and_can_be_written_down(kind: str, gauges: Any, events: Any, direction: str, mode: str, old: bool) -> None:
    *both, parts = events
    sides = [points(*each) for each in gauges] if kind == "gauge" else [counted(count, 60, parts) for count in both]
    earlier = {str(number): sides[number % 2] for number in range(4)} if old else {}
    found = judge([Pair(Metric("m", kind, direction=direction), sides[0], sides[1], earlier)], Settings(mode=mode, fractions=(0.5,)))
    json.dumps(found, allow_nan=False)
    assert found["verdict"] in ("passed", "failed", "inconclusive", "errored")
    assert mode == "kayenta" or all(metric["reason"] for metric in found["metrics"])


@given(st.lists(st.floats(0.1, 1e3), min_size=5, max_size=30), st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_units_do_not_matter(values: list[float], factor: float) -> None:
    slow = [value * 1.7 for value in values]
    found, scaled = (one("gauge", points(*[value * by for value in slow]), points(*[value * by for value in values])) for by in (1.0, factor))
    assert scaled["metrics"][0]["p"] == pytest.approx(found["metrics"][0]["p"], rel=1e-6) or found["metrics"][0]["p"] > 1e-3
    assert scaled["metrics"][0]["effect"] == pytest.approx(found["metrics"][0]["effect"], rel=1e-6)


# --- several metrics ----------------------------------------------------------------------------------------------------
def test_all_metrics_share_alpha() -> None:
    alone = judge([Pair(Metric("m", "ratio"), counted(7, 60), counted(0, 60))], Settings())
    quiet = [Pair(Metric(f"m{number}", "ratio"), counted(0, 300), counted(0, 300)) for number in range(9)]
    among = judge([Pair(Metric("m", "ratio"), counted(7, 60), counted(0, 60)), *quiet], Settings())
    assert (alone["level"], among["level"]) == pytest.approx((0.01, 0.001))
    assert (alone["verdict"], among["verdict"]) == ("failed", "inconclusive")


def test_a_metric_that_is_not_critical_counts_to_the_score_only() -> None:
    good = [Pair(Metric(f"good{number}", groups=("latency",)), points(*QUIET), points(*QUIET)) for number in range(3)]
    bad = Pair(Metric("bad", groups=("system",), critical=False), points(*SLOW), points(*QUIET))
    verdicts = []
    for weights in ({"latency": 97, "system": 3}, {"latency": 80, "system": 20}, {}):
        found = judge([*good, bad], Settings(weights=weights))
        verdicts.append((found["score"], found["verdict"]))
    assert verdicts == [(97.0, "passed"), (80.0, "inconclusive"), (50.0, "failed")]


def test_a_critical_metric_fails_whatever_the_scores_allow() -> None:
    bad = Pair(Metric("bad"), points(*SLOW), points(*QUIET))
    assert judge([bad], Settings(marginal_score=0, pass_score=0))["verdict"] == "failed"


def test_muted_metrics_count_nowhere() -> None:
    bad = Pair(Metric("bad", muted=True), points(*SLOW), points(*QUIET))
    found = judge([bad, Pair(Metric("good"), points(*QUIET), points(*QUIET))], Settings())
    assert (found["verdict"], found["score"], found["metrics"][0]["verdict"]) == ("passed", 100.0, "failed")
    assert "bad" not in found["power"]
    assert judge([bad], Settings())["verdict"] == "inconclusive"


def test_nothing_to_compare_with_is_an_error() -> None:
    found = one("gauge", points(*QUIET))
    assert found["verdict"] == "errored"
    assert "Next: give it one of baseline, earlier, highest, lowest, objective" in found["reasons"][0]


# --- looks --------------------------------------------------------------------------------------------------------------
def test_early_looks_need_more() -> None:
    pair = Pair(Metric("m", "ratio"), counted(9, 180), counted(0, 180))
    early, late = (judge([pair], Settings(fractions=fractions)) for fractions in ((0.2,), (0.2, 0.4, 0.6, 0.8, 1.0)))
    assert early["level"] < 1e-6 < 0.005 < late["level"] < 0.01
    assert (early["verdict"], late["verdict"]) == ("inconclusive", "failed")
    assert early["final"] is False
    assert late["metrics"][0]["detectable"] < early["metrics"][0]["detectable"]


# --- earlier releases ---------------------------------------------------------------------------------------------------
EARLIER = {f"1.{number}.0": points(*[value * scale for value in QUIET]) for number, scale in enumerate((1.0, 1.04, 0.97, 1.02, 0.99))}


def test_within_what_earlier_releases_showed() -> None:
    found = one("gauge", points(*[value * 1.06 for value in QUIET]), None, EARLIER)
    assert (found["verdict"], found["metrics"][0]["name"]) == ("passed", "m (earlier releases)")


def test_worse_than_all_earlier_releases() -> None:
    found = one("gauge", points(*SLOW), None, EARLIER)
    assert found["verdict"] == "failed"
    assert "m is higher than in 5 earlier releases: +49 % (p = " in found["reasons"][0]


def test_earlier_releases_beside_a_baseline_that_is_as_bad() -> None:
    """Both sides of the canary are slow, so only history tells."""
    found = one("gauge", points(*SLOW), points(*SLOW), EARLIER)
    assert [each["verdict"] for each in found["metrics"]] == ["passed", "failed"]
    assert found["verdict"] == "failed"
    assert found["level"] == pytest.approx(0.005)


def test_two_earlier_releases_are_too_few_to_know() -> None:
    few = dict(list(EARLIER.items())[:2])
    assert one("gauge", points(*QUIET), None, few)["verdict"] == "inconclusive"
    beside = one("gauge", points(*QUIET), points(*QUIET), few)
    assert beside["verdict"] == "passed"
    assert "2 earlier releases have data of m, needed are 3" in beside["metrics"][1]["reason"]
    assert beside["level"] == pytest.approx(0.01)


@pytest.mark.parametrize(("kind", "bad", "good"), [("ratio", counted(60, 2000), counted(11, 2000)), ("counter", counted(300, 600), counted(95, 600))])
def test_counts_of_earlier_releases(kind: str, bad: Series, good: Series) -> None:
    usual = [counted(events, 2000 if kind == "ratio" else 600) for events in ((10, 12, 9, 11, 13) if kind == "ratio" else (100, 92, 105, 98, 96))]
    earlier = {str(number): each for number, each in enumerate(usual)}
    assert one(kind, bad, None, earlier)["verdict"] == "failed"
    assert one(kind, good, None, earlier)["verdict"] == "passed"


def test_the_prediction_interval_by_hand() -> None:
    """Constant gauges have no error of their own: t = (ln 30 - mean) / (s sqrt(1 + 1/4)) with 3 degrees of freedom."""
    medians = (20.0, 22.0, 21.0, 19.0)
    logs = [math.log(median) for median in medians]
    t = (math.log(30) - statistics.mean(logs)) / (statistics.stdev(logs) * math.sqrt(1.25))
    found = history.among(points(30, 30), [points(median, median) for median in medians], Metric("m"))
    assert found.high == pytest.approx(t_above(t, 3))
    assert found.effect == pytest.approx(30 / statistics.geometric_mean(medians) - 1)


def test_a_small_canary_is_less_sure_among_earlier_releases() -> None:
    """Its own sampling error of the logit, 1 / (x + 1/2) + 1 / (n - x + 1/2), is added to the spread of the releases."""
    shares = [(100, 10_000), (110, 10_000), (95, 10_000)]
    logits = [math.log((events + 0.5) / (of - events + 0.5)) for events, of in shares]
    spread = math.sqrt(statistics.variance(logits) * (4 / 3) + 1 / 3.5 + 1 / 97.5)
    t = (math.log(3.5 / 97.5) - statistics.mean(logits)) / spread
    found = history.among(counted(3, 100), [counted(*share) for share in shares], Metric("m", "ratio"))
    assert found.high == pytest.approx(t_above(t, 2))


# --- points that depend on each other -----------------------------------------------------------------------------------
def test_bursts_of_errors_are_less_sure() -> None:
    def side(bursts: tuple[int, ...]) -> Series:
        parts = tuple((float(10 if number in bursts else 0), 50.0) for number in range(40))
        return Series(times=tuple(map(float, range(40))), parts=parts, events=10 * len(bursts), of=2000)

    evenly = one("ratio", counted(30, 2000, 40), counted(10, 2000, 40))["metrics"][0]
    bursts = one("ratio", side((3, 17, 30)), side((11,)))["metrics"][0]
    assert bursts["canary"]["events"] == evenly["canary"]["events"]
    assert bursts["p"] > 5 * evenly["p"]
    assert bursts["detectable"] > evenly["detectable"]


def test_what_a_counter_could_have_seen() -> None:
    """exp((z_0.005 + z_0.2) sqrt(2 / 100.5)) - 1, by hand."""
    found = one("counter", counted(100, 600), counted(100, 600))["metrics"][0]
    assert found["detectable"] == pytest.approx(0.6195, abs=5e-4)
    assert found["interval"] == pytest.approx([-0.3047, 0.4382], abs=5e-4)


def test_what_the_run_could_have_seen() -> None:
    found = judge([Pair(Metric("p95"), points(*QUIET), points(*QUIET)), Pair(Metric("errors", "ratio"), counted(1, 900), counted(1, 900))], Settings())
    assert found["power"] == "This run could have seen +7 % of p95, +1.4 percentage points of errors with 80 % power."
    small = one("ratio", counted(0, 2), counted(0, 2))
    assert small["power"] == "It was too small to see any change of m."
