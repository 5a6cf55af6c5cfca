# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.acts import ROUTES, Wish, act
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError, Unreachable
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.wait import Place, wait_serving
from hypothesis import given
from hypothesis import strategies as st

from .fakes import FakeDriver, server

GREEN = Wish("switched", service="shop", pool="green")
SPLIT = Wish("split", service="shop", shares={"blue": 95, "green": 5})
WISHES = {
    "switched": GREEN,
    "split": SPLIT,
    "closed": Wish("closed", service="shop", retry_after=9),
    "opened": Wish("opened", service="shop"),
    "drain": Wish("drain", servers=(("blue", "web1", None),)),
    "maint": Wish("maint", servers=(("blue", "web1", None), ("blue", "web2", None)), wait=True),
    "weighted": Wish("weighted", servers=(("blue", "web1", 7),)),
}


@pytest.mark.parametrize("name", sorted(set(WISHES) - {"opened"}))
def test_check_run_and_run_again(name):
    driver = FakeDriver()
    before = driver.state()
    looked = act([driver], WISHES[name], check=True)
    assert looked["changed"]
    assert driver.state() == before
    first = act([driver], WISHES[name], check=False)
    second = act([driver], WISHES[name], check=False)
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["diff"] == looked["diff"]
    assert first["diff"]["before"] != first["diff"]["after"]


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (GREEN._replace(service="pay"), "has no service pay; it has shop"),
        (GREEN._replace(pool="pink"), "has no pool pink; it has blue, green"),
        (SPLIT._replace(shares={"blue": 95, "pink": 5}), "has no pool pink"),
        (SPLIT._replace(shares={"blue": 95, "green": 4}), "percents that make 100"),
        (SPLIT._replace(shares={"blue": 110, "green": -10}), "percents that make 100"),
        (SPLIT._replace(shares={"green": 100}), "its live pool blue and one other pool; asked was for green"),
        (Wish("drain", servers=(("blue", "web9", None),)), "Pool blue of the balancer at lb has no server web9; it has web1, web2"),
        (Wish("drain", servers=(("pink", "web1", None),)), "has no pool pink"),
        (Wish("drain", servers=(("blue", "web 1", None),)), "not allowed"),
        (Wish("weighted", servers=(("blue", "web1", 257),)), "weight 257: allowed is 0 to 256"),
        (GREEN._replace(pool="green;shutdown"), "not allowed"),
        (Wish("maint", servers=(("blue", "web1", None),), min_ready=2), r"would keep 1 servers that are ready and up \(web2\), min_ready is 2"),
    ],
)
def test_what_cannot_be_changes_nothing(wish, told):
    drivers = [FakeDriver("one"), FakeDriver("lb")]
    before = [driver.state() for driver in drivers]
    with pytest.raises(TrafficError, match=told):
        act(drivers, wish, check=False)
    assert [driver.state() for driver in drivers] == before


def test_all_unknown_names_in_one_report():
    with pytest.raises(TrafficError, match=r"no server web8.* no server web9"):
        act([FakeDriver()], Wish("ready", servers=(("blue", "web8", None), ("blue", "web9", None))), check=False)


@given(st.sampled_from(ROUTES), st.integers(0, 3), st.integers(0, 3), st.booleans(), st.booleans())
def test_all_balancers_or_none(name, count, failing, split, closed):
    drivers = [FakeDriver(f"lb{number}") for number in range(count + 1)]
    for driver in drivers:
        driver.known["splits"] = {"shop": {"blue": 80.0, "green": 20.0}} if split else {}
        driver.known["closed"] = {"shop": 5} if closed or name == "opened" else {}
    before = [driver.state() for driver in drivers]
    verb = {"switched": "switch", "split": "split", "closed": "close", "opened": "open"}[name]
    chosen = drivers[min(failing, count)]
    chosen.fails = {verb}
    with pytest.raises(TrafficError, match=f"{chosen.address} failed at {verb}"):
        act(drivers, WISHES[name], check=False)
    assert [driver.state() for driver in drivers] == before


