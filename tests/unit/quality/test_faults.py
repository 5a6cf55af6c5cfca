# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are no evidence: one clear error each, and never "no findings"."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import parse, read, xml
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.errors import EvidenceError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import Reading
from ansible_collections.evenkeel.release.tests.unit.quality.quality_helper import file, sample

LAUGHS = '<?xml version="1.0"?><!DOCTYPE t [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><testsuites><testsuite name="&b;"/></testsuites>'
SARIF: dict[str, Any] = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": []}]}
# (content, format, what the message must name)
BAD: dict[str, tuple[str | bytes, str, list[str]]] = {
    "empty": (b"", "auto", ["nothing in the file", "look why its tool wrote nothing"]),
    "blank": (b"\xef\xbb\xbf \n\t", "auto", ["nothing in the file"]),
    "bytes": (b"\x00\xff\xfe\x01", "auto", ["not UTF-8"]),
    "gzip": (b"\x1f\x8b\x08\x00" + b"x" * 20, "auto", ["not UTF-8 at offset 1"]),
    "nul": (b"SF:a\0b", "auto", ["NUL byte", "compressed"]),
    "bare results": ('{"results": []}', "auto", ["json of no known format", "osv"]),
    "prose": ("It went fine.", "auto", ["text of no known format", "junit", "name its format"]),
    "entities": (LAUGHS, "auto", ["line 1", "an entity", "plain XML"]),
    "external": ('<!DOCTYPE t [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuites>&x;</testsuites>', "auto", ["an entity"]),
    "parameter": ('<!DOCTYPE t [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd"> %x;]><testsuites/>', "auto", ["an entity"]),
    "deep-xml": ("<testsuites>" + "<testsuite>" * 200, "auto", ["nested deeper than 100", "line 1"]),
    "cut-xml": ("<testsuites>\n<testsuite name='a'>\n<testcase", "auto", ["line 3", "broken", "cut off"]),
    "two-roots": ("<testsuites/><testsuites/>", "auto", ["broken"]),
    "encoding": ('<?xml version="1.0" encoding="klingon"?><testsuites/>', "auto", ["XML", "UTF-8"]),
    "other-xml": ("<html><body/></html>", "auto", ["xml of no known format"]),
    "wrong-format": ("<html/>", "junit", ["the element html", "testsuites or testsuite"]),
    "junit-count": ('<testsuite tests="many"/>', "auto", ["line 1, testsuite@tests", "'many'", "a whole number"]),
    "junit-negative": ('<testsuite failures="-1"/>', "auto", ["testsuite@failures", "'-1'"]),
    "junit-huge": (f'<testsuite tests="{"9" * 40}"/>', "auto", ["testsuite@tests"]),
    "deep-json": ("[" * 5000 + "]" * 5000, "auto", ["nested deeper than 100"]),
    "cut-json": ('{"version": "2.1.0",\n "runs": [', "auto", ["line 2", "broken", "cut off"]),
    "twice": ('{"version": "2.1.0", "runs": [], "runs": [{}]}', "auto", ["the key 'runs' twice"]),
    "nan": ('{"version": "2.1.0", "runs": [{"x": NaN}]}', "auto", ["the number NaN"]),
    "digits": ('{"version": "2.1.0", "runs": [' + "1" * 5000 + "]}", "auto", ["can't be read"]),
    "sarif-old": (json.dumps({**SARIF, "version": "2.0.0"}), "sarif", ["version", "'2.0.0'", "2.1.0"]),
    "sarif-run": ('{"version": "2.1.0", "runs": [7]}', "auto", ["runs[0]", "7", "a mapping"]),
    "sarif-driver": ('{"version": "2.1.0", "runs": [{"tool": {}}]}', "auto", ["runs[0].tool.driver", "None"]),
    "sarif-level": (
        json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "t"}}, "results": [{"level": "fatal"}]}]}),
        "auto",
        ["runs[0].results[0].level", "'fatal'", "error, warning, note, none"],
    ),
    "cobertura-more": ('<coverage line-rate="1" lines-valid="1" lines-covered="2"/>', "auto", ["2 lines covered of 1"]),
    "cobertura-half": ('<coverage line-rate="1" lines-valid="1"/>', "auto", ["coverage@lines-covered", "None"]),
    "jacoco-no-lines": ('<report><counter type="INSTRUCTION" missed="1" covered="1"/></report>', "auto", ["none of type LINE", "debug information"]),
    "lcov-cut": ("TN:\nSF:a.c\nDA:1,1\n", "auto", ["without its end", "cut off"]),
    "lcov-broken": ("SF:a.c\nDA:1\nend_of_record\n", "auto", ["line 2", "DA:1"]),
    "coverage-json": ('{"meta": {}, "totals": {"covered_lines": -1}}', "auto", ["totals.covered_lines", "-1"]),
    "cyclonedx-name": ('{"bomFormat": "CycloneDX", "components": [{"version": "1"}]}', "auto", ["components[0].name", "text"]),
    "spdx-3": ('{"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}', "auto", ["SPDX 3", "SPDX-2.3"]),
    "spdx-cut": ("SPDXVersion: SPDX-2.3\nCreator: Tool: x-1\nCreated: 2027-01-01T00:00:00Z\nPackageComment: <text>never\nends", "auto", ["without </text>"]),
    "trivy-old": ('[{"Target": "x"}]', "trivy", ["a mapping"]),
    "trivy-version": ('{"SchemaVersion": 1, "ArtifactName": "x"}', "auto", ["SchemaVersion", "1", "Trivy 0.20"]),
    "grype-id": ('{"matches": [{"vulnerability": {}, "artifact": {}}], "descriptor": {}}', "auto", ["matches[0].vulnerability.id"]),
    "osv-score": (
        '{"results": [{"source": {}, "packages": [{"package": {"name": "a"}, "groups": [{"ids": ["X"], "max_severity": "bad"}]}]}]}',
        "auto",
        ["results[0].packages[0].groups[0].max_severity", "'bad'"],
    ),
    "npm-old": ('{"auditReportVersion": 1, "advisories": {}}', "auto", ["auditReportVersion", "npm 7"]),
    "pip-vulns": ('{"dependencies": [{"name": "a", "version": "1", "vulns": 3}]}', "auto", ["dependencies[0].vulns", "3", "a list"]),
    "pact": ('{"result": "yes", "errors": [], "pendingErrors": []}', "auto", ["result", "'yes'", "true or false"]),
    "k6-flag": ('{"root_group": {}, "metrics": {"a": {"thresholds": {"x": 1}}}}', "auto", ["metrics.a.thresholds.x", "true or false"]),
    "locust-cut": (
        "Type,Name,Request Count,Failure Count,Median Response Time,50%,95%,Requests/s\nGET,/,1,0,1,1,1,1\n",
        "auto",
        ["no row Aggregated", "cut off"],
    ),
    "jmeter-success": ("timeStamp,elapsed,label,success\n1799913600000,5,a,yes\n", "auto", ["line 2, success", "'yes'", "true or false"]),
    "jmeter-short": ("timeStamp,elapsed,label,success\n1799913600000\n", "auto", ["line 2, elapsed", "None"]),
    "time": ('{"bomFormat": "CycloneDX", "metadata": {"timestamp": "yesterday"}}', "auto", ["metadata.timestamp", "'yesterday'"]),
}


