# SPDX-License-Identifier: GPL-3.0-or-later
"""The order that is proposed breaks nothing on the way, and where there is one it is found: against an oracle that tries all."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import order, state
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Move, state_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.plan import judge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .world import Oracle, World, declare

OLD, NEW = "1.0.0", "2.0.0"
TODAY = "2027-01-15"


def offers(*majors: int) -> list[str]:
    return [f"{major}.0.0" for major in majors]


@st.composite
def worlds(draw: Any) -> tuple[World, dict[str, str], dict[str, str], tuple[str, ...], tuple[str, ...]]:
    names = [f"c{number}" for number in range(draw(st.integers(2, 5)))]
    contracts = [f"api/{name}" for name in names]
    majors = st.sets(st.integers(1, 2), min_size=1).map(sorted)
    world: dict[str, dict[str, tuple[dict[str, list[str]], dict[str, str]]]] = {}
    for name in names:
        world[name] = {}
        others = [contract for contract in contracts if contract != f"api/{name}"]
        for version, major in ((OLD, 1), (NEW, 2)):
            # Mostly what works in the old state and in the new one; the rest is what makes orders matter.
            provides = {f"api/{name}": offers(*sorted({*draw(majors), major}))}
            if draw(st.integers(0, 3)) == 0:  # a contract that several offer
                provides[draw(st.sampled_from(contracts))] = offers(*draw(majors))
            wanted = draw(st.sets(st.sampled_from(others), max_size=3))
            world[name][version] = (provides, {contract: f"^{draw(st.sampled_from([major, major, 1, 2]))}" for contract in sorted(wanted)})
    moving = {name: NEW if draw(st.booleans()) or len(names) < 4 else OLD for name in names}
    stays = tuple(draw(st.sets(st.sampled_from(names), max_size=3)))
    stopped = tuple(draw(st.sets(st.sampled_from(names), max_size=1)))
    return world, dict.fromkeys(names, OLD), moving, stays, stopped


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(worlds())
def test_the_solver_agrees_with_the_oracle(drawn: Any) -> None:
    world, running, wanted, stays, stopped = drawn
    oracle = Oracle(world, running, wanted, stays=stays, stopped=stopped)
    if not oracle.whole(oracle.at([])):
        return  # what is broken from the beginning has a test of its own
    more = {name: {"rollback": "stays" if name in stays else "back", "mixed": name not in stopped} for name in running}
    answer = judge(running=running, wanted=wanted, declared=declare(world, **more), today=TODAY)
    possible = set(oracle.orders())
    assert (answer["order"] is not None) == bool(possible)
    if answer["order"] is not None:
        assert tuple(answer["order"]) in possible
    first = tuple(sorted(name for name in wanted if wanted[name] != running[name]))
    assert answer["given_works"] == (first in possible)
    assert (answer["verdict"] == "passed") == (first in possible)


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_it_is_the_same_answer_each_time(drawn: Any) -> None:
    world, running, wanted, _stays, _stopped = drawn
    backwards = {name: world[name] for name in reversed(list(world))}
    first = judge(running=running, wanted=wanted, declared=declare(world), today=TODAY)
    again = judge(running=dict(reversed(running.items())), wanted=dict(reversed(wanted.items())), declared=declare(backwards), today=TODAY)
    assert first == again


CHAIN: World = {
    "shop": {OLD: ({}, {"api/orders": "^1"}), NEW: ({}, {"api/orders": "^2"})},
    "orders": {OLD: ({"api/orders": offers(1)}, {"schema/orders": "^1"}), NEW: ({"api/orders": offers(1, 2)}, {"schema/orders": "^2"})},
    "database": {OLD: ({"schema/orders": offers(1)}, {}), NEW: ({"schema/orders": offers(1, 2)}, {})},
}


def test_the_one_order_of_a_chain_is_found_whatever_was_given() -> None:
    running, wanted = dict.fromkeys(CHAIN, OLD), dict.fromkeys(CHAIN, NEW)
    answer = judge(running=running, wanted=wanted, declared=declare(CHAIN, database={"rollback": "stays"}), today=TODAY, given=["shop", "orders", "database"])
    assert answer["verdict"] == "failed"
    assert answer["order"] == ["database", "orders", "shop"]
    assert answer["on_the_way"][0] == {
        "where": "while shop 1.0.0 -> 2.0.0",
        "text": "shop 2.0.0 requires api/orders ^2; orders 1.0.0 offers 1.0.0",
        "moves": ["shop", "orders"],
    }
    good = judge(running=running, wanted=wanted, declared=declare(CHAIN), today=TODAY, given=answer["order"])
    assert (good["verdict"], good["given_works"], good["lines"]) == ("passed", True, [])


def test_what_stays_on_a_rollback_must_suit_the_old_versions() -> None:
    world = {**CHAIN, "database": {OLD: ({"schema/orders": offers(1)}, {}), NEW: ({"schema/orders": offers(2)}, {})}}
    world["orders"] = {OLD: ({"api/orders": offers(1)}, {"schema/orders": "^1"}), NEW: ({"api/orders": offers(1, 2)}, {"schema/orders": "1.x || 2.x"})}
    running, wanted = dict.fromkeys(world, OLD), dict.fromkeys(world, NEW)
    forward = judge(running=running, wanted=wanted, declared=declare(world, database={"rollback": "stays"}), today=TODAY, rollback=False)
    assert forward["order"] == ["orders", "database", "shop"]
    answer = judge(running=running, wanted=wanted, declared=declare(world, database={"rollback": "stays"}), today=TODAY, given=forward["order"])
    assert (answer["verdict"], answer["order"]) == ("failed", None)
    assert any("on the way back" in one["where"] and "schema/orders" in one["text"] for one in answer["on_the_way"])


def test_two_ways_to_the_same_place_are_not_the_same_when_going_back() -> None:
    """After a and after b what is moved is the same; but a schema that stays suits only the way that went through b."""
    world: World = {
        "a": {OLD: ({"api/x": offers(1)}, {}), NEW: ({}, {})},
        "b": {OLD: ({}, {"api/x": "^1"}), NEW: ({}, {})},
        "schema": {OLD: ({"api/x": offers(1)}, {}), NEW: ({}, {})},
    }
    declared = declare(world, schema={"rollback": "stays"})
    ask: dict[str, Any] = {"running": dict.fromkeys(world, OLD), "wanted": dict.fromkeys(world, NEW), "declared": declared, "today": TODAY}
    assert judge(**ask, before={"schema": ["a", "b"]})["order"] == ["b", "a", "schema"]
    assert judge(**ask, before={"schema": ["a", "b"], "b": ["a"]})["order"] is None


RING: World = {
    "left": {OLD: ({"api/left": offers(1)}, {"api/right": "^1"}), NEW: ({"api/left": offers(2)}, {"api/right": "^2"})},
    "right": {OLD: ({"api/right": offers(1)}, {"api/left": "^1"}), NEW: ({"api/right": offers(2)}, {"api/left": "^2"})},
}


def test_a_circle_is_explained_and_broken_up_by_expanding() -> None:
    answer = judge(running=dict.fromkeys(RING, OLD), wanted=dict.fromkeys(RING, NEW), declared=declare(RING), today=TODAY)
    assert (answer["verdict"], answer["order"]) == ("failed", None)
    assert sorted(text.split(":")[0] for text in answer["why"]) == ["left must go before right", "right must go before left"]
    assert answer["expand"]["offers"] == {"left": {"api/left": ["1.0.0", "2.0.0"]}, "right": {"api/right": ["1.0.0", "2.0.0"]}}
    assert len(answer["expand"]["phases"]) == 3


def test_what_the_expansion_proposes_really_works() -> None:
    """By the oracle: each phase of it has the order that is proposed."""
    expand = judge(running=dict.fromkeys(RING, OLD), wanted=dict.fromkeys(RING, NEW), declared=declare(RING), today=TODAY)["expand"]
    names = sorted({step[key] for phase in expand["phases"] for step in phase for key in ("before", "after")} - {OLD, NEW})
    label = {OLD: OLD, NEW: NEW, **{name: f"1.{number}.0" for number, name in enumerate(names, 5)}}
    needs = {name: NEW if name.endswith(NEW) else OLD for name in names}
    world = {
        name: {**versions, **{label[each]: ({**versions[NEW][0], **expand["offers"][name]}, versions[needs[each]][1]) for each in names}}
        for name, versions in RING.items()
    }
    for phase in expand["phases"]:
        before, after = ({step["component"]: label[step[key]] for step in phase} for key in ("before", "after"))
        assert tuple(step["component"] for step in phase) in set(Oracle(world, before, after).orders())


def test_one_sided_expansion_is_enough_for_a_contract_that_is_replaced() -> None:
    world: World = {
        "shop": {OLD: ({}, {"api/orders": "^1"}), NEW: ({}, {"api/orders": "^2"})},
        "orders": {OLD: ({"api/orders": offers(1)}, {}), NEW: ({"api/orders": offers(2)}, {})},
    }
    answer = judge(running=dict.fromkeys(world, OLD), wanted=dict.fromkeys(world, NEW), declared=declare(world), today=TODAY)
    assert answer["order"] is None
    between = "2.0.0 expanded, needs as 1.0.0"
    assert answer["expand"]["order"] == [f"orders 1.0.0 -> {between}", "shop 1.0.0 -> 2.0.0", f"orders {between} -> 2.0.0"]
    assert "First ship a version of orders that offers api/orders 1.0.0 and 2.0.0" in answer["lines"][-1]


def test_releases_that_must_come_first_are_part_of_the_order() -> None:
    world: World = {name: {OLD: ({}, {}), NEW: ({}, {})} for name in ("a", "b", "c")}
    ask: dict[str, Any] = {"running": dict.fromkeys(world, OLD), "wanted": dict.fromkeys(world, NEW), "declared": declare(world), "today": TODAY}
    answer = judge(**ask, before={"a": ["c"], "c": ["b"]})
    assert answer["order"] == ["b", "c", "a"]
    assert answer["verdict"] == "failed"
    assert "c must go before a" in answer["on_the_way"][0]["text"]
    assert judge(**ask, before={"a": ["c"], "c": ["a"]})["order"] is None
    assert judge(**ask, before={"a": ["elsewhere"]})["verdict"] == "passed"


def test_many_moves_that_have_nothing_to_do_with_each_other_are_quick() -> None:
    world: World = {f"s{number:02}": {OLD: ({f"api/s{number:02}": offers(1)}, {}), NEW: ({f"api/s{number:02}": offers(2)}, {})} for number in range(60)}
    answer = judge(running=dict.fromkeys(world, OLD), wanted=dict.fromkeys(world, NEW), declared=declare(world), today=TODAY)
    assert answer["verdict"] == "passed"


def test_a_search_that_takes_too_long_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "BUDGET", 2)
    running, wanted = dict.fromkeys(CHAIN, OLD), dict.fromkeys(CHAIN, NEW)
    answer = judge(running=running, wanted=wanted, declared=declare(CHAIN), today=TODAY, given=["shop", "orders", "database"])
    assert (answer["verdict"], answer["order"]) == ("failed", None)
    assert "within 2 partial orders" in answer["why"][0]
    moves = [Move(name, OLD, NEW) for name in CHAIN]
    with pytest.raises(CompatibilityError, match="Split the plan"):
        order.find(state_of(running), moves, declare(CHAIN), broken=lambda at: bool(state.problems(at, declare(CHAIN))))
