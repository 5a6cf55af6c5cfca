# SPDX-License-Identifier: GPL-3.0-or-later
"""Availability and turnaround, against numbers worked out by hand."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.sla import report, sla

from .parts import NOW, Book, at, made_world, wish

TARGETS = {"staging": {"availability": 95, "turnaround": "30m"}}


@pytest.fixture
def book():
    return Book(made_world())


def act(book, kind, begin, end=None, verdict="passed", **more):
    intent = book.note(kind, "staging", "ann", at(begin), phase="intent")
    book.entries[-1]["release"] = more.pop("release", "")
    if end is not None:
        book.note(kind, "staging", "ann", at(end), {"intent": intent, "verdict": verdict, **more}, phase="outcome")
    return intent


def measured(book, end=24.0, targets=None):
    [row] = sla(book.entries, targets or TARGETS, (NOW, at(end)))
    return row


def test_nothing_booked_is_nothing_to_measure(book):
    row = measured(book)
    assert (row["availability"], row["turnaround_seconds"], row["met"], row["breaches"]) == (None, None, None, [])
    assert "nothing to measure" in report([row])


def test_a_booking_without_trouble(book):
    act(book, "provision", -2, -1)
    book.book(wish("w", 0, 10))
    row = measured(book)
    assert (row["booked_seconds"], row["usable_seconds"], row["availability"], row["turnaround_seconds"], row["met"]) == (36000, 36000, 100.0, 0, True)


@pytest.mark.parametrize(
    ("acts", "availability", "cause"),
    [
        ([("deployment", 2, 3, "failed"), ("rollback", 3, 4, "passed")], 90.0, "deployment of a release failed"),
        ([("deployment", 2, 3, "passed")], 100.0, None),
        ([("deployment", 2, None, "")], 20.0, "without an end"),
        ([("deployment", 2, None, ""), ("recovery", 3, 4, "passed")], 80.0, "without an end"),
        ([("deployment", 2, None, ""), ("recovery", 3, 4, "failed")], 20.0, "without an end"),
        ([("recovery", 3, 4, "failed"), ("deployment", 4, 5, "passed")], 80.0, "recovery of a release failed"),
        ([("teardown", 1, 2, "passed"), ("provision", 2, 3, "passed")], 80.0, "torn down"),
        ([("provision", 2, 3, "passed")], 100.0, None),  # only brought back what was missing
        ([("provision", 2, 3, "failed"), ("provision", 4, 5, "passed")], 80.0, "provision failed"),
        ([("teardown", 9, 12, "passed")], 90.0, "torn down"),  # what is after the booking does not count
        ([("deployment", -5, None, ""), ("rollback", 1, 2, "passed")], 80.0, "deployment of a release without an end"),  # what began before it does
        # two at once are lost once
        ([("deployment", 3, 5, "failed"), ("teardown", 4, 4.5, "passed"), ("provision", 5, 6, "passed")], 70.0, "failed"),
    ],
)
def test_what_is_not_usable(book, acts, availability, cause):
    act(book, "provision", -9, -8)
    book.book(wish("w", 0, 10))
    for kind, begin, end, verdict in acts:
        act(book, kind, begin, end, verdict)
    book.entries.sort(key=lambda entry: entry["time"])
    row = measured(book)
    assert row["availability"] == availability
    assert bool(row["breaches"]) == (availability < 95)
    if cause:
        assert cause in row["breaches"][0]["cause"]
        assert row["breaches"][0]["entry"]
        assert cause in report([row])


def test_a_hold_is_told_and_takes_no_time_away(book):
    act(book, "provision", -9, -8)
    book.book(wish("w", 0, 10))
    for hours, state in ((1, "held"), (3, "lifted"), (9, "held")):
        book.note("hold", "staging", "ann", at(hours), {"state": state, "reason": "it was rolled back"})
    row = measured(book)
    assert row["availability"] == 100.0
    assert [(each["from"][11:16], each["to"][11:16]) for each in row["holds"]] == [("09:00", "11:00"), ("17:00", "08:00")]


def test_two_bookings_at_once_are_one_time_and_what_was_given_back_ends_there(book):
    act(book, "provision", -9, -8)
    book.book(wish("a", 0, 4, mode="regression"))
    book.book(wish("b", 2, 6, mode="regression", by="cid", team="pay"))
    book.release("b", "cid", at(5))
    assert measured(book)["booked_seconds"] == 5 * 3600
    assert measured(book, end=1)["booked_seconds"] == 3600


@pytest.mark.parametrize(
    ("start", "acts", "took", "breach"),
    [
        (0, [(0.1, 0.4, "passed")], 1440, None),
        (0, [(0.1, 1, "passed")], 3600, "provisioned late"),
        (2, [(0.1, 1.9, "passed")], 6840, None),  # booked two hours ahead, there in time
        (2, [(0.1, 2.5, "passed")], 9000, "provisioned late"),
        (0, [(0.1, 0.2, "failed"), (0.3, 0.9, "passed")], 3240, "provisioned late"),
        (0, [(0.1, 0.2, "failed")], 14400, "provision failed (staging1)"),
        (0, [], None, None),  # an environment that nobody provisions here
    ],
)
def test_turnaround(book, start, acts, took, breach):
    book.book(wish("w", start, 4))
    for begin, end, verdict in acts:
        act(book, "provision", begin, end, verdict, not_ready=["staging1"] if verdict == "failed" else [])
    row = measured(book, targets={"staging": {"turnaround": "30m"}})
    assert row["turnaround_seconds"] == took
    assert [each["cause"] for each in row["breaches"]] == ([] if breach is None else [f"not there yet: {breach}" if "failed" in breach else breach])


def test_an_environment_that_was_torn_down_and_not_brought_back(book):
    act(book, "provision", -9, -8)
    act(book, "teardown", -2, -1)
    book.book(wish("w", 0, 4))
    row = measured(book)
    [availability, turnaround] = row["breaches"]
    assert (row["availability"], availability["cause"], turnaround["cause"]) == (0.0, "torn down", "not there yet: nobody provisioned it")
    assert row["met"] is False
