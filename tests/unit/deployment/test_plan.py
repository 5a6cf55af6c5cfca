# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import plan
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.recovery import settle_plan

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


def test_a_rollback_takes_who_depends_on_others_first():
    back = build(tried=False, deployed={"web": "2.0.0", "api": "2.0.0"})
    assert [service["service"] for service in back["services"]] == ["web", "api"]


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


ROLLING = {**SERVICES, "web": {**SERVICES["web"], "strategy": "rolling", "rollout": {"batches": [1, "50%"], "min_healthy": "50%"}}}
FLEET = {**ENDPOINTS, "web": {f"w{number}": {**endpoint(main=8000 + number)} for number in range(1, 5)}}


def rolling(**changes):
    hosts = {f"w{number}": {"zone": "ab"[number % 2], "rank": 0, "colours": {"web": "blue"}} for number in range(1, 4)}
    return build(**{"services": ROLLING, "endpoints": FLEET, "hosts": hosts, "only": "web", **changes})["services"][0]


def test_a_rolling_service_is_replaced_in_batches_of_one_zone():
    web = rolling()
    assert web["batches"] == [["w4"], ["w2"], ["w1", "w3"]]
    assert web["hosts"]["w1"]["ports"] == {"blue": 8001, "green": 8001}


def test_each_host_of_a_rolling_service_has_its_own_free_colour():
    web = rolling()
    assert {host: (at["live"], at["idle"]) for host, at in web["hosts"].items()} == {
        "w1": ("blue", "green"),
        "w2": ("blue", "green"),
        "w3": ("blue", "green"),
        "w4": ("green", "blue"),
    }
    assert [(item["service"], item["idle"]) for item in plan.on_host([web], "w4")] == [("web", "blue")]
    assert plan.on_host([web], "lb1") == []


def test_recreate_takes_all_hosts_at_once():
    services = {**ROLLING, "web": {**ROLLING["web"], "strategy": "recreate"}}
    assert rolling(services=services)["batches"] == [["w1", "w2", "w3", "w4"]]


def test_a_rolling_service_without_balancer_has_none_to_tell():
    services = {**ROLLING, "web": {key: value for key, value in ROLLING["web"].items() if key != "uses"}}
    assert rolling(services=services)["balancer"] == []


def test_batches_that_cannot_be_name_the_service():
    services = {**ROLLING, "web": {**ROLLING["web"], "rollout": {"min_healthy": 4}}}
    with pytest.raises(DeploymentError, match="Service web: min_healthy is 4"):
        rolling(services=services)


def test_a_rolling_plan_in_words():
    built = build(services=ROLLING, endpoints=FLEET, only="web")
    assert plan.tell(built) == ["web: 1.0.0 -> 1.1.0 on w1, then w2, w3, then w4"]


def test_what_an_artifact_says_of_itself_goes_along():
    signed = {**MANIFEST["components"]["web"], "size": 7, "signatures": [{"kind": "ssh", "source": "/a/web.tar.sig"}]}
    web = build(manifest={**MANIFEST, "components": {"web": signed}}, only="web")["services"][0]
    assert web["artifact"] == {"component": "web", "source": "/a/web.tar", "sha256": SHA, "size": 7, "signatures": signed["signatures"]}


def test_variants_are_refused_in_words():
    manifest = {**MANIFEST, "components": {"web": {"variants": []}}}
    with pytest.raises(DeploymentError, match="has variants for web"):
        build(manifest=manifest, only="web")


def test_where_users_meet_a_service_and_where_only_we_do():
    balancer = {"lb1": endpoint(http=80, preview=81, http_api=82, preview_api=83)}
    api, web = build(endpoints={**ENDPOINTS, "balancer": balancer})["services"]
    assert web["front"] == {"host": "lb1", "address": "127.0.0.1", "port": 80, "preview": 81}
    assert api["front"] == {"host": "lb1", "address": "127.0.0.1", "port": 82, "preview": 83}


def test_without_a_balancer_users_meet_the_first_host():
    services = {"web": {"engine": "application", "strategy": "rolling"}}
    built = build(services=services, endpoints={"web": {"w2": endpoint(main=9), "w1": endpoint(main=8)}}, live={})
    assert built["services"][0]["front"] == {"host": "w1", "address": "127.0.0.1", "port": 8, "preview": 0}


