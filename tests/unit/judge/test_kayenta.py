# SPDX-License-Identifier: GPL-3.0-or-later
"""The mode kayenta against Kayenta itself: answers of its own code on a corpus, and the behaviours that its test suites publish."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import brent, clean, kayenta
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.judge import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Effect, Finding, Metric, Pair, Series, Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.ranks import above_share
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.score import score
from ansible_collections.evenkeel.release.tests.unit.judge.kayenta.cases import cases, line, rolls_dice

CORPUS = json.loads((Path(__file__).parent / "kayenta" / "corpus.json").read_text())
METRICS = [case for case in CORPUS if "results" not in case]
SCORES = [case for case in CORPUS if "results" in case]


def metric_of(case: dict[str, Any]) -> Metric:
    return Metric(
        "m",
        nan=case["nan"],
        outliers=case["outliers"],
        outlier_factor=case["outlier_factor"],
        critical=case["critical"],
        required=case["required"],
        direction=case["direction"],
        effect=Effect(*(case[key] for key in ("measure", "allowed_increase", "allowed_decrease", "critical_increase", "critical_decrease"))),
    )


def values(case: dict[str, Any], side: str) -> list[float]:
    rows = [(0.0, math.nan if value is None else value) for value in case[side]]
    return [value for _time, value in clean.gauge(rows, metric_of(case))]


def test_the_corpus_is_the_one_that_was_asked() -> None:
    made = cases(len(CORPUS))
    for case, written in zip(made, CORPUS, strict=True):
        plain = {**written, **{side: [math.nan if value is None else value for value in written[side]] for side in ("canary", "baseline") if side in written}}
        assert line({key: plain[key] for key in case}) == line(case)
    assert Counter(case["label"] for case in METRICS).keys() >= {"Pass", "High", "Low", "Nodata", "NodataFailMetric", "Error"}
    assert sum(map(rolls_dice, METRICS)) < len(METRICS) / 50


def test_every_classification_is_that_of_the_reference() -> None:
    for number, case in enumerate(METRICS):
        if rolls_dice(case):
            continue
        canary, baseline = (values(case, side) for side in ("canary", "baseline"))
        found = kayenta.classify(canary, baseline, metric_of(case), tolerance=case["tolerance"], confidence=case["confidence"])
        assert (found.label, found.critical) == (case["label"], case["critical_found"]), (number, case)
        assert found.reason.partition(":")[0] == case["reason"], (number, case)
        if found.label in ("Pass", "High", "Low") and found.interval and len({*canary}) + len({*baseline}) > 2:
            # the interval too, to the last digits: it is where a difference would begin
            assert [found.interval.low, found.interval.high, found.interval.estimate] == pytest.approx([float(text) for text in case["raw"]], rel=1e-9)
            assert found.deviation == pytest.approx(float(case["deviation"]), rel=1e-9, nan_ok=True)


def finding(name: str, label: str, critical: bool, groups: list[str]) -> Finding:
    return Finding(name=name, verdict="", classification=label, reason=f"why {name}", critical=critical, groups=tuple(groups))


def test_every_score_is_that_of_the_reference() -> None:
    for case in SCORES:
        found = score([finding(each["name"], each["label"], each["critical"], each["groups"]) for each in case["results"]], case["weights"])
        groups = ",".join(sorted(f"{name}={0.0 if value is None else value}" for name, value in found.groups.items()))
        assert (found.value, found.reason, groups) == (case["score"], case["reason"], case["groups"]), case


# --- what ClassifierSuite, MannWhitneySuite, StatisticSuite, DetectorSuite and ScorerSuite say, on the small data that they use -----------------
RISE, BASE = [20.0, 22.0, 21.0, 25.0, 30.0], [1.0, 2.2, 1.1, 2.5, 3.0]
FALL, TALL = [2.0, 2.0, 2.0, 2.0, 3.0], [10.0, 20.2, 10.1, 20.5, 30.0]
FIVE = [1.0, 2.0, 3.0, 4.0, 5.0]
NEAR_55 = [54.9, 54.5, 55.1, 55.6, 57.4]


@pytest.mark.parametrize(
    ("canary", "baseline", "options", "label", "critical"),
    [
        (RISE, BASE, {"effect": Effect(allowed_decrease=0.8, allowed_increase=1.2)}, "High", False),
        ([10.0, 12.2, 10.1, 12.5, 23.0], RISE, {"effect": Effect(allowed_decrease=0.5, allowed_increase=1.0)}, "Pass", False),
        (RISE, BASE, {"critical": True, "effect": Effect(critical_increase=1.2)}, "High", True),
        (FALL, TALL, {"critical": True, "effect": Effect(critical_decrease=1.0, critical_increase=1.2)}, "Low", True),
        (RISE, BASE, {"critical": True, "effect": Effect(allowed_increase=5.0, critical_increase=13.0)}, "High", False),
        (RISE, BASE, {"critical": True, "effect": Effect(allowed_increase=13.0, critical_increase=15.0)}, "Pass", False),
        (RISE, BASE, {"critical": True}, "High", True),
        ([1.0] * 3, [1.0] * 2, {"direction": "decrease"}, "Pass", False),
        (FIVE, FIVE[::-1], {"direction": "decrease"}, "Pass", False),
        ([0.0, 1.0, 1.0, 1.0, 1.0], [1.0] * 5, {"direction": "decrease"}, "Pass", False),
        ([], FIVE, {"direction": "decrease"}, "Nodata", False),
        ([], FIVE, {"critical": True}, "Nodata", True),
        ([], FIVE, {"required": True}, "NodataFailMetric", False),
        ([], FIVE, {"required": True, "critical": True}, "Nodata", True),
        ([], FIVE, {"nan": "replace"}, "Pass", False),
        ([], [], {"critical": True}, "Nodata", True),
        ([1.0, 1.0, 1.0, 1.0, 10.0], [1.0] * 5, {}, "Pass", False),
        ([10.0] * 5, [1.0] * 5, {}, "High", False),
        ([10.0] * 5, [0.0] * 5, {}, "High", False),
        (NEAR_55, [0.0] * 5, {"effect": Effect(allowed_decrease=0.8, allowed_increase=1.2)}, "High", False),
        ([0.0] * 5, NEAR_55, {"effect": Effect(allowed_decrease=0.8, allowed_increase=1.2)}, "Low", False),
        ([0.05, 0.05, 0.02, 0.02, 0.02, 0.05, 0.03, 0.05, 0.05, 0.13], [0.0] * 10, {"critical": True, "nan": "replace"}, "High", True),
        ([0.0] * 5, [0.0] * 5, {}, "Pass", False),
        (RISE, BASE, {"direction": "decrease"}, "Pass", False),
        (BASE, RISE, {"direction": "increase"}, "Pass", False),
    ],
)
def test_published_classifications(canary: list[float], baseline: list[float], options: dict[str, Any], label: str, critical: bool) -> None:
    found = kayenta.classify(canary, baseline, Metric("m", **options), tolerance=0.10, confidence=0.95)
    assert (found.label, found.critical) == (label, critical)
    assert found.reason or label == "Pass"


def test_published_interval_and_estimate() -> None:
    found = kayenta.mann_whitney([10.0, 20.0, 30.0, 40.0], [1.0, 2.0, 3.0, 4.0], 0.95)
    assert (found.low, found.high, found.estimate) == (6.0, 39.0, 22.5)


def test_a_mean_of_zero_has_no_ratio() -> None:
    assert math.isnan(kayenta.mean_ratio([10.0] * 5, [0.0] * 5))
    assert kayenta.mean_ratio([10.0] * 5, [100.0] * 5) == 0.1
    assert above_share(FIVE, FIVE) == 0.5
    assert above_share(BASE, RISE) == 0.0


@pytest.mark.parametrize(
    ("share", "values", "found"),
    [
        (5, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5], 0.175),
        (100, [0.0, 0.5, 1.0], 1.0),
        (50, [float(number) for number in range(10)], 4.5),
        # NIST's handbook, 7.2.6.2
        (90, [95.1772, 95.1567, 95.1937, 95.1959, 95.1442, 95.0610, 95.1591, 95.1195, 95.1772, 95.0925, 95.1990, 95.1682], 95.19568),
    ],
)
def test_percentiles(share: float, values: list[float], found: float) -> None:
    assert clean.percentile(sorted(values), share) == pytest.approx(found, abs=1e-9)


def test_one_constant_and_a_root_at_the_end() -> None:
    assert brent.root(lambda x: x - 2, 2.0, 5.0) == 2.0
    assert brent.root(lambda x: x - 5, 2.0, 5.0) == 5.0
    assert brent.root(lambda x: x**3 - 8, 0.0, 9.0) == pytest.approx(2.0, abs=1e-4)


# --- the whole judgement ------------------------------------------------------------------------------------------------
def pair(name: str, canary: list[float], baseline: list[float], **options: Any) -> Pair:
    return Pair(Metric(name, **options), Series(values=tuple(canary)), Series(values=tuple(baseline)))


def test_an_error_drops_out_of_the_score_there_but_never_passes_here() -> None:
    """[5] against [2]: the reference throws and counts the metric nowhere, critical or not."""
    found = judge([pair("good", FIVE, FIVE), pair("broken", [0.0], [2.0], critical=True)], Settings(mode="kayenta"))
    assert [each["classification"] for each in found["metrics"]] == ["Pass", "Error"]
    assert (found["score"], found["verdict"]) == (100.0, "errored")


@pytest.mark.parametrize(
    ("high", "of", "fractions", "score", "verdict"),
    [
        (0, 20, (1.0,), 100.0, "passed"),
        (1, 20, (1.0,), 95.0, "passed"),
        (1, 10, (1.0,), 90.0, "inconclusive"),
        (1, 10, (0.5,), 90.0, "passed"),
        (3, 10, (0.5,), 70.0, "failed"),
        (3, 10, (1.0,), 70.0, "failed"),
    ],
)
def test_pass_and_marginal(high: int, of: int, fractions: tuple[float, ...], score: float, verdict: str) -> None:
    """Before the last look a marginal run goes on; below marginal it ends at once."""
    pairs = [pair(f"m{number}", RISE if number < high else FIVE, BASE if number < high else FIVE) for number in range(of)]
    found = judge(pairs, Settings(mode="kayenta", fractions=fractions))
    assert (found["score"], found["verdict"]) == (score, verdict)


def test_muted_metrics_are_shown_but_not_counted() -> None:
    found = judge([pair("good", FIVE, FIVE), pair("bad", RISE, BASE, muted=True)], Settings(mode="kayenta"))
    assert (found["score"], found["verdict"], found["metrics"][1]["classification"]) == (100.0, "passed", "High")


def test_half_of_the_metrics_without_data_fail() -> None:
    found = judge([pair("good", FIVE, FIVE), pair("gone", [], FIVE)], Settings(mode="kayenta"))
    assert (found["score"], found["verdict"]) == (0.0, "failed")
    assert "50% or more metrics returned NODATA" in found["reasons"][0]


def test_counts_become_rates_by_interval() -> None:
    canary, baseline = (Series(parts=tuple((rate * 100, 100.0) for rate in rates), events=1, of=500.0) for rates in (RISE, BASE))
    found = judge([Pair(Metric("errors", kind="ratio"), canary, baseline)], Settings(mode="kayenta"))
    assert found["metrics"][0]["classification"] == "High"
