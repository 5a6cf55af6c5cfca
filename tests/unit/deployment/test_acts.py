# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.acts import acts, refuse_another
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.tests.unit.deployment.ledger_of import ENVIRONMENT, Ledger
from hypothesis import given
from hypothesis import strategies as st


def test_users_have_it_when_the_switch_is_over() -> None:
    ledger = Ledger()
    first = ledger.deploy("1.0.0", 1000)
    second = ledger.deploy("1.1.0", 5000, verdict="")
    found = acts(ledger.entries, ENVIRONMENT)
    assert [(act.id, act.release, act.began, act.ended, act.verdict) for act in found] == [
        (first, "1.0.0", 1000, 1020, "passed"),
        (second, "1.1.0", 5000, None, ""),
    ]
    assert found[0].services["shop"] == ("1.0.0", 1009, 1010, "shop_green")
    assert acts(ledger.entries, "staging") == []


def test_the_first_users_of_a_canary_met_it_before_the_others() -> None:
    ledger = Ledger()
    intent = ledger.add("deployment", "intent", 100, release="2.0.0", plan={"services": [{"service": "shop", "release": "2.0.0"}]})
    for begun, weight in ((110, "5 %"), (170, "50 %")):
        step = ledger.add("step", "intent", begun, deployment=intent, state="verifying", service="shop", place=weight)
        ledger.add("step", "outcome", begun + 60, deployment=intent, intent=step, verdict="passed")
    switch = ledger.add("switch", "intent", 240, release="2.0.0", subject="shop", to="blue", deployment=intent)
    ledger.add("switch", "outcome", 241, release="2.0.0", subject="shop", intent=switch, verdict="passed", to="blue")
    # and it went back: that is the old release's switch
    ledger.add("switch", "intent", 300, release="1.0.0", subject="shop", to="green", deployment=intent)
    [act] = acts(ledger.entries, ENVIRONMENT)
    assert act.services["shop"] == ("2.0.0", 110, 241, "shop_blue")


def test_a_rolling_release_meets_its_users_batch_by_batch() -> None:
    ledger = Ledger()
    services = [{"service": "shop", "release": "2.0.0", "batches": [["a"], ["b"]]}, {"service": "vault", "release": "2.0.0"}]
    intent = ledger.add("deployment", "intent", 100, release="2.0.0", plan={"services": services})
    for begun, state in ((110, "switching"), (130, "switching"), (150, "rolling_back")):
        step = ledger.add("step", "intent", begun, deployment=intent, state=state, service="", hosts=["a"])
        ledger.add("step", "outcome", begun + 10, deployment=intent, intent=step, verdict="passed")
    ledger.add("deployment", "outcome", 170, release="2.0.0", intent=intent, verdict="passed")
    [act] = acts(ledger.entries, ENVIRONMENT)
    assert act.services["shop"] == ("2.0.0", 110, 140, "")
    assert act.services["vault"] == ("2.0.0", 170, 170, ""), "without a record of the traffic it is the end"


def test_only_the_newest_deployment_is_undone() -> None:
    ledger = Ledger()
    first, second = ledger.deploy("1.0.0", 1000), ledger.deploy("1.1.0", 2000)
    known = acts(ledger.entries, ENVIRONMENT)
    refuse_another(known, "")
    refuse_another(known, second)
    with pytest.raises(DeploymentError, match=r"nothing was changed: the last one is the deployment of 1\.1\.0 at 1970-01-01T00:33:20Z"):
        refuse_another(known, first)
    with pytest.raises(DeploymentError, match="the last one is none"):
        refuse_another([], first)


@given(st.lists(st.tuples(st.sampled_from(["passed", "failed", ""]), st.floats(1, 1e6)), max_size=6))
def test_nobody_has_a_release_before_its_first_user(rows: list[tuple[str, float]]) -> None:
    ledger, now = Ledger(), 0.0
    for number, (verdict, pause) in enumerate(rows):
        now += pause + 60
        ledger.deploy(f"1.{number}.0", now, verdict=verdict)
    for act in acts(ledger.entries, ENVIRONMENT):
        served = act.services["shop"]
        assert act.began <= served.met <= served.at
