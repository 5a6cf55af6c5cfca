# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has to do in a phase, and what it says afterwards."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import host, inventory, phase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from hypothesis import given
from hypothesis import strategies as st

AT = {"address": "127.0.0.1", "ports": {"blue": 8001, "green": 8002}, "root": "/srv/shop"}
SHOP = {
    "service": "shop",
    "release": "1.1.0",
    "previous": "1.0.0",
    "strategy": "blue_green",
    "first_host": "w1",
    "live": "blue",
    "idle": "green",
    "keep": "green",
    "drop": "blue",
    "keep_release": "1.1.0",
    "drop_release": "1.0.0",
    "artifact": {"source": "/a.tar.gz", "sha256": "ab"},
    "balancer": [{"host": "lb"}],
    "hosts": {"w1": AT, "w2": AT},
}
API = {**SHOP, "service": "api", "strategy": "rolling", "batches": [["w1"]], "hosts": {"w1": {**AT, "idle": "blue", "live": "green"}}}
DECLARED = {"command": ["/usr/bin/shop", "{port}"], "config": [{"name": "shop.ini"}], "probes": [{"type": "http", "path": "/ready"}]}
FAILURE = {"phase": "stage", "task": "Install the artifact", "msg": "no space"}
SERVICES = {"shop": {"engine": "application"}, "lb": {"engine": "haproxy"}, "db": {"engine": "postgresql"}}
ENDPOINTS = {
    "shop": {"w1": {"paths": {"root": "/srv/shop"}}},
    "lb": {"l1": {"paths": {"socket": "/run/lb.sock", "map": "/etc/live.map"}}},
    "db": {"d1": {"paths": {"data": "/srv/db"}}},
}


def made(item=SHOP, document=DECLARED, supervisor="/run/supervisor"):
    return host.Service(item, document, host="w1", stop_seconds=7, supervisor_dir=lambda: supervisor)


@pytest.mark.parametrize(
    ("name", "balancers", "roots"),
    [("w1", [], {"shop": "/srv/shop"}), ("l1", [{"socket": "/run/lb.sock", "map": "/etc/live.map"}], {}), ("d1", [], {}), ("elsewhere", [], {})],
)
def test_a_host_is_asked_for_what_it_has(name, balancers, roots):
    assert host.asked(SERVICES, ENDPOINTS, name) == {"balancers": balancers, "roots": roots}


def test_what_a_host_says_first_forgets_an_earlier_deployment():
    seen = host.observed({"live": {"shop": "shop_blue"}, "releases": {"shop": {"colour": "blue", "installed": ["1.0.0"]}}}, protects=True, drifts=False)
    assert (seen["deploy_done"], seen["deploy_failed"], seen["deploy_colours"], seen["deploy_installed"]) == ([], {}, {"shop": "blue"}, {"shop": ["1.0.0"]})
    assert (seen["deploy_observed"], seen["deploy_protects"], seen["deploy_drifts"]) == (True, True, False)


def test_silence_is_never_success():
    came = host.done(host.said({}), "stage")
    assert phase.judge(phase="stage", hosts=["w1"], facts={"w1": came})[0] == {"w1": "done"}
    unreachable = host.said({host.VARIABLE: {"unreachable": True, "msg": "no route"}})
    assert not unreachable["deploy_observed"]
    assert phase.judge(phase="stage", hosts=["w1"], facts={"w1": unreachable})[0] == {"w1": "unreachable"}


def test_what_is_kept_of_an_earlier_run_as_a_fact_does_not_count_beside_it():
    assert host.said({host.VARIABLE: {"deploy_done": []}, "deploy_done": ["stage"]})["deploy_done"] == []


def test_the_first_failure_stays_unless_it_is_the_last_word():
    before = host.failed(host.said({}), **FAILURE)
    assert host.failed(before, phase="migrate", task="t", msg="m")["deploy_failed"] == FAILURE
    assert host.failed(before, phase="settle", task="t", msg="m", last=True)["deploy_failed"]["phase"] == "settle"
    assert host.done(before, "settle", deploy_failed={})["deploy_failed"] == {}


