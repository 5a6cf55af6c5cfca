# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import plan
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

SHA = "a" * 64
SERVICES = {
    "database": {"engine": "postgresql"},
    "balancer": {"engine": "haproxy"},
    "web": {"engine": "application", "depends_on": ["api"], "uses": {"balancer": "balancer"}},
    "api": {"engine": "application", "depends_on": ["database"], "uses": {"balancer": "balancer"}, "component": "backend"},
}
MANIFEST = {
    "version": "1.1.0",
    "components": {"web": {"artifact": "/a/web.tar", "sha256": SHA}, "backend": {"artifact": "/a/backend.tar", "sha256": SHA}},
    "rollback": {"criteria": ["errors"], "migration": "expand"},
}


def endpoint(**ports: int) -> dict:
    return {"address": "127.0.0.1", "ports": ports, "paths": {"root": "/srv", "socket": "/s", "map": "/m"}}


ENDPOINTS = {
    "balancer": {"lb1": endpoint(http=80)},
    "web": {"w2": endpoint(blue=1, green=2), "w1": endpoint(blue=3, green=4)},
    "api": {"w1": endpoint(blue=5, green=6)},
}
LIVE = {"web": "web_green", "api": "api_blue"}


def build(**changes):
    return plan.build(
        **{
            "environment": "staging",
            "services": SERVICES,
            "manifest": MANIFEST,
            "endpoints": ENDPOINTS,
            "deployed": {"web": "1.0.0"},
            "live": LIVE,
            **changes,
        }
    )


def test_services_come_in_dependency_order_with_the_colour_that_is_free():
    built = build()
    assert [(service["service"], service["live"], service["idle"]) for service in built["services"]] == [
        ("api", "blue", "green"),
        ("web", "green", "blue"),
    ]


def test_the_plan_knows_the_way_back():
    web = build()["services"][1]
    assert (web["previous"], web["release"], web["first_host"]) == ("1.0.0", "1.1.0", "w1")


def test_only_one_service():
    assert [service["service"] for service in build(only="web")["services"]] == ["web"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"only": "shop"}, ["'shop'", "api, web"]),
        ({"manifest": {**MANIFEST, "components": {"other": {}}}}, ["other", "backend, web"]),
        ({"endpoints": {}}, ["not provisioned", "evenkeel.release.provision"]),
        ({"live": {"web": "web_red", "api": "api_blue"}}, ["web_red", "web_blue, web_green"]),
        ({"endpoints": {name: at for name, at in ENDPOINTS.items() if name != "balancer"}}, ["'balancer'", "api, web"]),
    ],
)
def test_what_cannot_be_planned_is_named(changes, words):
    with pytest.raises(DeploymentError) as caught:
        build(**changes)
    for word in words:
        assert word in str(caught.value)


def test_a_circle_is_printed():
    circle = {"a": {"depends_on": ["b"]}, "b": {"depends_on": ["a"]}}
    with pytest.raises(DeploymentError, match=r"(a -> b -> a|b -> a -> b)"):
        plan.dependency_order(circle)


def test_a_host_is_left_out_on_purpose():
    less = plan.without(ENDPOINTS, exclude=["w2"], services=SERVICES)
    assert list(less["web"]) == ["w1"]
    assert less["balancer"] == ENDPOINTS["balancer"]


def test_an_unknown_host_cannot_be_left_out():
    with pytest.raises(DeploymentError, match=r"w9; the hosts of the applications are w1, w2"):
        plan.without(ENDPOINTS, exclude=["w9"], services=SERVICES)


def test_what_runs_already_is_left_out_unless_forced():
    deployed = {"web": "1.1.0", "api": "1.1.0"}
    assert build(deployed=deployed)["services"] == []
    assert "nothing to do" in plan.tell(build(deployed=deployed))[0]
    assert len(build(deployed=deployed, force=True)["services"]) == 2


def test_the_plan_in_words():
    assert plan.tell(build())[1] == "web: 1.0.0 (green) -> 1.1.0 (blue) on w1, w2"
