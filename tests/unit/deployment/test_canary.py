# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import canary
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.tests.unit.deployment.ledger_of import ENVIRONMENT, Ledger

POOLS = {"canary": "shop_green", "baseline": "shop_blue"}
READINGS = [{"at": 1, "backends": {}}]


def test_steps_know_how_much_lies_behind_them():
    found = canary.steps({"steps": [{"weight": 5, "seconds": 30}, {"weight": 50, "seconds": 90}]})
    assert [(step["number"], step["fraction"], step["last"]) for step in found] == [(1, 0.25, False), (2, 1.0, True)]
    assert canary.fractions(found, 1) == [0.25]
    assert canary.fractions(found, 2) == [0.25, 1.0]


def test_steps_without_time_are_equal_shares():
    found = canary.steps({"steps": [{"weight": 5, "seconds": 0}, {"weight": 50, "seconds": 0}]})
    assert [step["fraction"] for step in found] == [0.5, 1.0]


def test_usual_steps_grow_and_end_with_the_whole_run():
    found = canary.steps({})
    assert [step["weight"] for step in found] == sorted(step["weight"] for step in found)
    assert found[-1]["fraction"] == 1.0


def test_without_metrics_the_balancer_is_asked():
    found = canary.metrics({}, **POOLS, readings=READINGS)
    assert [(metric["canary"]["backend"], metric["baseline"]["backend"]) for metric in found] == [("shop_green", "shop_blue")]
    assert found[0]["canary"]["haproxy"] == READINGS


def test_a_query_is_asked_for_both_pools():
    declared = {"name": "p95", "kind": "gauge", "query": 'latency{pool="{pool}", job="shop"}'}
    found = canary.metrics({"metrics": [declared]}, **POOLS, readings=READINGS)
    assert found == [
        {
            "name": "p95",
            "kind": "gauge",
            "canary": {"query": 'latency{pool="shop_green", job="shop"}'},
            "baseline": {"query": 'latency{pool="shop_blue", job="shop"}'},
        }
    ]


def test_a_metric_with_its_own_sources_stays():
    declared = {"name": "cpu", "kind": "gauge", "canary": {"file": "/a.csv"}}
    assert canary.metrics({"metrics": [declared]}, **POOLS, readings=READINGS) == [declared]


def test_an_unknown_placeholder_is_named():
    with pytest.raises(DeploymentError, match=r"\{pol\}"):
        canary.metrics({"metrics": [{"name": "x", "kind": "gauge", "query": "up{pol}"}]}, **POOLS, readings=[])


def checked(rollout, strategy="canary"):
    canary.check({"services": [{"service": "shop", "strategy": strategy}]}, {"shop": {"rollout": rollout}}, today=date(2026, 1, 1))


def test_what_the_judge_cannot_take_is_said_before_anything_changes():
    good = {"name": "p95", "kind": "gauge", "query": "up{pool}"}
    checked({})
    checked({"metrics": [good], "prometheus": {"url": "http://127.0.0.1:9090"}})
    for bad, said in (
        ({"metrics": [{**good, "kind": "gage"}]}, r"Service shop, rollout\.metrics\[0\]\.kind: found .*gage"),
        ({"metrics": [{**good, "tolerence": 1}], "prometheus": {"url": "http://127.0.0.1:9090"}}, "tolerence"),
        ({"metrics": [good]}, "prometheus"),
    ):
        with pytest.raises(DeploymentError, match=said):
            checked(bad)
        checked(bad, strategy="blue_green")


def test_shares_of_a_step():
    step = {"weight": 20, "seconds": 1}
    assert canary.shares(step, canary="shop_green", live="shop_blue", baseline="shop_blue") == {"shop_green": 20, "shop_blue": 80}
    same_age = canary.shares(step, canary="shop_green", live="shop_blue", baseline="shop_baseline")
    assert same_age == {"shop_green": 20, "shop_baseline": 20, "shop_blue": 60}


