# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of real tools recorded by real runs, read back with sqlite3, asked about by the gate."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import rfc8785
import yaml
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner, Run

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "tests" / "unit" / "quality" / "samples"
SHOP, WEB = "a" * 64, "b" * 64
MANIFEST: dict[str, Any] = {
    "version": "1.0.0",
    "type": "minor",
    "owner": "shop",
    "summary": "A basket.",
    "changelog": ["A basket."],
    "components": {
        "shop": {"version": "1.0.0", "artifact": "shop.tgz", "sha256": SHOP},
        "web": {"version": "2.0.0", "artifact": "web.tgz", "sha256": WEB},
    },
    "rollback": {"criteria": ["errors"], "max_minutes": 5, "migration": "none"},
}
AGO = (datetime.now(timezone.utc) - timedelta(hours=1)).isoformat(timespec="seconds")


class Place:
    """A workspace of CI: a folder of reports, a manifest, a ledger."""

    def __init__(self, folder: Path, playbook: PlaybookRunner) -> None:
        self.folder, self.playbook = folder, playbook
        (folder / "releases").mkdir()
        (folder / "reports").mkdir()
        self.manifest = folder / "releases" / "1.0.0.yml"
        self.manifest.write_text(yaml.safe_dump(MANIFEST))
        self.ledger = folder / "ledger.sqlite"

    def samples(self, *names: str) -> None:
        for name in names:
            shutil.copy(SAMPLES / name, self.folder / "reports" / name)

    def run(self, *, check: bool = False, **options: Any) -> Run:
        known = {"release": str(self.manifest), "base": str(self.folder / "reports"), "ledger_url": f"sqlite:///{self.ledger}"}
        task = {"name": "Evidence", "evenkeel.release.evidence": {**known, **options}}
        return self.playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}], check=check)

    def entries(self) -> list[dict[str, Any]]:
        if not self.ledger.exists():
            return []
        with sqlite3.connect(self.ledger) as database:
            return [json.loads(row[0]) for row in database.execute("SELECT bytes FROM evenkeel_entries ORDER BY seq")]


@pytest.fixture
def place(tmp_path: Path, playbook: PlaybookRunner) -> Place:
    return Place(tmp_path, playbook)


UNIT = {"src": ["pytest-passed.xml"], "name": "unit", "component": "shop"}
LOAD = {"src": ["pytest-benchmark.json"], "name": "bench", "component": "shop", "environment": "ci"}


def test_create_again_and_check_mode(place: Place) -> None:
    place.samples("pytest-passed.xml", "pytest-benchmark.json")
    would = place.run(reports=[UNIT, LOAD], check=True).result("Evidence")
    assert (would["changed"], len(would["recorded"]), place.entries()) == (True, 2, [])
    assert "Would record 2" in would["msg"]
    first = place.run(reports=[UNIT, LOAD]).result("Evidence")
    assert (first["changed"], len(first["recorded"]), first["known"]) == (True, 2, [])
    unit, bench = place.entries()
    assert (unit["kind"], unit["phase"], unit["subject"], unit["release"]) == ("evidence", "fact", SHOP, "1.0.0")
    assert unit["body"]["files"][0]["sha256"] == hashlib.sha256((SAMPLES / "pytest-passed.xml").read_bytes()).hexdigest()
    assert unit["body"]["numbers"]["passed"] == 2
    assert (bench["environment"], bench["body"]["kind"]) == ("ci", "performance")
    # A name with the word token in it is not taken for a secret.
    assert [one["value"] > 0 for one in bench["body"]["numbers"]["metrics"]] == [True, True]
    for check in (False, True):
        again = place.run(reports=[UNIT, LOAD], check=check).result("Evidence")
        assert (again["changed"], again["recorded"], len(again["known"])) == (False, [], 2)
    assert len(place.entries()) == 2


def test_the_same_file_for_another_artifact_or_name_is_other_evidence(place: Place) -> None:
    place.samples("pytest-passed.xml")
    assert place.run(reports=[UNIT, {**UNIT, "component": "web"}, {**UNIT, "name": "smoke"}]).result("Evidence")["changed"]
    assert [(one["subject"], one["body"]["name"]) for one in place.entries()] == [(SHOP, "unit"), (WEB, "unit"), (SHOP, "smoke")]


