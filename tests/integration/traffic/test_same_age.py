# SPDX-License-Identifier: GPL-3.0-or-later
"""Users of a split with three sides: the live pool, the canary, and the old release anew with the same share. Each stays on its side."""

from __future__ import annotations

import math
import re
import time

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError

from .colours import Colours
from .fast import Balancer
from .load import Load

COLOURS = ("blue", "green", "baseline")


@pytest.fixture(scope="module")
def shared_three(haproxy_bin):
    names = Colours(haproxy_bin, [f"{colour}_{number}" for colour in COLOURS for number in (1, 2)])
    made = Balancer(haproxy_bin, names.ports, COLOURS)
    yield made
    made.close()
    names.close()


@pytest.fixture
def three(shared_three):
    shared_three.reset()
    return shared_three


def shares(percent):
    return {"shop_blue": 100 - 2 * percent, "shop_green": percent, "shop_baseline": percent}


def users(balancer, count):
    """{cookie: where its first request went}"""
    drawn = [balancer.get() for _number in range(count)]
    return {headers["Set-Cookie"].partition(";")[0]: body for _status, body, headers in drawn}


def again(balancer, cookies, **headers):
    return {cookie: balancer.get(headers={"Cookie": cookie, **headers})[1] for cookie in cookies}


def served(balancer):
    return {pool: backend["hrsp_2xx"] for pool, backend in balancer.driver.balancer.backends().items()}


def wait_served(balancer, requests):
    before, patience = sum(served(balancer).values()), time.monotonic() + 60
    while sum(served(balancer).values()) < before + requests and time.monotonic() < patience:
        time.sleep(0.05)


def test_a_user_stays_on_its_side_as_the_shares_grow(three):
    three.driver.split("shop", shares(20))
    assert three.driver.state()["splits"] == {"shop": {"shop_blue": 60, "shop_green": 20, "shop_baseline": 20}}
    first = users(three, 100)
    assert set(first.values()) == set(COLOURS)
    assert again(three, first) == first
    three.driver.split("shop", shares(50))
    grown = again(three, first)
    assert all(grown[cookie] == side for cookie, side in first.items() if side != "blue")
    assert "blue" not in grown.values()


def test_a_header_forces_a_side_whatever_the_cookie_says(three):
    three.driver.split("shop", shares(20))
    first = users(three, 60)
    assert set(first.values()) == set(COLOURS)
    assert set(again(three, first, **{"X-Evenkeel-Canary": "always"}).values()) == {"green"}
    assert set(again(three, first, **{"X-Evenkeel-Canary": "never"}).values()) == {"blue"}
    assert again(three, first) == first


def test_shares_under_load_are_alike_and_a_baseline_that_is_down_costs_nobody_a_request(three):
    three.driver.split("shop", shares(20))
    before = served(three)
    with Load(three.port, clients=16) as load:
        wait_served(three, 3000)
        for number in (1, 2):
            three.driver.maint("shop_baseline", f"web{number}_baseline")
        down, counted = time.monotonic(), served(three)
        wait_served(three, 1000)
    assert load.seen.failed == 0, load.seen.reasons
    requests = list(zip(load.seen.began, load.seen.took, load.seen.letter))
    early = [letter for at, took, letter in requests if at + took < down]
    # "b" is blue and baseline: what is not the canary; its share is the one that was asked for beside a baseline, too.
    green = sum(letter == ord("g") for letter in early)
    assert abs(green - len(early) * 0.2) <= 6 * math.sqrt(len(early) * 0.2 * 0.8)
    assert abs(counted["shop_baseline"] - before["shop_baseline"] - green) <= 0.25 * green
    assert set(load.seen.letter) == {ord("g"), ord("b")}


def test_a_switch_ends_all_three_sides(three):
    three.driver.split("shop", shares(5))
    three.driver.switch("shop", "shop_green")
    assert three.driver.state()["splits"] == {}
    assert {three.get()[1] for _number in range(20)} == {"green"}


def test_unequal_sides_are_refused(three):
    with pytest.raises(TrafficError, match=re.escape("shop_baseline gets as much as the canary shop_green, 5 percent; asked was for 10.")):
        three.driver.split("shop", {"shop_blue": 85, "shop_green": 5, "shop_baseline": 10})


def test_a_restart_keeps_all_three_sides(three):
    three.driver.split("shop", shares(5))
    three.restart()
    assert three.driver.state()["splits"] == {"shop": {"shop_blue": 90, "shop_green": 5, "shop_baseline": 5}}
