# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._engines import haproxy, postgresql
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision import plan, record
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision.errors import ProvisionError

SERVICES = {
    "database": {"engine": "postgresql", "hosts": "db", "depends_on": ["vault"], "database": "shop"},
    "vault": {"engine": "openbao", "hosts": "db"},
    "balancer": {"engine": "haproxy", "hosts": "lb"},
    "shop": {"engine": "application", "hosts": "web", "depends_on": ["database"], "uses": {"balancer": "balancer"}},
}


def test_waves_follow_dependencies():
    assert plan.waves(SERVICES) == [["balancer", "vault"], ["database"], ["shop"]]
    assert plan.started(SERVICES) == [["balancer", "vault"], ["database"]]


def test_a_circle_is_named():
    with pytest.raises(ProvisionError, match="circle: a, b"):
        plan.waves({"a": {"depends_on": ["b"]}, "b": {"depends_on": ["a"]}})


def test_an_unknown_dependency_is_named():
    with pytest.raises(ProvisionError, match="a depends on x"):
        plan.waves({"a": {"depends_on": ["x"]}})


def test_ports_of_a_host():
    wanted = plan.wanted_on(SERVICES, groups={"db": ["d1"], "lb": ["l1"], "web": ["w1"]}, host="l1")
    assert wanted == {"balancer": {"engine": "haproxy", "ports": {"http": 0, "preview": 0}}}


def test_a_password_matches_only_its_own_verifier():
    stored = postgresql.verifier("right", b"0123456789abcdef")
    assert postgresql.matches("right", stored)
    assert not postgresql.matches("wrong", stored)


def test_the_map_keeps_what_is_live():
    assert (
        haproxy.map_text("shop shop_green\ngone gone_blue\n", {name: [f"{name}_blue", f"{name}_green"] for name in ("shop", "new")})
        == "shop shop_green\nnew new_blue\n"
    )


def layout_of(**shop):
    services = {**SERVICES, "shop": {**SERVICES["shop"], **shop}}
    at = {host: {"address": "::1", "ports": dict.fromkeys(plan.port_names(services, "shop"), 1)} for host in ("w1", "w2")}
    endpoints = {"shop": at, "balancer": {"l1": {"address": "::1", "ports": {"http": 80, "preview": 81}}}}
    servers = plan.settings(services, "balancer", endpoints=endpoints, host="l1")["applications"][0]["servers"]
    return {pool: [server["name"] for server in members] for pool, members in servers.items()}


def test_a_colour_on_hosts_of_its_own_has_its_port_and_server_there_alone():
    shop = {**SERVICES["shop"], "colours": {"blue": "left", "green": "right"}}
    services, groups = {**SERVICES, "shop": shop}, {"db": [], "lb": [], "web": ["w1", "w2"], "left": ["w1"], "right": ["w2"]}
    ports = {host: plan.wanted_on(services, groups=groups, host=host)["shop"]["ports"] for host in ("w1", "w2")}
    assert ports == {"w1": {"blue": 0}, "w2": {"green": 0}}
    endpoints = {"shop": {host: {"address": "::1", "ports": ports[host]} for host in ports}, "balancer": {"l1": {"ports": {"http": 1, "preview": 2}}}}
    servers = plan.settings(services, "balancer", endpoints=endpoints, host="l1")["applications"][0]["servers"]
    assert {pool: [server["name"] for server in members] for pool, members in servers.items()} == {"blue": ["w1_blue"], "green": ["w2_green"]}


def test_existing_hosts_have_the_port_of_their_colour():
    service = {"engine": "application", "hosts": "web", "ports": {"blue": 8001, "green": 8002}, "colours": {"blue": "left", "green": "right"}}
    groups = {"web": ["w1", "w2"], "left": ["w1"], "right": ["w2"]}
    found = record.of_existing("e", {"environment": {"provider": "existing"}, "services": {"shop": service}, "groups": groups, "addresses": {}})
    assert {host: at["ports"] for host, at in found["shop"].items()} == {"w1": {"blue": 8001}, "w2": {"green": 8002}}


@pytest.mark.parametrize(
    ("shop", "pools"),
    [
        ({}, {"blue": ["w1_blue", "w2_blue"], "green": ["w1_green", "w2_green"]}),
        ({"strategy": "rolling"}, {"main": ["w1", "w2"]}),
        ({"strategy": "rolling", "rollout": {"surge": 1}}, {"main": ["w1_blue", "w1_green", "w2_blue", "w2_green"]}),
        (
            {"strategy": "canary", "rollout": {"baseline": "same_age"}},
            {"blue": ["w1_blue", "w2_blue"], "green": ["w1_green", "w2_green"], "baseline": ["w1_baseline", "w2_baseline"]},
        ),
    ],
)
def test_the_balancer_has_a_server_for_each_instance(shop, pools):
    assert layout_of(**shop) == pools
