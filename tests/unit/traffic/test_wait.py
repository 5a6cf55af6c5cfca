# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.wait import POLL, Place, wait_drained


class Clock:
    """Sessions end by a script: {server: [(from when, sessions), ...]}; no real time passes."""

    def __init__(self, script):
        self.now, self.script, self.asked, self.cut_servers = 0.0, script, 0, []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def sessions(self, places):
        self.asked += 1
        return [[count for begins, count in self.script[server] if begins <= self.now + 1e-9][-1] for _pool, server in places]

    def cut(self, _pool, server):
        self.cut_servers.append(server)
        self.script[server] = [(0.0, 1 if server == "stubborn" else 0)]


def wait(clock, *servers, **options):
    return wait_drained([Place(clock, "blue", server) for server in servers], clock=clock.clock, sleep=clock.sleep, **options)


def test_each_server_has_a_time_of_its_own():
    clock = Clock({"early": [(0, 2), (1.0, 0)], "late": [(0, 1), (5.0, 0)], "idle": [(0, 0)]})
    found = wait(clock, "early", "late", "idle", deadline=30)
    assert [result["waited"] for result in found] == pytest.approx([1.0, 5.0, 0.0], abs=3 * POLL)
    assert all((result["left"], result["cut"]) == (0, 0) for result in found)


@pytest.mark.parametrize("ends", [0.013, 0.5, 2.719, 29.99])
def test_the_end_is_seen_within_a_tenth_of_a_second(ends):
    clock = Clock({"web": [(0, 1), (ends, 0)]})
    assert 0 <= wait(clock, "web", deadline=30)[0]["waited"] - ends < 0.1


def test_one_empty_look_is_not_enough():
    clock = Clock({"web": [(0, 0), (0.01, 1), (0.5, 0)]})
    assert wait(clock, "web", deadline=30)[0]["waited"] > 0.5


def test_the_deadline_tells_what_is_left_and_may_cut_it():
    script = {"done": [(0, 0)], "busy": [(0, 3)], "stubborn": [(0, 5)]}
    assert [result["left"] for result in wait(Clock(dict(script)), "done", "busy", "stubborn", deadline=1)] == [0, 3, 5]
    clock = Clock(dict(script))
    found = wait(clock, "done", "busy", "stubborn", deadline=1, cut=True)
    assert [(result["cut"], result["left"]) for result in found] == [(0, 0), (3, 0), (4, 1)]
    assert clock.cut_servers == ["busy", "stubborn"]


def test_one_question_for_many_servers():
    clock = Clock({f"web{number}": [(0, 0)] for number in range(100)})
    wait(clock, *clock.script, deadline=1)
    assert clock.asked == 2