SURGING = {**ROLLING, "web": {**ROLLING["web"], "rollout": {"batches": [2], "min_healthy": 4, "surge": True}}}


def test_with_surge_both_colours_have_their_port_and_all_hosts_go_on_serving():
    fleet = {**ENDPOINTS, "web": {f"w{number}": endpoint(blue=8000 + number, green=9000 + number) for number in range(1, 5)}}
    web = rolling(services=SURGING, endpoints=fleet)
    assert (web["surge"], web["min_healthy"], web["batches"]) == (True, 4, [["w4"], ["w2"], ["w1", "w3"]])
    assert web["hosts"]["w1"]["ports"] == {"blue": 8001, "green": 9001}


def test_surge_without_a_second_port_is_refused():
    with pytest.raises(DeploymentError, match=r"needs the ports blue, green on each host for strategy rolling with surge; w1 has main"):
        rolling(services=SURGING)


def test_an_environment_of_another_layout_is_refused():
    with pytest.raises(DeploymentError, match=r"needs the ports main on each host for its strategy; w\d has blue, green"):
        rolling(endpoints={**ENDPOINTS, "web": {"w1": endpoint(blue=1, green=2)}})


SAME_AGE = {**SERVICES, "web": {**SERVICES["web"], "strategy": "canary", "rollout": {"baseline": "same_age"}}}
THREE_PORTS = {**ENDPOINTS, "web": {"w1": endpoint(blue=1, green=2, baseline=3)}}


def test_a_canary_has_the_old_release_anew_beside_it():
    web = build(services=SAME_AGE, endpoints=THREE_PORTS, only="web")["services"][0]
    assert (web["baseline"], web["hosts"]["w1"]["ports"]["baseline"]) == (True, 3)
    for without in ({"deployed": {}}, {"tried": False}):
        assert "baseline" not in build(services=SAME_AGE, endpoints=THREE_PORTS, only="web", **without)["services"][0]


def test_a_baseline_of_the_same_age_needs_a_third_port():
    with pytest.raises(DeploymentError, match=r"needs the ports baseline, blue, green on each host for a baseline of the same age; w\d has blue, green"):
        build(services=SAME_AGE, only="web")


GROUPED = {**SERVICES, "web": {**SERVICES["web"], "colours": {"blue": "left", "green": "right"}}}
TWO_GROUPS = {**ENDPOINTS, "web": {"w1": endpoint(blue=1), "w2": endpoint(blue=1), "w3": endpoint(green=1), "w4": endpoint(green=1)}}


def grouped(**changes):
    return build(**{"services": GROUPED, "endpoints": TWO_GROUPS, "live": {**LIVE, "web": "web_blue"}, "only": "web", **changes})


def test_a_colour_on_hosts_of_its_own_is_staged_there_alone():
    built = grouped()
    web = built["services"][0]
    assert (web["idle"], web["first_host"]) == ("green", "w3")
    assert [[service["service"] for service in plan.on_host([web], host)] for host in ("w1", "w3")] == [[], ["web"]]
    assert plan.tell(built) == ["web: 1.0.0 (blue) -> 1.1.0 (green) on w3, w4"]


@pytest.mark.parametrize(("forward", "releases"), [(True, {"w1": "", "w3": "1.1.0"}), (False, {"w1": "1.0.0", "w3": ""})])
def test_a_host_of_the_colour_that_goes_is_left_without_a_release(forward, releases):
    settled = settle_plan(grouped(), forward=forward)
    assert {host: plan.on_host(settled, host)[0]["keep_release"] for host in releases} == releases
    assert {host: plan.on_host(settled, host)[0]["drop"] for host in releases} == dict.fromkeys(releases, "blue" if forward else "green")


def test_an_idle_colour_without_hosts_is_refused():
    with pytest.raises(DeploymentError, match="green is idle, and none of its hosts is left to take the release; its group is right"):
        grouped(endpoints={**TWO_GROUPS, "web": {"w1": endpoint(blue=1)}})


def test_hosts_that_were_provisioned_for_both_colours_are_refused():
    with pytest.raises(DeploymentError, match=r"hosts of its own for each colour, and w\d has the ports blue, green"):
        grouped(endpoints=ENDPOINTS)