def test_a_later_time_does_not_make_an_old_report_younger(place: Place) -> None:
    place.samples("coverage.info")
    report = {"src": "coverage.info", "name": "unit", "component": "shop", "made_at": "2026-01-01T00:00:00Z"}
    place.run(reports=[report])
    again = place.run(reports=[{**report, "made_at": AGO}]).result("Evidence")
    assert not again["changed"]
    assert again["quality"]["coverage"]["components"]["shop"]["made_at"] == "2026-01-01T00:00:00+00:00"


def test_one_bad_report_and_nothing_is_recorded(place: Place) -> None:
    place.samples("pytest-passed.xml")
    (place.folder / "reports" / "cut.json").write_text('{"version": "2.1.0",\n"runs": [')
    reports = [UNIT, {"src": "cut.json", "name": "semgrep", "component": "shop"}, {"src": "never.xml", "name": "e2e", "component": "shop"}]
    run = place.run(reports=reports)
    result = run.result("Evidence")
    assert run.rc != 0
    assert "2 of the 3 reports can't be recorded. Nothing was recorded." in result["msg"]
    assert [one["file"] for one in result["faults"]] == ["cut.json", "never.xml"]
    assert (result["faults"][0]["place"], result["faults"][1]["found"]) == ("line 2", "nothing")
    assert place.entries() == []


def test_options_and_documents_are_checked(place: Place) -> None:
    place.samples("pytest-passed.xml")
    run = place.run(reports=[{**UNIT, "colour": "red"}])
    assert run.rc != 0
    assert "colour" in run.stdout
    run = place.run(reports=[UNIT], settings={"licences": {"deny": ["AGPL3"]}})
    assert "deny: AGPL3" in run.result("Evidence")["msg"]
    place.manifest.write_text(yaml.safe_dump({**MANIFEST, "owner": 7}))
    assert "owner" in place.run(reports=[UNIT]).result("Evidence")["msg"]
    assert place.entries() == []


def test_a_new_manifest_with_another_digest_has_nothing(place: Place) -> None:
    place.samples("pytest-passed.xml")
    place.run(reports=[UNIT, {**UNIT, "component": "web"}])
    assert "all" in place.run(state="standing").result("Evidence")["quality"]["tests"]
    changed = {**MANIFEST["components"], "shop": {**MANIFEST["components"]["shop"], "sha256": "c" * 64}}
    place.manifest.write_text(yaml.safe_dump({**MANIFEST, "components": changed}))
    result = place.run(state="standing").result("Evidence")
    assert (result["changed"], result["quality"]["tests"]["missing"], result["quality"]["complete"]) == (False, ["shop"], [])
    assert "MISSING" in result["msg"]


def test_no_ledger_is_made_to_look_at_one(place: Place) -> None:
    assert place.run(state="standing").result("Evidence")["quality"] == {"complete": []}
    assert not place.ledger.exists()


def test_reports_of_tools_that_run_now(place: Place) -> None:
    """pytest and ruff write, this very moment, what is recorded."""
    work = place.folder / "work"
    work.mkdir()
    (work / "test_it.py").write_text("def test_one():\n    assert 1 + 1 == 2\n\ndef test_two():\n    assert 'a'\n")
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml", str(place.folder / "reports" / "unit.xml"), str(work)]
    assert subprocess.run(argv, cwd=work, capture_output=True).returncode == 0
    argv = [str(Path(sys.executable).parent / "ruff"), "check", "--isolated", "--select", "S", "--output-format", "sarif", str(work)]
    (place.folder / "reports" / "ruff.sarif").write_bytes(subprocess.run(argv, capture_output=True).stdout)
    reports = [{"src": "unit.xml", "name": "unit", "component": "shop"}, {"src": "ruff.sarif", "name": "ruff", "component": "shop", "made_at": AGO}]
    quality = place.run(reports=reports).result("Evidence")["quality"]
    tests, scan = quality["tests"]["components"]["shop"], quality["static_analysis"]["components"]["shop"]
    assert (tests["verdict"], tests["passed"], tests["age_seconds"] < 600) == ("passed", 2, True)
    assert (scan["findings"], scan["evidence"][0]["tool"]["name"]) == (2, "ruff")  # two asserts


