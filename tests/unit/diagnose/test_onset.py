# SPDX-License-Identifier: GPL-3.0-or-later
"""When did it begin? Told, or found in a series with a step at a known point."""

from __future__ import annotations

import random
from datetime import date

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose import onset
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import DiagnoseError
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import request

BEGIN, STEP = 1_800_000_000.0, 15.0


def gauge(change, *, points=160, seed=7, factor=2.0):
    chance = random.Random(seed)
    return [[BEGIN + STEP * n, chance.gauss(100, 10) * (factor if n >= change else 1)] for n in range(points)]


def ratio(change, *, points=160, seed=7):
    chance = random.Random(seed)
    return [[BEGIN + STEP * n, sum(chance.random() < (0.2 if n >= change else 0.01) for _each in range(50)), 50] for n in range(points)]


def found(series, **more):
    document = onset.document(series, {})
    assert not request.faults(document, date(2027, 1, 1))
    return onset.found(document, **more)


def test_a_step_of_a_gauge_is_found_within_three_points():
    began = found([{"name": "p95", "kind": "gauge", "direction": "increase", "points": gauge(100)}])
    assert abs(began.at - (BEGIN + 100 * STEP)) <= 3 * STEP
    assert "p95 is above what was usual since 2027-01-15T" in began.text
    assert began.precision == STEP


def test_a_step_of_a_ratio_is_found_within_three_points():
    began = found([{"name": "errors", "kind": "ratio", "points": ratio(90)}])
    assert abs(began.at - (BEGIN + 90 * STEP)) <= 3 * STEP


def test_the_earliest_of_several_counts_and_a_broken_one_does_not_hide_it():
    series = [
        {"name": "late", "kind": "gauge", "points": gauge(140)},
        {"name": "early", "kind": "gauge", "points": gauge(100, seed=8)},
        {"name": "short", "kind": "gauge", "points": gauge(3, points=5)},
        {"name": "gone", "kind": "gauge", "file": "/none.json"},
    ]
    assert found(series).text.startswith("early is above")


def test_the_time_until_which_it_was_usual_may_be_told():
    points = gauge(60)
    assert found([{"name": "p95", "kind": "gauge", "points": points}], until=points[50][0]).at >= points[50][0]


def test_a_quiet_series_is_no_onset():
    with pytest.raises(DiagnoseError, match=r"No series shows when the symptoms began: p95 stays within what was usual before. Next: give symptoms_since"):
        found([{"name": "p95", "kind": "gauge", "points": gauge(999)}])


@pytest.mark.parametrize("value", ["2027-01-15T08:00:00Z", "2027-01-15T09:00:00+01:00", 1_800_000_000, "1800000000"])
def test_a_time_may_be_told_in_several_ways(value):
    assert onset.told(value).at == 1_800_000_000.0


@pytest.mark.parametrize("value", ["yesterday", "2027-01-15 08:00:00", ""])
def test_a_time_without_a_zone_is_refused(value):
    with pytest.raises(DiagnoseError, match="needed are seconds since 1970 or a time such as"):
        onset.told(value)
