# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.mysql.lag import worst
from ansible_collections.evenkeel.release.plugins.module_utils._sync.skew_lag import Lag, length, shortfalls, wait_until_current

OUTBOX = {"name": "outbox", "sql": "select 1", "max": 2}


def lag(seconds: float = 0, **more: Any) -> Lag:
    return Lag("standby", seconds, more.pop("replicas", {}), more.pop("queues", {}), more.pop("notes", ()))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_words() -> None:
    assert shortfalls(lag(3), max_lag=5) == []
    assert shortfalls(lag(30), max_lag=0) == []
    assert shortfalls(lag(7.25, notes=("replay is paused",)), max_lag=5) == [
        "the source is a standby 7.2 s behind its primary, allowed are 5 s (replay is paused)"
    ]
    assert "an unknown time" in shortfalls(lag(float("inf")), max_lag=5)[0]
    assert shortfalls(lag(replicas={"b": 9.0, "a": 1.0}), max_lag=5) == ["standby b is 9.0 s behind, allowed are 5 s"]
    assert shortfalls(lag(queues={"outbox": 3}), max_lag=0, queues=[OUTBOX]) == ["queue outbox holds 3, allowed are 2"]
    assert shortfalls(lag(queues={"outbox": 2}), max_lag=0, queues=[OUTBOX]) == []


def test_it_waits_until_the_lag_is_gone() -> None:
    clock, seconds = Clock(), iter((9.0, 6.0, 2.0))
    found, waited = wait_until_current(lambda: lag(next(seconds)), max_lag=5, wait=10, clock=clock, sleep=clock.sleep)
    assert (found.seconds, waited) == (2.0, 2.0)


def test_it_gives_up_with_one_line() -> None:
    clock, seconds = Clock(), itertools.count(9)
    with pytest.raises(SyncError, match=r"isn't up to date after 3 s of waiting, and nothing was read: the source is a standby 12.0 s behind") as caught:
        wait_until_current(lambda: lag(next(seconds)), max_lag=5, wait=3, clock=clock, sleep=clock.sleep)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("row", [None, (), (None,), ("x",), (1, 2)])
def test_a_queue_gives_one_number(row: Any) -> None:
    with pytest.raises(SyncError, match="'outbox' must give one number"):
        length("outbox", row)


def test_channels_of_mariadb() -> None:
    good = {"Connection_name": "", "Slave_IO_Running": "Yes", "Slave_SQL_Running": "Yes", "Seconds_Behind_Master": 4}
    assert worst([]) == (0.0, [])
    assert worst([good, {**good, "Seconds_Behind_Master": 2}]) == (4.0, [])
    assert worst([{**good, "Connection_name": "b", "Slave_SQL_Running": "No"}]) == (float("inf"), ["channel b: Slave_SQL_Running is off"])
    assert worst([{**good, "Seconds_Behind_Master": None}]) == (float("inf"), ["the lag is unknown"])
    of_mysql = {"Channel_Name": "", "Replica_IO_Running": "Yes", "Replica_SQL_Running": "Yes", "Seconds_Behind_Source": 1}
    assert worst([of_mysql]) == (1.0, [])