def test_a_signed_statement_about_the_whole_release(place: Place) -> None:
    sign = place.folder / "reports"
    for name in ("ann", "eve"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(sign / name)], check=True, stdin=subprocess.DEVNULL)
    kind, blob = (sign / "ann.pub").read_text().split()[:2]
    (sign / "allowed_signers").write_text(f'ann@example.com namespaces="evenkeel-uat" {kind} {blob}\n')
    digest = hashlib.sha256(rfc8785.dumps(MANIFEST)).hexdigest()
    statement = {"kind": "uat", "subject": {"sha256": digest}, "verdict": "passed", "signer": "ann@example.com", "made_at": AGO, "summary": "Fine."}
    (sign / "uat.yml").write_text(yaml.safe_dump(statement))
    report = {"src": "uat.yml", "name": "uat", "signature": "uat.yml.sig", "allowed_signers": "allowed_signers"}
    for key, good in (("eve", False), ("ann", True)):
        (sign / "uat.yml.sig").unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-Y", "sign", "-q", "-f", str(sign / key), "-n", "evenkeel-uat", str(sign / "uat.yml")], check=True)
        run = place.run(reports=[report])
        assert (run.rc == 0) is good
    result = run.result("Evidence")
    assert result["release_sha256"] == digest
    assert result["quality"]["uat"]["all"]["signed"] is True
    (entry,) = place.entries()
    assert (entry["subject"], entry["body"]["signer"]) == (digest, "ann@example.com")


def inventory(place: Place) -> dict[str, Any]:
    reports = [
        {"src": "pytest-passed.xml", "name": "unit", "component": "shop"},
        {"src": ["cobertura.xml"], "name": "unit", "component": "shop"},
        {"src": "coverage.info", "name": "unit", "component": "web"},
    ]
    known = {"evenkeel_releases_dir": str(place.folder / "releases"), "evenkeel_ledger_url": f"sqlite:///{place.ledger}", "evidence_reports": reports}
    return {"all": {"hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}, "vars": known}}


def test_the_playbook(place: Place) -> None:
    place.samples("pytest-passed.xml", "cobertura.xml", "coverage.info")
    given = {"evenkeel_version": "1.0.0", "evidence_folder": str(place.folder / "reports")}
    run = place.playbook("evenkeel.release.evidence", inventory=inventory(place), extra_vars=given)
    assert run.rc != 0
    assert "no time at which it was made" in run.stdout  # LCOV says none
    given["evidence_made_at"] = AGO
    run = place.playbook("evenkeel.release.evidence", inventory=inventory(place), extra_vars=given)
    assert run.rc == 0, run.stdout
    assert [one["body"]["made_at"] for one in place.entries()][2] == AGO
    table = "\n".join(run.result("Tell what is there and what is missing")["msg"])
    assert "Evidence of release 1.0.0: 3 passed, 0 not passed, 1 missing." in table
    again = place.playbook("evenkeel.release.evidence", inventory=inventory(place), extra_vars=given)
    assert (again.rc, again.changed) == (0, 0)
    shown = place.playbook("evenkeel.release.evidence", inventory=inventory(place), extra_vars={"evenkeel_version": "1.0.0", "evidence_state": "standing"})
    assert (shown.rc, len(place.entries())) == (0, 3)
    wrong = place.playbook("evenkeel.release.evidence", inventory=inventory(place), extra_vars={"evenkeel_version": "1.0.0"})
    assert wrong.rc != 0
    assert "evidence_folder=<folder of the reports>" in wrong.stdout


def test_the_gate_asks_about_it(place: Place) -> None:
    place.samples("pytest-passed.xml", "pytest-failed.xml")
    rule = {
        "name": "tests-pass",
        "effect": "require",
        "condition": "quality.tests.all.verdict == 'passed'",
        "shows": ["quality.tests.missing"],
        "reason": "Untested.",
        "remedy": "Test it.",
    }
    policy = {"name": "p", "description": "d", "rules": [rule]}
    gate = {
        "act": "promote",
        "environment": "production",
        "policies": [policy],
        "evidence": {"environment": {"name": "production", "tier": "production"}, "quality": "{{ seen.quality }}"},
        "ledger_url": f"sqlite:///{place.ledger}",
        "enforce": False,
    }

    def ask(*reports: dict[str, Any]) -> str:
        known = {"release": str(place.manifest), "base": str(place.folder / "reports"), "ledger_url": f"sqlite:///{place.ledger}"}
        tasks = [
            {"name": "Evidence", "evenkeel.release.evidence": {**known, "reports": list(reports)}, "register": "seen"},
            {"name": "Ask", "evenkeel.release.gate": gate},
        ]
        run = place.playbook([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])
        assert run.rc == 0, run.stdout
        return str(run.result("Ask")["verdict"])

    assert ask() == "errored"
    assert ask(UNIT) == "errored"  # of the shop, and nothing of the web
    assert ask({**UNIT, "component": "web"}) == "passed"
    assert ask({**UNIT, "src": ["pytest-failed.xml"], "name": "e2e"}) == "failed"