@pytest.mark.parametrize("name", BAD)
def test_one_clear_error(name: str) -> None:
    content, form, words = BAD[name]
    with pytest.raises(EvidenceError) as caught:
        read.read(file(content, "reports/x"), form=form)
    text = str(caught.value)
    assert text.startswith("reports/x")
    assert all(part in text for part in ("found ", "; allowed: ", ". Next: ")), text
    assert [word for word in words if word not in text] == []
    assert len(text) < 1000


def test_a_file_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "LARGEST", 10)
    with pytest.raises(EvidenceError, match="11 bytes; allowed: at most 10 bytes"):
        read.read(file("<testsuites/>"[:11]))


def test_too_many_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "ELEMENTS", 3)
    with pytest.raises(EvidenceError, match="too many elements"):
        read.read(file("<testsuite><testcase/><testcase/><testcase/></testsuite>"))


def test_a_doctype_alone_is_fine_and_loads_nothing() -> None:
    (found,) = read.read(sample("jacoco.xml"))
    assert found.verdict == "passed"


def test_attributes_do_not_grow_without_end() -> None:
    """Defaults of an attribute list are entities' quieter sisters: they must not multiply a small file."""
    content = (
        '<!DOCTYPE testsuites [<!ATTLIST testcase name CDATA "'
        + "x" * 1000
        + '">]><testsuites><testsuite>'
        + "<testcase/>" * 1000
        + "</testsuite></testsuites>"
    )
    started = time.monotonic()
    (found,) = read.read(file(content))
    assert found.numbers["tests"] == 1000
    assert time.monotonic() - started < 5


