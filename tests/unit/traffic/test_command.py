# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError, Unreachable
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.command import Driver, faults_of
from hypothesis import given
from hypothesis import strategies as st

GOOD = {"services": {"shop": "blue"}, "servers": {"blue": {"web1": {"state": "ready", "weight": 1, "sessions": None}}}}
ANY = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner))


def answering(said, code=0):
    calls = []

    def run(argv, seconds):
        calls.append(argv)
        return code, said if isinstance(said, str) else json.dumps(said), "broken"

    return run, calls


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ({}, "services is no mapping"),
        ({"services": {}, "servers": {}, "extra": 1}, "unknown key extra"),
        ({"services": {"shop": "pink"}, "servers": {"blue": {}}}, "services.shop names no pool of servers: 'pink'"),
        ({"services": {}, "servers": {"blue": []}}, "servers.blue is no mapping"),
        ({"services": {}, "servers": {"blue": {"web1": {"state": "up"}}}}, "servers.blue.web1: state 'up' is none of ready, drain, maint"),
        ({"services": {}, "servers": {"blue": {"web1": {"state": "ready", "sessions": -1}}}}, "sessions -1 is no count"),
        ({"services": {}, "servers": {"blue": {"web1": {"state": "ready", "sessions": True}}}}, "sessions True is no count"),
    ],
)
def test_an_answer_that_is_no_state(answer, fault):
    run, _calls = answering(answer)
    with pytest.raises(TrafficError) as raised:
        Driver({"state": ["lb"]}, run=run).state()
    assert fault in str(raised.value)


@given(st.dictionaries(st.sampled_from(["services", "servers", "splits", "closed", "x"]), st.dictionaries(st.text(max_size=3), ANY) | ANY))
def test_whatever_comes_is_judged_and_never_breaks(answer):
    assert isinstance(faults_of(answer), list)


@pytest.mark.parametrize(
    ("said", "code", "told"), [("", 3, "ended with 3: broken"), ("no json", 0, "did not answer in JSON: 'no json'"), ("[]", 0, "answered")]
)
def test_broken_answers(said, code, told):
    run, _calls = answering(said, code)
    with pytest.raises(TrafficError, match=told):
        Driver({"state": ["lb"]}, run=run).state()


def test_an_error_in_the_answer_is_an_error():
    run, _calls = answering({"error": "quota"})
    with pytest.raises(TrafficError, match="quota"):
        Driver({"state": ["lb"]}, run=run).state()


def test_words_are_filled_in_one_by_one_and_never_split():
    run, calls = answering(GOOD)
    with pytest.raises(TrafficError, match="ended well, yet state says 1, wanted was 5"):
        Driver({"state": ["lb"], "set_weight": ["lb", "set", "{pool}/{server}={weight}", "{other}"]}, run=run).set_weight("blue", "web1", 5)
    assert calls[0] == ["lb", "set", "blue/web1=5", "{other}"]


@pytest.mark.parametrize("verb", ["switch", "split", "close", "drain"])
def test_an_act_that_state_does_not_show_failed(verb):
    state = {**GOOD, "servers": {**GOOD["servers"], "green": {}}}
    driver = Driver({"state": ["lb"], verb: ["lb"]}, run=answering(state)[0])
    acts = {
        "switch": lambda: driver.switch("shop", "green"),
        "split": lambda: driver.split("shop", {"blue": 95, "green": 5}),
        "close": lambda: driver.close("shop", 5),
        "drain": lambda: driver.drain("blue", "web1"),
    }
    with pytest.raises(TrafficError, match=f"The command for {verb} ended well, yet state says"):
        acts[verb]()


def test_sessions_that_are_not_told_cannot_be_waited_for():
    run, _calls = answering(GOOD)
    with pytest.raises(TrafficError, match="does not tell the sessions of blue"):
        Driver({"state": ["lb"]}, run=run).sessions([("blue", "web1")])


def test_verbs():
    with pytest.raises(TrafficError, match=r"needed is 'state', allowed are state, switch.*found drian"):
        Driver({"drian": ["lb"]}, run=answering({})[0])


def test_a_program_that_is_not_there():
    def run(argv, seconds):
        raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(Unreachable, match="The command for state, lb, cannot be run: No such file"):
        Driver({"state": ["lb"]}, run=run).state()
