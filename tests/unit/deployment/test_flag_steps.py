# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import exposition, flag_steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import judge, request
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.gather import pairs

TEXT = """\
# TYPE requests_total counter
requests_total{variant="on",status="200"} 90
requests_total{variant="on",status="500",path="/a}b"} 10 1700000000
requests_total{variant="off",status="200"} 1e3
requests_total_other 7
plain 3 # {trace="x"} 1
broken{variant="on"} NaN
"""


@pytest.mark.parametrize(
    ("selector", "total"),
    [
        ('requests_total{variant="on"}', 100),
        ('requests_total{variant="on", status=~"5.."}', 10),
        ('requests_total{variant!="on"}', 1000),
        ('requests_total{status!~"5.."}', 1090),
        ("requests_total", 1100),
        ("requests_total{}", 1100),
        ('requests_total{path=""}', 1090),
        ("plain", 3),
        ("requests", None),
        ('requests_total{variant="none"}', None),
        ("broken", None),
    ],
)
def test_counters_are_summed_over_what_a_selector_takes(selector, total):
    assert exposition.total(TEXT, selector) == total


@pytest.mark.parametrize("selector", ["rate(requests_total[5m])", 'requests_total{variant="on"', "requests_total{variant=on}", 'r{a=~"("}', ""])
def test_a_selector_that_is_none_is_an_error(selector):
    with pytest.raises(DeploymentError, match="scrape"):
        exposition.parse(selector)


RATIO = {
    "name": "errors",
    "kind": "ratio",
    "scrape": {"events": 'requests_total{variant="{variant}",status=~"5.."}', "of": 'requests_total{variant="{variant}"}'},
}
ROLLOUT = {"flag": {"name": "f"}, "steps": [{"percent": 20, "seconds": 30}, {"percent": 60, "seconds": 30}, {"percent": 100, "seconds": 30}]}


def test_steps_begin_at_nothing_and_share_the_chance_of_a_false_alarm():
    found = flag_steps.steps(ROLLOUT)
    assert [(step["number"], step["percent"]) for step in found] == [(0, 0), (1, 20), (2, 60), (3, 100)]
    assert [step["strict"] for step in found[1:]] == [False, True, True]
    assert sum(step["alpha"] for step in found[1:]) == pytest.approx(flag_steps.ALPHA)
    assert found[0]["seconds"] == 30
    assert flag_steps.steps({**ROLLOUT, "dark_seconds": 0})[0]["seconds"] == 0
    assert flag_steps.steps({})[-1]["percent"] == 100


@pytest.mark.parametrize("shares", [[50, 20], [5, 5], [50, 101], [0, 5]])
def test_steps_rise(shares):
    with pytest.raises(DeploymentError, match="above the one before"):
        flag_steps.steps({"steps": [{"percent": share, "seconds": 1} for share in shares]})


def reading(step, at, on=(0, 0), off=(0, 0), hosts=("web1",)):
    sides = {name: {"events": events, "of": of} for name, (events, of) in (("on", on), ("off", off))}
    return {"step": step, "at": at, "hosts": {host: {"errors": sides} for host in hosts}, "balancers": []}


READINGS = [
    reading(0, 0),
    reading(0, 30, off=(0, 500)),
    reading(1, 32, on=(0, 1), off=(0, 510)),
    reading(1, 62, on=(9, 101), off=(1, 910)),
    reading(2, 64, on=(9, 110), off=(1, 930)),
    reading(2, 94, on=(9, 410), off=(3, 1130)),
    reading(3, 96, on=(9, 420), off=(3, 1140)),
    reading(3, 126, on=(10, 920), off=(3, 1141)),
]


def aimed(metric, number, pool="shop", **rollout):
    return flag_steps.metrics({**ROLLOUT, **rollout, "metrics": [metric]}, number=number, pool=pool, readings=READINGS)[0]


@pytest.mark.parametrize(
    ("number", "canary", "baseline"),
    [
        (1, {"events": 9, "of": 100}, {"events": 1, "of": 400}),
        (2, {"events": 0, "of": 300}, {"events": 2, "of": 200}),
        # At 100 % nobody is left without: those of the step before.
        (3, {"events": 1, "of": 500}, {"events": 2, "of": 200}),
    ],
)
def test_those_with_the_flag_are_compared_with_those_without_in_the_same_step(number, canary, baseline):
    found = aimed(RATIO, number)
    assert (found["canary"], found["baseline"]) == (canary, baseline)
    assert "must_see" not in found