def reading(value: Any, form: str = "auto") -> Reading:
    (found,) = read.read(file(json.dumps(value) if not isinstance(value, str) else value), form=form)
    return found


def run(**more: Any) -> dict[str, Any]:
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "scan", "rules": [{"id": "r1", "defaultConfiguration": {"level": "error"}}]}}, **more}]}


SARIF_CASES: list[tuple[dict[str, Any], str, dict[str, int]]] = [
    (run(results=[]), "passed", {"findings": 0}),
    (run(), "inconclusive", {"findings": 0}),  # 3.14.23: it did not look
    (run(results=None), "inconclusive", {"findings": 0}),
    ({"version": "2.1.0", "runs": []}, "inconclusive", {"findings": 0}),
    (run(results=[], invocations=[{"executionSuccessful": False}]), "errored", {}),
    (run(results=[], invocations=[{"executionSuccessful": True}, {"executionSuccessful": False}]), "errored", {}),
    (run(results=[{"ruleId": "r1"}]), "passed", {"error": 1, "findings": 1}),
    (run(results=[{"ruleIndex": 0}]), "passed", {"error": 1}),
    (run(results=[{"rule": {"id": "r1"}}]), "passed", {"error": 1}),
    (run(results=[{"ruleId": "r1", "level": "note"}]), "passed", {"error": 0, "note": 1}),
    (run(results=[{}]), "passed", {"warning": 1}),
    (run(results=[{"kind": "pass"}, {"kind": "notApplicable"}, {"kind": "review"}, {"kind": "open"}]), "passed", {"findings": 0, "review": 2}),
    (run(results=[{"suppressions": [{"kind": "inSource"}]}]), "passed", {"findings": 0, "suppressed": 1}),
    (run(results=[{"suppressions": [{"kind": "external", "status": "accepted"}]}]), "passed", {"suppressed": 1}),
    (run(results=[{"suppressions": [{"kind": "external", "status": "underReview"}]}]), "passed", {"findings": 1, "suppressed": 0}),
    (run(results=[{"suppressions": [{"kind": "inSource"}, {"kind": "external", "status": "rejected"}]}]), "passed", {"findings": 1}),
    (run(results=[{"suppressions": []}]), "passed", {"findings": 1}),
    (run(results=[{"baselineState": "absent"}, {"baselineState": "unchanged"}, {"baselineState": "new"}]), "passed", {"findings": 2, "gone": 1, "new": 1}),
    (
        run(results=[{"properties": {"security-severity": "9.8"}}, {"properties": {"security-severity": 7.0}}]),
        "passed",
        {"critical": 1, "high": 1, "unrated": 0},
    ),
    (run(results=[], invocations=[{"executionSuccessful": True, "toolExecutionNotifications": [{"level": "error"}]}]), "passed", {"tool_errors": 1}),
]


@pytest.mark.parametrize(("value", "verdict", "numbers"), SARIF_CASES)
def test_sarif_counts_as_the_standard_says(value: dict[str, Any], verdict: str, numbers: dict[str, int]) -> None:
    found = reading(value)
    assert found.verdict == verdict
    assert {name: found.numbers[name] for name in numbers} == numbers