def test_one_that_failed_half_way_is_put_back_too():
    driver = FakeDriver()
    usual, driver.switch = driver.switch, lambda service, pool: (usual(service, pool), driver._do("half way")) if pool == "green" else usual(service, pool)
    driver.fails = {"half way"}
    with pytest.raises(TrafficError, match=r"lb failed at half way\. The balancer at lb was put back"):
        act([driver], GREEN, check=False)
    assert driver.known["services"] == {"shop": "blue"}


@pytest.mark.parametrize(("state", "wanted"), [("ready", "drain"), ("maint", "drain"), ("drain", "ready"), ("maint", "ready"), ("drain", "maint")])
@pytest.mark.parametrize("wait", [False, True])
def test_every_state_is_reached_from_every_other(state, wanted, wait):
    driver = FakeDriver()
    driver.known["servers"]["blue"]["web1"]["state"] = state
    assert act([driver], Wish(wanted, servers=(("blue", "web1", None),), wait=wait), check=False)["changed"]
    assert [call[0] for call in driver.calls if call[0] != "together"] == (["drain", "maint"] if (state, wanted) == ("ready", "maint") else [wanted])
    assert driver.known["servers"]["blue"]["web1"]["state"] == wanted


def test_one_that_cannot_be_put_back_is_named():
    first, second = FakeDriver("lb1"), FakeDriver("lb2", fails={"switch"})
    usual = first.switch

    def once(service, pool):
        usual(service, pool)
        first.fails = {"switch"}

    first.switch = once
    with pytest.raises(TrafficError, match=r"lb2 failed at switch.*The balancer at lb1 could not be put back, look at it: lb1 failed at switch"):
        act([first, second], GREEN, check=False)


def test_who_is_down_is_named_and_may_be_left_out():
    up, down = FakeDriver("lb1"), FakeDriver("lb2", reachable=False)
    with pytest.raises(Unreachable, match=r"1 of 2 balancers cannot be asked, nothing was changed\. Nobody at lb2"):
        act([up, down], GREEN, check=False)
    assert up.calls == []
    found = act([up, down], GREEN._replace(skip_unreachable=True), check=False)
    assert (found["left_out"], found["warnings"]) == (["lb2"], ["Left out: Nobody at lb2."])
    assert up.known["services"] == {"shop": "green"}
    with pytest.raises(Unreachable):
        act([down], GREEN._replace(skip_unreachable=True), check=False)


def test_balancers_that_differ_are_shown_apart():
    one, two = FakeDriver("lb1"), FakeDriver("lb2")
    two.known["services"]["shop"] = "green"
    found = act([one, two], GREEN, check=False)
    assert (found["before"], found["after"]) == ({"lb1": "blue", "lb2": "green"}, "green")
    assert [call[0] for call in two.calls] == []


def test_only_a_pool_that_is_up_gets_requests():
    driver = FakeDriver(up=False)
    for wish in (GREEN, SPLIT):
        with pytest.raises(TrafficError, match="green is down; nothing was switched"):
            act([driver], wish, check=False)
        assert "green is DOWN now" in act([driver], wish, check=True)["warnings"][0]
    assert act([driver], SPLIT._replace(shares={"blue": 100, "green": 0}), check=False)["changed"]
    assert act([driver], GREEN._replace(wait_up=False), check=False)["changed"]


def test_a_file_that_disagrees_is_a_change():
    driver = FakeDriver()
    driver.known["unkept"] = ["shop"]
    found = act([driver], GREEN._replace(pool="blue"), check=False)
    assert found["changed"]
    assert driver.calls == [("switch", "shop", "blue")]


