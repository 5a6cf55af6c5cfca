# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions end, whatever they are, and end alike each time; missing evidence is an error in every function."""

from __future__ import annotations

import time
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.expression import ExpressionError, decide, evaluate
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions import GateFunctions, own_names
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.version_range import satisfies
from hypothesis import given
from hypothesis import strategies as st

EVIDENCE: dict[str, Any] = {"now": "2027-01-15T10:00:00Z", "list": list(range(2000)), "a": "a" * 50_000, "x": 1, "people": [{"ok": True}, {}]}


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("x == `" + "1" * 5000 + "`", "characters"),
        ("&&".join(["x"] * 400), "deep"),
        ("[" + ", ".join(["x == `1`"] * 200) + "] == `1`", "parts"),
        ("(" * 60 + "x" + ")" * 60 + " == `1`", ""),  # brackets alone make nothing deeper
        ("!(" * 50 + "x" + ")" * 50, "deep"),
        ("length(list[].[@,@][].[@,@][].[@,@][].[@,@][].[@,@][].[@,@][].[@,@][].[@,@][].[@,@][]) > `1`", "too much work"),
        (" | ".join(["[@, @]"] * 30) + " | length(@) > `1`", "too much work"),
        (" | ".join(["{a: @, b: @}"] * 30) + " | to_string(@) == 'x'", "too much work"),
        ("to_string(" + " | ".join(["[@, @]"] * 25) + ") == 'x'", "too much work"),
        ("join('', [" + ", ".join(["a"] * 60) + "]) == 'x'", "characters"),
        ("regex(a, '" + "a?" * 300 + "')", "the pattern has 600 characters"),
    ],
)
def test_too_much_is_an_error(condition: str, says: str) -> None:
    began = time.process_time()
    if says:
        with pytest.raises(ExpressionError, match=says):
            decide(condition, EVIDENCE)
    else:
        assert decide(condition, EVIDENCE)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*)*b", "(a*)*(a*)*b"])
def test_a_pattern_that_others_never_end(pattern: str) -> None:
    began = time.process_time()
    assert decide(f"regex(a, '{pattern}')", EVIDENCE) is False
    assert time.process_time() - began < 2


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)b", "[z-a]"])
def test_what_is_no_pattern_of_re2(pattern: str) -> None:
    with pytest.raises(ExpressionError, match="not a pattern of RE2"):
        evaluate(f"regex(a, '{pattern}')", EVIDENCE)


def test_each_part_is_visited_once() -> None:
    """Calls inside calls were once visited twice on each level."""
    began = time.process_time()
    assert evaluate("abs(" * 35 + "x" + ")" * 35, EVIDENCE) == 1
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("name", [name for name in own_names() if name != "exists"])
def test_missing_evidence_is_an_error_in_every_function(name: str) -> None:
    signature = GateFunctions.FUNCTION_TABLE[name]["signature"]
    usual = {"string": "'2027-01-15T10:00:00Z'", "array": "list", "number": "x", "expref": "&`true`"}
    arguments = [usual[one["types"][0]] for one in signature]
    for place, one in enumerate(signature):
        if one["types"] == ["expref"]:
            continue
        asked = f"{name}({', '.join([*arguments[:place], 'absent.value', *arguments[place + 1 :]])})"
        with pytest.raises(ExpressionError, match="the evidence has no absent"):
            evaluate(asked, EVIDENCE)


@pytest.mark.parametrize("name", ["all", "any", "none", "all_or_empty", "none_or_empty", "count"])
def test_one_element_that_cannot_be_told_makes_the_whole_untold(name: str) -> None:
    for condition in ("ok", "ok == `true`", "!(ok)"):
        with pytest.raises(ExpressionError):
            evaluate(f"{name}(&{condition}, people)", EVIDENCE)


@pytest.mark.parametrize(("name", "answer"), [("all", None), ("none", None), ("any", False), ("all_or_empty", True), ("none_or_empty", True), ("count", 0)])
def test_nothing_is_true_of_nothing_unless_asked(name: str, answer: object) -> None:
    if answer is None:
        with pytest.raises(ExpressionError, match=f"write {name}_or_empty"):
            evaluate(f"{name}(&ok, people[?ok == `2`])", {"people": [{"ok": 1}]})
    else:
        assert evaluate(f"{name}(&ok, people[?ok == `2`])", {"people": [{"ok": 1}]}) == answer


def test_a_filter_on_what_is_not_there_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="has no ok"):
        evaluate("people[?ok]", EVIDENCE)


@pytest.mark.parametrize(("left", "right", "same"), [(1, True, False), (0, False, False), (1, 1.0, True), ("1", 1, False), ({"a": 1}, {"a": 1.0}, True)])
def test_sets_compare_as_jmespath_does(left: object, right: object, same: bool) -> None:
    assert evaluate("contains_any(l, r)", {"l": [left], "r": [right]}) is same


