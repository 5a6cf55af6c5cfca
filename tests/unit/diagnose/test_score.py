# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold for every change, question and ledger."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose import score
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.answer import answer
from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import Change, Place, Question, span
from ansible_collections.evenkeel.release.tests.unit.diagnose.book import NOON, Book, finding
from hypothesis import given, settings
from hypothesis import strategies as st

HOSTS = ("web1", "web2", "web3", "db1")
SERVICES = ("shop", "search", "database")
some_hosts = st.frozensets(st.sampled_from(HOSTS))
some_services = st.frozensets(st.sampled_from(SERVICES))
distances = st.floats(0, 30 * 86400, allow_nan=False)


@st.composite
def changes(draw, *, windowed=None, earliest=-3600):
    at = NOON - draw(st.floats(earliest, 30 * 86400))
    window = draw(st.booleans()) if windowed is None else windowed
    return Change(
        id=f"{draw(st.integers(0, 9999)):04}",
        kind=draw(st.sampled_from(sorted(score.KINDS))),
        what="x",
        release=draw(st.sampled_from(["", "1.1.0"])),
        services=draw(some_services),
        hosts=draw(some_hosts),
        moments=() if window else (at,),
        window=(at, at + draw(st.floats(0, 86400))) if window else None,
        began=at,
        size=draw(st.integers(0, 64)),
        undone=draw(st.none() | st.floats(NOON - 86400, NOON + 86400)),
        reached=draw(st.booleans()),
        caused_by=draw(st.sampled_from(["", "ledger"])),
    )


questions = st.builds(Question, st.just("production"), st.just(NOON), services=some_services, hosts=some_hosts, tolerance=st.floats(0, 60))


past = changes(earliest=0)
told = st.builds(
    Question,
    st.just("production"),
    st.just(NOON),
    services=st.frozensets(st.sampled_from(SERVICES), min_size=1),
    hosts=st.just(frozenset({"web1", "web2"})),
    tolerance=st.floats(0, 60),
)


def value(change, question, places=()):
    found = score.suspect(change, question, places)
    return None if found is None else found.score


@settings(max_examples=200, deadline=None)
@given(change=changes(), question=questions)
def test_a_score_is_between_0_and_100_and_every_factor_says_why(change, question):
    found = score.suspect(change, question)
    if found:
        assert 0 <= found.score <= 100
        assert all(0 <= factor.value <= 1 and factor.text for factor in found.factors)
        assert found.before >= 0


@settings(max_examples=200, deadline=None)
@given(change=changes(windowed=False), question=questions, later=st.floats(1e-3, 1e6))
def test_what_came_after_the_onset_is_never_suspect(change, question, later):
    at = question.onset + question.tolerance + later
    assert value(replace(change, moments=(at,), began=at), question) is None
    assert value(replace(change, moments=(), window=(at, at + 60), began=at), question) is None


@settings(max_examples=200, deadline=None)
@given(change=changes(windowed=False), question=questions, near=distances, far=distances)
def test_nearer_is_never_less_suspect(change, question, near, far):
    near, far = sorted((near, far))
    # Apart from what follows from the time itself: that it was taken back meanwhile.
    change = replace(change, undone=None)
    ours, theirs = (value(replace(change, moments=(question.onset - far_off,), began=question.onset - far_off), question) for far_off in (near, far))
    assert ours >= theirs


@settings(max_examples=200, deadline=None)
@given(change=past, question=told, more=some_services)
def test_touching_a_service_with_symptoms_is_never_less_suspect(change, question, more):
    assert value(replace(change, services=change.services | more | question.services), question) >= value(change, question)


@settings(max_examples=200, deadline=None)
@given(change=past, question=told, hosts=st.frozensets(st.sampled_from(HOSTS), min_size=1))
def test_touching_exactly_the_hosts_with_symptoms_is_the_most_suspect(change, question, hosts):
    assert value(replace(change, hosts=question.hosts), question) >= value(replace(change, hosts=hosts), question)


@settings(max_examples=200, deadline=None)
@given(change=past, question=told, host=st.sampled_from(["web3", "db1"]))
def test_one_more_healthy_host_that_it_touched_is_never_more_suspect(change, question, host):
    touched = change.hosts | {"web1"}
    assert value(replace(change, hosts=touched | {host}), question) <= value(replace(change, hosts=touched), question)


