# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math

from ansible_collections.evenkeel.release.plugins.module_utils._probe.judge import judge, quantile
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from hypothesis import given
from hypothesis import strategies as st

TIMES = st.floats(0, 10_000)
STATES = st.sampled_from(["answered", "unavailable", "unknown"])
SHARES = st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0])


def sample(state, took=1.0):
    return {"state": state, "reason": state, **({"total_ms": took, "status": 200} if state == "answered" else {})}


def spec(samples, **more):
    ((one,), faults) = complete([{"name": "a", "type": "http", "url": "http://h/", "samples": samples, **more}])
    assert not faults
    return one


@given(st.lists(TIMES, min_size=1, max_size=50), SHARES)
def test_a_quantile_is_a_measured_value_that_enough_do_not_exceed(values, share):
    found = quantile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= math.floor(share * len(values))


@given(st.lists(STATES, min_size=1, max_size=20))
def test_only_answers_alone_pass(states):
    verdict = judge(spec(len(states)), [sample(state) for state in states])["verdict"]
    assert (verdict == "passed") == (set(states) == {"answered"})


@given(st.lists(STATES, max_size=10), st.integers(1, 10))
def test_missing_samples_never_pass(states, missing):
    assert judge(spec(len(states) + missing), [sample(state) for state in states])["verdict"] != "passed"


@given(st.lists(TIMES, min_size=1, max_size=30), TIMES)
def test_a_limit_on_the_maximum_holds_when_every_time_keeps_it(times, limit):
    rule = [{"metric": "max_ms", "op": "le", "value": limit}]
    result = judge(spec(len(times), conditions=rule), [sample("answered", took) for took in times])
    assert (result["verdict"] == "passed") == (max(times) <= limit)
