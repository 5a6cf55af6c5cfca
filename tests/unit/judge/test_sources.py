# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import (
    clean,
    gather,
    sources_file,
    sources_haproxy,
    sources_probe,
    sources_prometheus,
    times,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import JudgeError, Metric, Series
from hypothesis import given
from hypothesis import strategies as st

NAN = math.nan


# --- cleaning -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "points", "values"),
    [
        ({}, [[0, 1], [1, None], [2, "NaN"], [3, "2.5"], [4, "+Inf"]], (1.0, 2.5)),
        ({"nan": "replace"}, [[0, 1], [1, None]], (1.0, 0.0)),
        ({"outliers": "remove"}, [[number, 10] for number in range(200)] + [[200, 99]], (10.0,) * 200),
        ({"outliers": "remove", "outlier_factor": 1.5}, [[0, 21], [1, 23], [2, 24], [3, 25], [4, 50]], (21.0, 23.0, 24.0, 25.0)),
        ({}, [], ()),
    ],
)
def test_a_gauge_is_cleaned(options: dict[str, Any], points: list[Any], values: tuple[float, ...]) -> None:
    assert clean.series({"points": points}, Metric("m", **options)).values == values


def test_times_stay_with_their_values() -> None:
    found = clean.series({"points": [[0, 1], [60, None], [120, 3]]}, Metric("m"))
    assert (found.times, found.values) == ((0.0, 120.0), (1.0, 3.0))


def test_a_counter_that_starts_anew() -> None:
    found = clean.series({"points": [[0, 100], [10, 130], [20, 5], [30, None], [40, 25]], "exposure": 2}, Metric("m", "counter"))
    assert (found.events, found.of) == (55, 80.0)
    assert found.parts == ((30.0, 20.0), (5.0, 20.0), (20.0, 40.0))


@pytest.mark.parametrize(
    ("kind", "document", "events", "of"),
    [
        ("ratio", {"points": [[0, 1, 50], [1, 0, 40], [2, None, 9]]}, 1, 90),
        ("ratio", {"events": "3", "of": 200}, 3, 200),
        ("availability", {"points": [[0, 1], [1, 0], [2, 1]]}, 1, 3),
        ("availability", {"points": [[0, 49, 50], [1, 50, 50]]}, 1, 100),
        ("availability", {"events": 198, "of": 200}, 2, 200),
        # up for 93 % of a scrape is down for a part of it
        ("availability", {"points": [[0, 0.93], [1, 1]]}, 1, 2),
        ("counter", {"events": 30, "of": 60}, 30, 60),
    ],
)
def test_counts(kind: str, document: dict[str, Any], events: int, of: float) -> None:
    found = clean.series(document, Metric("m", kind))
    assert (found.events, found.of) == (events, of)


@pytest.mark.parametrize(
    ("kind", "document", "told"),
    [
        ("gauge", {"points": [[0, "fast"]]}, "m has the value 'fast', needed is a number"),
        ("gauge", {"points": [[0, 1e300]]}, "m has the value 1e+300, needed is one up to 1e+100"),
        ("gauge", {"points": [5]}, "m has the point '5', needed is [seconds, value]"),
        ("ratio", {"points": [[0, 5]]}, "m is a ratio, but has points without a total"),
        ("ratio", {"points": [[0, 5, 4]]}, "m counts 5 of 4, needed is a part of the whole"),
        ("ratio", {"events": 5, "of": 4}, "m counts 5 of 4"),
        ("ratio", {"events": -1, "of": 4}, "m has the count -1, needed is a whole number from 0 on"),
        ("counter", {"points": [[0, 5]], "exposure": 0}, "m has the exposure 0, needed is a number above 0"),
    ],
)
def test_what_makes_no_series(kind: str, document: dict[str, Any], told: str) -> None:
    with pytest.raises(JudgeError) as caught:
        clean.series(document, Metric("m", kind))
    assert told in str(caught.value)


@given(
    st.lists(st.lists(st.none() | st.floats() | st.text(max_size=3), max_size=4) | st.integers() | st.none(), max_size=6),
    st.sampled_from(["gauge", "counter", "ratio", "availability"]),
)
def test_any_points_make_a_series_or_a_report(points: list[Any], kind: str) -> None:
    try:
        found = clean.series({"points": points}, Metric("m", kind))
    except JudgeError:
        return
    assert all(math.isfinite(value) for value in found.values)


@pytest.mark.parametrize(("text", "found"), [(5, 5.0), ("5.5", 5.5), ("2027-01-15T08:00:00Z", 1_800_000_000.0), ("2027-01-15T09:00:00+01:00", 1_800_000_000.0)])
def test_moments(text: Any, found: float) -> None:
    assert times.seconds(text, "start") == found


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(JudgeError, match="start is '2027-01-15T08:00:00', needed are seconds"):
        times.seconds("2027-01-15T08:00:00", "start")


