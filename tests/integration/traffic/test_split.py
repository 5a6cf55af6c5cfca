# SPDX-License-Identifier: GPL-3.0-or-later
"""A canary gets its percent of a real load, its users stay with it, and a closed service says when to come back."""

from __future__ import annotations

import math
import subprocess
import time

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError

from .load import Load

STEPS = (0, 1, 5, 50, 100)


def shares(percent):
    return {"shop_blue": 100 - percent, "shop_green": percent}


def cookie(headers):
    return (headers["Set-Cookie"] or "").partition(";")[0]


def served(balancer):
    return sum(backend["hrsp_2xx"] for backend in balancer.driver.balancer.backends().values())


def test_shares_under_load(one):
    spans = []
    with Load(one.port, clients=16) as load:
        for percent in STEPS:
            one.driver.split("shop", shares(percent))
            began, before, patience = time.monotonic(), served(one), time.monotonic() + 60
            while served(one) < before + 1500 and time.monotonic() < patience:
                time.sleep(0.05)
            spans.append((percent, began, time.monotonic()))
    assert load.seen.failed == 0, load.seen.reasons
    for percent, began, end in spans:
        # whoever is still on the way when the next step is asked for may see either
        requests = zip(load.seen.began, load.seen.took, load.seen.letter)
        seen = [letter for at, took, letter in requests if began < at and at + took < end]
        green = sum(letter == ord("g") for letter in seen)
        assert len(seen) > 1000
        expected = len(seen) * percent / 100
        assert abs(green - expected) <= 6 * math.sqrt(expected * (1 - percent / 100)), f"{green} of {len(seen)} at {percent}%"
    assert load.seen.reconnects == 0


def test_a_client_once_in_the_canary_stays_as_it_grows(one):
    one.driver.split("shop", shares(20))
    drawn = [one.get() for _number in range(80)]
    clients = [(cookie(headers), body) for _status, body, headers in drawn]
    assert {body for _cookie, body in clients} == {"blue", "green"}
    for lot, body in clients:
        _status, again, headers = one.get(headers={"Cookie": lot})
        assert (again, headers["Set-Cookie"]) == (body, None)
    one.driver.split("shop", shares(50))
    grown = [one.get(headers={"Cookie": lot})[1] for lot, _body in clients]
    assert all(now == "green" for now, (_lot, before) in zip(grown, clients) if before == "green")
    assert grown.count("green") > sum(body == "green" for _lot, body in clients)


def test_header_and_cookie_force_the_canary_or_shun_it(one):
    one.driver.split("shop", shares(0))
    assert one.get(headers={"X-Evenkeel-Canary": "always"})[1] == "green"
    assert one.get(headers={"Cookie": "evenkeel_canary=always"})[1] == "green"
    assert one.get(headers={"Cookie": "evenkeel_shop=0"})[1] == "blue"
    one.driver.split("shop", shares(100))
    assert one.get(headers={"X-Evenkeel-Canary": "never"})[1] == "blue"
    assert one.get(headers={"Cookie": "evenkeel_shop=nonsense"})[1] == "green"
    one.driver.switch("shop", "shop_blue")
    status, body, headers = one.get(headers={"X-Evenkeel-Canary": "always"})
    assert (status, body, headers["Set-Cookie"]) == (200, "blue", None)


def test_a_canary_that_is_down_costs_nobody_a_request(one):
    one.driver.split("shop", shares(50))
    with Load(one.port, clients=8) as load:
        for wanted in (200, 400):
            before = served(one)
            while served(one) < before + wanted:
                time.sleep(0.02)
            if wanted == 200:
                for number in (1, 2):
                    one.driver.maint("shop_green", f"web{number}_green")
                down = time.monotonic()
    assert load.seen.failed == 0, load.seen.reasons
    letters = [letter for at, letter in zip(load.seen.began, load.seen.letter) if at > down]
    assert set(letters) == {ord("b")}
    assert ord("g") in load.seen.letter
    assert one.get(headers={"X-Evenkeel-Canary": "always"})[0] == 503