def test_a_counter_is_by_user_and_second():
    metric = {"name": "errors", "kind": "counter", "scrape": 'orders_total{variant="{variant}"}'}
    found = aimed(metric, 1)
    assert found["canary"] == {"events": 9, "of": pytest.approx(30 * 0.2)}
    assert found["baseline"] == {"events": 1, "of": pytest.approx(30 * 0.8)}


def test_a_query_is_asked_for_both_variants_in_the_time_of_the_step():
    metric = {"name": "p95", "kind": "gauge", "query": 'p95{variant="{variant}"}'}
    found = aimed(metric, 2, flag={"name": "f", "on_variant": "new", "off_variant": "old"})
    assert found["canary"] == {"query": 'p95{variant="new"}', "start": 64, "end": 94}
    assert found["baseline"] == {"query": 'p95{variant="old"}', "start": 64, "end": 94}
    assert aimed({**metric, "kind": "counter"}, 1)["canary"]["exposure"] == 0.2


def test_what_sees_all_users_is_compared_with_the_time_before_and_seen_by_its_share():
    found = aimed({"name": "errors", "kind": "ratio"}, 1)
    assert found["canary"] == {"haproxy": READINGS[2:4], "backend": "shop"}
    assert found["baseline"] == {"haproxy": READINGS[0:2], "backend": "shop"}
    assert found["must_see"] == pytest.approx(0.1 * 0.2)
    query = aimed({"name": "p95", "kind": "gauge", "query": "p95"}, 3)
    assert query["baseline"] == {"query": "p95", "start": 0, "end": 30}
    assert "must_see" not in query


def test_hosts_that_did_not_answer_twice_are_left_out_and_one_that_began_anew_counts_from_nothing():
    readings = [*READINGS[:2], reading(1, 32, on=(5, 100), hosts=("web1", "web2")), reading(1, 62, on=(1, 10), hosts=("web2", "web3"))]
    found = flag_steps.metrics({**ROLLOUT, "metrics": [RATIO]}, number=1, pool="", readings=readings)[0]
    assert found["canary"] == {"events": 1, "of": 10}
    with pytest.raises(DeploymentError, match="no host showed"):
        flag_steps.metrics({**ROLLOUT, "metrics": [RATIO]}, number=1, pool="", readings=[*readings[:3], reading(1, 62, hosts=("web3",))])


def test_failures_that_come_with_time_are_not_blamed_on_the_flag():
    """Half of all requests fail from the second step on, with the flag or without: no step by itself says anything else."""
    readings = [
        *READINGS[:2],
        reading(1, 32),
        reading(1, 62, on=(0, 200), off=(0, 800)),
        reading(2, 64, on=(0, 200), off=(0, 800)),
        reading(2, 94, on=(300, 800), off=(200, 1200)),
    ]
    for number in (1, 2):
        metrics = flag_steps.metrics({**ROLLOUT, "metrics": [RATIO]}, number=number, pool="", readings=readings)
        document = {"metrics": metrics, "alpha": flag_steps.ALPHA}
        assert judge.judge(pairs(document), request.settings(document), now=None)["verdict"] == "passed"


def test_counts_come_from_what_hosts_show():
    found = flag_steps.counts({**ROLLOUT, "metrics": [RATIO]}, {"web1": TEXT, "web2": ""})
    assert found["web1"]["errors"] == {"on": {"events": 10, "of": 100}, "off": {"events": 0, "of": 1000}}
    assert found["web2"]["errors"]["on"] == {"events": 0, "of": 0}


def checked(rollout, balancer=("lb",)):
    item = {"service": "shop", "balancer": list(balancer), "flag": {"name": "f"}}
    flag_steps.check({"services": [item]}, {"shop": {"rollout": {**ROLLOUT, **rollout}}}, today=date(2026, 1, 1))


def test_what_cannot_be_judged_is_said_before_anything_changes():
    checked({})
    checked({"metrics": [RATIO]}, balancer=())
    for bad, said in (
        ({"metrics": [{**RATIO, "tolerence": 1}]}, "tolerence"),
        ({"metrics": [{**RATIO, "kind": "gauge"}]}, "is a gauge and scrapes"),
        ({"metrics": [{**RATIO, "scrape": {"events": "rate(x[5m])", "of": "x"}}]}, "no selector"),
        ({"metrics": [{"name": "p95", "kind": "gauge", "query": "up{variant}"}]}, "prometheus"),
        ({"steps": [{"percent": 50, "seconds": 1}, {"percent": 20, "seconds": 1}]}, "above the one before"),
    ):
        with pytest.raises(DeploymentError, match=f"Service shop.*{said}"):
            checked(bad)
    with pytest.raises(DeploymentError, match="no balancer that counts"):
        checked({}, balancer=())