@given(st.lists(st.sampled_from(["stage", "start", "settle"])))
def test_phases_add_up_and_what_was_said_before_is_left_alone(names):
    start = state = host.said({})
    for name in names:
        state = host.done(state, name)
    assert (state["deploy_done"], start["deploy_done"]) == (names, [])


def test_a_host_hears_of_itself_alone():
    items = host.here([SHOP, API], "w1")
    assert [(item["service"], list(item["hosts"]), item["idle"]) for item in items] == [("shop", ["w1"], "green"), ("api", ["w1"], "blue")]
    assert not any(key in item for item in items for key in ("balancer", "batches"))
    assert [item["service"] for item in host.here([SHOP, API], "w1", only_replaced=True)] == ["api"]
    assert [item["service"] for item in host.here([SHOP, API], "w1", only_replaced=False)] == ["shop"]
    assert host.here([SHOP, API], "w3") == []


def test_what_is_staged():
    assert host.staged(SHOP, "w1", files=[{"name": "shop.ini"}], owner="") == {
        "name": "shop",
        "root": "/srv/shop",
        "version": "1.1.0",
        "sha256": "ab",
        "protect": ["1.0.0"],
        "colour": "green",
        "owner": None,
        "files": [{"name": "shop.ini"}],
    }
    assert host.staged({**SHOP, "previous": ""}, "w1", files=[], owner="shop")["protect"] == []


def test_the_idle_colour_starts_beside_the_live_one():
    options = made().begun(deadline=60)
    assert (options["colour"], options["activate"], "stop" in options) == ("green", False, False)
    assert options["start"]["command"] == ["/usr/bin/shop", "8002"]
    assert options["probes"] == [{"type": "http", "url": "http://127.0.0.1:8002/ready"}]


def test_what_stays_runs_and_what_goes_is_stopped_on_request():
    kept = made().kept(stop=True)
    assert (kept["release"], kept["colour"], kept["start"]["name"], kept["stop"]["name"]) == ("1.1.0", "green", "shop-green-w1", "shop-blue-w1")
    assert "stop" not in made().kept(stop=False)


def test_nobody_waits_longer_than_needed_on_the_way_back():
    document = {**DECLARED, "rollout": {"healthy_deadline": 9, "minimum_healthy": 3}}
    assert [made(document=document).replaced(direction=way, deadline=60)["minimum_healthy"] for way in ("forward", "back")] == [3, 0]
    assert made(document=document).replaced(direction="back", deadline=60)["healthy_deadline"] == 9
    assert made().replaced(direction="forward", deadline=60)["healthy_deadline"] == 60


def test_units_need_no_folder_of_a_supervisor():
    def never():
        raise AssertionError("asked for the folder")

    service = host.Service(SHOP, {**DECLARED, "runtime": "systemd"}, host="w1", stop_seconds=7, supervisor_dir=never)
    assert service.kept(stop=False)["start"]["name"] == "shop-green.service"


def test_an_unknown_placeholder_is_told():
    with pytest.raises(DeploymentError, match=r"\{prot\}"):
        made(document={**DECLARED, "command": ["{prot}"]}).begun(deadline=60)


@pytest.mark.parametrize(
    ("replaced", "known"),
    [
        (None, {}),
        ({"deployment": "d1", "direction": "forward", "releases": {"shop": "1.1.0"}}, {"shop": "1.1.0"}),
        ({"deployment": "d0", "direction": "forward", "releases": {"shop": "1.1.0"}}, {}),
        ({"deployment": "d1", "direction": "back", "releases": {"shop": "1.0.0"}}, {}),
        ({"deployment": "d1", "direction": "forward", "failed": True, "releases": {"shop": "1.1.0"}}, {}),
        ({"skipped": True}, {}),
    ],
)
def test_only_what_this_deployment_has_just_brought_is_settled(replaced, known):
    assert host.settled_by(replaced, deployment="d1", direction="forward") == known


