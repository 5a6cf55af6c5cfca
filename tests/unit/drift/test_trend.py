# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.trend import lifetimes, points
from hypothesis import given
from hypothesis import strategies as st


def entry(time, subject="web1/shop", findings=(), *, verdict="failed", baseline=1, environment="staging", kind="drift", allowed=()):
    rows = [{"path": path, "kind": sort, "severity": level} for path, sort, level in findings]
    body = {"findings": rows, "allowed": [{"path": path} for path in allowed], "verdict": verdict, "baseline": {"version": baseline}}
    return {"time": time, "subject": subject, "environment": environment, "kind": kind, "phase": "fact", "body": body}


A, B = ("file:/a", "changed", "high"), ("file:/b", "added", "critical")
BLIND = ("collector:files", "unknown", "high")


def test_a_day_holds_the_newest_of_every_subject_even_when_it_was_not_looked_at():
    entries = [
        entry("2026-01-01T08:00:00Z", findings=[A]),
        entry("2026-01-01T09:00:00Z", "web2/shop", [B]),
        entry("2026-01-01T10:00:00Z", findings=[A, B]),
        entry("2026-01-02T08:00:00Z", findings=[], verdict="passed"),
        entry("2026-01-02T08:00:00Z", kind="report"),
    ]
    first, second = points(entries)
    assert (first["when"], first["by_severity"]["critical"], first["by_severity"]["high"], first["subjects"]) == ("2026-01-01", 2, 1, 2)
    assert (second["when"], second["by_severity"]["critical"], second["by_severity"]["high"], second["subjects"]) == ("2026-01-02", 1, 0, 2)
    assert first["score"] > second["score"] > 0
    assert len(points(entries, by="hour")) == 4


def test_a_scan_ends_where_a_subject_comes_again():
    entries = [entry(f"2026-01-01T08:0{minute}:00Z", f"web{number}/shop") for minute, number in enumerate([1, 2, 3, 1, 2, 1])]
    assert [(row["when"][14:16], row["subjects"]) for row in points(entries, by="scan")] == [("02", 3), ("04", 3), ("05", 3)]


def test_environments_have_points_of_their_own():
    entries = [entry("2026-01-01T08:00:00Z", environment=name, findings=found) for name, found in (("a", [B]), ("b", []))]
    assert [(row["environment"], row["score"]) for row in points(entries)] == [("a", 50.0), ("b", 0.0)]


@given(
    st.lists(st.tuples(st.sampled_from(["web1/x", "web2/x"]), st.lists(st.sampled_from([A, B]), unique=True)), max_size=12), st.sampled_from(["day", "scan"])
)
def test_the_last_point_is_the_newest_state(made, by):
    entries = [entry(f"2026-01-{day:02}T00:00:00Z", subject, findings) for day, (subject, findings) in enumerate(made, 1)]
    newest = dict(made)
    if made:
        last = points(entries, by=by)[-1]
        assert last["by_severity"]["high"] == sum(A in findings for findings in newest.values())
    there = {(row["subject"], row["path"]) for row in lifetimes(entries) if row["state"] in ("new", "still_there")}
    assert there == {(subject, finding[0]) for subject, findings in newest.items() for finding in findings}


@pytest.mark.parametrize(
    ("then", "state", "more"),
    [
        ([entry("T2", findings=[A])], "still_there", {"since": "T1", "last_seen": "T2", "times": 1}),
        ([entry("T2", verdict="passed")], "gone", {"gone_since": "T2", "gone_by": "repair", "last_seen": "T1"}),
        ([entry("T2", verdict="passed", baseline=2)], "gone", {"gone_by": "baseline"}),
        ([entry("T2", verdict="passed"), entry("T3", findings=[A])], "new", {"first_seen": "T1", "since": "T3", "times": 2, "gone_since": None}),
        ([entry("T2", findings=[BLIND], verdict="inconclusive")], "unsure", {"last_seen": "T1"}),
        ([entry("T2", findings=[BLIND, B])], "unsure", {}),
        ([entry("T2", verdict="errored"), entry("T3", findings=[A])], "still_there", {"times": 1}),
        ([entry("T2", verdict="passed", allowed=["file:/a"])], "allowed", {}),
        ([entry("T2", "web2/shop", verdict="passed")], "new", {}),
        ([entry("T2", environment="other", verdict="passed")], "new", {}),
    ],
)
def test_what_became_of_it(then, state, more):
    row = next(row for row in lifetimes([entry("T1", findings=[A]), *then]) if row["path"] == "file:/a" and row["subject"] == "web1/shop")
    assert row["state"] == state
    assert {name: row[name] for name in more} == more


def test_what_is_there_comes_first_and_the_worst_before_the_rest():
    entries = [entry("T1", findings=[A, ("file:/c", "added", "high")]), entry("T2", findings=[A, B])]
    assert [(row["path"], row["state"]) for row in lifetimes(entries)] == [("file:/b", "new"), ("file:/a", "still_there"), ("file:/c", "gone")]
