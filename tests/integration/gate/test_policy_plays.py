# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks about policies as a user runs them; ledger and files are read with other means."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

MANIFEST = {
    "version": "1.1.0",
    "type": "minor",
    "owner": "shop team",
    "summary": "A basket.",
    "changelog": ["basket"],
    "components": {"shop": {"version": "1.1.0", "artifact": "shop.tar.gz", "sha256": "a" * 64}},
    "rollback": {"criteria": ["orders fail"], "max_minutes": 5, "migration": "none"},
}

PACK = Path(__file__).resolve().parents[3] / "extensions" / "policies"
RULE = {"name": "verified", "effect": "require", "condition": "upstream.verified", "reason": "Not verified upstream.", "remedy": "Verify it."}
DRIFT = {
    "name": "no-drift",
    "effect": "require",
    "condition": "upstream.drift.findings == `0`",
    "reason": "Staging drifted.",
    "remedy": "Repair staging.",
    "owner": "platform team",
}
CASES = [
    {"name": "good", "verdict": "passed"},
    {"name": "bad", "evidence": {"upstream": {"verified": False}}, "verdict": "failed", "refuses": ["promotion/verified"]},
]
EVIDENCE = {
    "now": "2027-01-15T10:00:00Z",
    "act": "promote",
    "environment": {"name": "production", "tier": "production"},
    "upstream": {"verified": True, "drift": {"findings": 0}},
}


def write(folder: Path, *rules: dict[str, Any], cases: list[dict[str, Any]] | None = None, waivers: tuple[dict[str, Any], ...] = ()) -> Path:
    policies = folder / "policies"
    for place, name, content in (
        (policies, "promotion", {"name": "promotion", "description": "d", "rules": list(rules)}),
        *([(policies / "tests", "promotion", {"name": "promotion", "evidence": EVIDENCE, "cases": cases})] if cases else []),
        *[(policies / "waivers", one["name"], one) for one in waivers],
    ):
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    return policies


def waiver(**more: Any) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    known = {"name": "known-drift", "rule": "promotion/no-drift", "scope": {"environments": ["production"]}, "reason": "A test host.", "ticket": "OPS-1"}
    people = {"requested_by": "bob", "approver": "ann"}
    times = {"granted": (now - timedelta(hours=1)).isoformat(), "expires": (now + timedelta(days=2)).isoformat()}
    return {**known, **people, **times, **more}


# policy_test


def test_the_starter_pack_passes_its_own_tests(playbook: Any, tmp_path: Path) -> None:
    asked = {"evenkeel_policies_dir": str(PACK), "evenkeel_policy_junit": str(tmp_path / "out" / "policies.xml")}
    run = playbook("evenkeel.release.policy_test", extra_vars=asked)
    assert run.rc == 0, run.stdout
    root = ElementTree.parse(tmp_path / "out" / "policies.xml").getroot()
    assert root.get("failures") == "0"
    assert int(root.get("tests", "0")) == len(run.result("Ask every case")["results"]) >= 60
    assert run.changed == 1
    assert playbook("evenkeel.release.policy_test", extra_vars=asked).changed == 0
    assert not (run.state_dir / "ledger.sqlite").exists()


def test_a_case_that_comes_out_otherwise_fails_the_run(playbook: Any, tmp_path: Path) -> None:
    policies = write(tmp_path, RULE, DRIFT, cases=[*CASES, {"name": "wrong", "evidence": {"upstream": {"drift": {"findings": 2}}}, "verdict": "passed"}])
    asked = {"evenkeel_policies_dir": str(policies), "evenkeel_policy_junit": str(tmp_path / "policies.xml")}
    run = playbook("evenkeel.release.policy_test", extra_vars=asked)
    assert run.rc != 0
    assert "1 of 3 cases did not come out as expected" in run.result("Ask every case")["msg"]
    (failure,) = ElementTree.parse(tmp_path / "policies.xml").getroot().iter("failure")
    assert failure.get("message") == "the verdict is failed, expected passed"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"evenkeel_policy_coverage": 100}, "promotion/no-drift never refuses"),
        ({"evenkeel_policy_mutations": 100, "evenkeel_policy_mutation_score": 100}, "no case notices that promotion/no-drift becomes"),
    ],
)
def test_thresholds(playbook: Any, tmp_path: Path, more: dict[str, Any], says: str) -> None:
    policies = write(tmp_path, RULE, {**DRIFT, "condition": "upstream.drift.findings < `5`"}, cases=CASES)
    run = playbook("evenkeel.release.policy_test", extra_vars={"evenkeel_policies_dir": str(policies)})
    assert run.rc == 0, run.stdout
    run = playbook("evenkeel.release.policy_test", extra_vars={"evenkeel_policies_dir": str(policies), **more})
    assert run.rc != 0
    assert says in run.result("Ask every case")["msg"]


