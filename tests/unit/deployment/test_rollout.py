# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import rollout
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

LB = {"host": "lb1", "socket": "/run/lb1.sock", "map": "/etc/live.map"}


def service(name, batches, **more):
    hosts = {host: {} for batch in batches for host in batch}
    return {"service": name, "hosts": hosts, "batches": batches, "balancer": [LB], **more}


API = service("api", [["a1"], ["ab"]])
WEB = service("web", [["ab", "w1"], ["w2"]])
SWITCHED = {"service": "site", "hosts": {"s1": {}}, "balancer": [LB]}


def test_a_host_with_two_services_comes_with_the_later_one():
    assert rollout.forward({"services": [API, WEB, SWITCHED]}) == [["a1"], ["ab", "w1"], ["w2"]]


def test_only_touched_hosts_go_back_the_last_one_first():
    plan = {"services": [API, WEB]}
    assert rollout.back(plan, {"a1", "w1"}) == [["w1"], ["a1"]]
    assert rollout.back(plan, set()) == []


def test_a_service_that_is_replaced_before_what_it_needs_is_refused():
    rollout.check_order({"services": [API, WEB]}, {"api": {}, "web": {"depends_on": ["api"]}})
    rollout.check_order({"services": [SWITCHED, WEB]}, {"site": {"depends_on": ["web"]}, "web": {}})
    with pytest.raises(DeploymentError, match="first with -e evenkeel_service=site, then with -e evenkeel_service=web"):
        rollout.check_order({"services": [SWITCHED, WEB]}, {"site": {}, "web": {"depends_on": ["site"]}})


def test_on_the_way_back_who_depends_on_it_should_go_first():
    both = {"services": [SWITCHED, WEB]}
    assert rollout.tell_order_back(both, {"site": {}, "web": {"depends_on": ["site"]}}) == []
    (told,) = rollout.tell_order_back(both, {"site": {"depends_on": ["web"]}, "web": {}})
    assert told.startswith("site depends on web and goes back after it")
    assert "roll back first with -e evenkeel_service=site" in told


def servers(backend, *names):
    return [{"backend": backend, "server": name} for name in names]


def same(backend, *names):
    """Each host has one server, which leaves the traffic and gets it back."""
    return {"hosts": list(names), "first": servers(backend, *names), "servers": servers(backend, *names), "last": []}


def test_places_at_the_balancers():
    web = {**WEB, "strategy": "recreate", "previous": "1.0.0", "min_healthy": 2, "watch": {"seconds": 5, "max_error_rate": 0}}
    found = rollout.places([{**API, "min_healthy": 1}, web], {"ab", "w2"})
    assert found == [
        {**LB, "service": "api", "closed": False, **same("api", "ab"), "min_ready": 0, "watch": {}},
        {
            **LB,
            "service": "web",
            "closed": True,
            **same("web", "ab", "w2"),
            "min_ready": 2,
            "watch": {"seconds": 5, "max_error_rate": 0, "min_requests": 1},
        },
    ]
    assert rollout.places([API], {"s1"}) == []


SURGING = {**WEB, "surge": True, "hosts": {"w1": {"keep": "green", "drop": "blue"}, "w2": {"keep": "blue", "drop": "green"}}}


def test_with_surge_the_new_server_comes_before_the_old_one_goes():
    (place,) = rollout.places([SURGING], {"w1", "w2"})
    assert place["first"] == place["servers"] == servers("web", "w1_green", "w2_blue")
    assert place["last"] == servers("web", "w1_blue", "w2_green")


def test_only_hosts_that_came_through_get_users():
    found = rollout.places([SURGING, {**API, "hosts": {"w1": {}}}], {"w1", "w2"})
    (place,) = rollout.limited(found, ["w2"])
    assert (place["servers"], place["last"], place["hosts"]) == (servers("web", "w2_blue"), servers("web", "w2_green"), ["w2"])
    (back,) = rollout.limited(rollout.places([SURGING], {"w1", "w2"}, back=True), ["w1"])
    assert (back["first"], back["servers"]) == ([], servers("web", "w1_green"))
    assert rollout.limited(found, []) == []


def test_on_the_way_back_nothing_that_may_serve_is_taken_away_first():
    (place,) = rollout.places([SURGING], {"w1"}, back=True)
    assert (place["first"], place["servers"], place["last"]) == ([], servers("web", "w1_green"), servers("web", "w1_blue"))


def test_a_watch_needs_users_but_not_before_a_first_release():
    web = {**WEB, "watch": {"seconds": 5}}
    assert [place["watch"] for place in rollout.places([web], {"w1"})] == [{}]
    assert [place["watch"] for place in rollout.places([{**web, "previous": "1.0.0"}], {"w1"})] == [{"seconds": 5, "min_requests": 1}]
    alone = {**web, "previous": "1.0.0", "watch": {"seconds": 5, "min_requests": 0}}
    assert [place["watch"] for place in rollout.places([alone], {"w1"})] == [{"seconds": 5, "min_requests": 0}]