@pytest.mark.parametrize(
    "condition",
    [
        "younger_than(later, '1h')",
        "older_than(later, '1h')",
        "seconds('1y')",
        "seconds('')",
        "seconds('P1M')",
        "seconds('PT')",
        "weekday(now, 'Nowhere/Land')",
        "weekday(now, '../../etc/passwd')",
        "clock_between(now, '9:00', '24:00', 'UTC')",
        "percent(x, zero)",
        "percent_change(zero, x)",
        "semver_satisfies('1.2', '*')",
        "semver_satisfies('1.2.3', '>= banana')",
        "semver_satisfies('1.2.3', '^1.2 || banana')",
        "split('a', '')",
        "add_time(now, '999999999999d')",
        "before(now, 'tomorrow')",
    ],
)
def test_what_a_function_cannot_use_is_an_error(condition: str) -> None:
    with pytest.raises(ExpressionError):
        evaluate(condition, {**EVIDENCE, "later": "2027-01-15T10:06:00Z", "zero": 0})


def test_time_across_a_change_of_the_clock() -> None:
    """Clocks in Berlin go back at 01:00 UTC on 2026-10-25: 02:30 is there twice."""
    given = {"now": "2026-10-25T01:30:00Z", "first": "2026-10-25T00:30:00Z"}
    assert evaluate("[clock(first, 'Europe/Berlin'), clock(now, 'Europe/Berlin')]", given) == ["02:30", "02:30"]
    assert evaluate("age_seconds(first)", given) == 3600
    assert evaluate("day('2028-02-29T23:30:00Z', 'Europe/Berlin')", given) == "2028-03-01"


# From the table of node-semver's README, and its rules for pre-releases.
RANGES = [
    ("1.2.3", "1.2.3", True),
    ("1.2.4", "=1.2.3", False),
    ("1.2.7", ">=1.2.7 <1.3.0", True),
    ("1.3.0", ">=1.2.7 <1.3.0", False),
    ("1.2.7", "1.2.7 || >=1.2.9 <2.0.0", True),
    ("1.2.8", "1.2.7 || >=1.2.9 <2.0.0", False),
    ("1.4.6", "1.2.7 || >=1.2.9 <2.0.0", True),
    ("1.2.3-alpha.7", ">1.2.3-alpha.3", True),
    ("3.4.5-alpha.9", ">1.2.3-alpha.3", False),
    ("3.4.5", ">1.2.3-alpha.3", True),
    ("2.3.4", "1.2.3 - 2.3.4", True),
    ("2.3.9", "1.2.3 - 2.3", True),
    ("2.4.0", "1.2.3 - 2.3", False),
    ("2.9.9", "1.2 - 2", True),
    ("3.0.0-rc.1", "1.2 - 2", False),
    ("9.9.9", "*", True),
    ("9.9.9", "", True),
    ("1.9.9", "1.x", True),
    ("2.0.0", "1.x", False),
    ("1.2.9", "1.2.*", True),
    ("1.2.9", "~1.2.3", True),
    ("1.3.0", "~1.2.3", False),
    ("1.9.0", "~1", True),
    ("0.2.9", "^0.2.3", True),
    ("0.3.0", "^0.2.3", False),
    ("0.0.3", "^0.0.3", True),
    ("0.0.4", "^0.0.3", False),
    ("0.0.9", "^0.0.x", True),
    ("0.9.9", "^0.x", True),
    ("1.0.0", "^0.x", False),
    ("1.2.3-beta.4", "^1.2.3-beta.2", True),
    ("1.2.4-beta.2", "^1.2.3-beta.2", False),
    ("2.0.0-rc.1", "^1.2.3", False),
    ("1.3.0", ">1.2", True),
    ("1.2.9", ">1.2", False),
    ("1.2.0", ">=1.2", True),
    ("1.1.9", "<1.2", True),
    ("1.2.0", "<1.2", False),
    ("1.2.9", "<=1.2", True),
    ("1.0.0+build", "1.0.0", True),
]


@pytest.mark.parametrize(("version", "wanted", "answer"), RANGES)
def test_ranges_are_those_of_npm(version: str, wanted: str, answer: bool) -> None:
    assert satisfies(version, wanted) is answer


@given(st.tuples(*[st.integers(0, 5)] * 3), st.tuples(*[st.integers(0, 5)] * 3))
def test_ranges_agree_with_the_order(version: tuple[int, int, int], bound: tuple[int, int, int]) -> None:
    found, limit = (".".join(map(str, one)) for one in (version, bound))
    for sign, answer in ((">", version > bound), (">=", version >= bound), ("<", version < bound), ("<=", version <= bound), ("", version == bound)):
        assert satisfies(found, f"{sign}{limit}") is answer