@pytest.mark.parametrize(
    ("cases", "says"),
    [
        ([{"name": "a", "verdict": "maybe"}], "passed, failed, errored, inconclusive"),
        ([{"name": "a", "verdict": "passed", "evidense": {}}], "cases[0].evidense"),
        (None, "There is no table of cases"),
    ],
)
def test_bad_tables_are_told_with_their_faults(playbook: Any, tmp_path: Path, cases: list[dict[str, Any]] | None, says: str) -> None:
    run = playbook("evenkeel.release.policy_test", extra_vars={"evenkeel_policies_dir": str(write(tmp_path, RULE, cases=cases))})
    assert run.rc != 0
    assert says in run.result("Ask every case")["msg"]


def test_check_mode_writes_no_file(playbook: Any, tmp_path: Path) -> None:
    asked = {"evenkeel_policies_dir": str(write(tmp_path, RULE, cases=CASES)), "evenkeel_policy_junit": str(tmp_path / "policies.xml")}
    assert playbook("evenkeel.release.policy_test", extra_vars=asked, check=True).rc == 0
    assert not (tmp_path / "policies.xml").exists()


# exceptions


def ask(playbook: Any, policies: Path, *, findings: int = 2, env: dict[str, str] | None = None, **more: Any) -> Any:
    evidence = {key: value for key, value in EVIDENCE.items() if key != "now"} | {"upstream": {"verified": True, "drift": {"findings": findings}}}
    asked = {"act": "promote", "environment": "production", "policies_dir": str(policies), "evidence": evidence, **more}
    return playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Ask", "evenkeel.release.gate": asked}]}], env=env)


def gates(run: Any) -> list[dict[str, Any]]:
    with sqlite3.connect(run.state_dir / "ledger.sqlite") as ledger:
        return [json.loads(data)["body"] for (data,) in ledger.execute("select bytes from evenkeel_entries where kind = 'gate' order by id")]


def test_an_exception_lets_pass_is_recorded_and_listed(playbook: Any, tmp_path: Path) -> None:
    policies = write(tmp_path, RULE, DRIFT, waivers=(waiver(), waiver(name="old", expires="2026-01-02T00:00:00Z", granted="2026-01-01T00:00:00Z")))
    run = ask(playbook, policies)
    assert run.rc == 0, run.stdout
    assert "known-drift by ann until" in run.result("Ask")["msg"]
    assert "old for promotion/no-drift: it expired" in run.result("Ask")["msg"]
    (body,) = gates(run)
    assert [note["used"] for note in body["waivers"]] == [True, False]
    assert len(body["waivers_sha256"]["known-drift"]) == 64
    listed = playbook("evenkeel.release.policy_waivers", extra_vars={"evenkeel_policies_dir": str(policies)})
    assert listed.rc == 0, listed.stdout
    found = {row["waiver"]: row for row in listed.result("Read them")["waivers"]}
    assert (found["known-drift"]["state"], found["known-drift"]["used"]) == ("soon", 1)
    assert (found["old"]["state"], found["old"]["used"], found["old"]["refused"]) == ("expired", 0, 1)
    assert len(gates(run)) == 1  # listing records nothing


def test_whoever_deploys_cannot_have_approved_it(playbook: Any, tmp_path: Path) -> None:
    policies = write(tmp_path, RULE, DRIFT, waivers=(waiver(),))
    run = ask(playbook, policies, env={"GITLAB_USER_LOGIN": "Ann", "CI_JOB_ID": "7"})
    assert run.rc != 0
    assert "its approver ann is the one who deploys" in run.result("Ask")["msg"]
    assert gates(run)[0]["verdict"] == "failed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"scope": {}}, "scope.environments"),
        ({"expires": "tomorrow"}, "expires"),
        ({"approver": ""}, "approver"),
        ({"rule": "promotion/no-drift; drop table"}, "rule"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_bad_exception_is_a_fault_and_not_an_exception(playbook: Any, tmp_path: Path, change: dict[str, Any], says: str) -> None:
    run = ask(playbook, write(tmp_path, RULE, DRIFT, waivers=(waiver(**change),)), findings=0)
    assert run.rc != 0
    assert says in run.result("Ask")["msg"]


def test_a_new_rule_is_tried_out_and_its_effect_recorded(playbook: Any, tmp_path: Path) -> None:
    for enforcement, told in (("dryrun", False), ("warn", True)):
        run = ask(playbook, write(tmp_path / enforcement, RULE, {**DRIFT, "enforcement": enforcement}))
        assert run.rc == 0, run.stdout
        assert ("Staging drifted." in run.result("Ask")["msg"]) is told
    assert [rule["verdict"] for body in gates(run) for rule in body["rules"]] == ["passed", "failed"] * 2


def test_asking_without_a_record_lets_nothing_pass(playbook: Any, tmp_path: Path) -> None:
    policies = write(tmp_path, RULE)
    refused = ask(playbook, policies, record=False)
    assert refused.rc != 0
    assert "lets nothing pass" in refused.result("Ask")["msg"]
    asked = ask(playbook, policies, record=False, enforce=False)
    assert asked.rc == 0
    assert not (asked.state_dir / "ledger.sqlite").exists()


# why


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Any]:
    """A release in staging, verified with drift; production behind it."""
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    with open_store(url, actor={"name": "dora", "source": "os"}) as store:
        known: dict[str, Any] = {"environment": "staging", "release": "1.1.0", "subject": "shop"}
        intent = store.append([NewEntry("deployment", "intent", body={"plan": {"services": []}}, **known)])[0]
        store.append([NewEntry("deployment", "outcome", body={"intent": intent.id, "verdict": "passed", "services": {"shop": "1.1.0"}}, **known)])
        store.append([NewEntry("verification", "fact", body={"verdict": "passed", "intent": intent.id}, **known)])
        store.append([NewEntry("drift", "fact", environment="staging", subject="staging1/shop", body={"verdict": "failed", "findings": [{"path": "/etc/x"}]})])
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / "1.1.0.yml").write_text(yaml.safe_dump(MANIFEST))
    groups = {}
    for name, tier in (("staging", "staging"), ("production", "production")):
        declared = {"name": name, "tier": tier, "owner": "platform", **({"promotes_from": "staging"} if name == "production" else {})}
        services = {"shop": {"engine": "application", "component": "shop", "hosts": name}}
        hosts = {f"{name}1": {"ansible_host": "192.0.2.1", "ansible_connection": "ssh"}}  # never reached
        groups[name] = {"hosts": hosts, "vars": {"evenkeel_environment": declared, "evenkeel_services": services}}
    asked = {"evenkeel_target": "production", "evenkeel_releases_dir": str(tmp_path / "releases"), "evenkeel_ledger_url": url}
    return {"inventory": {"all": {"children": groups}}, "asked": asked, "ledger": tmp_path / "ledger.sqlite", "url": url}