# What looks like a good report and proves nothing, or the opposite.
QUIET: dict[str, str] = {
    "<testsuites/>": "inconclusive no test ran",
    '<testsuite tests="3" skipped="3"><testcase><skipped/></testcase></testsuite>': "inconclusive no test ran, 3 were skipped",
    '<testsuite tests="3" failures="1"><testcase name="a"/></testsuite>': "failed 1 of 3 tests did not pass",  # declared, but cut out of the list
    '<testsuite tests="1"><testcase name="a" status="failed"/></testsuite>': "failed 1 of 1 tests did not pass",
    '<testsuite tests="1"><testcase name="a"/><error message="no class"/></testsuite>': "failed 1 of 1 tests did not pass",
    '<testsuite tests="1"><testcase name="a"><rerunFailure/></testcase></testsuite>': "failed 1 of 1 tests did not pass",
    '<testsuite><testcase name="a"><skipped/><failure/></testcase></testsuite>': "failed 1 of 1 tests did not pass",
    '<coverage line-rate="1" lines-valid="0" lines-covered="0"/>': "inconclusive no line was measured",
    '<report><sessioninfo id="a" start="1" dump="2"/></report>': "inconclusive no line was measured",
    '{"SchemaVersion": 2, "ArtifactName": "x"}': "inconclusive Trivy found nothing to look at",
    '{"bomFormat": "CycloneDX", "components": []}': "inconclusive the SBOM lists no package",
    '{"result": true, "errors": [], "pendingErrors": []}': "inconclusive the verifier lists no interactions; use one that writes interactionResults",
    '{"result": true, "errors": [], "pendingErrors": [], "interactionResults": []}': "inconclusive no interaction was verified",
    '{"result": true, "errors": [{"interaction": "a"}], "pendingErrors": [], "interactionResults": [{"result": "OK"}]}': "failed 1 interactions do not hold",
    '{"success": false, "providerApplicationVersion": "1"}': "failed the provider version 1 does not keep the contract",
    '{"summary": {"deployable": false, "reason": "no"}, "matrix": []}': "failed the broker says: no",
    '{"root_group": {}, "metrics": {}}': "inconclusive nothing was measured",
    '{"root_group": {}, "metrics": {"http_reqs": {"count": 0, "rate": 0}}}': "inconclusive nothing was measured",
    '{"benchmarks": [], "machine_info": {}}': "inconclusive nothing was measured",
    "timeStamp,elapsed,label,success\n": "inconclusive nothing was measured",
    '{"auditReportVersion": 2, "vulnerabilities": {}, "metadata": {"dependencies": {"total": 0}}}': "inconclusive no package was looked at",
}


@pytest.mark.parametrize("content", QUIET)
def test_what_proves_nothing_does_not_pass(content: str) -> None:
    found = read.read(file(content))
    assert {f"{one.verdict} {one.reason}" for one in found} == {QUIET[content]}


def test_a_threshold_of_k6_means_the_opposite_in_its_two_forms() -> None:
    crossed = {"root_group": {}, "metrics": {"d": {"med": 1, "p(95)": 2, "thresholds": {"p(95)<1": True}}}}
    held = {"root_group": {}, "metrics": {"d": {"contains": "time", "values": {"med": 1, "p(95)": 2}, "thresholds": {"p(95)<3": {"ok": True}}}}}
    assert (reading(crossed).verdict, reading(crossed).numbers["thresholds_breached"]) == ("failed", 1)
    assert (reading(held).verdict, reading(held).numbers["thresholds_breached"]) == ("passed", 0)
    assert "thresholds_breached" not in read.read(sample("k6-machine.json"))[0].numbers


def test_lines_of_lcov_that_several_tests_ran_count_once() -> None:
    content = "TN:a\nSF:x.c\nDA:1,1\nDA:2,0\nend_of_record\nTN:b\nSF:x.c\nDA:1,0\nDA:2,3\nDA:3,0\nend_of_record\n"
    found = reading(content)
    assert (found.numbers["lines_covered"], found.numbers["lines_total"]) == (2, 3)
