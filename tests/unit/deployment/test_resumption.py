# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import resumption
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

SHOP = {"service": "shop", "hosts": {"a": {}, "b": {}, "c": {}, "d": {}}, "batches": [["a"], ["b", "c"], ["d"]]}
SITE = {"service": "site", "hosts": {"s": {}}, "live": "blue", "idle": "green"}


def intent(kind="deployment", services=(SHOP,), name="D"):
    plan = {"services": list(services)}
    return {"id": name, "kind": kind, "phase": "intent", "release": "2", "time": "t", "actor": {"name": "ada"}, "body": {"plan": plan}}


def entry(kind, phase="fact", *, name="", subject="", **body):
    return {"id": name, "kind": kind, "phase": phase, "time": "t", "actor": {"name": "ada"}, "subject": subject, "body": body}


def batch(name, hosts, verdict="", state="switching"):
    began = entry("step", "intent", name=name, deployment="D", state=state, service="shop", place="", hosts=hosts)
    return [began, entry("step", "outcome", intent=name, verdict=verdict)] if verdict else [began]


def said(verb, **body):
    return entry("directive", deployment="D", verb=verb, **body)


@pytest.mark.parametrize(
    ("later", "batches", "excluded", "resume"),
    [
        ([], [["a"], ["b", "c"], ["d"]], [], False),
        (batch("1", ["a"], "passed"), [["b", "c"], ["d"]], [], False),
        # one that never ended, or failed, has its turn again
        ([*batch("1", ["a"], "passed"), *batch("2", ["b", "c"])], [["b", "c"], ["d"]], [], False),
        ([*batch("1", ["a"], "passed"), *batch("2", ["b", "c"], "failed"), *batch("3", ["c"], "passed")], [["b"], ["d"]], [], False),
        ([said("decided", act="exclude", exclude=["b"]), *batch("2", ["c"], "passed")], [["a"], ["d"]], ["b"], False),
        ([said("pause")], [["a"], ["b", "c"], ["d"]], [], True),
        ([said("pause"), said("resume")], [["a"], ["b", "c"], ["d"]], [], False),
    ],
)
def test_what_is_left(later, batches, excluded, resume):
    found = resumption.left(intent(), later)
    assert (found["batches"], list(found["excluded"]), found["resume"]) == (batches, excluded, resume)


@pytest.mark.parametrize(
    ("later", "why"),
    [
        ([entry("verification", intent="D", verdict="passed")], "nothing left but to settle"),
        (batch("1", ["a"], "passed", state="rolling_back"), "on its way back"),
        ([said("abort")], "was aborted by ada"),
        ([entry("switch", "intent", subject="site", to="green"), entry("switch", "intent", subject="site", to="blue")], "on its way back"),
    ],
)
def test_there_is_only_recovery_left(later, why):
    with pytest.raises(DeploymentError, match=f"{why}.*recover"):
        resumption.left(intent(services=[SHOP, SITE]), later)


def test_a_switch_to_the_new_colour_is_no_way_back():
    assert resumption.left(intent(services=[SITE]), [entry("switch", "intent", subject="site", to="green")])["batches"] == []


@pytest.mark.parametrize(
    ("intents", "why"),
    [
        ([], "begin one with"),
        ([intent("rollback")], "a rollback to 2"),
        ([intent(), {**intent("recovery"), "id": "R"}], "A recovery of production"),
        ([entry("step", "intent", name="s")], "begin one with"),
    ],
)
def test_nothing_to_go_on_with(intents, why):
    with pytest.raises(DeploymentError, match=why):
        resumption.choose(intents, environment="production")


def test_the_newest_one_goes_on():
    assert resumption.choose([intent(name="E"), intent()], environment="production")["id"] == "D"
