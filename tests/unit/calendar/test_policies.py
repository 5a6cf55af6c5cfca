# SPDX-License-Identifier: GPL-3.0-or-later
"""The starter policies, and the rules that an environment brings along, asked by the gate's own engine about evidence made of real calendars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import documents, evidence
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.report import render
from ansible_collections.evenkeel.release.tests.unit.calendar.support import PRODUCTION, TODAY, at, calendar, freeze, load, window

ROOT = Path(__file__).resolve().parents[3]
STARTER = ROOT / "extensions" / "policies"
ENTRY = {"id": "1", "kind": "freeze_override", "phase": "fact", "time": "2027-12-24T11:00:00.000000Z", "actor": {"name": "bea"}, "subject": "granted"}
KNOWN = calendar(
    windows=[window(days=["mon", "fri"], **{"from": "09:00", "to": "17:00"}, timezone="UTC")],
    freezes=[freeze(name="year end", begins="2027-12-20T00:00:00Z", ends="2028-01-02T00:00:00Z")],
    trains=[
        {"name": "monthly", "rule": "FREQ=MONTHLY;BYDAY=1MO", "since": "2027-01-01", "from": "10:00", "to": "15:00", "timezone": "UTC", "code_freeze_days": 7}
        | {"releases": [{"release": "2.*"}]}
    ],
)


def policies(*names: str) -> list[Any]:
    found, faults = files.read("policy", [str(STARTER / f"{name}.yml") for name in names], today=TODAY)
    assert not faults
    return [document.value for document in found]


def gathered(
    moment: str, *, lasting: int = 3600, release: str = "1.1.1", cut: str | None = None, override: bool = False, act: str = "deploy"
) -> dict[str, Any]:
    body = {"freeze": KNOWN.events[1].uid, "name": "year end", "reason": "lost", "until": "2027-12-24T16:00:00Z"}
    entries = [{**ENTRY, "environment": "production", "release": release, "body": body}] if override else []
    asked = {"services": ["shop"], "release": release, "entries": entries, "deployer": "ada", "cut_at": at(cut) if cut else None}
    known = [KNOWN, documents.of_environment(PRODUCTION)]
    section = evidence.evidence(known, environment=PRODUCTION, at=at(moment), lasting=lasting, **asked)
    return {"now": moment, "act": act, "environment": PRODUCTION, "calendar": section}


# (policies, evidence, verdict, rules that refuse)
TABLE: dict[str, tuple[tuple[str, ...], dict[str, Any], str, set[str]]] = {
    "in a window": (("windows", "freeze"), gathered("2027-03-05T10:00:00Z"), "passed", set()),
    "in no window": (
        ("windows", "freeze"),
        gathered("2027-03-04T10:00:00Z"),
        "failed",
        {"windows/window-is-open", "windows/finishes-inside", "environment/window"},
    ),
    "too late to finish": (("windows", "freeze"), gathered("2027-03-05T16:30:00Z"), "failed", {"windows/finishes-inside"}),
    "in a freeze": (
        ("windows", "freeze"),
        gathered("2027-12-24T12:00:00Z"),
        "failed",
        {"freeze/no-freeze-holds", "windows/finishes-inside", "environment/freeze"},
    ),
    "with an override": (("windows", "freeze"), gathered("2027-12-24T12:00:00Z", override=True), "passed", set()),
    "an override that ends too early": (
        ("windows", "freeze"),
        gathered("2027-12-24T15:30:00Z", override=True),
        "failed",
        {"windows/finishes-inside"},
    ),
    "on its train": (("windows", "freeze"), gathered("2027-03-01T10:00:00Z", release="2.0.0", cut="2027-02-20T00:00:00Z"), "passed", set()),
    "late for its train": (
        ("windows", "freeze"),
        gathered("2027-03-01T10:00:00Z", release="2.0.0", cut="2027-02-25T00:00:00Z"),
        "failed",
        {"freeze/train-takes-it"},
    ),
    "nobody knows when it was cut": (("windows", "freeze"), gathered("2027-03-01T10:00:00Z", release="2.0.0"), "failed", {"freeze/train-takes-it"}),
    "freeze alone permits nothing": (("freeze",), gathered("2027-03-05T10:00:00Z"), "failed", {"(none)/default-deny"}),
    "the way back is never closed": (("windows", "freeze"), gathered("2027-12-24T12:00:00Z", act="rollback"), "failed", {"(none)/default-deny"}),
}


@pytest.mark.parametrize("name", TABLE)
def test_starter_policies(name: str) -> None:
    chosen, asked, verdict, refusing = TABLE[name]
    decision = decide(policies(*chosen), asked, act=asked["act"], environment=PRODUCTION)
    assert {f"{rule.policy}/{rule.name}" for rule in decision.refused} == refusing
    assert decision.verdict == verdict
    for rule in decision.refused:
        assert rule.reason in render(decision)
        assert rule.remedy


def test_without_the_section_both_policies_are_in_error_and_deny() -> None:
    asked = {"now": "2027-03-05T10:00:00Z", "act": "deploy", "environment": PRODUCTION}
    decision = decide(policies("windows", "freeze"), asked, act="deploy", environment=PRODUCTION)
    assert decision.verdict == "errored"
    assert {rule.name for rule in decision.refused} == {"window-is-open", "finishes-inside", "no-freeze-holds", "train-takes-it"}


PERMIT = {"name": "p", "description": "d", "rules": [{"name": "r", "effect": "require", "condition": "`true`", "reason": "r", "remedy": "r"}]}


@pytest.mark.parametrize(
    ("section", "verdict", "said"),
    [
        ({"open": True, "freezes": []}, "passed", ""),
        ({"open": False, "freezes": [], "reason": "No window is open. Windows: nights."}, "failed", "Windows: nights"),
        ({"open": True, "freezes": [{"name": "f"}], "reason": "The freeze f holds."}, "failed", "The freeze f holds."),
        ({}, "errored", "could not be told"),
        ({"open": "yes", "freezes": []}, "errored", "could not be told"),
    ],
)
def test_with_calendars_the_environments_own_rules_are_their_answer(section: dict[str, Any], verdict: str, said: str) -> None:
    # Its own windows are closed: the calendars, which have read them too, have the word.
    declared = {**PRODUCTION, "windows": [{"name": "own", "days": ["mon"], "from": "00:00", "to": "00:01", "timezone": "UTC"}]}
    asked = {"now": "2027-03-05T10:00:00Z", "act": "deploy", "environment": declared, "calendar": section}
    decision = decide([PERMIT], asked, act="deploy", environment=declared)
    assert decision.verdict == verdict
    assert said in render(decision)
    back = decide([PERMIT], {**asked, "act": "rollback"}, act="rollback", environment=declared)
    assert back.verdict == "passed"
    alone = decide([PERMIT], {key: value for key, value in asked.items() if key != "calendar"}, act="deploy", environment=declared)
    assert alone.verdict == "failed"


def test_the_policies_are_what_the_reference_says() -> None:
    text = (ROOT / "docs" / "reference" / "policies.md").read_text(encoding="utf-8")
    section = evidence.evidence([KNOWN], environment=PRODUCTION, services=["shop"], release="2.0.0", at=at("2027-03-05T10:00:00Z"), entries=[], deployer="ada")
    block = next(block for block in text.split("```yaml\n") if block.startswith("calendar:")).split("```")[0]
    documented = yaml.safe_load(block)["calendar"]
    assert set(documented) == set(section)
    assert set(documented["train"]) == set(section["train"])
    assert set(documented["duration"]) == set(section["duration"])


@pytest.mark.parametrize("page", ["reference/calendars.md", "how-to/calendars.md"])
def test_the_calendars_of_the_documentation_are_valid(page: str) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    documents_of = [block for block in blocks if "\nname: " in f"\n{block}"]
    assert documents_of
    for block in documents_of:
        found, faults = load(block)
        assert not faults, faults
        assert found is not None
        assert found.events