@settings(max_examples=200, deadline=None)
@given(change=past, question=questions, sizes=st.tuples(st.integers(0, 64), st.integers(0, 64)))
def test_larger_is_never_less_suspect(change, question, sizes):
    small, large = sorted(sizes)
    assert value(replace(change, size=large), question) >= value(replace(change, size=small), question)


def place(state):
    return Place("staging", "1.1.0", ("shop",), NOON - 1e5, state, "staging: x")


@settings(max_examples=100, deadline=None)
@given(change=past, question=questions)
def test_ill_elsewhere_is_at_least_as_suspect_as_alone_and_that_as_healthy(change, question):
    ill, alone, healthy = (value(change, question, places) for places in ([place("ill")], [], [place("healthy")]))
    assert ill >= alone >= healthy
    assert value(change, question, [place("healthy"), place("ill")]) == ill


@settings(max_examples=100, deadline=None)
@given(change=past, question=questions)
def test_reaching_users_and_standing_is_at_least_as_suspect_as_not(change, question):
    stands = replace(change, reached=True, undone=None, caused_by="")
    assert value(stands, question) >= value(change, question)


@settings(max_examples=100, deadline=None)
@given(found=st.lists(changes(), max_size=8, unique_by=lambda change: change.id), question=questions, seed=st.integers(0, 99))
def test_the_ranking_does_not_depend_on_the_order_and_others_change_no_score(found, question, seed):
    ranked = score.ranked(found, question, {})
    shuffled = list(found)
    random.Random(seed).shuffle(shuffled)
    assert score.ranked(shuffled, question, {}) == ranked
    assert [each.score for each in ranked] == sorted((each.score for each in ranked), reverse=True)
    for each in ranked:
        assert score.ranked([each.change], question, {})[0].score == each.score


@settings(max_examples=100, deadline=None)
@given(question=questions, begin=st.floats(60, 1e6), width=st.floats(1, 1e6))
def test_a_change_between_two_looks_is_no_more_suspect_than_at_its_best_and_no_less_than_at_its_worst_moment(question, begin, width):
    window = (NOON - begin, min(NOON - begin + width, NOON))
    change = Change(id="1", kind="drift", what="x", window=window)
    (time,) = [factor for factor in score.suspect(change, question).factors if factor.name == "time"]
    assert score.decay(NOON - window[0]) - 1e-9 <= time.value <= score.decay(NOON - window[1]) + 1e-9


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (5400, "90 min"), (9000, "2.5 h"), (200000, "2.31 days"), (30 * 86400, "30 days")]
)
def test_spans_in_words(seconds, text):
    assert span(seconds) == text


@settings(max_examples=60, deadline=None)
@given(
    deploys=st.lists(st.tuples(st.integers(-500, 50), st.sampled_from(["passed", "failed", "open"])), max_size=5),
    drifts=st.lists(st.integers(-500, 50), max_size=4),
    noise=st.integers(0, 3),
)
def test_a_ledger_of_any_shape_gives_an_answer_and_noise_changes_nothing(deploys, drifts, noise):
    def book(extra):
        made = Book()
        made.write(-1000, "provision", "intent")
        for number, (minute, verdict) in enumerate(deploys):
            made.deploy(minute, None if verdict == "open" else minute + 1, f"1.{number}.0", verdict=verdict)
        for minute in drifts:
            made.drift(minute, "web1/shop", finding(f"file:/etc/{minute}"))
        for number in range(extra):
            made.write(number, "lease", subject="environment/production")
            made.deploy(number, number + 1, "9.9.9", environment="elsewhere")
        return sorted(made.entries, key=lambda entry: entry["time"])

    def asked(extra):
        question = Question("production", NOON)
        return answer(book(extra), question, now=NOON + 3600, looks_back=1e6)

    found, other = asked(0), asked(noise)
    assert found["answer"] in ("likely", "possible", "unlikely", "unknown")
    assert [(each["what"], each["score"]) for each in found["suspects"]] == [(each["what"], each["score"]) for each in other["suspects"]]
    assert all(each["seconds_before"] >= 0 for each in found["suspects"])
