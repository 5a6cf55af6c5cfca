# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts for a release: exactly its digests, the newest of each name, all names together."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import document, table
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import percent
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.standing import standing
from ansible_collections.evenkeel.release.tests.unit.quality.quality_helper import NOW, SHOP, WEB, entry, manifest

HOUR = timedelta(hours=1)
TWO = manifest(
    shop={"version": "1.0.0", "artifact": "shop.tgz", "sha256": SHOP},
    web={"version": "2.0.0", "artifact": "web.tgz", "sha256": WEB},
)
COVERED: dict[str, Any] = {"lines_covered": 80, "lines_total": 100, "line_percent": 80.0}


def of(entries: list[dict[str, Any]], release: dict[str, Any] | None = None, kind: str = "tests", **more: Any) -> dict[str, Any]:
    return standing(entries, release or manifest(), NOW, **more).get(kind, {})


def test_nothing_is_there_of_nothing() -> None:
    assert standing([], manifest(), NOW) == {"complete": []}


def test_the_numbers_and_the_age() -> None:
    found = of([entry(numbers={"tests": 7, "failed": 0, "errors": 0}, age=2 * HOUR)])
    one = found["components"]["shop"]
    assert (one["verdict"], one["tests"], one["age_seconds"], one["made_at"]) == ("passed", 7, 7200, "2027-01-15T10:00:00+00:00")
    assert found["missing"] == []
    assert found["all"] == {
        "verdict": "passed",
        "made_at": "2027-01-15T10:00:00+00:00",
        "age_seconds": 7200,
        "attempts": 1,
        "failed_attempts": 0,
        "tests": 7,
        "failed": 0,
        "errors": 0,
    }
    assert standing([entry()], manifest(), NOW)["complete"] == ["tests"]


@pytest.mark.parametrize(
    "other",
    [
        {"subject": WEB},
        {"subject": SHOP.upper()},
        {"subject": SHOP[:-1]},
        {"subject": ""},
        {"kind": "report"},
        {"phase": "intent"},
        {"body": {**entry()["body"], "format": 2}},
        {"body": {**entry()["body"], "kind": "magic"}},
        {"body": {**entry()["body"], "numbers": "all good"}},
        {"body": {**entry()["body"], "name": None}},
        {"body": {}},
    ],
)
def test_what_is_of_another_digest_or_form_counts_for_nothing(other: dict[str, Any]) -> None:
    assert standing([{**entry(), **other}], manifest(), NOW) == {"complete": []}


def test_one_component_without_evidence_leaves_no_sum() -> None:
    found = of([entry()], TWO)
    assert (list(found["components"]), found["missing"]) == (["shop"], ["web"])
    assert "all" not in found
    assert standing([entry()], TWO, NOW)["complete"] == []


def test_the_sum_is_the_worst_of_the_components() -> None:
    entries = [
        entry("coverage", numbers=COVERED),
        entry(
            "coverage",
            sha256=WEB,
            numbers={**COVERED, "lines_covered": 92, "line_percent": 92.0, "branches_covered": 3, "branches_total": 10, "branch_percent": 30.0},
            verdict="failed",
            age=9 * HOUR,
            number=2,
        ),
    ]
    everything = of(entries, TWO, "coverage")["all"]
    assert (everything["verdict"], everything["line_percent"], everything["age_seconds"]) == ("failed", 80.0, 9 * 3600)
    assert "branch_percent" not in everything  # only one of them has it


def test_evidence_of_the_whole_release_covers_every_component() -> None:
    whole = document.digest_of(TWO)
    found = of([entry("uat", sha256=whole, component="", numbers={"signed": True})], TWO, "uat")
    assert (found["missing"], found["all"]["verdict"], found["all"]["signed"]) == ([], "passed", True)


def test_and_a_failure_of_the_whole_release_fails_each() -> None:
    whole = document.digest_of(TWO)
    entries = [entry(), entry(sha256=WEB, number=2), entry(sha256=whole, component="", name="e2e", verdict="failed", number=3, age=5 * HOUR)]
    found = of(entries, TWO)
    assert {one["verdict"] for one in found["components"].values()} == {"failed"}


def test_another_manifest_with_the_same_component_keeps_that_evidence_only() -> None:
    whole = document.digest_of(manifest())
    entries = [entry(), entry("uat", sha256=whole, component="", numbers={}, number=2)]
    assert set(standing(entries, manifest(), NOW)) == {"tests", "uat", "complete"}
    assert set(standing(entries, {**manifest(), "version": "1.0.1"}, NOW)) == {"tests", "complete"}


