# SPDX-License-Identifier: GPL-3.0-or-later
"""The starter policies of releases, each rule refused and allowed by the gate's own engine, over evidence that the product's own functions make."""

from __future__ import annotations

import copy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.declared import component
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.plan import judge
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.stages import Stage
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.standing import standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide

FOLDER = Path(__file__).resolve().parents[3] / "extensions" / "policies"
NOW = "2027-01-15T10:00:00+00:00"
ENVIRONMENT = {"name": "production", "tier": "production"}
STAGES = {"staging": Stage(), "production": Stage(("staging",), "any", 3600, 7 * 86400)}


def policy(name: str) -> dict[str, Any]:
    documents, faults = files.read("policy", [str(FOLDER / f"{name}.yml")], today=date(2027, 1, 15))
    assert faults == []
    return dict(documents[0].value)


def ask(name: str, evidence: dict[str, Any], act: str = "promote") -> tuple[str, list[str]]:
    decision = decide([policy(name)], {"now": NOW, "act": act, "environment": ENVIRONMENT, **evidence}, act=act, environment=ENVIRONMENT)
    return decision.verdict, [f"{rule.name}: {rule.verdict}" for rule in decision.refused]


def entry(kind: str, phase: str, time: str, place: str = "staging", **body: Any) -> dict[str, Any]:
    common = {"id": time, "kind": kind, "phase": phase, "time": f"2027-01-15T{time}:00Z", "environment": place, "release": "1.1.0", "subject": ""}
    return {**common, "actor": {"name": "ada"}, "body": body}


PROVED = [
    entry("deployment", "outcome", "08:00", verdict="passed", services={"shop": "1.1.0"}, intent="1"),
    entry("verification", "fact", "08:01", verdict="passed"),
]


@pytest.mark.parametrize(
    ("entries", "same", "refused"),
    [
        (PROVED, "passed", []),
        (PROVED, "failed", ["same-bytes: failed"]),
        (PROVED, "inconclusive", ["same-bytes: failed"]),
        (PROVED[:1], "passed", ["verified-and-soaked: failed"]),
        ([PROVED[0], entry("verification", "fact", "09:30", verdict="passed")], "passed", ["verified-and-soaked: failed"]),
        ([*PROVED, entry("hold", "fact", "09:00", "production", state="held", reason="x")], "passed", ["not-marked: failed", "verified-and-soaked: failed"]),
        ([*PROVED, entry("mark", "fact", "09:00", "", state="bad", reason="x")], "passed", ["not-marked: failed", "verified-and-soaked: failed"]),
        (
            [*PROVED, entry("verification", "fact", "09:00", verdict="failed", revoked=True, reason="x")],
            "passed",
            ["not-revoked: failed", "verified-and-soaked: failed"],
        ),
    ],
)
def test_soak(entries: list[dict[str, Any]], same: str, refused: list[str]) -> None:
    evidence = {"standing": standing(entries, "1.1.0", STAGES, NOW)["production"], "promotion": {"verdict": same, "why": []}}
    assert ask("soak", evidence) == ("failed" if refused else "passed", refused)


def test_soak_without_its_evidence_is_no_pass() -> None:
    assert ask("soak", {})[0] == "errored"
    assert ask("soak", {"standing": None, "promotion": None})[0] == "errored"


GOOD: dict[str, Any] = {
    "release": {"milestones": [{}], "boundaries": {"debt": [{}]}, "scope": {"items": [{}]}},
    "manifest": {"verdict": "passed", "sha256": "a", "recorded": {"sha256": "a"}, "changed": []},
    "milestones": {"open": [], "overdue": []},
    "boundaries": {"debt": {"verdict": "passed", "criteria": []}},
    "scope": {"frozen_at": "2027-01-10T00:00:00Z", "unexcused": [], "open": []},
}


@pytest.mark.parametrize(
    ("path", "value", "refused"),
    [
        ("manifest.recorded", None, "manifest-is-the-recorded-one: failed"),
        ("manifest.verdict", "failed", "manifest-is-the-recorded-one: failed"),
        ("milestones.open", ["tested"], "milestones-are-reached: failed"),
        ("milestones.open", None, "milestones-are-reached: errored"),
        ("boundaries.debt.verdict", "errored", "boundaries-hold: failed"),
        ("boundaries", None, "boundaries-hold: errored"),
        ("milestones", None, "milestones-are-reached: errored"),
        ("scope.unexcused", ["S-9"], "nothing-came-in-late: failed"),
        ("scope.open", ["S-2"], "scope-is-done: failed"),
    ],
)
def test_milestones(path: str, value: Any, refused: str) -> None:
    assert ask("milestones", GOOD, "deploy") == ("passed", [])
    evidence = copy.deepcopy(GOOD)
    at = evidence
    *way, last = path.split(".")
    for part in way:
        at = at[part]
    at[last] = value
    assert ask("milestones", evidence, "deploy")[1] == [refused]


def test_milestones_ask_only_for_what_the_manifest_has() -> None:
    assert ask("milestones", {**GOOD, "release": {}, "milestones": None, "boundaries": None, "scope": None}) == ("passed", [])
    assert ask("milestones", {"release": {"milestones": [{}]}})[0] == "failed"


def part(name: str, **row: Any) -> Any:
    more = {key: row.pop(key) for key in ("vendor",) if key in row}
    return component({"component": name, "versions": [{"range": "*", **row}], **more})


@pytest.mark.parametrize(
    ("parts", "running", "rollback", "refused"),
    [
        ([part("shop")], {"shop": "1.0.0"}, [], []),
        (
            [part("shop", requires={"api/pay": "^2"}), part("pay", provides={"api/pay": ["1.0.0"]})],
            {"shop": "1.0.0", "pay": "1.0.0"},
            [],
            ["nothing-breaks: failed"],
        ),
        ([part("shop")], {"shop": "1.0.0", "odd": "1.0.0"}, [], ["everything-is-declared: failed"]),
        ([part("db", vendor="ACME", support_until="2027-01-14")], {"db": "1.0.0"}, [], ["vendors-support-it: failed"]),
        ([part("db", vendor="ACME")], {"db": "1.0.0"}, [], ["vendors-support-it: failed"]),
        ([part("shop")], {"shop": "1.0.0"}, None, ["the-way-back-is-open: failed"]),
    ],
)
def test_compatibility(parts: Any, running: dict[str, str], rollback: Any, refused: list[str]) -> None:
    found = judge(running=running, wanted={}, declared={each.name: each for each in parts}, today="2027-01-15")
    evidence = {"compatibility": {**found, "rollback": {"order": rollback, "lines": []}}}
    assert ask("compatibility", evidence) == ("failed" if refused else "passed", refused)


def test_compatibility_without_its_evidence_is_no_pass() -> None:
    assert ask("compatibility", {}) == (
        "failed",
        ["nothing-breaks: errored", "everything-is-declared: errored", "vendors-support-it: errored", "the-way-back-is-open: failed"],
    )
