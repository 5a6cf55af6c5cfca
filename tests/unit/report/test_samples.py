# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import samples
from hypothesis import given
from hypothesis import strategies as st


def _line(t, ms=1.0, ok=True, version="1.0.0"):
    return json.dumps({"t": t, "ms": ms, "ok": ok, "version": version})


def test_lines_come_out_in_the_order_of_time_and_a_cut_last_line_is_left_out():
    found = samples.parse([_line(2), "\n", _line(1), '{"t": 3, "m'], name="x")
    assert [sample.t for sample in found] == [1, 2]


@pytest.mark.parametrize("bad", ["[]", '{"t": 1}', _line("1"), _line(1, ms=True), _line(1, ok=1), _line(float("nan"))])
def test_a_broken_line_is_named_with_its_number_and_text(bad):
    with pytest.raises(samples.SampleError, match="reading x, line 2") as caught:
        samples.parse([_line(1), bad, _line(2)], name="x")
    assert bad[:20] in str(caught.value)


def test_percentiles_are_measured_values():
    assert samples.percentile([], 0.5) is None
    assert samples.percentile([3, 1, 2], 0.5) == 2
    assert samples.percentile(list(range(1, 101)), 0.95) == 95


def test_buckets_keep_gaps_and_count_errors_per_second():
    found = samples.buckets(samples.parse([_line(0, 5), _line(0.1, 9, False), _line(1.0, 7, True, "2")], name="x"))
    assert [bucket.t for bucket in found] == [0, 0.25, 0.5, 0.75, 1.0]
    assert (found[0].p50, found[0].errors, found[0].version) == (5, 4.0, "1.0.0")
    assert (found[1].p50, found[1].errors, found[1].version) == (None, 0, "")
    assert found[4].version == "2"


@given(st.lists(st.tuples(st.floats(0, 5_000), st.floats(0, 100), st.booleans()), max_size=60))
def test_no_request_is_lost_and_long_runs_stay_drawable(raw):
    found = sorted(samples.Sample(t, ms, ok, "1") for t, ms, ok in raw)
    cut, width = samples.buckets(found), samples.width_of(found)
    assert len(cut) <= samples.MOST_BUCKETS + 1
    assert round(sum(bucket.errors * width for bucket in cut)) == sum(not sample.ok for sample in found)