def test_a_host_to_which_a_deployment_had_not_come_is_left_alone_on_the_way_back():
    assert host.untouched(API, "w1", touched=["w2"])
    assert not host.untouched(API, "w1", touched=["w1"])
    assert not host.untouched(SHOP, "w1", touched=[]), "its idle colour was started"


@pytest.mark.parametrize(
    ("item", "brought", "touched", "ended"),
    [
        ({}, {"api": "1.1.0"}, None, True),
        ({}, {"api": "1.0.0"}, None, False),
        ({}, {}, None, False),
        ({}, {}, ["w2"], True),
        ({}, {}, ["w1"], False),
        ({}, {"api": "1.1.0"}, ["w1"], True),
        ({"keep_release": ""}, {"api": ""}, None, False),
        ({"baseline": True}, {"api": "1.1.0"}, None, False),
    ],
)
def test_where_nothing_is_left_to_do_at_the_end(item, brought, touched, ended):
    assert host.ended({**API, "keep_release": "1.1.0", **item}, "w1", brought, touched=touched) is ended


def test_the_hosts_of_each_phase():
    states = {"w1": {"deploy_protects": True, "deploy_drifts": True}, "d1": {"deploy_protects": True, "deploy_drifts": False}}
    services = {"shop": {"migrate": ["x"]}, "api": {}}
    assert host.phases({"services": [SHOP, API]}, services, states, act="deploy") == {
        "lift": ["w1"],
        "stage": ["w1", "w2"],
        "migrate": ["w1"],
        "start": ["w1", "w2"],
        "settle": ["w1", "w2"],
        "protect": ["d1", "w1"],
        "drift": ["w1"],
    }
    assert host.phases({"services": [SHOP]}, services, {}, act="rollback")["migrate"] == []
    assert host.phases({"services": [API]}, services, {}, act="deploy")["start"] == []


def test_variables_of_a_host_are_gathered_once():
    asked = []

    class Vars(dict):
        def __getitem__(self, name):
            asked.append(name)
            return {host.VARIABLE: {"deploy_live": {"shop": "shop_blue"}}}

    once = inventory.HostsOnce(Vars())
    assert inventory.live_backends(hosts=["l1", "l1"], hostvars=once) == {"shop": "shop_blue"}
    assert asked == ["l1"]


def test_with_surge_the_new_one_runs_beside_the_old_one_that_is_left_afterwards():
    beside = made({**SHOP, "surge": True})
    options = beside.replaced(direction="forward", deadline=9)
    assert (options["activate"], "stop" in options, options["start"]["name"]) == (False, False, "shop-green-w1")
    assert beside.kept(stop=True)["stop"]["name"] == "shop-blue-w1"


def test_the_old_release_anew_beside_a_canary():
    at = {**AT, "ports": {**AT["ports"], "baseline": 8003}}
    service = made({**SHOP, "baseline": True, "hosts": {"w1": at}}, {**DECLARED, "command": ["/usr/bin/shop", "{config}", "{port}"]})
    begun, ended = service.begun_anew(deadline=9), service.ended_anew()
    assert (begun["release"], begun["activate"], begun["start"]["name"]) == ("1.0.0", False, "shop-baseline-w1")
    assert begun["start"]["command"] == ["/usr/bin/shop", "/srv/shop/config/blue/shop.ini", "8003"]
    assert begun["probes"] == [{"type": "http", "url": "http://127.0.0.1:8003/ready"}]
    assert (ended["release"], ended["activate"], ended["stop"]["name"], "start" in ended) == ("", False, "shop-baseline-w1", False)


def test_the_hosts_of_the_live_colour_wait_until_the_end():
    hosts = {"w1": {**AT, "only": "blue"}, "w2": {**AT, "only": "green"}}
    item = {key: value for key, value in SHOP.items() if not key.startswith(("keep", "drop"))}
    found = host.phases({"services": [{**item, "hosts": hosts, "first_host": "w2"}]}, {"shop": {}}, {}, act="deploy")
    assert (found["stage"], found["start"], found["settle"]) == (["w2"], ["w2"], ["w1", "w2"])
