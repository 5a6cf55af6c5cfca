# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import junit, mutation, table_report, table_test, words
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.expression import parse
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.merge import MergeError, merged, without

RULE = {"name": "few", "effect": "require", "condition": "errors < `5` && known", "reason": "Too many errors.", "remedy": "Mend them."}
POLICY: dict[str, Any] = {"name": "quality", "description": "d", "rules": [RULE]}
BASE = {"now": "2027-01-15T10:00:00Z", "act": "deploy", "environment": {"name": "production", "tier": "production"}, "errors": 1, "known": True}


def table(*cases: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "table", "evidence": BASE, "cases": list(cases), **more}


def run(*cases: dict[str, Any], policies: tuple[dict[str, Any], ...] = (POLICY,), **more: Any) -> list[table_test.Result]:
    return [table_test.run(case) for case in table_test.cases([table(*cases, **more)], policies)]


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        ({"verdict": "passed"}, ""),
        ({"verdict": "failed"}, "the verdict is passed, expected failed"),
        ({"verdict": "failed", "evidence": {"errors": 5}, "refuses": ["quality/few"], "says": ["Too many errors."]}, ""),
        ({"verdict": "failed", "evidence": {"errors": 5}, "refuses": ["quality/other"]}, "refuses quality/few, expected quality/other"),
        ({"verdict": "failed", "evidence": {"errors": 5}, "refuses": []}, "expected nothing"),
        ({"verdict": "failed", "evidence": {"errors": 5}, "says": ["Too few"]}, "does not say 'Too few'"),
        ({"verdict": "passed", "warns": ["quality/few"]}, "warns nothing, expected quality/few"),
        ({"verdict": "errored", "without": ["known"]}, ""),
        ({"verdict": "passed", "without": ["known"]}, "could not tell: the evidence has no known"),
        ({"verdict": "passed", "without": ["unknown"]}, "no unknown to take out"),
        ({"verdict": "passed", "without": ["act"]}, "no act"),
        ({"verdict": "passed", "evidence": {"environment": None}}, "no environment"),
    ],
)
def test_a_case(case: dict[str, Any], fault: str) -> None:
    (result,) = run({"name": "case", **case})
    assert bool(result.faults) == bool(fault)
    assert fault in " ".join(result.faults)
    assert result.as_dict()["passed"] is not bool(fault)


def test_a_policy_that_is_not_there_is_told() -> None:
    (case,) = table_test.cases([table({"name": "case", "verdict": "failed"}, policies=["absent"])], [POLICY])
    assert table_test.run(case).faults == ("there is no policy absent; policies are quality",)


def test_coverage_needs_both() -> None:
    agreeing, refusing = {"name": "a", "verdict": "passed"}, {"name": "b", "verdict": "failed", "evidence": {"errors": 9}}
    assert table_test.coverage(run(agreeing, refusing), [POLICY])["percent"] == 100
    assert table_test.coverage(run(agreeing), [POLICY])["uncovered"] == [{"rule": "quality/few", "never": ["refuses"]}]
    assert table_test.coverage(run(refusing), [POLICY])["uncovered"] == [{"rule": "quality/few", "never": ["agrees"]}]
    # An error shows nothing about the condition.
    assert table_test.coverage(run(agreeing, {"name": "c", "verdict": "errored", "without": ["known"]}), [POLICY])["covered"] == 0


def test_mutations_that_no_case_notices() -> None:
    cases = [{"name": "a", "verdict": "passed"}, {"name": "b", "verdict": "failed", "evidence": {"errors": 9}}]
    weak = table_test.survivors(run(*cases), [POLICY], most=100)
    survived = {one["mutation"] for one in weak["survived"]}
    assert "errors < `5`" in survived  # no case needs `known`
    assert "(errors <= `5`) && known" in survived  # no case at the border
    border = [{"name": "c", "verdict": "failed", "evidence": {"errors": 5}}, {"name": "d", "verdict": "passed", "evidence": {"errors": 4}}]
    strong = table_test.survivors(run(*cases, *border, {"name": "e", "verdict": "failed", "evidence": {"known": False}}), [POLICY], most=100)
    assert strong["survived"] == []
    assert strong["killed"] == strong["tried"] == weak["tried"] > 5
    assert table_test.survivors(run(*cases), [POLICY], most=2)["left_out"] == weak["tried"] - 2


