# SPDX-License-Identifier: GPL-3.0-or-later
"""Noise or regression: the false alarms that the rule promises, counted by simulation, and what it sees."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import baseline
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.baseline import Run, Settings, compare

BEGIN = datetime(2027, 1, 1, tzinfo=timezone.utc)


def run(number: int, values: Sequence[float], *, resolution: float = 0.0, **more: Any) -> Run:
    figure = {"unit": "ms", "better": "lower", "resolution": resolution}
    figures = {f"m{place}": {**figure, "value": value} for place, value in enumerate(values)}
    return Run(f"{number:064x}", BEGIN + timedelta(days=number), {**figures, **more})


def simulate(
    trials: int,
    *,
    releases: int,
    metrics: int,
    sigma: float,
    slower: float = 0.0,
    together: float = 0.0,
    resolution: float = 0.0,
    heavy: bool = False,
    seed: int = 1,
) -> dict[str, float]:
    """Share of each verdict. Releases scatter by `sigma` on the logarithmic scale; `together` is how much the figures of a run move together."""
    chance = random.Random(seed)
    seen: Counter[str] = Counter()

    def scatter() -> float:
        return chance.gauss(0, 1) / (math.sqrt(chance.gammavariate(2.5, 0.4)) if heavy else 1)

    def draw(factor: float = 1.0) -> list[float]:
        common = chance.gauss(0, 1)
        values = [20 * math.exp(sigma * (math.sqrt(together) * common + math.sqrt(1 - together) * scatter())) * factor for _metric in range(metrics)]
        return [round(value / resolution) * resolution for value in values] if resolution else values

    for _trial in range(trials):
        earlier = [run(number, draw(), resolution=resolution) for number in range(releases)]
        seen[compare(run(releases, draw(1 + slower), resolution=resolution), earlier, Settings())["verdict"]] += 1
    return {verdict: seen[verdict] / trials for verdict in ("passed", "failed", "inconclusive")}


# alpha is 1 %. Three standard errors of 1,000 trials are 1 %; judging the history by the same rule, which keeps one release in a hundred out of it, adds
# up to 1 % where the history is short.
@pytest.mark.parametrize("together", [0.0, 0.7])
@pytest.mark.parametrize(("releases", "metrics", "sigma"), [(3, 1, 0.05), (5, 1, 0.05), (5, 6, 0.1), (8, 6, 0.02), (12, 6, 0.05), (20, 12, 0.05)])
def test_false_alarms_are_rare(releases: int, metrics: int, sigma: float, together: float) -> None:
    found = simulate(400 if metrics > 6 else 1000, releases=releases, metrics=metrics, sigma=sigma, together=together)
    assert found["failed"] <= 0.03


@pytest.mark.parametrize("resolution", [1.0, 5.0])
def test_rounding_raises_no_alarm(resolution: float) -> None:
    """A tool that gives whole milliseconds often gives the same ones, so that the scatter seems to be none."""
    assert simulate(1000, releases=5, metrics=2, sigma=0.03, resolution=resolution)["failed"] <= 0.03


def test_heavy_tails_raise_a_few_more() -> None:
    assert simulate(1000, releases=10, metrics=3, sigma=0.05, heavy=True)["failed"] <= 0.05


def test_what_it_sees() -> None:
    assert simulate(200, releases=8, metrics=3, sigma=0.03, slower=0.25)["failed"] >= 0.97
    assert simulate(200, releases=12, metrics=6, sigma=0.05, slower=0.5)["failed"] >= 0.97
    assert simulate(200, releases=5, metrics=1, sigma=0.02, slower=0.25)["failed"] >= 0.97


def test_a_history_that_scatters_too_much_gives_no_answer() -> None:
    found = simulate(200, releases=5, metrics=5, sigma=0.3)
    assert found["inconclusive"] >= 0.95
    assert found["passed"] == 0


def test_a_year_of_releases_that_are_no_worse() -> None:
    """Each release becomes the baseline of the next: alarms do not breed alarms."""
    chance, alarms, runs = random.Random(3), 0, []
    for number in range(300):
        new = run(number, [100 * math.exp(chance.gauss(0, 0.05)) for _metric in range(3)])
        alarms += compare(new, runs[-60:], Settings())["verdict"] == "failed"
        runs.append(new)
    assert alarms <= 9


def steady(count: int = 6, **more: Any) -> list[Run]:
    return [run(number, [100 + number % 3], **more) for number in range(count)]


def test_two_releases_are_no_baseline() -> None:
    found = compare(run(9, [100]), steady(2), Settings())
    assert (found["verdict"], found["reason"]) == ("inconclusive", "2 earlier releases were measured in the same way, needed are 3")


def test_a_regression_names_the_figure() -> None:
    found = compare(run(9, [140]), steady(), Settings())
    assert (found["verdict"], found["regressions"], found["releases_compared"]) == ("failed", ["m0"], 6)
    assert found["reason"] == "worse than 6 earlier releases: m0"
    (finding,) = found["findings"]
    assert finding["usual"] == pytest.approx(101, abs=0.1)
    assert finding["p"] < 0.01


def test_faster_is_no_regression() -> None:
    assert compare(run(9, [60]), steady(), Settings())["verdict"] == "passed"


def test_of_a_rate_less_is_worse() -> None:
    def rate(number: int, value: float) -> Run:
        return Run(f"{number:064x}", BEGIN + timedelta(days=number), {"rps": {"value": value, "unit": "1/s", "better": "higher", "resolution": 0.0}})

    earlier = [rate(number, 100 + number % 3) for number in range(6)]
    assert compare(rate(9, 60), earlier, Settings())["verdict"] == "failed"
    assert compare(rate(9, 160), earlier, Settings())["verdict"] == "passed"


def test_a_small_change_is_let_pass_even_when_it_is_certain() -> None:
    earlier = [run(number, [100 + number * 0.001]) for number in range(8)]
    assert compare(run(9, [104]), earlier, Settings())["verdict"] == "passed"
    assert compare(run(9, [106]), earlier, Settings())["verdict"] == "failed"
    assert compare(run(9, [106]), earlier, Settings(tolerance=0.1))["verdict"] == "passed"


def test_one_step_of_rounding_is_no_change() -> None:
    earlier = [run(number, [4.0], resolution=1.0) for number in range(6)]
    assert compare(run(9, [5.0], resolution=1.0), earlier, Settings())["verdict"] == "passed"
    assert compare(run(9, [7.0], resolution=1.0), earlier, Settings())["verdict"] == "failed"


def share(number: int, events: int, of: int) -> Run:
    return Run(f"{number:064x}", BEGIN + timedelta(days=number), {"failed": {"events": events, "of": of, "better": "lower"}})


def test_failed_requests() -> None:
    earlier = [share(number, number % 2, 2000) for number in range(8)]
    assert compare(share(9, 200, 2000), earlier, Settings())["verdict"] == "failed"
    assert compare(share(9, 1, 2000), earlier, Settings())["verdict"] == "passed"
    # Of ten requests nobody can tell whether five in a hundred more would fail.
    assert compare(share(9, 0, 10), earlier, Settings())["verdict"] == "inconclusive"


def test_a_regression_does_not_excuse_the_next_one() -> None:
    slow = [*steady(), run(10, [140])]
    assert len(baseline.baseline(slow, Settings())) == 6
    assert compare(run(11, [140]), slow, Settings())["verdict"] == "failed"


def test_unless_somebody_accepted_it() -> None:
    accepted = Settings(accepted=frozenset({f"{10:064x}"}))
    slow = [*steady(), run(10, [140])]
    assert len(baseline.baseline(slow, accepted)) == 7
    assert compare(run(11, [140]), slow, accepted)["verdict"] != "failed"


def test_only_other_artifacts_that_were_measured_before_count() -> None:
    now = run(5, [140])
    later, same = run(9, [140]), Run(now.sha256, BEGIN, run(0, [140]).figures)
    assert compare(now, [*steady(5), later, same], Settings())["releases_compared"] == 5


def test_of_an_artifact_the_newest_run_counts() -> None:
    again = Run(steady()[0].sha256, BEGIN + timedelta(days=7), run(0, [103]).figures)
    found = baseline.baseline([*steady(), again], Settings())
    assert len(found) == 6
    assert found[-1].figures["m0"]["value"] == 103


def test_the_window_is_bounded() -> None:
    assert compare(run(60, [100]), steady(50), Settings(releases=7))["releases_compared"] == 7


def test_figures_of_another_unit_are_not_compared() -> None:
    other = [Run(f"{n:064x}", BEGIN + timedelta(days=n), {"m0": {"value": 1.0, "unit": "s", "better": "lower"}}) for n in range(6)]
    found = compare(run(9, [100]), other, Settings())
    assert (found["verdict"], found["metrics_new"]) == ("inconclusive", 1)


def test_new_and_gone_figures_are_counted() -> None:
    extra = {"value": 5.0, "unit": "ms", "better": "lower"}
    found = compare(run(9, [100], new=extra), steady(old=extra), Settings())
    assert (found["verdict"], found["metrics_compared"], found["metrics_new"], found["metrics_gone"]) == ("passed", 1, 1, 1)


def test_small_steps_add_up() -> None:
    creeping = [run(number, [100 * 1.02**number]) for number in range(15)]
    found = compare(run(15, [100 * 1.02**15]), creeping, Settings())
    assert found["verdict"] == "passed"
    assert found["creep_percent"] == pytest.approx(100 * (1.02**14 - 1), abs=0.5)


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0, 0.0], [1e-300] * 4, [1e300] * 4, [0.0, 1.0, 0.0, 1e9]])
def test_odd_values_are_an_answer_too(values: list[float]) -> None:
    found = compare(run(9, [values[-1]]), [run(number, [value]) for number, value in enumerate(values[:3])], Settings())
    assert found["verdict"] in ("passed", "failed", "inconclusive")
    assert math.isfinite(found["creep_percent"])


def test_settings_of_the_document() -> None:
    document = {"performance": {"alpha": 0.05, "accepted": [{"sha256": "c" * 64, "reason": "r", "owner": "o"}]}}
    assert baseline.settings(document) == Settings(alpha=0.05, accepted=frozenset({"c" * 64}))
    assert baseline.settings(None) == baseline.settings({}) == Settings()
