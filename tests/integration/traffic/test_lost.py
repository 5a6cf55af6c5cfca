# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of requests over switches and drains by the module, with connections that are kept and that are not: none is lost, none goes wrong.

`make bench SECTION=traffic,deploy_requests` does the same with millions, and with whole deployments."""

from __future__ import annotations

import time

import pytest
from ansible_collections.evenkeel.release.tests.integration.support import module

from .load import Load, Seen, wrong_letters

FLIPS, ROTATIONS, REQUESTS = 20, 6, 500
KINDS = pytest.mark.parametrize("keep_alive", [True, False], ids=["keep-alive", "close"])


def told(balancer, **options):
    result = module.run("traffic", socket=balancer.socket, **options)
    assert "failed" not in result, result["msg"]


@KINDS
def test_switches_lose_no_request_and_send_none_to_the_old_colour(one, keep_alive):
    flips = []
    with Load(one.port, keep_alive=keep_alive) as load:
        for number in range(FLIPS):
            pool, asked = ("shop_green", "shop_blue")[number % 2], time.monotonic()
            told(one, map=one.map, service="shop", value=pool)
            flips.append((time.monotonic(), asked, pool[5]))
            time.sleep(0.15)
        end = time.monotonic()
    wrong, checked = wrong_letters(load.seen, flips, end)
    assert load.seen.failed == 0, load.seen.reasons
    assert (wrong, load.seen.reconnects) == (0, 0)
    assert checked >= FLIPS
    assert len(load.seen.began) > REQUESTS


@KINDS
def test_servers_taken_out_and_given_back_lose_no_request(one, keep_alive):
    with Load(one.port, keep_alive=keep_alive) as load:
        for number in range(ROTATIONS):
            servers = [{"backend": "shop_blue", "server": f"web{number % 2 + 1}_blue"}]
            told(one, state="maint", servers=servers, wait=True, deadline=20)
            told(one, state="ready", servers=servers, wait=True)
            time.sleep(0.3)
    assert load.seen.failed == 0, load.seen.reasons


@KINDS
def test_the_same_users_notice_servers_that_are_killed(fleet, one, keep_alive):
    with Load(one.port, keep_alive=keep_alive) as load:
        fleet.colours.server.process.kill()
        fleet.colours.server.process.wait()
        time.sleep(0.5)
    fleet.colours.start()
    for balancer in fleet.balancers:
        balancer.driver.wait_up("shop_blue", 10)
    assert load.seen.failed > 0


def seen(*samples):
    found = Seen()
    for began, took, letter in samples:
        found.began.append(began)
        found.took.append(took)
        found.status.append(200)
        found.letter.append(ord(letter))
    return found


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(1.2, 0.1, "g")], (0, 1)),
        ([(1.2, 0.1, "b")], (1, 1)),
        ([(0.9, 0.5, "b")], (0, 0)),  # began before the acknowledgement
        ([(1.8, 0.5, "b")], (0, 0)),  # ended after the next switch was asked for
        ([(2.3, 0.1, "b"), (1.2, 0.1, "g"), (2.4, 0.1, "g")], (1, 3)),
        ([(2.8, 0.5, "g")], (0, 0)),  # ended after the last look
    ],
)
def test_only_requests_between_an_acknowledgement_and_the_next_switch_count(samples, expected):
    assert wrong_letters(seen(*samples), [(1.0, 0.5, "g"), (2.2, 2.0, "b")], 3.0) == expected
