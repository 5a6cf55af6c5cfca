# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.filter.bake_fault import bake_fault
from ansible_collections.evenkeel.release.plugins.module_utils._bake import Limits, Seen, between, broken, final

LIMITS = Limits(max_error_rate=0.01, min_requests=50)


@pytest.mark.parametrize(
    ("before", "now", "seen"),
    [
        ({}, {"hrsp_2xx": 10, "hrsp_5xx": 2}, Seen(12, 2)),
        ({"hrsp_2xx": 10}, {"hrsp_2xx": 15, "hrsp_4xx": 1, "econ": 2}, Seen(8, 2)),
        # nothing was answered, yet two requests were lost
        ({}, {"econ": 1, "eresp": 1}, Seen(2, 2)),
        # of a backend the answers that HAProxy gave for lost requests are among its 5xx
        ({"servers": {}}, {"hrsp_2xx": 8, "hrsp_5xx": 2, "econ": 1, "eresp": 1, "servers": {}}, Seen(10, 2)),
        ({"servers": {}}, {"hrsp_5xx": 5, "econ": 2, "servers": {}}, Seen(5, 5)),
        # the balancer was restarted in between
        ({"hrsp_2xx": 1000}, {"hrsp_2xx": 7}, Seen(7, 0)),
    ],
)
def test_between(before, now, seen):
    assert between(before, now) == seen


@pytest.mark.parametrize(
    ("seen", "bad"),
    [(Seen(100, 0), False), (Seen(100, 1), False), (Seen(100, 2), True), (Seen(9, 9), False), (Seen(10, 1), True), (Seen(0, 0), False)],
)
def test_broken_needs_a_rate(seen, bad):
    assert bool(broken(seen, LIMITS)) is bad


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (Seen(100, 0), "passed"),
        (Seen(100, 1), "passed"),
        (Seen(100, 20), "failed"),
        (Seen(3, 1), "failed"),
        (Seen(49, 0), "inconclusive"),
        (Seen(0, 0), "inconclusive"),
    ],
)
def test_the_end_of_a_bake(seen, verdict):
    found, reason = final(seen, LIMITS)
    assert found == verdict
    assert str(seen.requests) in reason


def counted(**hosts):
    """Results of traffic_info in a loop: {host: (good, bad)}."""
    return [
        {"balancer": {"host": host}, "backends": {"shop_green": {"hrsp_2xx": counts[0], "hrsp_5xx": counts[1], "servers": {}}}}
        for host, counts in hosts.items()
    ]


def test_what_only_the_second_balancer_saw_counts():
    before, lost = counted(lb1=(100, 0), lb2=(100, 0)), [{"balancer": {"host": "lb3"}, "unreachable": True}]
    assert bake_fault(before, counted(lb1=(150, 0), lb2=(150, 0)), "shop_green", min_requests=100) == ""
    told = bake_fault(before, counted(lb1=(150, 0), lb2=(140, 10)) + lost, "shop_green")
    assert told == "The bake of shop_green failed at 2 balancers together: 10 of 100 requests failed, 10.00%; allowed are 1.00%."
    assert "inconclusive" in bake_fault(before, counted(lb1=(150, 0), lb2=(149, 0)), "shop_green", "0.01", "100")
    assert "no balancer told" in bake_fault(before, lost, "shop_green")
