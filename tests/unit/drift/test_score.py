# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.score import fleet_score, host_score, joint_score, overview, severities
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import LEVELS
from hypothesis import given
from hypothesis import strategies as st

DRIFT = st.lists(st.sampled_from(LEVELS), max_size=40)
WEIGHTS = st.dictionaries(st.sampled_from(LEVELS), st.floats(0, 1), max_size=5).map(lambda made: {"severities": made})


def found(levels):
    return [{"severity": level} for level in levels]


@given(DRIFT, st.sampled_from(LEVELS), WEIGHTS)
def test_more_drift_never_lowers_it_and_it_stays_within_bounds(levels, more, weights):
    before, after = host_score(found(levels), weights), host_score(found([*levels, more]), weights)
    assert 0 <= before <= after <= 100


@given(DRIFT.filter(bool), st.data(), WEIGHTS)
def test_worse_drift_never_lowers_it(levels, data, weights):
    place = data.draw(st.integers(0, len(levels) - 1))
    worse = data.draw(st.sampled_from(LEVELS[: LEVELS.index(levels[place]) + 1]))
    assert host_score(found([*levels[:place], worse, *levels[place + 1 :]]), weights) >= host_score(found(levels), weights)


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 100), min_size=1), st.data())
def test_a_worse_host_never_lowers_the_environment_nor_the_fleet(scores, data):
    name = data.draw(st.sampled_from(sorted(scores)))
    worse = {**scores, name: data.draw(st.floats(scores[name], 100))}
    tiers = {"a": "production", "b": "staging"}
    assert 0 <= joint_score(scores) <= joint_score(worse) <= 100
    assert 0 <= fleet_score(scores, tiers) <= fleet_score(worse, tiers) <= 100


def test_numbers():
    assert host_score([]) == 0
    assert host_score(found(["critical"])) == 50
    assert host_score(found(["high", "high"])) == 36
    assert host_score(found(["cosmetic"] * 99)) == 0
    assert joint_score({"a": 50, "b": 0}) == 37.5
    assert fleet_score({"p": 50, "d": 0}, {"p": "production", "d": "test"}) == 45
    assert joint_score({}) == 0


def test_a_weight_never_falls_below_that_of_a_lesser_severity():
    assert severities({"severities": {"low": 0.9}}) == {"critical": 0.9, "high": 0.9, "medium": 0.9, "low": 0.9, "cosmetic": 0.0}


def test_overview():
    result = overview({"web1/shop": found(["critical"]), "web1/system": found(["high"]), "web2/shop": []})
    assert result == {"score": pytest.approx(45), "hosts": {"web1": 60.0, "web2": 0.0}, "services": {"shop": 37.5, "system": 20.0}}
