# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate in real runs; the ledger is read with sqlite3, not with our own code."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import yaml

ENVIRONMENT = {"name": "production", "tier": "production"}
POLICY = {
    "name": "promotion",
    "description": "Only what was proved.",
    "applies_to": {"acts": ["promote"]},
    "rules": [
        {
            "name": "no-drift",
            "effect": "require",
            "condition": "upstream.drift.findings == `0`",
            "shows": ["upstream.drift.findings"],
            "reason": "Upstream drifted.",
            "remedy": "Repair it.",
        }
    ],
}


def play(**options: Any) -> list[dict[str, Any]]:
    asked = {"act": "promote", "environment": "production", "release": "1.1.0", "policies": [POLICY], **options}
    task = {"name": "Ask", "evenkeel.release.gate": asked}
    return [{"name": "Gate", "hosts": "localhost", "gather_facts": False, "tasks": [task]}]


def evidence(findings: int | None) -> dict[str, Any]:
    return {"environment": ENVIRONMENT, "upstream": {"drift": {"findings": findings}}, "release": {"version": "1.1.0"}}


def recorded(state: Path) -> list[str]:
    with sqlite3.connect(state / "ledger.sqlite") as ledger:
        tables = [name for (name,) in ledger.execute("select name from sqlite_master where type = 'table'")]
        rows = [row for table in tables for row in ledger.execute(f'select * from "{table}"')]
    texts = [item.decode() if isinstance(item, bytes) and item[:1] == b"{" else item for row in rows for item in row]
    return [text for text in texts if isinstance(text, str) and '"kind":"gate"' in text]


def test_it_lets_pass_and_records(playbook: Any) -> None:
    run = playbook(play(evidence=evidence(0)))
    assert run.rc == 0, run.stdout
    assert run.result("Ask")["verdict"] == "passed"
    (entry,) = recorded(run.state_dir)
    content = json.loads(entry)
    assert content["body"]["verdict"] == "passed"
    assert len(content["body"]["evidence_sha256"]) == 64


def test_it_refuses_with_values_reason_and_remedy(playbook: Any) -> None:
    run = playbook(play(evidence=evidence(3)))
    assert run.rc != 0
    message = run.result("Ask")["msg"]
    for text in ("promotion / no-drift", "upstream.drift.findings = 3", "Upstream drifted.", "Repair it."):
        assert text in message
    assert json.loads(recorded(run.state_dir)[0])["body"]["verdict"] == "failed"


def test_missing_evidence_refuses(playbook: Any) -> None:
    run = playbook(play(evidence=evidence(None)))
    assert run.rc != 0
    assert run.result("Ask")["verdict"] == "errored"
    assert "the evidence has no upstream.drift.findings" in run.result("Ask")["msg"]


def test_it_only_reports_when_told_so(playbook: Any) -> None:
    run = playbook(play(evidence=evidence(3), enforce=False))
    assert run.rc == 0
    assert run.result("Ask")["verdict"] == "failed"


def test_check_mode_decides_and_records_nothing(playbook: Any) -> None:
    run = playbook(play(evidence=evidence(3)), check=True)
    assert run.rc != 0
    assert not (run.state_dir / "ledger.sqlite").exists()


def test_an_unrecorded_decision_is_a_refusal(playbook: Any) -> None:
    run = playbook(play(evidence=evidence(0), enforce=False, ledger_url="sqlite:////proc/nowhere/ledger.sqlite"))
    assert run.rc != 0
    assert "could not be recorded, so the act is refused" in run.result("Ask")["msg"]


def test_a_broken_policy_is_refused_with_its_line(playbook: Any, tmp_path: Path) -> None:
    broken = {**POLICY, "rules": [{**POLICY["rules"][0], "effekt": "require"}]}  # type: ignore[index]
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "promotion.yml").write_text(yaml.safe_dump(broken, sort_keys=False))
    run = playbook(play(evidence=evidence(0), policies=[], policies_dir=str(tmp_path / "policies")))
    assert run.rc != 0
    message = run.result("Ask")["msg"]
    assert "rules[0].effekt" in message
    assert "promotion.yml:" in message


def test_evidence_about_something_else_is_refused(playbook: Any) -> None:
    run = playbook(play(evidence=evidence(0), release="1.2.0"))
    assert run.rc != 0
    assert "'1.1.0'" in run.result("Ask")["msg"]
    run = playbook(play(evidence=evidence(0), environment="staging"))
    assert "document of 'production'" in run.result("Ask")["msg"]