def test_split_by_the_module(one, tasks):
    base = {"socket": one.socket, "map": one.map, "service": "shop"}
    split = {**base, "state": "split", "shares": shares(5)}
    assert tasks(check=True, look=split)["look"]["changed"]
    assert one.driver.state()["splits"] == {}
    found = tasks(
        first=split,
        second=split,
        promoted={**base, "value": "shop_green"},
        third={**base, "state": "split", "shares": {"shop_blue": 50, "shop_green": 25, "shop_pink": 25}},
        uneven={**base, "state": "split", "shares": {"shop_blue": 50, "shop_green": 49}},
    )
    assert (found["first"]["before"], found["first"]["after"]) == ({"shop_blue": 100.0}, {"shop_blue": 95.0, "shop_green": 5.0})
    assert "shop_blue 95%, shop_green 5%" in found["first"]["diff"]["after"]
    assert [found[name]["changed"] for name in ("first", "second", "promoted")] == [True, False, True]
    assert found["promoted"]["before"] == {"shop_blue": 95.0, "shop_green": 5.0}
    assert "has no backend shop_pink; it has shop_blue, shop_green" in found["third"]["msg"]
    assert "percents that make 100" in found["uneven"]["msg"]
    assert one.driver.state()["splits"] == {}
    assert one.get()[1] == "green"


def test_a_restart_keeps_split_and_page(one):
    one.driver.split("shop", shares(5))
    one.driver.close("shop", 7)
    one.restart()
    state = one.driver.state()
    assert (state["splits"], state["closed"]) == ({"shop": {"shop_blue": 95.0, "shop_green": 5.0}}, {"shop": 7})


def test_a_balancer_that_knows_of_no_canary_is_an_error(one):
    for end in (".canary", ".page"):
        one.driver.balancer.command(f"del map {one.map} shop{end}")
    try:
        with pytest.raises(TrafficError, match=r"has no key shop\.canary, so its configuration knows nothing of it"):
            one.driver.split("shop", shares(5))
        with pytest.raises(TrafficError, match=r"shop cannot be closed"):
            one.driver.close("shop", 30)
        one.driver.switch("shop", "shop_green")
        assert one.get()[1] == "green"
    finally:
        one.restart()


def test_closed_with_a_page_while_the_preview_answers(one, tasks):
    base = {"socket": one.socket, "map": one.map, "service": "shop"}
    with Load(one.port, clients=4, pause=0.01) as load:
        found = tasks(close={**base, "state": "closed", "retry_after": 45}, again={**base, "state": "closed", "retry_after": 45})
        assert (found["close"]["before"], found["close"]["after"]) == ("open", "closed:45")
        assert [found[name]["changed"] for name in ("close", "again")] == [True, False]
        status, body, headers = one.get()
        assert (status, headers["Retry-After"], headers["Cache-Control"]) == (503, "45", "no-store")
        assert "being updated" in body
        assert one.get(preview=True)[:2] == (200, "green")
        assert tasks(open={**base, "state": "opened"})["open"]["changed"]
        assert one.get()[:2] == (200, "blue")
    assert set(load.seen.status) == {200, 503}, load.seen.reasons


def test_a_second_haproxy_on_the_port_does_not_start_instead_of_sharing_its_users(one, tmp_path):
    config = tmp_path / "haproxy.cfg"
    text = (one.folder / "haproxy.cfg").read_text()
    config.write_text(text.replace(one.socket, str(tmp_path / "admin.sock")).replace(f"ipv4@{one.tcp}", f"{tmp_path}/other.sock"))
    run = subprocess.run([one.binary, "-db", "-f", str(config)], capture_output=True, text=True, timeout=20)
    assert run.returncode != 0
    assert f"127.0.0.1:{one.port}" in run.stderr
