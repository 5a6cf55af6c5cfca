# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch in slices: what the module is asked each time, and whom it obeys in between."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.action import bake, deployment_guidance
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

WATCH = {"backend": "shop_green", "deployment": "d1", "environment": "production", "min_requests": 100}
COUNTED = {"hrsp_2xx": "7"}


class Operator:
    """A ledger, and somebody who speaks when the slice of that number is over."""

    def __init__(self, url: str) -> None:
        self.url, self.says = url, {}

    def heard(self, number: int) -> None:
        for verb in self.says.get(number, ()):
            with open_store(self.url, actor={"name": "ada"}) as store:
                body = {"deployment": "d1", "verb": verb, "reason": "complaints"}
                store.append([NewEntry("directive", "fact", environment="production", release="1.1.0", subject=verb, body=body)])


@pytest.fixture
def operator(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setattr(ActionBase, "run", lambda *_args: {})
    return Operator(f"sqlite:///{tmp_path}/ledger.sqlite")


@pytest.fixture
def watched(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the action with a clock of its own; (result, what the module was asked)."""
    now = [1000.0]
    monkeypatch.setattr(bake.time, "monotonic", lambda: now[0])

    def run(module: Any = None, **args: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        asked: list[dict[str, Any]] = []

        def executed(*, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
            assert module_name == "evenkeel.release.bake"
            asked.append(module_args)
            now[0] += float(module_args["seconds"])
            operator.heard(len(asked))
            answer = {"verdict": "passed", "reason": "", "requests": 10 * len(asked), "errors": 0, "seconds": 1.0, "counted": COUNTED}
            return {**answer, **(module(len(asked)) if module else {})}

        action = object.__new__(bake.ActionModule)
        action._task, action._templar = SimpleNamespace(args={**WATCH, **args}), SimpleNamespace(template=lambda value: value)
        action._execute_module = executed
        return dict(action.run(task_vars={"evenkeel_ledger_url": operator.url})), asked

    return run


def test_all_slices_count_from_the_first_one(watched: Any) -> None:
    found, asked = watched(seconds="25")
    assert [(each["seconds"], each["since"], each["last"]) for each in asked] == [(10.0, {}, False), (10.0, COUNTED, False), (5.0, COUNTED, True)]
    assert (found["verdict"], found["requests"], found["seconds"], found["word"]) == ("passed", 30, 25.0, "go")


def test_a_short_watch_and_one_without_a_deployment_are_one_call(watched: Any) -> None:
    assert [each["last"] for each in watched(seconds=10)[1]] == [True]
    assert [each["seconds"] for each in watched(seconds=3000, deployment="")[1]] == [3000]
    assert [each["seconds"] for each in watched(seconds=0)[1]] == [0.0]


@pytest.mark.parametrize("end", [{"failed": True, "msg": "bad"}, {"unreachable": True, "msg": "gone"}])
def test_what_is_bad_ends_it(watched: Any, end: dict[str, Any]) -> None:
    found, asked = watched(lambda number: end if number == 2 else {}, seconds=3000)
    assert len(asked) == 2
    assert end.items() <= found.items()


def test_an_abort_ends_it_as_failed(watched: Any, operator: Operator) -> None:
    operator.says = {2: ["pause", "abort"]}
    found, asked = watched(seconds=3000)
    assert len(asked) == 2
    assert (found["failed"], found["verdict"], found["word"]) == (True, "failed", "stop")
    assert "Aborted by ada" in found["msg"]
    assert "complaints" in found["msg"]


def test_promote_now_ends_it_as_it_is(watched: Any, operator: Operator) -> None:
    operator.says = {1: ["promote"]}
    found, asked = watched(seconds=3000)
    assert len(asked) == 1
    assert (found.get("failed"), found["verdict"], found["word"]) == (None, "passed", "hurry")


def test_a_pause_and_words_to_other_deployments_change_nothing(watched: Any, operator: Operator) -> None:
    operator.says = {1: ["pause", "resume"]}
    assert len(watched(seconds=30)[1]) == 3
    operator.says = {1: ["abort"]}
    assert len(watched(seconds=30, deployment="d2")[1]) == 3


def test_a_ledger_that_is_away_does_not_end_it(watched: Any, operator: Operator) -> None:
    operator.url = "sqlite:////nowhere/at/all/ledger.sqlite"
    assert watched(seconds=15)[0]["verdict"] == "passed"


@pytest.mark.parametrize(("said", "act"), [([], "stop"), (["abort"], "rollback")])
def test_an_abort_counts_more_than_the_policy_of_a_batch(operator: Operator, said: list[str], act: str) -> None:
    operator.says = {1: said}
    operator.heard(1)
    action = object.__new__(deployment_guidance.ActionModule)
    service = {"service": "shop", "hosts": ["w1", "w2"], "on_failure": {"act": "stop", "ask": 0}}
    problem = {"host": "with users", "phase": "switching", "reason": "Aborted by ada"}
    args = {"environment": "production", "deployment": "d1", "hosts": ["w1"], "services": [service], "problems": [problem]}
    action._task, action._templar = SimpleNamespace(args=args), SimpleNamespace(template=lambda value: value)
    assert action.run(task_vars={"evenkeel_ledger_url": operator.url})["act"] == act
