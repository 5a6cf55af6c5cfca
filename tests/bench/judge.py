# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge: how often it rings without a cause and finds what is there, beside Kayenta's way on the same data; equality with Kayenta; time."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.judge import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Metric, Pair, Series, Settings

from ..unit.judge import simulate
from ..unit.judge.test_kayenta import finding, kayenta, metric_of, rolls_dice, score, values

if TYPE_CHECKING:
    from ._runner import Bench

CORPUS = Path(__file__).parents[1] / "unit" / "judge" / "kayenta" / "corpus.json"
KAYENTA, WATCH = Settings(mode="kayenta"), Settings(mode="watch")
LATENCY, ERRORS = Metric("latency"), Metric("errors", "ratio")
RUNS = 1000
BAR = 0.02  # false alarms


def run(bench: Bench) -> None:
    _alarms(bench)
    _found(bench)
    same, asked = _same()
    bench.row(f"kayenta mode: same of {asked} classifications and scores", ours=same, reference=asked, bar=1, better="higher", unit="")
    pairs = [_latencies(random.Random(number), 500)() for number in range(10)]
    bench.row(
        "10 metrics of 500 points, processor time, against kayenta", ours=lambda: _cpu(pairs, Settings()), reference=lambda: _cpu(pairs, KAYENTA), bar=2.5
    )


def _alarms(bench: Bench) -> None:
    rates = (0.001, 0.01, 0.05, 0.2, 0.5)
    exact = max(simulate.fisher_alarm(n, rate) for n in range(2, 501) for rate in rates)
    bench.row("false alarms of errors, worst of n = 2..500, exact", ours=exact, reference=BAR, bar=1, unit="share")
    # every size at which the test is exact (30 points a side) and as many beyond, then some
    sizes = (*range(2, 61), 80, 100, 140, 180, 250, 333, 500)
    worst = max(_failed(RUNS if n < 200 else RUNS // 2, _latencies(random.Random(n), n)) for n in sizes)
    # the worst of 66 shares of up to 1000 runs each lies above the true 1 % by chance alone
    bench.row("false alarms of latencies, every n = 2..60, 7 to 500", ours=worst, reference=BAR, bar=1, unit="share")
    five = sum(simulate.looked_at(random.Random(seed), 5, 12, 1.0) for seed in range(RUNS)) / RUNS
    bench.row("false alarms of five looks together", ours=five, reference=BAR, bar=1, unit="share")
    ours, theirs = (_failed(RUNS, _dependent(random.Random(5), 60, 0.5), settings) for settings in (Settings(), KAYENTA))
    bench.row("false alarms of dependent points, against kayenta", ours=ours, reference=theirs, bar=1, unit="share")
    rings = max(_failed(RUNS, _latencies(random.Random(n), n, before=before), WATCH) for n, before in ((60, 60), (240, 60), (240, 240)))
    bench.row("false alarms of the watch, up to 240 points", ours=rings, reference=BAR, bar=1, unit="share")


def _found(bench: Bench) -> None:
    exact = simulate.fisher_alarm(180, 0.0, 0.10)
    bench.row("0 -> 10 % errors at 180 requests found, exact", ours=exact, reference=0.95, bar=1, better="higher", unit="share")
    sparse = _failed(RUNS, _requests(random.Random(1), 180, 0.10))
    bench.row("the same, simulated", ours=sparse, reference=0.95, bar=1, better="higher", unit="share")
    passed = simulate.verdicts(RUNS, _requests(random.Random(2), 60, 0.10))["passed"]
    bench.row("the same at 60 requests, passed by mistake", ours=passed, reference=0.01, bar=1, unit="share")
    for n, factor in ((20, 1.5), (50, 1.25), (60, 1.25), (180, 1.1)):
        ours, theirs = (_failed(RUNS // 2, _latencies(random.Random(9), n, factor), settings) for settings in (Settings(), KAYENTA))
        name = f"+{factor * 100 - 100:.0f} % latency of {n} points found, against kayenta"
        bench.row(name, ours=ours, reference=theirs, bar=1, better="higher", unit="share")
    change = judge([_latencies(random.Random(4), 60)()], Settings())["metrics"][0]["detectable"]
    told = _failed(RUNS, _latencies(random.Random(6), 60, 1 + change))
    bench.row(f"change named by the power statement, +{change * 100:.0f} %, found", ours=told, reference=0.80, bar=0.85, better="higher", unit="share")


def _failed(runs: int, make: Callable[[], Pair], settings: Settings | None = None) -> float:
    return float(simulate.verdicts(runs, make, settings)["failed"])


def _latencies(pick: random.Random, n: int, factor: float = 1.0, before: int = 0) -> Callable[[], Pair]:
    return lambda: Pair(LATENCY, simulate.lognormal(pick, n, factor), simulate.lognormal(pick, before or n))


def _dependent(pick: random.Random, n: int, r: float) -> Callable[[], Pair]:
    return lambda: Pair(LATENCY, simulate.dependent(pick, n, r), simulate.dependent(pick, n, r))


def _requests(pick: random.Random, n: int, rate: float) -> Callable[[], Pair]:
    return lambda: Pair(ERRORS, simulate.requests(pick, n, rate), Series(events=0, of=n))


def _cpu(pairs: list[Pair], settings: Settings) -> float:
    began = time.process_time()
    judge(pairs, settings)
    return time.process_time() - began


def _same() -> tuple[int, int]:
    """(same, asked); cases in which the reference itself rolls dice are left out."""
    corpus = json.loads(CORPUS.read_text())
    metrics = [case for case in corpus if "results" not in case and not rolls_dice(case)]
    scores = [case for case in corpus if "results" in case]
    return sum(map(_same_class, metrics)) + sum(map(_same_score, scores)), len(metrics) + len(scores)


def _same_class(case: dict[str, Any]) -> bool:
    canary, baseline = (values(case, side) for side in ("canary", "baseline"))
    found = kayenta.classify(canary, baseline, metric_of(case), tolerance=case["tolerance"], confidence=case["confidence"])
    return (found.label, found.critical) == (case["label"], case["critical_found"])


def _same_score(case: dict[str, Any]) -> bool:
    found = score([finding(each["name"], each["label"], each["critical"], each["groups"]) for each in case["results"]], case["weights"])
    return (found.value, found.reason) == (case["score"], case["reason"])
