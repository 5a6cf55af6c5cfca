# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._engines import haproxy, postgresql
from ansible_collections.evenkeel.release.plugins.plugin_utils._provision import plan
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
    assert haproxy.map_text("shop shop_green\ngone gone_blue\n", ["shop", "new"]) == "shop shop_green\nnew new_blue\n"
