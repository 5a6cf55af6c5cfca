# SPDX-License-Identifier: GPL-3.0-or-later
"""What the readers find in reports as their tools write them (samples/README.md says which are real)."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import read
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import KINDS
from ansible_collections.evenkeel.release.tests.unit.quality.quality_helper import SAMPLES, one, sample

UTC = timezone.utc
# (file, kind): (verdict, tool and version, numbers that must be exactly so)
EXPECTED = {
    ("pytest-passed.xml", "tests"): ("passed", ("pytest", ""), {"tests": 2, "passed": 2, "failed": 0, "errors": 0, "skipped": 0, "flaky": 0}),
    ("pytest-failed.xml", "tests"): ("failed", ("pytest", ""), {"tests": 8, "passed": 3, "failed": 1, "errors": 2, "skipped": 2}),
    ("pytest-none.xml", "tests"): ("inconclusive", ("pytest", ""), {"tests": 0, "passed": 0}),
    ("pytest-rerun.xml", "tests"): ("passed", ("pytest", ""), {"tests": 1, "passed": 1, "flaky": 1}),
    ("jest.xml", "tests"): ("failed", ("jest", ""), {"tests": 3, "passed": 1, "failed": 1, "skipped": 1}),
    ("surefire.xml", "tests"): (
        "failed",
        ("junit", "java 21.0.4"),
        {"tests": 5, "passed": 2, "failed": 1, "errors": 1, "skipped": 1, "flaky": 1, "repeated": 1, "duration_seconds": 1000.213},
    ),
    ("gotestsum.xml", "tests"): ("failed", ("go test", "go1.24.1 linux/amd64"), {"tests": 3, "passed": 2, "failed": 1}),
    ("nested.xml", "tests"): ("failed", ("", ""), {"tests": 4, "passed": 3, "failed": 1}),
    ("cobertura.xml", "coverage"): ("passed", ("", "7.17.3"), {"lines_covered": 10, "lines_total": 13, "line_percent": 76.92, "branch_percent": 50.0}),
    ("coverage.json", "coverage"): ("passed", ("coverage.py", "7.17.3"), {"lines_covered": 10, "lines_total": 13, "branches_total": 2}),
    ("coverage.info", "coverage"): ("passed", ("", ""), {"lines_covered": 10, "lines_total": 13, "line_percent": 76.92, "branch_percent": 50.0}),
    ("jacoco.xml", "coverage"): ("passed", ("JaCoCo", ""), {"lines_covered": 9, "lines_total": 10, "line_percent": 90.0, "branch_percent": 75.0}),
    ("bandit.sarif.json", "static_analysis"): ("passed", ("Bandit", ""), {"error": 2, "warning": 1, "note": 2, "findings": 5, "unrated": 5}),
    ("ruff.sarif.json", "static_analysis"): ("passed", ("ruff", "0.17.6"), {"error": 3, "findings": 3}),
    ("semgrep.sarif.json", "static_analysis"): ("passed", ("Semgrep OSS", "1.182.0"), {"error": 1, "warning": 1, "high": 1, "unrated": 1, "findings": 2}),
    ("cyclonedx.json", "sbom"): ("passed", ("cyclonedx-py", "7.5.0"), {"packages": 9, "identified": 9, "identified_percent": 100.0}),
    ("cyclonedx.xml", "sbom"): ("passed", ("cyclonedx-py", "7.5.0"), {"packages": 9, "identified_percent": 100.0}),
    ("cyclonedx.xml", "licences"): ("passed", ("cyclonedx-py", "7.5.0"), {"licensed": 6, "unlicensed": 3}),
    ("cyclonedx.json", "licences"): (
        "passed",
        ("cyclonedx-py", "7.5.0"),
        {
            "unlicensed": 3,
            "expressions": [
                {"expression": "BSD-3-Clause", "packages": 2},
                {"expression": "MIT", "packages": 3},
                {"expression": "MPL-2.0", "packages": 1},
            ],
        },
    ),
    ("sbom.spdx", "sbom"): ("passed", ("syft", "1.18.0"), {"packages": 3, "identified": 1}),
    ("sbom.spdx.json", "sbom"): ("passed", ("syft", "1.18.0"), {"packages": 3, "identified": 1}),
    ("sbom.spdx", "licences"): ("passed", ("syft", "1.18.0"), {"unlicensed": 1, "unlicensed_packages": ["mystery"]}),
    ("trivy.json", "dependencies"): ("passed", ("Trivy", "0.68.1"), {"critical": 1, "medium": 1, "low": 1, "fixable_critical": 1, "suppressed": 1}),
    ("trivy.json", "infrastructure"): ("passed", ("Trivy", "0.68.1"), {"high": 1, "findings": 1}),
    ("trivy.json", "static_analysis"): ("passed", ("Trivy", "0.68.1"), {"critical": 1, "findings": 1, "error": 0}),
    ("grype.json", "dependencies"): ("passed", ("grype", "0.90.0"), {"medium": 1, "negligible": 1, "fixable": 1, "suppressed": 1, "critical": 0}),
    # 5.3 of max_severity, 7.4 out of the vector, and the word of an advisory without either
    ("osv.json", "dependencies"): ("passed", ("OSV-Scanner", ""), {"medium": 1, "high": 1, "critical": 1, "vulnerabilities": 3, "fixable": 1}),
    ("npm-audit.json", "dependencies"): ("passed", ("npm audit", ""), {"high": 1, "medium": 1, "fixable_high": 1, "packages": 2}),
    ("npm-audit-error.json", "dependencies"): ("errored", ("npm audit", ""), {"vulnerabilities": 0}),
    ("pip-audit.json", "dependencies"): ("passed", ("pip-audit", ""), {"unknown": 1, "packages": 2, "not_audited": 1}),
    ("pip-audit-skipped.json", "dependencies"): ("inconclusive", ("pip-audit", ""), {"packages": 0, "not_audited": 9}),
    ("pact-verifier.json", "contracts"): ("passed", ("pact verifier", ""), {"interactions": 2, "failed": 0}),
    ("pact-verifier-failed.json", "contracts"): ("failed", ("pact verifier", ""), {"interactions": 3, "failed": 1, "pending_failed": 1}),
    ("pact-result.json", "contracts"): ("passed", ("Pact-Rust", "1.2.3"), {"failed": 0}),
    ("can-i-deploy.json", "contracts"): ("passed", ("pact broker", ""), {"deployable": True, "success": 1, "failed": 0, "unknown": 0}),
    ("can-i-deploy-unknown.json", "contracts"): ("inconclusive", ("pact broker", ""), {"deployable": False, "unknown": 1}),
    ("k6-export.json", "performance"): ("passed", ("k6", ""), {"requests": 1800, "failed_requests": 9, "error_percent": 0.5, "thresholds_breached": 0}),
    ("k6-handle-summary.json", "performance"): ("failed", ("k6", ""), {"requests": 1800, "thresholds_breached": 1}),
    ("k6-machine.json", "performance"): ("passed", ("k6", "1.4.0"), {"requests": 1800, "failed_requests": 9}),
    ("locust_stats.csv", "performance"): ("passed", ("Locust", ""), {"requests": 445, "failed_requests": 36, "error_percent": 8.09}),
    ("locust.json", "performance"): ("passed", ("Locust", ""), {"requests": 452, "failed_requests": 37}),
    ("pytest-benchmark.json", "performance"): ("passed", ("pytest-benchmark", "5.3.1"), {}),
    ("results.jtl", "performance"): ("passed", ("JMeter", ""), {"requests": 4, "failed_requests": 1, "error_percent": 25.0}),
}
TIMES = {
    "pytest-passed.xml": datetime(2026, 11, 22, 17, 29, 37, 986071, tzinfo=UTC),
    "jest.xml": datetime(2026, 11, 22, 17, 31, 50, tzinfo=UTC),
    "gotestsum.xml": datetime(2027, 1, 14, 9, tzinfo=UTC),
    "cobertura.xml": datetime(2026, 11, 22, 17, 29, 38, 82000, tzinfo=UTC),
    "jacoco.xml": datetime(2027, 1, 14, 8, 1, tzinfo=UTC),
    "bandit.sarif.json": datetime(2026, 11, 22, 17, 30, 26, tzinfo=UTC),
    "trivy.json": datetime(2027, 1, 14, 8, tzinfo=UTC),
    "grype.json": datetime(2027, 1, 14, 8, 30, 0, 123456, tzinfo=UTC),
    "pact-result.json": datetime(2027, 1, 14, 8, 10, tzinfo=UTC),
    "results.jtl": datetime(2027, 1, 14, 8, tzinfo=UTC),
    "coverage.info": None,
    "surefire.xml": None,
    "can-i-deploy.json": None,
}


@pytest.mark.parametrize(("name", "kind"), EXPECTED)
def test_numbers(name: str, kind: str) -> None:
    verdict, tool, numbers = EXPECTED[name, kind]
    reading = one(name, kind)
    assert reading.kind == kind
    assert (reading.verdict, (reading.tool, reading.tool_version)) == (verdict, tool)
    assert {key: reading.numbers[key] for key in numbers} == numbers
    assert bool(reading.reason) == (verdict != "passed")


def test_every_sample_is_read_and_expected() -> None:
    names = {path.name for path in SAMPLES.iterdir() if path.suffix not in (".license", ".md") and "vex" not in path.name}
    assert names == {name for name, _kind in EXPECTED}
    assert {kind for _name, kind in EXPECTED} <= set(KINDS)


@pytest.mark.parametrize("name", TIMES)
def test_when_it_was_made(name: str) -> None:
    assert one(name).made_at == TIMES[name]


def test_what_an_sbom_is_about() -> None:
    assert one("sbom.spdx").subjects == one("sbom.spdx.json").subjects == ("a" * 64,)


def test_two_forms_of_one_sbom_say_the_same() -> None:
    for kind in ("sbom", "licences"):
        left, right = one("cyclonedx.json", kind).numbers, one("cyclonedx.xml", kind).numbers
        assert {**left, "unlicensed_packages": sorted(left.get("unlicensed_packages", ()))} == {
            **right,
            "unlicensed_packages": sorted(right.get("unlicensed_packages", ())),
        }


def test_figures_of_a_load_test() -> None:
    figures = {one["metric"]: one for one in one("k6-export.json").numbers["metrics"]}
    assert set(figures) == {"http_req_duration med", "http_req_duration p(95)", "http_req_failed", "http_reqs rate"}
    assert figures["http_req_failed"] == {"metric": "http_req_failed", "events": 9, "of": 1800, "better": "lower"}
    assert figures["http_reqs rate"]["better"] == "higher"
    assert figures == {one["metric"]: one for one in one("k6-machine.json").numbers["metrics"]}
    jmeter = {one["metric"]: one.get("value") for one in one("results.jtl").numbers["metrics"]}
    assert (jmeter["basket p50"], jmeter["basket p95"], jmeter["order, paid p50"], jmeter["all p95"]) == (16, 20, 900, 900)


def test_a_name_that_looks_like_a_secret_is_no_key_of_the_ledger() -> None:
    names = [one["metric"] for one in one("pytest-benchmark.json").numbers["metrics"]]
    assert names == ["tests/bench_basket.py > test_total_fast median", "tests/bench_basket.py > test_token_fast median"]


@pytest.mark.parametrize("name", sorted({name for name, _kind in EXPECTED}))
def test_each_sample_fits_one_format_and_that_one_by_name_too(name: str) -> None:
    from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import parse

    form = read.format_of(parse(sample(name)))
    assert read.read(sample(name), form=form) == read.read(sample(name))