def test_a_baseline_of_the_same_age_needs_as_much_as_the_canary():
    services = {"shop": {"rollout": {"steps": [{"weight": 20, "seconds": 1}, {"weight": 60, "seconds": 1}]}}}
    plan = {"services": [{"service": "shop", "strategy": "canary"}]}
    canary.check(plan, services, today=date(2026, 1, 1))
    plan["services"][0]["baseline"] = True
    with pytest.raises(DeploymentError, match="a weight of 60 % leaves no such share"):
        canary.check(plan, services, today=date(2026, 1, 1))


def test_a_step_that_nothing_can_be_judged_by_is_said_beforehand():
    checked({"steps": [{"weight": 5, "seconds": 0}, {"weight": 50, "seconds": 0}]})
    with pytest.raises(DeploymentError, match=r"rollout\.steps: step 1 takes 0 s of a run of 60 s"):
        checked({"steps": [{"weight": 5, "seconds": 0}, {"weight": 50, "seconds": 60}]})


def test_a_gauge_of_several_balancers_needs_a_query():
    plan = {"services": [{"service": "shop", "strategy": "canary", "balancer": [{"host": "lb1"}, {"host": "lb2"}]}]}
    with pytest.raises(DeploymentError, match="response_ms is a gauge without a source, and the service has 2 balancers"):
        canary.check(plan, {"shop": {"rollout": {"metrics": [{"name": "response_ms", "kind": "gauge"}]}}}, today=date(2026, 1, 1))


EARLIER = {"name": "p95", "kind": "gauge", "query": "p95{pool='{pool}'}", "earlier": 2}


def test_a_query_is_asked_for_earlier_releases_as_long_after_their_first_users():
    windows = [{"release": f"1.{number}.0", "start": 1000 * number, "pool": "shop_blue"} for number in (3, 2, 1)]
    readings = [{"at": 9000, "backends": {}}, {"at": 9060, "backends": {}}]
    [found] = canary.metrics({"metrics": [EARLIER]}, **POOLS, readings=readings, earlier=windows)
    assert found["earlier"] == [
        {"release": "1.3.0", "query": "p95{pool='shop_blue'}", "start": 3000, "end": 3060},
        {"release": "1.2.0", "query": "p95{pool='shop_blue'}", "start": 2000, "end": 2060},
    ]
    [alone] = canary.metrics({"metrics": [EARLIER]}, **POOLS, readings=readings)
    assert "earlier" not in alone


def test_the_plan_of_a_canary_says_which_releases_it_is_compared_with():
    ledger = Ledger()
    for number in range(5):
        ledger.deploy(f"1.{number}.0", 10_000 * (number + 1))
    plan = {"environment": ENVIRONMENT, "services": [{"service": "shop", "strategy": "canary", "release": "1.3.0"}]}
    canary.look_back(plan, {"shop": {"rollout": {"metrics": [EARLIER, {"name": "own", "kind": "gauge", "canary": {}, "earlier": []}]}}}, ledger.entries)
    assert plan["services"][0]["earlier"] == [
        {"release": "1.4.0", "start": 50_009, "pool": "shop_green"},
        {"release": "1.2.0", "start": 30_009, "pool": "shop_green"},
    ]
    other = {"environment": ENVIRONMENT, "services": [{"service": "shop", "strategy": "canary", "release": "1.3.0"}]}
    canary.look_back(other, {"shop": {}}, ledger.entries)
    assert "earlier" not in other["services"][0]


@pytest.mark.parametrize("change", [{"kind": "counter"}, {"earlier": 0}, {"query": None}])
def test_what_cannot_be_compared_with_earlier_releases_is_said_beforehand(change):
    metric = {key: value for key, value in {**EARLIER, **change}.items() if value is not None}
    checked({"metrics": [EARLIER], "prometheus": {"url": "http://127.0.0.1:9090"}})
    with pytest.raises(DeploymentError, match="earlier"):
        checked({"metrics": [metric], "prometheus": {"url": "http://127.0.0.1:9090"}})