def test_each_platform_needs_its_own() -> None:
    variants = [{"os": "linux", "arch": arch, "artifact": f"{arch}.tgz", "sha256": sha256} for arch, sha256 in (("amd64", SHOP), ("arm64", WEB))]
    release = manifest(shop={"version": "1.0.0", "variants": variants})
    assert of([entry()], release)["missing"] == ["shop (linux/arm64)"]
    assert of([entry(), entry(sha256=WEB, number=2)], release)["missing"] == []


def test_of_one_name_the_newest_counts() -> None:
    entries = [entry(verdict="failed", age=3 * HOUR), entry(age=HOUR, number=2)]
    one = of(entries)["components"]["shop"]
    assert (one["verdict"], one["attempts"], one["failed_attempts"]) == ("passed", 2, 1)
    assert of([entry(age=3 * HOUR), entry(verdict="failed", age=HOUR, number=2)])["components"]["shop"]["verdict"] == "failed"


def test_newest_is_by_the_time_it_was_made_and_not_recorded() -> None:
    assert of([entry(age=HOUR), entry(verdict="failed", age=3 * HOUR, number=2)])["components"]["shop"]["verdict"] == "passed"
    assert of([entry(age=HOUR), entry(verdict="failed", age=HOUR, number=2)])["components"]["shop"]["verdict"] == "failed"


def test_different_names_are_taken_together() -> None:
    entries = [
        entry("coverage", name="unit", numbers=COVERED),
        entry("coverage", name="e2e", numbers={"lines_covered": 10, "lines_total": 50, "line_percent": 20.0}, age=4 * HOUR, number=2),
    ]
    one = of(entries, kind="coverage")["components"]["shop"]
    assert (one["lines_covered"], one["lines_total"], one["line_percent"], one["age_seconds"]) == (90, 150, 60.0, 4 * 3600)
    assert [each["name"] for each in one["evidence"]] == ["e2e", "unit"]


@pytest.mark.parametrize(
    ("verdicts", "whole"),
    [
        (("passed", "passed"), "passed"),
        (("passed", "failed"), "failed"),
        (("passed", "errored"), "errored"),
        (("passed", "inconclusive"), "inconclusive"),
        (("errored", "failed"), "failed"),
        (("errored", "inconclusive"), "errored"),
        (("passed", "splendid"), "errored"),
        (("passed", None), "errored"),
    ],
)
def test_the_worst_verdict_counts(verdicts: tuple[Any, Any], whole: str) -> None:
    entries = [entry(name=f"n{number}", verdict=verdict or "", number=number) for number, verdict in enumerate(verdicts)]
    assert of(entries)["components"]["shop"]["verdict"] == whole


def test_the_future_does_not_count() -> None:
    one = of([entry(age=-2 * HOUR)])["components"]["shop"]
    assert (one["verdict"], one["age_seconds"]) == ("errored", 0)
    assert "future" in one["reason"]
    broken = entry()
    broken["body"]["made_at"] = "soon"
    assert of([broken])["components"]["shop"]["verdict"] == "errored"


def test_a_statement_that_has_run_out() -> None:
    signed = entry("uat", numbers={"signed": True, "valid_until": "2027-01-15T11:00:00Z"})
    assert of([signed], kind="uat")["components"]["shop"]["verdict"] == "inconclusive"
    signed["body"]["numbers"]["valid_until"] = "2027-01-15T13:00:00Z"
    assert of([signed], kind="uat")["components"]["shop"]["verdict"] == "passed"


LICENSED: dict[str, Any] = {
    "packages": 2,
    "licensed": 2,
    "unlicensed": 0,
    "expressions": [{"expression": "MIT", "packages": 1}, {"expression": "AGPL-3.0-only", "packages": 1}],
}


def test_licences_are_judged_by_the_lists_of_the_one_who_asks() -> None:
    asked = {"licences": {"allow": ["MIT"], "deny": ["AGPL-3.0-only"]}}
    found = of([entry("licences", numbers=LICENSED)], kind="licences", settings=asked)
    assert found["all"]["denied"] == ["AGPL-3.0-only"]
    assert found["all"]["unlisted"] == []
    assert "denied" not in of([entry("licences", numbers=LICENSED)], kind="licences")["all"]


