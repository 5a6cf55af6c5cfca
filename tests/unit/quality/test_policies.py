# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipped policies with the real gate: each rule permits, refuses, and refuses what it can't tell."""

from __future__ import annotations

import copy
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.document import digest_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.standing import standing
from ansible_collections.evenkeel.release.tests.unit.quality.quality_helper import NOW, SHOP, WEB, entry, manifest

FOLDER = Path(__file__).resolve().parents[3] / "extensions" / "policies"
NAMES = ("quality-signoff", "quality-thresholds")
ENVIRONMENT = {"name": "production", "tier": "production"}
SETTINGS = {"licences": {"allow": ["MIT"], "deny": ["AGPL-3.0-only"]}}
RELEASE = manifest(
    shop={"version": "1.0.0", "artifact": "shop.tgz", "sha256": SHOP},
    web={"version": "2.0.0", "artifact": "web.tgz", "sha256": WEB},
)
WHOLE = digest_of(RELEASE)
DAY = timedelta(days=1)
SCAN: dict[str, Any] = {"findings": 0, "critical": 0, "high": 0, "error": 0}
NUMBERS: dict[str, dict[str, Any]] = {
    "tests": {"tests": 3, "failed": 0, "errors": 0},
    "coverage": {"lines_covered": 85, "lines_total": 100, "line_percent": 85.0},
    "static_analysis": SCAN,
    "dependencies": {"critical": 0, "high": 1, "fixable_high": 0, "unknown": 0},
    "sbom": {"packages": 4, "identified": 4, "identified_percent": 100.0},
    "licences": {"packages": 1, "unlicensed": 0, "unlicensed_packages": [], "expressions": [{"expression": "MIT", "packages": 1}]},
    "contracts": {"failed": 0},
}


def load(value: float, sha256: str, number: int, age: timedelta, component: str) -> dict[str, Any]:
    metrics = [{"metric": "p95", "value": value, "unit": "ms", "better": "lower", "resolution": 0.0}]
    known: dict[str, Any] = {"name": "load", "environment": "perf", "number": number, "component": component}
    return entry("performance", sha256=sha256, numbers={"metrics": metrics}, age=age, **known)


def good() -> list[dict[str, Any]]:
    entries = [
        entry(kind, sha256=sha256, component=name, numbers=numbers) for kind, numbers in NUMBERS.items() for sha256, name in ((SHOP, "shop"), (WEB, "web"))
    ]
    for name, sha256 in (("shop", SHOP), ("web", WEB)):
        entries += [load(100 + number % 3, f"{number:063x}{len(name) % 2}", number, (50 - number) * DAY, name) for number in range(8)]
        entries.append(load(101, sha256, 90, DAY, name))
    entries.append(entry("uat", sha256=WHOLE, component="", numbers={"signed": True}, age=3 * DAY))
    entries.append(entry("penetration_test", sha256=WHOLE, component="", numbers={"critical": 0, "high": 0, "medium": 3, "signed": True}, age=100 * DAY))
    return [{**one, "id": f"{number:08}"} for number, one in enumerate(entries)]


def asked(entries: list[dict[str, Any]], settings: dict[str, Any] | None = None) -> dict[str, str]:
    """{rule: verdict} of the rules of both policies."""
    documents, faults = files.read("policy", [str(FOLDER / f"{name}.yml") for name in NAMES], today=NOW.date())
    assert faults == []
    quality = standing(entries, RELEASE, NOW, SETTINGS if settings is None else settings)
    evidence = {"now": NOW.isoformat(), "act": "promote", "environment": ENVIRONMENT, "release": RELEASE, "quality": quality}
    decision = decide([one.value for one in documents], evidence, act="promote", environment=ENVIRONMENT)
    return {rule.name: rule.verdict for rule in decision.rules}


def test_a_release_with_everything_may_go() -> None:
    assert set(asked(good()).values()) == {"passed"}


def test_a_release_without_evidence_is_refused_by_every_rule() -> None:
    found = asked([])
    assert set(found.values()) == {"errored"}
    assert len(found) == 12


