# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a world whose figures are a function of time."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.acts import Span
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.watch_look import headline, look, texts
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import clean, request
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import Pair, Series

HOUR, DAY = 3600.0, 86400.0
NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
SPAN = Span("1.3.0", NOW - 2 * HOUR, NOW, NOW, NOW + HOUR)
EARLIER = [Span(f"1.{2 - number}.0", at - 2 * HOUR, at, at, at + HOUR) for number in range(3) for at in [NOW - (number + 1) * DAY]]
P95 = {"name": "p95", "kind": "gauge", "query": "p95", "direction": "increase"}
ERRORS = {"name": "errors", "kind": "ratio", "query": {"events": "e", "of": "n"}, "objective": 0.99, "burn": True}
GUARD: dict[str, Any] = {"prometheus": {"url": "http://127.0.0.1:9090"}, "metrics": [P95, ERRORS], "step": 60}

World = Callable[[float], float]


def asks(p95: World, errors: World, *, down: bool = False) -> Callable[[Mapping[str, Any]], Sequence[Pair]]:
    """Points a minute: latency with some noise of its own, 100 requests with a share of errors."""

    def series(asked: Mapping[str, Any], name: str) -> Series:
        metric = request.metric({"name": name, "kind": "gauge" if name == "p95" else "ratio"})
        times = [asked["start"] + 60 * number for number in range(int((asked["end"] - asked["start"]) // 60) + 1)]
        if name == "p95":
            return clean.series({"points": [[time, p95(time) * random.Random(time).uniform(0.95, 1.05)] for time in times]}, metric)
        return clean.series({"points": [[time, round(100 * errors(time)), 100] for time in times]}, metric)

    def ask(document: Mapping[str, Any]) -> Sequence[Pair]:
        return [pair(written) for written in document["metrics"]]

    def pair(written: Mapping[str, Any]) -> Pair:
        metric, name = request.metric(written), written["name"]
        if down:
            return Pair(metric, problem="Prometheus could not be asked")
        baseline = series(written["baseline"], name) if "baseline" in written else None
        return Pair(metric, series(written["canary"], name), baseline, {each["release"]: series(each, name) for each in written.get("earlier", ())})

    return ask


def steady(value: float) -> World:
    return lambda _time: value


def from_(at: float, before: float, after: float, until: float = 1e12) -> World:
    return lambda time: after if at <= time < until else before


def in_each_hour(before: float, after: float) -> World:
    """After each switch, of every release."""
    return lambda time: after if any(span.at <= time < span.until for span in [SPAN, *EARLIER]) else before


NO_ERRORS = steady(0.0)


def seen(p95: World, errors: World = NO_ERRORS, *, minutes: float = 60, guard: Mapping[str, Any] = GUARD, earlier: Sequence[Span] = EARLIER) -> Any:
    return look(guard, SPAN, earlier, now=NOW + 60 * minutes, ask=asks(p95, errors))


def bad(found: Mapping[str, Any]) -> dict[str, tuple[bool, bool]]:
    return {each["name"]: (each["before"], each["usual"]) for each in found["findings"] if each["verdict"] == "failed"}


@pytest.mark.parametrize("minutes", [1, 14, 15, 44, 60, 90])
def test_a_good_release_passes_from_its_twentieth_point_on(minutes: float) -> None:
    found = seen(steady(0.2), steady(0.001), minutes=minutes)
    few = minutes < 19
    assert (found["verdict"], found["final"], found["blamed"]) == ("inconclusive" if few else "passed", minutes >= 60, False)
    assert texts(found) == ([f"p95 has {minutes + 1} points from the canary, needed are 20 to tell that it stays as usual."] if few else [])


def test_figures_that_stopped_are_no_pass() -> None:
    """The service died half an hour ago, and with it its figures."""

    def ask(document: Mapping[str, Any]) -> Sequence[Pair]:
        pairs = asks(steady(0.2), steady(0.001))(document)
        return [replace(pair, canary=Series(pair.canary.times[:31], pair.canary.values[:31])) for pair in pairs if pair.canary]

    found = look({**GUARD, "metrics": [P95]}, SPAN, [], now=NOW + HOUR, ask=ask)
    assert (found["verdict"], found["findings"][0]["classification"]) == ("inconclusive", "Nodata")
    assert texts(found) == ["p95 has no data since 2027-01-15T08:30:00Z."]


def test_latency_that_grows_is_told_with_its_time_and_its_size() -> None:
    found = seen(from_(NOW + 300, 0.2, 0.3), minutes=12)
    assert (found["verdict"], found["blamed"]) == ("failed", True)
    assert bad(found) == {"p95": (False, False)}
    [text] = texts(found)
    assert re.fullmatch(
        r"p95 is above what was usual before, since 2027-01-15T08:0[3-6]:00\+00:00; told at 2027-01-15T08:0[5-9]:00\+00:00\."
        r" It is 0\.\d+ in place of 0\.\d+ \(\+(4[5-9]|5[0-5]) %\)\.",
        text,
    )
    assert headline("shop", SPAN, found) == "shop 1.3.0, 12 of 60 minutes since 2027-01-15T08:00:00Z: failed."


def test_what_was_slow_before_the_switch_is_not_the_release() -> None:
    """The database got slow a day ago: before and after are alike, earlier releases were fast."""
    found = seen(from_(NOW - 0.9 * DAY, 0.2, 0.5))
    assert found["verdict"] == "failed"
    assert bad(found) == {"p95 (earlier releases)": (True, False)}
    assert not found["blamed"]
    assert "p95 is higher than in 3 earlier releases: +1" in texts(found)[0]
    assert texts(found)[0].endswith("It was so before the switch as well: the release is not the likely cause.")


def test_what_every_switch_does_is_not_the_release() -> None:
    """Caches are cold after each switch."""
    found = seen(in_each_hour(0.2, 0.3), minutes=30)
    assert found["verdict"] == "failed"
    assert bad(found) == {"p95": (False, True)}
    assert not found["blamed"]
    assert "Each of the earlier releases did the same" in texts(found)[0]


def test_a_burning_budget() -> None:
    found = seen(steady(0.2), from_(NOW + 1, 0.0, 0.8), minutes=14)
    assert set(bad(found)) == {"errors", "errors (error budget)"}
    assert found["blamed"]
    assert "errors burns its error budget: " in " ".join(texts(found))
    assert "It is 80 % in place of 0 %." in " ".join(texts(found))


def test_a_budget_that_burned_before() -> None:
    found = seen(steady(0.2), from_(NOW - 6 * HOUR, 0.0, 0.3), minutes=10, earlier=[])
    assert bad(found) == {"errors (error budget)": (True, False)}
    assert not found["blamed"]


def test_a_budget_that_burns_slowly_is_told_and_passes() -> None:
    found = seen(steady(0.2), steady(0.04), earlier=[])
    assert found["verdict"] == "passed"
    assert [text for text in texts(found) if "wants a ticket" in text]


def test_a_limit_holds_whatever_was_before() -> None:
    guard = {**GUARD, "metrics": [{**P95, "highest": 0.1}]}
    assert seen(steady(0.2), guard=guard, minutes=10, earlier=[])["verdict"] == "inconclusive", "the first quarter is not over"
    found = seen(steady(0.2), guard=guard, minutes=30, earlier=[])
    assert bad(found) == {"p95": (True, False)}


def test_what_cannot_be_asked_or_was_not_seen_never_passes() -> None:
    ask = asks(steady(0.2), steady(0.0), down=True)
    found = look(GUARD, SPAN, EARLIER, now=NOW + 60, ask=ask)
    assert found["verdict"] == "errored"
    assert "Prometheus could not be asked" in texts(found)[0]
    young = SPAN._replace(before=SPAN.met - 600)
    found = look(GUARD, young, [], now=NOW + HOUR, ask=asks(steady(0.2), steady(0.0)))
    assert found["verdict"] == "inconclusive"
    assert "p95 has 11 points of the time before, needed are 40" in texts(found)[0]


def test_a_metric_that_is_not_critical_is_told() -> None:
    guard = {**GUARD, "metrics": [{**P95, "critical": False}, ERRORS]}
    found = seen(from_(NOW, 0.2, 0.4), guard=guard, minutes=20)
    assert (found["verdict"], found["blamed"]) == ("passed", False)
    assert "p95 is above what was usual" in texts(found)[0]
    muted = {**GUARD, "metrics": [{**P95, "muted": True}]}
    assert seen(from_(NOW, 0.2, 0.4), guard=muted, earlier=[])["verdict"] == "inconclusive", "nothing counts"


def test_too_few_earlier_releases_are_no_reason_not_to_pass() -> None:
    found = seen(steady(0.2), steady(0.001), earlier=EARLIER[:2])
    assert found["verdict"] == "passed"
    assert "2 earlier releases have data of p95, needed are 3" in texts(found)[0]
