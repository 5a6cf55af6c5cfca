# SPDX-License-Identifier: GPL-3.0-or-later
"""The first hour of releases that a real Prometheus saw, in the order in which they happen."""

from __future__ import annotations

import json
import re
import threading
import time
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from ansible_collections.evenkeel.release.tests.integration.support.prometheus import Prometheus

from .conftest import LIVE_MINUTES, SWITCHED, Deployments, Exporter


@pytest.fixture
def looked(playbook: Any, inventory: dict[str, Any], deployments: Deployments) -> Any:
    """One look at each environment, in one play; {environment: result}."""

    def run(*environments: str, check: bool = False, **options: Any) -> dict[str, Any]:
        tasks = [
            {"name": name, "evenkeel.release.release_watch": {"environment": name, "ledger_url": deployments.url, **options}, "ignore_errors": True}
            for name in environments
        ]
        done = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], inventory=inventory, check=check)
        assert done.rc == 0, done.stdout + done.stderr
        return {name: done.result(name) for name in environments}

    return run


@pytest.fixture
def watched(playbook: Any, inventory: dict[str, Any], deployments: Deployments) -> Any:
    def run(environment: str, **extra: Any) -> Any:
        return playbook(
            "evenkeel.release.watch", inventory=inventory, extra_vars={"evenkeel_target": environment, "evenkeel_ledger_url": deployments.url, **extra}
        )

    return run


def written(deployments: Deployments, kind: str) -> dict[str, str]:
    """{environment: verdict} of what the watch recorded."""
    entries = deployments.store.entries(kind=kind, phase="fact")
    return {entry.environment: entry.body["verdict"] for entry in entries if kind == "validation" or entry.body.get("by") == "watch"}


def test_what_a_real_prometheus_saw_of_each_release(looked: Any, deployments: Deployments) -> None:
    rehearsed = looked("good", "slow", check=True)
    assert [found["verdict"] for found in rehearsed.values()] == ["passed", "failed"]
    assert written(deployments, "validation") == {}
    found = looked(*(name for name in SWITCHED if name not in ("stale", "back")))
    assert {name: (each["verdict"], each["over"]) for name, each in found.items()} == {
        "good": ("passed", True), "young": ("passed", False), "slow": ("failed", True), "burning": ("failed", True),
        "database": ("failed", True), "silent": ("inconclusive", True), "down": ("errored", False),
    }  # fmt: skip
    assert found["good"]["msg"].startswith("shop 1.3.0, 60 of 60 minutes since ")
    assert 20 < found["young"]["looks"] <= 33
    assert found["young"]["services"][0]["earlier"] == ["1.2.0", "1.1.0", "1.0.0"]
    assert re.search(r"- p95 is above what was usual before, since .*; told at .*\. It is 0\.\d+ in place of 0\.\d+ \(\+1[45]\d %\)\.", found["slow"]["msg"])
    assert "not rolled back: on_bad of its guard is tell" in found["slow"]["msg"]
    assert re.search(r"errors burns its error budget: .* times the even pace over 1 h and .* over 5 min\.", found["burning"]["msg"])
    assert "p95 is higher than in 3 earlier releases" in found["database"]["msg"]
    assert "It was so before the switch as well" in found["database"]["msg"]
    assert "It is not rolled back: the release is not the likely cause." in found["database"]["msg"]
    assert not found["database"]["rollback"]
    assert "there is no data of p95 from the canary" in found["silent"]["msg"]
    assert "could not be asked" in found["down"]["msg"]
    bad = dict.fromkeys(("slow", "burning"), "failed")
    assert written(deployments, "verification") == bad
    assert written(deployments, "validation") == {"good": "passed", "silent": "inconclusive", "database": "failed", **bad}
    assert verify(deployments.store).ok


def test_a_final_verdict_is_said_again_and_a_release_that_was_replaced_is_refused(looked: Any, deployments: Deployments) -> None:
    before = len(deployments.store.entries())
    found = looked("good", "slow")
    assert "the verdict on its first hour is passed, recorded at" in found["good"]["msg"]
    assert (found["slow"]["verdict"], found["slow"]["rollback"]) == ("failed", "")
    assert "- p95 is above what was usual before" in found["slow"]["msg"]
    assert len(deployments.store.entries()) == before
    stale = looked("stale", version="1.2.0")["stale"]
    assert (stale["verdict"], stale["refused"]) == ("inconclusive", True)
    assert "1.2.0 does not serve shop: it was replaced by 1.3.0 at " in stale["msg"]


def test_the_playbook_ends_as_the_release_does(watched: Any) -> None:
    assert watched("young", evenkeel_looks=1).rc == 0
    for environment, extra, said in (
        ("down", {}, "could not be asked"),
        ("stale", {"evenkeel_watch_version": "1.2.0"}, "1.2.0 does not serve shop"),
        ("young", {"evenkeel_version": "1.3.0"}, "name the release to watch"),
    ):
        run = watched(environment, evenkeel_looks=1, **extra)
        assert run.rc != 0, environment
        assert said in run.stdout
        assert "PLAY [Check the documents]" not in run.stdout


def test_a_bad_release_is_taken_back_unless_another_deployment_began(watched: Any, deployments: Deployments) -> None:
    """Here the rollback ends where it looks at hosts that nobody provisioned: tests of deployments go the whole way."""
    run = watched("back", evenkeel_looks=1)
    assert run.rc != 0
    assert run.result("Look")["rollback"] == run.result("Look")["services"][0]["deployment"]
    assert run.json["plays"][-1]["play"]["name"] != "Watch the first hour"
    again = watched("back", evenkeel_looks=1)
    assert again.result("Look")["rollback"], "the way back that was not taken is left to the next run"
    deployments.deploy("back", "1.4.0", time.time())
    over = watched("back", evenkeel_looks=1, evenkeel_watch_version="1.3.0")
    assert over.rc != 0
    assert (over.result("Look")["rollback"], over.result("Look")["refused"]) == ("", True)


def test_a_release_that_gets_slow_while_it_is_watched(watched: Any, live: Prometheus, deployments: Deployments) -> None:
    """Figures of a live service, a look each second."""
    time.sleep(max(0.0, live.since + 20 - time.time()))  # 40 points of the time before, and Prometheus begins late
    deployments.deploy("live", "2.0.0", time.time())
    threading.Timer(7, setattr, (Exporter, "p95", 0.4)).start()
    began = time.time()
    run = watched("live")
    assert run.rc != 0
    assert time.time() - began < LIVE_MINUTES * 60, "it waited for the end of the watch"
    looks = [task["hosts"]["localhost"] for play in run.json["plays"] for task in play["tasks"] if task["task"]["name"] == "Look again"]
    last = [look for look in looks if "services" in look][-1]["services"][0]
    assert last["verdict"] == "failed"
    assert last["findings"][0]["began"] == pytest.approx(began + 7, abs=2)
    assert "p95 is above what was usual before, since" in json.dumps(run.result("Fail when it is bad or could not be told"))
