# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from datetime import datetime, timezone

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import holds, progress
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError

INTENT = {"id": "D", "kind": "deployment", "phase": "intent"}


def entry(kind, phase="fact", *, release="", environment="test", **body):
    entry.number = next(entry.numbers)
    return {
        "id": f"e{entry.number}",
        "kind": kind,
        "phase": phase,
        "time": "2026-01-01T00:00:00Z",
        "actor": {"name": "ada"},
        "environment": environment,
        "release": release,
        "body": body,
    }


entry.numbers = itertools.count()


def begun(state, place="", hosts=(), deployment="D"):
    return entry("step", "intent", deployment=deployment, state=state, service="shop", place=place, hosts=list(hosts))


def ended(intent, verdict="passed"):
    return entry("step", "outcome", intent=intent["id"], verdict=verdict)


def test_steps_and_what_they_touched():
    staged, one, two, other = begun("staged"), begun("switching", "1", ["a", "b"]), begun("switching", "2", ["c"]), begun("switching", "1", ["z"], "other")
    found = progress.steps([staged, other, ended(staged), one, ended(one, "failed"), two, ended(other)], "D")
    assert [(step.state, step.place, step.verdict) for step in found] == [("staged", "", "passed"), ("switching", "1", "failed"), ("switching", "2", "")]
    assert progress.touched(found) == ["a", "b", "c"]
    assert progress.done(found, state="staged", service="shop", place="")
    assert not progress.done(found, state="switching", service="shop", place="1")
    assert not progress.done(found, state="switching", service="shop", place="2")


@pytest.mark.parametrize(
    ("verbs", "word"),
    [
        ("", "go"),
        ("pause", "wait"),
        ("pause resume", "go"),
        ("promote", "hurry"),
        ("promote pause", "wait"),
        ("pause abort resume", "stop"),
        ("abort promote", "stop"),
    ],
)
def test_the_last_word_counts_and_abort_stays(verbs, word):
    later = [entry("directive", deployment="D", verb=verb, reason="look first") for verb in verbs.split()]
    later += [entry("directive", deployment="another", verb="abort")]
    said = progress.may_go_on(later, "D")
    assert said.word == word
    if verbs:
        assert "ada" in said.why
        assert "look first" in said.why


def test_state():
    staged = begun("staged")
    assert progress.state_of(INTENT, []) == "gated"
    assert progress.state_of(INTENT, [staged]) == "staged"
    assert progress.state_of(INTENT, [staged, begun("switching", "1")]) == "switching"
    for verdict, state in {"passed": "confirmed", "failed": "rolled_back", "errored": "failed"}.items():
        assert progress.state_of(INTENT, [staged, entry("deployment", "outcome", intent="D", verdict=verdict)]) == state
    assert progress.state_of(INTENT, [entry("deployment", "outcome", intent="another", verdict="passed")]) == "gated"


def test_holds_and_marks():
    hold = entry("hold", release="1.1.0", state="held", reason="rolled back")
    mark = entry("mark", release="1.2.0", environment="", state="bad", reason="eats data")
    known = [hold, mark]
    assert set(holds.held(known, "test")) == {"1.1.0"}
    assert holds.held(known, "production") == {}
    assert set(holds.bad(known)) == {"1.2.0"}
    with pytest.raises(DeploymentError, match=r"1\.1\.0 is held back in test by ada since .*: rolled back\."):
        holds.refuse(known, environment="test", release="1.1.0")
    with pytest.raises(DeploymentError, match=r"1\.2\.0 is marked bad by ada .*: eats data"):
        holds.refuse(known, environment="production", release="1.2.0")
    holds.refuse(known, environment="production", release="1.1.0")
    known += [entry("hold", release="1.1.0", state="lifted"), entry("mark", release="1.2.0", environment="", state="cleared")]
    holds.refuse(known, environment="test", release="1.1.0")
    holds.refuse(known, environment="test", release="1.2.0")


def test_nothing_came_through_for_too_long():
    def at(entry, minute):
        return {**entry, "time": f"2026-01-01T00:{minute:02d}:00Z"}

    intent = {**INTENT, "time": "2026-01-01T00:00:00Z", "body": {}}
    one, two = begun("switching", "1"), begun("switching", "2")
    first, failed = at(ended(one), 10), at(ended(two, "failed"), 14)
    services = [{"progress_deadline": 300}, {"progress_deadline": 600}, {}]

    def late(entries, minute):
        return progress.late(entries, "D", services, now=datetime(2026, 1, 1, 0, minute, tzinfo=timezone.utc))

    assert late([intent], 5) == ""
    assert "for 360 s, progress_deadline is 300 s" in late([intent], 6)
    assert late([intent, one, first, two, failed], 15) == ""
    assert "for 360 s" in late([intent, one, first, two, failed], 16)
    assert late([intent, one, first, two, failed, at(entry("directive", deployment="D", verb="resume"), 16)], 20) == ""
    assert progress.late([intent], "D", [{}], now=datetime(2027, 1, 1, tzinfo=timezone.utc)) == ""


def test_an_answer_and_a_decision_are_no_word():
    assert progress.may_go_on([entry("directive", deployment="D", verb="answer", host="a", act="stop")], "D").word == "go"
