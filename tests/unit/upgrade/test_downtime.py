# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.downtime import Attempt, outages, summary, told
from hypothesis import given
from hypothesis import strategies as st


def at(*rows: tuple[float, float, bool]) -> list[Attempt]:
    return [Attempt(*row) for row in rows]


def measured(attempts: list[Attempt]) -> dict[str, object]:
    return summary(attempts, patience=1.0, most=2.0, wall=1000.0)


def test_from_the_first_failure_to_the_first_success() -> None:
    found = measured(at((0, 0.1, True), (0.5, 0.6, False), (1, 1.1, False), (1.5, 1.7, True), (2, 2.1, True)))
    assert (found["seconds"], found["longest"], found["uncertainty"], found["failed"]) == (1.2, 1.2, 0.4, 2)
    assert found["outages"] == [{"at": 1000.5, "seconds": 1.2, "over": True}]


def test_a_write_that_waited_is_an_outage_and_a_quick_one_is_none() -> None:
    assert measured(at((0, 0.1, True), (0.2, 3.2, True), (3.3, 3.4, True)))["seconds"] == 3.0
    assert measured(at((0, 0.9, True)))["seconds"] == 0


def test_an_outage_that_is_not_over_is_told() -> None:
    found = measured(at((0, 0.1, True), (0.5, 2.5, False)))
    assert (found["seconds"], found["writable"]) == (2.0, False)
    assert "no writable server" in told(found)


def test_what_nobody_watched_is_told() -> None:
    found = measured(at((0, 0.1, True), (10.1, 10.2, True)))
    assert (found["seconds"], found["unwatched"]) == (0, 10.0)
    assert "Nobody watched for 10.0 s" in told(found)


def test_nothing_tried_is_not_zero_downtime() -> None:
    assert told(measured([])) == "Downtime was not measured: no write was tried."


@given(st.lists(st.tuples(st.floats(0.01, 0.5), st.floats(0.01, 0.5), st.booleans()), max_size=40))
def test_outages_cover_every_failure_and_do_not_overlap(rows: list[tuple[float, float, bool]]) -> None:
    attempts, clock = [], 0.0
    for length, pause, good in rows:
        attempts.append(Attempt(clock, clock + length, good))
        clock += length + pause
    found = outages(attempts, patience=10)
    for attempt in attempts:
        if not attempt.good:
            assert any(one.begun <= attempt.begun and (one.ended is None or attempt.ended <= one.ended) for one in found)
    for earlier, later in zip(found, found[1:], strict=False):
        assert earlier.ended is not None
        assert earlier.ended <= later.begun
    assert all(one.ended is not None for one in found[:-1])