@pytest.mark.parametrize(
    "condition",
    [
        "a.b == `1` && !(c) || d[0].e != 'x'",
        "length(values(a)[?length(not_null(b, '')) != `64`]) == `0`",
        "all(&x == 'a' && y, list[].items[])",
        "a[*].b | [0] == 'x'",
        "a.*.b[?c > `1`].d",
        '"odd name"."a-b" == `{"k": [1]}`',
        '[a, b] == `[1, 2]` && {x: a, "y-z": b}.x == `1`',
        "a[1:3] == b[::-1]",
        "map(&a.b, c)[0] == 'it\\'s'",
        "sort_by(a, &b)[-1].c == null",
        "@ == `1`",
    ],
)
def test_what_is_written_reads_back_as_the_same_parts(condition: str) -> None:
    node = parse(condition)
    assert mutation._same(parse(words.unparse(node, exact=True)), node), words.unparse(node, exact=True)


def test_merging_and_taking_out() -> None:
    assert merged({"a": {"b": 1, "c": [1, 2]}, "d": 1}, {"a": {"c": [3]}, "e": None}) == {"a": {"b": 1, "c": [3]}, "d": 1, "e": None}
    base = {"a": {"b": 1}}
    assert without(base, ["a.b"]) == {"a": {}}
    assert base == {"a": {"b": 1}}
    with pytest.raises(MergeError):
        without(base, ["a.x.y"])


def test_junit_is_what_a_parser_reads() -> None:
    rows = [
        {"table": "t & <u>", "case": 'quoted "case" \x00\x1b', "passed": False, "faults": ["a < b", "second ]]>"]},
        {"table": "t & <u>", "case": "good", "passed": True, "faults": []},
        {"table": "v", "case": "good", "passed": True, "faults": []},
    ]
    root = ElementTree.fromstring(junit.document(rows).split("\n", 1)[1])
    assert root.attrib == {"name": "policies", "tests": "3", "failures": "1", "errors": "0", "skipped": "0"}
    assert [suite.get("name") for suite in root] == ["t & <u>", "v"]
    (failure,) = root.iter("failure")
    assert failure.get("message") == "a < b"
    assert failure.text == "a < b\nsecond ]]>"
    assert [case.get("name") for case in root.iter("testcase")] == ['quoted "case" ??', "good", "good"]


@pytest.mark.parametrize(
    ("cases", "coverage", "score", "says"),
    [
        ([{"name": "a", "verdict": "passed"}], 0, 0, []),
        ([{"name": "a", "verdict": "failed"}], 0, 0, ["1 of 1 cases"]),
        ([{"name": "a", "verdict": "passed"}], 100, 0, ["0 of 1 rules are covered (0 %), wanted are 100 %"]),
        ([{"name": "a", "verdict": "passed"}], 0, 90, ["changed conditions were noticed"]),
    ],
)
def test_what_makes_the_tests_fail(cases: list[dict[str, Any]], coverage: float, score: float, says: list[str]) -> None:
    results = run(*cases)
    rows, covered = [one.as_dict() for one in results], table_test.coverage(results, [POLICY])
    mutated = table_test.survivors(results, [POLICY], most=50)
    faults = table_report.faults(rows, covered, mutated, coverage=coverage, score=score)
    assert len(faults) == len(says)
    text = table_report.render(rows, covered, mutated, faults)
    assert all(part in text for part in says)
    assert ("do not pass" in text) == bool(says)