def why(playbook: Any, world: dict[str, Any], policies: Path, **more: Any) -> Any:
    return playbook("evenkeel.release.why", inventory=world["inventory"], extra_vars={**world["asked"], "evenkeel_policies_dir": str(policies), **more})


def test_why_tells_rule_found_needed_who_and_changes_nothing(playbook: Any, world: dict[str, Any], tmp_path: Path) -> None:
    def rows() -> list[Any]:
        with sqlite3.connect(world["ledger"]) as ledger:
            return ledger.execute("select id, bytes from evenkeel_entries order by id").fetchall()

    before = rows()
    run = why(playbook, world, write(tmp_path, RULE, DRIFT), evenkeel_why_dest=str(tmp_path / "why.html"), evenkeel_why_width=90)
    assert run.rc == 0, run.stdout
    result = run.result("Ask the policies")
    assert (result["verdict"], result["release"]) == ("failed", "1.1.0")  # the one that runs upstream
    (row,) = result["rows"]
    assert row == {
        "rule": "promotion/no-drift",
        "state": "refused",
        "severity": "high",
        "found": {"upstream.drift.findings": 1},
        "needed": ["upstream.drift.findings == 0"],
        "who": "platform team",
        "next": "Repair staging.",
        "reason": "Staging drifted.",
    }
    assert max(map(len, result["text"].splitlines())) <= 90
    assert "not now" in run.stdout
    assert "Repair staging." in (tmp_path / "why.html").read_text()
    assert rows() == before


def test_why_agrees_with_the_gate(playbook: Any, world: dict[str, Any], tmp_path: Path) -> None:
    policies = write(tmp_path, RULE)
    result = why(playbook, world, policies).result("Ask the policies")
    assert result["verdict"] == "passed"
    assert "nothing stands against it" in result["text"]
    asked = {"act": "promote", "environment": "production", "policies_dir": str(policies), "evidence": result["evidence"]}
    gate = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Ask", "evenkeel.release.gate": asked}]}])
    assert gate.rc == 0, gate.stdout


def test_why_knows_what_a_deployment_refuses_by_itself(playbook: Any, world: dict[str, Any], tmp_path: Path) -> None:
    with open_store(world["url"], actor={"name": "eve", "source": "os"}) as store:
        store.append([NewEntry("deployment", "intent", environment="production", release="1.0.9", body={"plan": {"services": []}})])
        store.append([NewEntry("mark", "fact", release="1.1.0", body={"state": "bad", "reason": "loses orders"})])
    result = why(playbook, world, write(tmp_path, RULE)).result("Ask the policies")
    assert result["verdict"] == "failed"
    assert [row["rule"] for row in result["rows"]] == ["deployment/interrupted", "deployment/marked-bad"]
    assert "loses orders" in result["text"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"evenkeel_version": "9.9.9"}, "has no readable manifest"),
        ({"evenkeel_target": "nowhere"}, "is not a group of the inventory"),
        ({"evenkeel_act": "deploy"}, "evenkeel_version is not set"),
    ],
)
def test_why_without_an_answer_says_what_is_missing(playbook: Any, world: dict[str, Any], tmp_path: Path, more: dict[str, Any], says: str) -> None:
    run = why(playbook, world, write(tmp_path, RULE), **more)
    assert run.rc != 0
    assert says in run.result("Ask the policies")["msg"]
