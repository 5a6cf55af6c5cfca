# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import copy
import json
from collections import Counter
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._flags import decide, files, schema
from ansible_collections.evenkeel.release.plugins.module_utils._flags.decide import Wanted
from ansible_collections.evenkeel.release.plugins.module_utils._flags.errors import FlagError
from hypothesis import given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

SUBJECTS = 10_000
NOW = files.Options(now="2026-05-01T10:00:00Z", create=True)
BETA: dict[str, Any] = {"if": [{"==": [{"var": "tier"}, "beta"]}, "on", {"fractional": [["off", 90], ["on", 10]]}]}


def flag(**more: Any) -> dict[str, Any]:
    return {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off", **more}


def decided(found: dict[str, Any] | None, **wanted: Any) -> dict[str, Any]:
    return decide.decide("f", found, Wanted(**wanted))


def evaluator(found: dict[str, Any], key: str = "f") -> FlagdCore:
    """The evaluator that flagd's own provider uses; the one oracle here."""
    core = FlagdCore()
    core.set_flags(json.dumps({"flags": {key: found}}))
    return core


def answers(found: dict[str, Any], *, subjects: int = SUBJECTS, attribute: str = "", default: bool = False) -> list[bool]:
    core = evaluator(found)
    contexts = [EvaluationContext(f"user-{n}", {attribute: f"u{n}@example.com"} if attribute else {}) for n in range(subjects)]
    return [core.resolve_boolean_value("f", default, context).value for context in contexts]


@pytest.mark.parametrize("percentage", [0, 1, 10, 12.5, 33.333, 50, 99, 100])
def test_a_percentage_is_what_the_evaluator_gives(percentage: float) -> None:
    found = decided(flag(), state="percentage", percentage=percentage)
    assert schema.flag_faults("f", found) == []
    on = sum(answers(found))
    spread = 4 * (SUBJECTS * percentage / 100 * (1 - percentage / 100)) ** 0.5
    assert abs(on - SUBJECTS * percentage / 100) <= spread
    assert decide.share(found, Wanted("on")) == pytest.approx(percentage)


def test_who_is_in_stays_in_when_it_grows_and_gets_the_same_answer_twice() -> None:
    before: list[bool] = [False] * 4000
    for percentage in (0.5, 5, 12.5, 13, 50, 99.999, 100):
        found = decided(flag(), state="percentage", percentage=percentage)
        now = answers(found, subjects=4000)
        assert now == answers(found, subjects=4000)
        assert not [n for n in range(4000) if before[n] and not now[n]]
        before = now
    assert all(before)


def test_two_flags_take_different_subjects() -> None:
    found = decided(flag(), state="percentage", percentage=50)
    ours, theirs = evaluator(found, "f"), evaluator(found, "g")
    contexts = [EvaluationContext(f"user-{n}") for n in range(2000)]
    same = sum(ours.resolve_boolean_value("f", False, c).value == theirs.resolve_boolean_value("g", False, c).value for c in contexts)
    assert 850 < same < 1150


def test_sticky_by_an_attribute() -> None:
    found = decided(flag(), state="percentage", percentage=20, sticky_by="email")
    assert schema.flag_faults("f", found) == []
    assert abs(sum(answers(found, attribute="email")) - 2000) < 160
    assert not any(answers(found, subjects=50, default=True))  # who has no email is off
    core = evaluator(found)
    for n in range(50):
        seen = {core.resolve_boolean_value("f", False, EvaluationContext(key, {"email": f"u{n}"})).value for key in ("a", "b", "c")}
        assert len(seen) == 1


def test_without_a_targeting_key_a_rollout_is_off() -> None:
    found = decided(flag(defaultVariant="on"), state="percentage", percentage=100)
    assert evaluator(found).resolve_boolean_value("f", True, EvaluationContext()).value is False


@pytest.mark.parametrize(("state", "value"), [("on", True), ("off", False), ("killed", False)])
def test_everybody_gets_the_same(state: str, value: bool) -> None:
    for found in (flag(), flag(defaultVariant="on"), flag(state="DISABLED"), decided(flag(), state="percentage", percentage=30)):
        new = decided(found, state=state)
        assert set(answers(new, subjects=200, default=not value)) == {value}
        assert decided(new, state=state) == new


def test_a_kill_keeps_the_rules_and_doesnt_ask_them() -> None:
    found = flag(targeting=BETA)
    killed = decided(found, state="killed")
    assert schema.flag_faults("f", killed) == []
    assert evaluator(killed).resolve_boolean_value("f", True, EvaluationContext("x", {"tier": "beta"})).value is False
    assert killed["targeting"]["if"][1] == BETA
    assert decide.share(killed, Wanted("on")) == 0.0
    back = decided(killed, state="percentage", percentage=40)
    assert evaluator(back).resolve_boolean_value("f", False, EvaluationContext("x", {"tier": "beta"})).value is True
    assert 3600 < sum(answers(back)) < 4400


def test_a_flag_without_an_off_variant_is_killed_by_disabling_it() -> None:
    found = {"state": "ENABLED", "variants": {"blue": "b", "green": "g"}, "defaultVariant": "blue", "targeting": BETA}
    killed = decided(found, state="killed")
    assert killed == {**found, "state": "DISABLED"}
    assert decided(found, state="killed", off_variant="green")["targeting"]["if"][2] == "green"


def test_rules_of_its_own_are_not_dropped_in_silence() -> None:
    for state in ("on", "off"):
        with pytest.raises(FlagError, match="replace_targeting"):
            decided(flag(targeting=BETA), state=state)
        assert decided(flag(targeting=BETA), state=state, replace_targeting=True)["targeting"] == {}
    only_beta = {"if": [{"==": [{"var": "tier"}, "beta"]}, "on", "off"]}
    with pytest.raises(FlagError, match="0 roll-outs between 'on' and 'off'"):
        decided(flag(targeting=only_beta), state="percentage", percentage=5)


def test_the_one_rollout_within_rules_is_changed_in_place() -> None:
    new = decided(flag(targeting=BETA), state="percentage", percentage=25)
    assert new["targeting"] == {"if": [{"==": [{"var": "tier"}, "beta"]}, "on", {"fractional": [["off", 75], ["on", 25]]}]}
    assert BETA["if"][2] == {"fractional": [["off", 90], ["on", 10]]}
    assert decide.share(new, Wanted("on")) is None


@pytest.mark.parametrize(
    ("found", "wanted", "told"),
    [
        (flag(), {"state": "on", "on_variant": "blue"}, "no variant 'blue'"),
        ({"state": "ENABLED", "variants": {"a": "x", "b": "y"}}, {"state": "on"}, "Which variant of flag f is on"),
        (flag(), {"state": "percentage", "percentage": 5, "on_variant": "off"}, "are both 'off'"),
        (flag(), {"state": "percentage", "percentage": 101}, "percentage is 101"),
        (flag(), {"state": "percentage", "percentage": -1}, "percentage is -1"),
        (flag(), {"state": "percentage", "percentage": 1.2345}, "at most 3 digits"),
        (flag(), {"state": "percentage", "percentage": float("nan")}, "percentage is nan"),
    ],
)
def test_what_cant_be_decided_is_refused(found: dict[str, Any], wanted: dict[str, Any], told: str) -> None:
    with pytest.raises(FlagError, match=told):
        decided(found, **wanted)


@given(st.integers(0, 100_000))
def test_weights_are_the_percentage(thousandths: int) -> None:
    on, off = decide.weights(thousandths / 1000)
    assert on * 100_000 == thousandths * (on + off)
    assert on + off in (100, 1000, 10_000, 100_000)


steps = st.one_of(
    st.sampled_from(["on", "off", "killed"]).map(Wanted),
    st.integers(0, 100).map(lambda number: Wanted("percentage", number)),
)


@settings(max_examples=60)
@given(st.lists(steps, min_size=1, max_size=6), st.booleans())
def test_any_way_of_switches_ends_where_the_last_one_says(way: list[Wanted], disabled: bool) -> None:
    found = flag(state="DISABLED" if disabled else "ENABLED")
    for wanted in way:
        once = copy.deepcopy(found)
        new = decide.decide("f", found, wanted)
        assert found == once
        assert decide.decide("f", new, wanted) == new
        assert schema.flag_faults("f", new) == []
        found = new
    last = way[-1]
    counts = Counter(answers(found, subjects=60, default=last.state != "on"))
    if last.state == "on" or last.percentage == 100:
        assert counts[True] == 60
    elif last.state in ("off", "killed") or last.percentage == 0:
        assert counts[False] == 60
