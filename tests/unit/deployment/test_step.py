# SPDX-License-Identifier: GPL-3.0-or-later
"""The two actions of a batch when the ledger or the lease is away: no host of it may fail, or it stays out of the traffic."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.action import deployment_guidance, deployment_step
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

STEP = {"step": "switching", "deployment": "d", "environment": "production", "hosts": ["w1"]}


class HostVars(dict[str, dict[str, Any]]):
    """As Ansible's: `raw_get` gives variables without evaluating them."""

    raw_get = dict.__getitem__


API = {
    "service": "api",
    "strategy": "rolling",
    "batches": [["w1", "w2"], ["w3"]],
    "keep": "green",
    "keep_release": "1.1.0",
    "hosts": {"w1": {}, "w2": {}, "w3": {}},
    "balancer": [],
}
SHOP = {"service": "shop", "strategy": "blue_green", "keep": "green", "keep_release": "1.1.0", "hosts": {"w4": {}}, "balancer": []}
VARIABLES = {
    "hostvars": HostVars(
        localhost={"deploy_settle": {"forward": [API, SHOP], "back": [{**API, "keep_release": "1.0.0"}, SHOP]}},
        w1={"deploy_replaced": {"changed": True, "deployment": "d", "direction": "forward", "releases": {"api": "1.1.0"}}},
        w2={"deploy_replaced": {"changed": True, "deployment": "d", "direction": "back", "releases": {"api": "1.0.0"}}},
        w3={},
        w4={},
    )
}
AWAY = {"host": "production", "phase": "switching", "reason": "the ledger is away"}


@pytest.fixture(autouse=True)
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_args: Any) -> None:
        raise LedgerError("the ledger is away")

    monkeypatch.setattr(ActionBase, "run", lambda *_args: {})
    monkeypatch.setattr(settings, "templated", lambda *_args: {})
    monkeypatch.setattr(settings, "ledger_url", lambda _get: "sqlite:///x")
    monkeypatch.setattr(session, "open_for", gone)


def ran(module: Any, **args: Any) -> dict[str, Any]:
    action = object.__new__(module.ActionModule)
    action._task, action._templar = SimpleNamespace(args=args), SimpleNamespace(template=None)
    return dict(action.run(task_vars=VARIABLES))


def test_a_batch_does_not_begin_without_the_ledger() -> None:
    found = ran(deployment_step, state="begun", **STEP)
    assert (found["go"], found["word"], found["places"], found["problems"]) == (False, "", [], [AWAY])
    assert "failed" not in found


def test_what_was_seen_is_judged_without_the_ledger() -> None:
    assert ran(deployment_step, state="seen", results=["deploy_replaced"], **STEP)["good"] == ["w1"]


def test_a_batch_whose_end_is_not_recorded_has_a_problem() -> None:
    found = ran(deployment_step, state="ended", intent="i", results=["deploy_replaced"], **STEP)
    assert (found["good"], found["problems"]) == (["w1"], [AWAY])
    assert "failed" not in found


def test_a_step_without_hosts_fails_without_the_ledger() -> None:
    assert ran(deployment_step, state="begun", **{**STEP, "hosts": []})["failed"]
    assert ran(deployment_step, state="way_back", **STEP)["failed"]


def test_what_nobody_can_decide_goes_back() -> None:
    found = ran(deployment_guidance, environment="production", deployment="d", hosts=["w1"], services=[], problems=[AWAY])
    assert (found["act"], found["why"]) == ("rollback", ["the ledger is away"])


def test_no_step_is_taken_under_the_lease_of_another_run(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SimpleNamespace()
    monkeypatch.setattr(session, "own_lease", lambda _store, name: None if name == "environment/production" else {})
    action = object.__new__(deployment_step.ActionModule)
    for obey in (True, False):
        found = action._begin(store, {**STEP, "obey": obey}, {})
        assert (found["go"], found["word"]) == (False, "wait")
        assert "lease" in found["problems"][0]["reason"]


def brought(step: str, **args: Any) -> list[str]:
    given = {**STEP, "step": step, "hosts": ["w1", "w2", "w3", "w4"], **args}
    return list(ran(deployment_step, state="brought", **given)["hosts"])


def test_nothing_is_left_to_do_where_a_batch_has_brought_the_release() -> None:
    assert brought("switching") == ["w1"], "w2 went back, w3 was lost, w4 has an old colour to stop"


def test_nothing_is_left_to_do_on_the_way_back_where_nobody_had_come_to() -> None:
    assert brought("rolling_back", touched=["w1", "w2"]) == ["w2", "w3"], "w1 did not come back"


def test_what_another_deployment_brought_is_asked_again() -> None:
    assert brought("switching", deployment="e") == []


def test_a_batch_takes_the_services_that_were_published(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def begin(_self: Any, _store: Any, args: dict[str, Any], _variables: Any) -> dict[str, Any]:
        asked.append([service["service"] for service in args["services"]])
        return {}

    monkeypatch.setattr(session, "open_for", lambda *_args: nullcontext())
    monkeypatch.setattr(deployment_step.ActionModule, "_begin", begin)
    ran(deployment_step, state="begun", **STEP)
    ran(deployment_step, state="begun", **{**STEP, "hosts": []})
    ran(deployment_step, state="begun", services=[{"service": "given"}], **STEP)
    assert asked == [["api"], [], ["given"]]