# rule: (kind, numbers that refuse it, age that refuses it)
REFUSED: list[tuple[str, str, dict[str, Any], timedelta | None]] = [
    ("tests-pass", "tests", {"failed": 1}, None),
    ("tests-pass", "tests", {"errors": 1}, None),
    ("coverage-is-enough", "coverage", {"lines_covered": 79}, None),
    ("static-analysis-is-clean", "static_analysis", {"critical": 1}, None),
    ("static-analysis-is-clean", "static_analysis", {"high": 2}, None),
    ("static-analysis-is-clean", "static_analysis", {"error": 1}, None),
    ("dependencies-are-safe", "dependencies", {"critical": 1}, None),
    ("dependencies-are-safe", "dependencies", {"fixable_high": 1}, None),
    ("dependencies-are-safe", "dependencies", {"unknown": 1}, None),
    ("dependencies-were-scanned-lately", "dependencies", {}, 2 * DAY),
    ("sbom-is-complete", "sbom", {"identified": 3}, None),
    ("licences-are-permitted", "licences", {"unlicensed": 1}, None),
    ("licences-are-permitted", "licences", {"expressions": [{"expression": "AGPL-3.0-only", "packages": 1}]}, None),
    ("licences-are-permitted", "licences", {"expressions": [{"expression": "BSD-3-Clause", "packages": 1}]}, None),
    ("users-accepted-it", "uat", {}, 31 * DAY),
    ("was-attacked-on-purpose", "penetration_test", {"critical": 1}, None),
    ("was-attacked-on-purpose", "penetration_test", {"high": 1}, None),
    ("was-attacked-on-purpose", "penetration_test", {}, 181 * DAY),
    ("not-slower-than-before", "performance", {"metrics": [{"metric": "p95", "value": 180.0, "unit": "ms", "better": "lower", "resolution": 0.0}]}, None),
]


@pytest.mark.parametrize(("rule", "kind", "numbers", "age"), REFUSED)
def test_what_one_component_lacks_refuses_the_release(rule: str, kind: str, numbers: dict[str, Any], age: timedelta | None) -> None:
    entries = copy.deepcopy(good())
    one = next(each for each in entries if each["body"]["kind"] == kind and each["subject"] in (WEB, WHOLE))
    one["body"]["numbers"] |= numbers
    if age:
        one["body"]["made_at"] = (NOW - age).isoformat()
    assert asked(entries)[rule] == "failed"


RULES = {
    "tests": "tests-pass",
    "coverage": "coverage-is-enough",
    "static_analysis": "static-analysis-is-clean",
    "dependencies": "dependencies-are-safe",
    "sbom": "sbom-is-complete",
    "licences": "licences-are-permitted",
    "contracts": "contracts-hold",
    "performance": "not-slower-than-before",
    "uat": "users-accepted-it",
    "penetration_test": "was-attacked-on-purpose",
}


@pytest.mark.parametrize("kind", [kind for kind in RULES if kind != "licences"])
@pytest.mark.parametrize("verdict", ["failed", "errored", "inconclusive"])
def test_a_report_that_did_not_pass_refuses(kind: str, verdict: str) -> None:
    entries = copy.deepcopy(good())
    next(each for each in entries if each["body"]["kind"] == kind and each["subject"] in (WEB, WHOLE))["body"]["verdict"] = verdict
    assert asked(entries)[RULES[kind]] == "failed"


@pytest.mark.parametrize("kind", RULES)
def test_evidence_of_one_component_only_is_an_error_and_refuses(kind: str) -> None:
    entries = [one for one in good() if not (one["body"]["kind"] == kind and one["subject"] in (WEB, WHOLE))]
    assert asked(entries)[RULES[kind]] == "errored"


def test_without_lists_nobody_knows_which_licences_are_permitted() -> None:
    assert asked(good(), settings={})["licences-are-permitted"] == "errored"


def test_every_rule_is_refused_by_some_case() -> None:
    cases = {rule for rule, _kind, _numbers, _age in REFUSED} | set(RULES.values())
    assert set(asked(good())) - cases == {"slows-down-not-in-small-steps"}
    creeping = [one for one in good() if one["body"]["kind"] != "performance"]
    for name, sha256 in (("shop", SHOP), ("web", WEB)):
        creeping += [load(100 * 1.02**number, f"{number:063x}{len(name) % 2}", 100 + number, (50 - number) * DAY, name) for number in range(18)]
        creeping.append(load(100 * 1.02**18, sha256, 190, DAY, name))
    found = asked(creeping)
    assert (found["not-slower-than-before"], found["slows-down-not-in-small-steps"]) == ("passed", "failed")


def test_the_rules_of_the_reference_work() -> None:
    page = (FOLDER.parents[1] / "docs" / "reference" / "policies.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "everything-is-there" in block]
    policy = {"name": "reference", "description": "d", "rules": yaml.safe_load(block)}
    assert check("policy", policy, today=NOW.date(), source=Source("policies.md")) == []
    for entries, verdict in ((good(), "passed"), ([], "failed")):
        evidence = {"now": NOW.isoformat(), "act": "promote", "environment": ENVIRONMENT, "quality": standing(entries, RELEASE, NOW)}
        assert decide([policy], evidence, act="promote", environment=ENVIRONMENT).verdict == verdict
