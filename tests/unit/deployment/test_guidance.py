# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import guidance
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from hypothesis import given
from hypothesis import strategies as st

BATCH = ["a", "b"]
STATE = guidance.State(batch=BATCH, attempt=1, excluded=[], total=6, needed=3)


def bad(*hosts):
    return [{"host": host, "phase": "switching", "reason": "not healthy"} for host in hosts]


def policy(**changes):
    return {**guidance.POLICY, **changes}


def answer(host, act):
    return {"host": host, "act": act, "reason": "ticket 7"}


@pytest.mark.parametrize(
    ("problems", "declared", "answers", "state", "act", "retry", "exclude"),
    [
        ([], policy(act="retry"), [], STATE, "go", [], []),
        (bad("a"), policy(), [], STATE, "rollback", [], []),
        (bad("a"), policy(act="stop"), [], STATE, "stop", [], []),
        (bad("a"), policy(act="retry"), [], STATE, "retry", ["a"], []),
        (bad("a"), policy(act="retry"), [], STATE._replace(attempt=2), "rollback", [], []),
        (bad("a"), policy(act="retry", retries=2), [], STATE._replace(attempt=2), "retry", ["a"], []),
        (bad("a"), policy(act="exclude"), [], STATE, "exclude", [], ["a"]),
        (bad("a", "b"), policy(act="exclude"), [], STATE, "rollback", [], []),
        (bad("a", "b"), policy(act="exclude", exclude_at_most="50%"), [], STATE, "exclude", [], ["a", "b"]),
        (bad("a"), policy(act="exclude"), [], STATE._replace(excluded=["z"]), "rollback", [], []),
        (bad("a"), policy(act="exclude"), [], STATE._replace(needed=6), "rollback", [], []),
        # what users see is nobody's own
        (bad("with users"), policy(act="retry"), [], STATE, "rollback", [], []),
        (bad("with users"), policy(act="stop"), [], STATE, "stop", [], []),
        # an operator knows more than a policy
        (bad("a"), policy(), [answer("a", "exclude")], STATE, "exclude", [], ["a"]),
        (bad("a"), policy(), [answer("*", "stop")], STATE, "stop", [], []),
        (bad("a"), policy(), [answer("*", "stop"), answer("a", "retry")], STATE, "retry", ["a"], []),
        (bad("a", "b"), policy(), [answer("a", "retry"), answer("b", "exclude")], STATE, "retry", ["a"], ["b"]),
        (bad("a", "b"), policy(act="retry"), [answer("b", "rollback")], STATE, "rollback", [], []),
        (bad("with users"), policy(), [answer("*", "exclude")], STATE, "rollback", [], []),
    ],
)
def test_decisions(problems, declared, answers, state, act, retry, exclude):
    found = guidance.decide(problems, policy=declared, answers=answers, state=state)
    assert (found.act, found.retry, found.exclude) == (act, retry, exclude)
    assert bool(found.why) == bool(problems)


@given(
    hosts=st.lists(st.sampled_from(["a", "b", "with users"]), unique=True),
    act=st.sampled_from(guidance.ACTS),
    attempt=st.integers(1, 5),
    gone=st.integers(0, 4),
    given_answers=st.lists(st.builds(answer, st.sampled_from(["a", "b", "*"]), st.sampled_from(guidance.ACTS))),
)
def test_it_always_ends_and_never_leaves_too_few(hosts, act, attempt, gone, given_answers):
    state = STATE._replace(attempt=attempt, excluded=["x"] * gone)
    found = guidance.decide(bad(*hosts), policy=policy(act=act), answers=given_answers, state=state)
    assert found.act in ("go", *guidance.ACTS)
    if found.exclude:
        assert len(found.exclude) + gone <= 1
    if found.act == "retry":
        assert attempt <= 1
    if found.act in ("retry", "exclude"):
        assert set(found.retry) | set(found.exclude) == set(hosts)


def test_of_several_policies_the_one_that_undoes_most():
    services = [{"on_failure": {"act": "exclude"}}, {"on_failure": {"act": "stop", "ask": 5}}, {}]
    assert guidance.policy_of(services) == {**guidance.POLICY, "act": "stop", "ask": 5}
    assert guidance.policy_of([{}]) == guidance.POLICY


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "a list of"),
        ([{"act": "retry"}], "host is needed"),
        ([{"host": "a", "act": "ignore"}], "allowed are rollback"),
        ([{"host": "a", "why": 1}], "Answer 1"),
    ],
)
def test_answers_that_nobody_understands(document, said):
    with pytest.raises(DeploymentError, match=said):
        guidance.checked(document)


def test_answers_from_the_file_and_from_the_ledger():
    assert guidance.checked([{"host": "a", "act": "retry"}]) == [{"host": "a", "act": "retry", "reason": ""}]
    body = {"deployment": "D", "verb": "answer", "host": "a", "act": "stop", "reason": "wait for me"}
    entries = [
        {"kind": "directive", "actor": {"name": "ada"}, "body": body},
        {"kind": "directive", "actor": {"name": "ada"}, "body": {**body, "deployment": "other"}},
        {"kind": "directive", "actor": {"name": "ada"}, "body": {"deployment": "D", "verb": "pause"}},
    ]
    assert guidance.told(entries, "D") == [{"host": "a", "act": "stop", "reason": "ada: wait for me"}]


def test_who_waits_for_an_answer():
    assert guidance.asks(bad("a", "b"), answers=[answer("a", "stop")]) == ["b"]
    assert guidance.asks(bad("a", "b"), answers=[answer("*", "stop")]) == []