# --- files --------------------------------------------------------------------------------------------------------------
CSV = """time,version,p95,errors,requests
2027-01-15T08:00:00Z,1.0.0,20,1,100
2027-01-15T08:00:00Z,1.1.0,31,9,90
2027-01-15T08:01:00Z,1.0.0,,0,100
2027-01-15T08:01:00Z,1.1.0,33,8,95
"""


def file_series(path: Path, kind: str, **source: Any) -> Series:
    return gather.series({"file": str(path), **source}, Metric("m", kind), {})


def test_one_csv_holds_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text(CSV)
    canary = file_series(path, "gauge", columns={"value": "p95"}, where={"version": "1.1.0"})
    assert (canary.values, canary.times) == ((31.0, 33.0), (1_800_000_000.0, 1_800_000_060.0))
    assert file_series(path, "gauge", columns={"value": "p95"}, where={"version": "1.0.0"}).values == (20.0,)
    errors = file_series(path, "ratio", columns={"events": "errors", "of": "requests"}, where={"version": "1.1.0"})
    assert (errors.events, errors.of) == (17, 185)


def test_json_holds_one_series_or_several(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(
        json.dumps([{"name": "p95", "kind": "gauge", "points": [["2027-01-15T08:00:00Z", 20], [1_800_000_060, 21]]}, {"name": "e", "events": 1, "of": 9}])
    )
    assert file_series(path, "gauge", series="p95").times == (1_800_000_000.0, 1_800_000_060.0)
    assert file_series(path, "ratio", series="e").of == 9
    path.write_text('{"events": 3, "of": 10}')
    assert file_series(path, "ratio").events == 3


@pytest.mark.parametrize(
    ("name", "text", "source", "told"),
    [
        ("a.json", "[", {}, "is no JSON: Expecting value"),
        ("a.json", "[]", {"series": "p95"}, "has no series 'p95'; it has none"),
        ("a.json", '[{"name": "p99"}]', {"series": "p95"}, "it has p99"),
        ("a.json", "{}", {}, "has no series, needed is an object with points"),
        ("a.csv", CSV, {"columns": {"value": "p99"}}, "has no column p99; it has time, version, p95, errors, requests"),
        ("a.csv", CSV, {"columns": {"value": "p95"}, "where": {"release": "1"}}, "has no column release"),
        ("a.csv", "time,value\nyesterday,5\n", {}, "is 'yesterday', needed are seconds since 1970"),
        ("a.csv", "", {}, "has no column time, value; it has none"),
        ("b.csv", None, {}, "cannot be read: No such file or directory"),
    ],
)
def test_files_that_tell_nothing(tmp_path: Path, name: str, text: str | None, source: dict[str, Any], told: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(JudgeError) as caught:
        sources_file.document({"file": str(path), **source}, Metric("m"))
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


# --- probes -------------------------------------------------------------------------------------------------------------
def probed(verdict: str = "passed", **metrics: Any) -> dict[str, Any]:
    return {"verdict": verdict, "probes": [{"name": "shop", "verdict": verdict, "reason": "why", "metrics": metrics}]}


RUNS = [
    {"at": 1_800_000_000, **probed(samples=20, error_rate=0.0, p95_ms=20.0)},
    {"at": 1_800_000_060, **probed(verdict="failed", samples=20, error_rate=0.15, p95_ms=31.0)},
    {"at": 1_800_000_120, **probed(verdict="errored", samples=0)},
]


def test_probes_make_every_kind_but_counters() -> None:
    errors, up, slow = (
        gather.series({"probes": RUNS, "probe": "shop", "field": "p95_ms"}, Metric("m", kind), {}) for kind in ("ratio", "availability", "gauge")
    )
    assert (errors.events, errors.of, errors.parts) == (3, 40, ((0.0, 20.0), (3.0, 20.0)))
    assert (up.events, up.of) == (3, 40)
    assert (slow.values, slow.times) == ((20.0, 31.0), (1_800_000_000.0, 1_800_000_060.0))
    with pytest.raises(JudgeError, match="a probe counts nothing by time"):
        sources_probe.document({"probes": RUNS, "probe": "shop"}, Metric("m", "counter"))


@pytest.mark.parametrize(
    ("runs", "probe", "told"),
    [
        (RUNS, "cart", "there is no probe cart in the results; there are shop"),
        ([{"msg": "x"}], "shop", "has no list of probes"),
        (probed(verdict="errored", samples=0), "shop", "the probe shop could not tell anything: why"),
        (probed(samples=5, error_rate=0), "shop", "measured no p95; it measured error_rate, samples"),
    ],
)
def test_probes_that_tell_nothing(runs: Any, probe: str, told: str) -> None:
    with pytest.raises(JudgeError) as caught:
        sources_probe.document({"probes": runs, "probe": probe}, Metric("p95"))
    assert told in str(caught.value)


# --- HAProxy ------------------------------------------------------------------------------------------------------------
def reading(at: float, good: int, bad: int, refused: int = 0, time: int = 3) -> dict[str, Any]:
    server = {"hrsp_2xx": good, "hrsp_5xx": bad, "econ": refused, "eresp": 0, "response_ms": time, "status": "UP"}
    return {"at": at, "backends": {"shop_green": {**server, "servers": {"web1": server}}}}


READINGS = [reading(120, 900, 12, time=9), reading(0, 100, 0), reading(60, 500, 2, time=5), reading(180, 40, 1, time=4)]


def test_counters_of_the_balancer_tell_by_their_difference() -> None:
    """In any order; the last reading comes after a restart."""
    source = {"haproxy": READINGS, "backend": "shop_green"}
    errors = gather.series(source, Metric("m", "ratio"), {})
    assert errors.parts == ((2.0, 402.0), (10.0, 410.0), (1.0, 41.0))
    assert gather.series({**source, "server": "web1"}, Metric("m", "availability"), {}).events == 13
    asked = gather.series(source, Metric("m", "counter"), {})
    assert (asked.events, asked.of) == (402 + 410 + 41, 180.0)
    assert gather.series({**source, "field": "response_ms"}, Metric("m"), {}).values == (3.0, 5.0, 9.0, 4.0)


def fleet(at: float, **balancers: tuple[int, int]) -> dict[str, Any]:
    """As traffic_info returns it: `backends` is that of the first balancer only."""
    each = [{"address": name, "backends": reading(at, *counts)["backends"]} for name, counts in balancers.items()]
    return {"at": at, "balancers": each, "backends": each[0]["backends"]}


TWO = [fleet(0, lb1=(100, 0), lb2=(50, 0)), fleet(60, lb1=(200, 3), lb2=(150, 7)), fleet(120, lb1=(300, 3)), fleet(180, lb1=(400, 4), lb2=(500, 9))]


def test_balancers_are_added_up() -> None:
    """The second one doesn't answer at 120 s: what it counted meanwhile comes with its next answer."""
    source = {"haproxy": TWO, "backend": "shop_green"}
    assert gather.series(source, Metric("m", "ratio"), {}).parts == ((10.0, 210.0), (0.0, 100.0), (3.0, 453.0))
    assert gather.series({**source, "haproxy": TWO[:2], "balancer": "lb2"}, Metric("m", "ratio"), {}).parts == ((7.0, 107.0),)
    with pytest.raises(JudgeError, match=r"a gauge is of one balancer, the readings are of lb1, lb2\. Next: name it with balancer"):
        gather.series({**source, "field": "response_ms"}, Metric("m"), {})
    with pytest.raises(JudgeError, match="HAProxy has no balancer lb3; it has lb1, lb2"):
        gather.series({**source, "balancer": "lb3"}, Metric("m", "ratio"), {})
    apart = [fleet(0, lb1=(1, 0), lb3=(1, 0)), fleet(60, lb2=(1, 0), lb4=(1, 0))]
    with pytest.raises(JudgeError, match="has no balancer that an earlier one has"):
        gather.series({**source, "haproxy": apart}, Metric("m", "ratio"), {})


@pytest.mark.parametrize(
    ("kind", "source", "told"),
    [
        ("ratio", {"haproxy": READINGS[:1], "backend": "shop_green"}, "1 readings of HAProxy are there, needed are 2 or more"),
        ("ratio", {"haproxy": READINGS, "backend": "shop"}, "HAProxy has no backend shop; it has shop_green"),
        ("ratio", {"haproxy": READINGS, "backend": "shop_green", "server": "web9"}, "HAProxy has no server of shop_green web9; it has web1"),
        ("ratio", {"haproxy": [{}, {}], "backend": "shop"}, "needs what traffic_info returns, or stat"),
        ("gauge", {"haproxy": READINGS, "backend": "shop_green", "field": "rtime"}, "HAProxy gave no rtime for shop_green; it gave econ, eresp"),
    ],
)
def test_readings_that_tell_nothing(kind: str, source: dict[str, Any], told: str) -> None:
    with pytest.raises(JudgeError) as caught:
        sources_haproxy.document(source, Metric("m", kind))
    assert told in str(caught.value)


# --- what Prometheus gives ----------------------------------------------------------------------------------------------
WINDOW = sources_prometheus.Window(0, 60, 15)


def test_many_counters_are_one() -> None:
    """One restarts, one comes late and counts from 0, one has a hole."""
    found = [
        ("a", [(0.0, 100.0), (15.0, 110.0), (30.0, 4.0), (45.0, 10.0)]),
        ("b", [(45.0, 3.0), (60.0, 5.0)]),
        ("c", [(0.0, 7.0), (15.0, NAN), (60.0, 9.0)]),
        ("d", []),
    ]
    gains = sources_prometheus.grown(found, WINDOW)
    assert gains == {0.0: 0.0, 15.0: 10.0, 30.0: 4.0, 45.0: 9.0, 60.0: 4.0}
    assert sources_prometheus.cumulative(gains)[-1] == [60.0, 27.0]


def test_a_counter_that_appears_was_born_at_zero_unless_nothing_was_read_before() -> None:
    found = [("new", [(30.0, 5.0), (45.0, 8.0)])]
    gains = sources_prometheus.grown(found, WINDOW)
    assert gains == {0: 0.0, 30.0: 5.0, 45.0: 3.0}
    assert sources_prometheus.shares({}, gains) == [[30.0, 0.0, 5.0], [45.0, 0.0, 3.0]]
    assert sources_prometheus.cumulative(gains) == [[0, 0.0], [30.0, 5.0], [45.0, 8.0]]
    away = sources_prometheus.grown(found, WINDOW, born=False)
    assert away == {30.0: 0.0, 45.0: 3.0}
    assert sources_prometheus.cumulative(away) == [[30.0, 0.0], [45.0, 3.0]]


def test_no_series_of_errors_is_no_error() -> None:
    """A client library shows a labelled counter from its first event on."""
    asked = sources_prometheus.grown([("all", [(0.0, 0.0), (15.0, 10.0), (30.0, 20.0)])], WINDOW)
    assert sources_prometheus.shares({}, asked) == [[15.0, 0.0, 10.0], [30.0, 0.0, 10.0]]
    late = sources_prometheus.grown([("5xx", [(30.0, 2.0)])], WINDOW)
    assert sources_prometheus.shares(late, asked) == [[15.0, 0.0, 10.0], [30.0, 2.0, 10.0]]
    assert sources_prometheus.shares(late, {}) == []


@pytest.mark.parametrize(
    ("place", "window", "told"),
    [
        ({"url": "http://u:geheim@h"}, WINDOW, "allowed: http(s), a host, no password in it"),
        ({"url": "file:///etc/passwd"}, WINDOW, "has the scheme 'file'"),
        ({"url": "https://h", "ca_path": "/nowhere.pem"}, WINDOW, "prometheus.ca_path /nowhere.pem is not there"),
        ({"url": "http://127.0.0.1:1", "headers": {"Authorization": "Bearer geheim"}}, WINDOW, "Prometheus at 127.0.0.1 could not be asked"),
        ({"url": "http://127.0.0.1:1", "headers": {"Authorization": "Bearer geheim\n"}}, WINDOW, "prometheus.headers Authorization holds a line break"),
        ({"url": "http://127.0.0.1:1", "headers": {"Authorization": "geheim\u20ac"}}, WINDOW, "holds what can't be sent"),
        ({"url": "http://h"}, sources_prometheus.Window(0, 1e6, 1), "out of range, allowed are 0 to 11000 steps"),
        ({"url": "http://h"}, sources_prometheus.Window(60, 0, 15), "the window of -60 s"),
    ],
)
def test_places_that_are_not_asked(place: dict[str, Any], window: Any, told: str) -> None:
    with pytest.raises(JudgeError) as caught:
        sources_prometheus.query_range(sources_prometheus.Place(**place), "up", window)
    assert told in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_source_that_fails_is_a_problem_of_its_metric_alone() -> None:
    document = {
        "metrics": [
            {"name": "a", "kind": "gauge", "canary": {"file": "/nowhere.json"}, "baseline": {"points": [[0, 1]]}},
            {"name": "b", "kind": "gauge", "canary": {"points": [[0, 1]]}, "earlier": [{"release": "1.0.0", "points": [[0, 2]]}]},
            {"name": "c", "kind": "gauge", "canary": {"points": [[0, 1]]}, "earlier": [{"release": "1.0.0", "points": [[0, "x"]]}]},
        ]
    }
    first, second, third = gather.pairs(document)
    assert first.problem == "its canary: the file /nowhere.json cannot be read: No such file or directory."
    assert (second.problem, second.earlier["1.0.0"].values) == ("", (2.0,))
    assert third.problem.startswith("its earlier release 1.0.0: c has the value 'x'")


@given(st.floats(0.2, 3e6))
def test_points_fit_the_window(length: float) -> None:
    """A canary of six seconds is judged by them, and the last seconds of any other count too."""
    step = gather.fitting(length)
    steps = length / step
    assert 1 <= steps <= sources_prometheus.MOST_POINTS
    assert length - int(steps) * step <= 0.001 * int(steps) + 1e-6
    assert step >= gather.STEP - 0.001 or int(steps) == 1