def load(value: float, number: int, *, verdict: str = "passed", environment: str = "perf-lab", name: str = "load", sha256: str = "") -> dict[str, Any]:
    metrics = [{"metric": "p95", "value": value, "unit": "ms", "better": "lower", "resolution": 0.0}]
    age = timedelta(days=100 - number)
    subject = sha256 or f"{number:064x}"
    return entry("performance", sha256=subject, name=name, numbers={"metrics": metrics}, verdict=verdict, age=age, environment=environment, number=number)


def test_load_tests_are_compared_with_earlier_releases() -> None:
    history = [load(100 + number % 3, number) for number in range(1, 8)]
    good = of([*history, load(101, 50, sha256=SHOP)], kind="performance")["all"]
    assert (good["verdict"], good["regressions"], good["releases_compared"]) == ("passed", [], 7)
    bad = of([*history, load(140, 50, sha256=SHOP)], kind="performance")["all"]
    assert (bad["verdict"], bad["regressions"]) == ("failed", ["p95"])


@pytest.mark.parametrize("other", [{"environment": "laptop"}, {"name": "smoke"}, {"verdict": "failed"}])
def test_but_only_with_those_of_the_same_place_and_name_that_were_good(other: dict[str, Any]) -> None:
    history = [load(100 + number % 3, number, **other) for number in range(1, 8)]
    found = of([*history, load(101, 50, sha256=SHOP)], kind="performance")["all"]
    assert (found["verdict"], found["releases_compared"]) == ("inconclusive", 0)


@pytest.mark.parametrize("kind", ["tests", "coverage", "licences", "performance"])
@pytest.mark.parametrize(
    "numbers", [{"tests": "many", "line_percent": 99.0, "expressions": 3, "metrics": [1]}, {"expressions": [{}], "metrics": {"a": 1}, "line_percent": 1}]
)
def test_numbers_written_by_hand_are_an_error_and_break_nothing(kind: str, numbers: dict[str, Any]) -> None:
    forged = entry(kind, name="forged", numbers=numbers, environment="perf-lab")
    good = entry(kind, numbers={"tests": 1, **COVERED, **LICENSED, "metrics": []}, number=2, environment="perf-lab")
    found = standing([forged, good], manifest(), NOW, {"licences": {"deny": ["AGPL-3.0-only"]}})[kind]
    assert found["all"]["verdict"] in ("errored", "failed") or (kind, found["all"].get("tests")) == ("tests", None)


def test_the_order_of_entries_does_not_matter() -> None:
    entries = [
        entry(name=name, verdict=verdict, age=number * HOUR, number=number)
        for number, (name, verdict) in enumerate([("a", "passed"), ("a", "failed"), ("b", "passed")])
    ]
    entries += [load(100 + number % 3, number + 10) for number in range(5)] + [load(100, 50, sha256=SHOP)]
    expected = standing(entries, manifest(), NOW)
    for seed in range(10):
        random.Random(seed).shuffle(entries)
        assert standing(entries, manifest(), NOW.isoformat()) == expected


@pytest.mark.parametrize(("part", "whole", "shown"), [(79_999, 100_000, 79.99), (2, 3, 66.66), (1, 1, 100.0), (0, 7, 0.0), (999_999, 1_000_000, 99.99)])
def test_a_percentage_is_never_rounded_up(part: int, whole: int, shown: float) -> None:
    assert percent(part, whole) == shown


def test_the_table() -> None:
    entries = [entry(numbers={"tests": 4, "passed": 3, "failed": 1, "errors": 0, "skipped": 0}, verdict="failed", age=50 * HOUR)]
    text = table.render(standing(entries, TWO, NOW), release="1.0.0", components=["shop", "web"], expects=["tests", "sbom"])
    lines = text.splitlines()
    assert lines[0] == "Evidence of release 1.0.0: 0 passed, 1 not passed, 3 missing."
    assert lines[3].split() == [
        "tests",
        "shop",
        "failed",
        "2",
        "d",
        "3",
        "of",
        "4",
        "passed,",
        "1",
        "failed,",
        "0",
        "errors,",
        "0",
        "skipped;",
        "so",
        "it",
        "is",
    ]
    assert lines[4].split()[:3] == ["tests", "web", "MISSING"]
    assert [line.split()[:3] for line in lines[5:7]] == [["sbom", "shop", "MISSING"], ["sbom", "web", "MISSING"]]
    assert lines[-1].startswith("Nothing recorded of: coverage, ")