def test_stopping_drains_first_and_waits():
    driver = FakeDriver()
    driver.known["servers"]["blue"]["web2"]["state"] = "maint"
    found = act([driver], WISHES["maint"], check=False)
    changes = [call for call in driver.calls if call[0] != "together"]
    assert changes == [("drain", "blue", "web1"), ("maint", "blue", "web1")]
    assert [(row["before"], row["after"], row["left"]) for row in found["servers"]] == [("ready", "maint", 0), ("maint", "maint", 0)]


@pytest.mark.parametrize(
    ("up", "take", "refused"),
    [
        ((True, True), "web1", False),
        ((True, False), "web1", True),
        # who is down is no reserve, but taking it costs nobody anything
        ((True, False), "web2", False),
        ((False, False), "web1", False),
    ],
)
def test_only_servers_that_are_up_count_for_min_ready(up, take, refused):
    driver = FakeDriver()
    for name, one in zip(("web1", "web2"), up):
        driver.known["servers"]["blue"][name]["up"] = one
    wish = Wish("drain", servers=(("blue", take, None),), min_ready=1)
    if refused:
        with pytest.raises(TrafficError, match=r"would keep 0 servers that are ready and up \(none\)"):
            act([driver], wish, check=False)
    else:
        assert act([driver], wish, check=False)["changed"]


def test_ready_may_wait_until_it_serves():
    driver = FakeDriver()
    one = driver.known["servers"]["blue"]["web1"]
    one.update(state="maint", up=False)
    wish = Wish("ready", servers=(("blue", "web1", None), ("blue", "web2", None)), wait=True, deadline=0.05)
    with pytest.raises(TrafficError, match=r"Ready, but not up after 0\.05s: blue/web1 at lb\.") as raised:
        act([driver], wish, check=False)
    assert raised.value.details["servers"][0]["after"] == "ready"
    one["up"] = True
    assert act([driver], wish, check=False)["waited"] < 5


def test_a_missed_deadline_tells_who_and_stops_nobody():
    driver = FakeDriver()
    driver.known["servers"]["blue"]["web1"] = server(sessions=4)
    with pytest.raises(TrafficError, match=r"blue/web1 at lb still has 4 sessions after 0\.1s; needed are 0") as raised:
        act([driver], WISHES["maint"]._replace(deadline=0.1), check=False)
    assert [row["left"] for row in raised.value.details["servers"]] == [4, 0]
    assert [one["state"] for one in driver.known["servers"]["blue"].values()] == ["drain", "drain"]
    found = act([driver], WISHES["maint"]._replace(deadline=0.1, cut=True), check=False)
    assert (found["cut"], driver.cuts) == (4, [("blue", "web1")])
    assert [one["state"] for one in driver.known["servers"]["blue"].values()] == ["maint", "maint"]


def test_three_sides_need_a_driver_that_has_them():
    wish = Wish("split", service="shop", shares={"blue": 90, "green": 5, "shop_baseline": 5})
    driver = FakeDriver()
    driver.known["servers"]["shop_baseline"] = {"web1": server()}
    with pytest.raises(TrafficError, match="between three pools only by driver haproxy"):
        act([driver], wish, check=True)


@pytest.mark.parametrize("name", ["drain", "maint"])
def test_a_drain_that_a_reload_undid_is_not_reported_as_done(name, monkeypatch):
    driver = FakeDriver()

    def reloaded(places):
        driver.known["servers"]["blue"]["web1"]["state"] = "ready"
        return [0] * len(places)

    monkeypatch.setattr(driver, "sessions", reloaded)
    with pytest.raises(TrafficError, match=r"Drained, but ready again: blue/web1 at lb\."):
        act([driver], WISHES[name]._replace(wait=True), check=False)


def test_a_pool_that_is_gone_after_a_restart_is_said():
    driver = FakeDriver()
    driver.known["servers"].pop("green")
    with pytest.raises(TrafficError, match="at lb does not know green any more"):
        wait_serving([Place(driver, "green", "web1")], deadline=0)
