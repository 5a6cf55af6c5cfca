# SPDX-License-Identifier: GPL-3.0-or-later
"""A release from its first line to its exit checks, in real runs; digests by sha256sum, commits by git, the ledger by sqlite3."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import yaml

DEFINITION = {
    "type": "minor",
    "owner": "shop",
    "summary": "Gift cards",
    "components": {
        "web": {
            "version": "1.2.0",
            "artifact": "../web-1.2.0.tar",
            "configuration_items": [{"id": "shop-web", "class": "cmdb_ci_service", "relation": "is"}],
        }
    },
    "rollback": {"criteria": ["orders fail"], "max_minutes": 10, "migration": "none"},
    "compliance": ["SOX"],
    "milestones": [
        {
            "name": "tested",
            "owner": "bea",
            "due": "2099-01-20",
            "criteria": [
                {"name": "verified-in-staging", "condition": "contains(ledger.verified_in, 'staging')", "shows": ["ledger.verified_in"]},
                {"name": "load", "condition": "load.p95_ms < `300`", "shows": ["load.p95_ms"]},
            ],
        }
    ],
    "exit_checks": [{"name": "probes", "condition": "probes.verdict == 'passed'", "shows": ["probes.verdict"]}],
}
SCOPE = [{"id": "S-1", "title": "Gift cards", "kind": "feature", "status": "done"}]


def create(world: Any, **more: Any) -> Any:
    options = {"evenkeel_release_do": "create", "evenkeel_version": "1.2.0", "evenkeel_release_definition": DEFINITION, "evenkeel_release_scope": SCOPE, **more}
    return world.run("release", **options)


def test_from_the_first_line_to_the_exit_checks(world: Any, tmp_path: Path) -> None:
    first = world.repository.commit("feat: begin")
    world.repository.git("tag", "v1.1.0")
    last = world.repository.commit("feat(cart): gift <b>cards</b>\n\nCo-authored-by: Bea <bea@example.com>")
    artifact = world.artifact("1.2.0")
    commits = {"repository": str(world.repository.path), "from": "v1.1.0", "name": "shop"}
    files = {"evenkeel_changelog_dest": str(tmp_path / "CHANGES.md"), "evenkeel_items_dest": str(tmp_path / "items.csv")}

    world.deployed("staging", "1.2.0", ago=3 * 3600)  # a ledger takes no entry that is older than its last one

    looked = create(world, evenkeel_release_commits=commits, check=True, args=("--diff",))
    assert not (world.releases / "1.2.0.yml").exists()
    assert "Gift cards" in looked.stdout
    run = create(world, evenkeel_release_commits=commits, **files)
    assert run.rc == 0, run.stdout
    written = yaml.safe_load((world.releases / "1.2.0.yml").read_text())
    assert written["components"]["web"]["sha256"] == world.sha256(artifact)
    assert written["components"]["web"]["size"] == artifact.stat().st_size
    assert (written["history"]["from"], written["history"]["to"]) == (first, last)
    assert written["changelog"] == [f"feat(cart): gift <b>cards</b> ({last[:8]})"]
    assert "&lt;b&gt;" in (tmp_path / "CHANGES.md").read_text()
    assert next(csv.DictReader((tmp_path / "items.csv").open(newline="")))["u_ci"] == "shop-web"
    again = create(world, evenkeel_release_commits=commits, **files)
    assert again.changed == 0, again.stdout
    assert world.run("validate", evenkeel_releases_dir=str(world.releases)).rc == 0

    assert world.run("release", evenkeel_release_do="record", evenkeel_version="1.2.0").changed == 1
    assert world.run("release", evenkeel_release_do="record", evenkeel_version="1.2.0").changed == 0
    (entry,) = world.entries("release")
    assert (entry["phase"], entry["subject"], entry["release"], entry["body"]["manifest"]) == ("fact", "manifest", "1.2.0", written)

    shown = world.run("release", evenkeel_version="1.2.0", evenkeel_target="staging", evenkeel_evidence={"load": {"p95_ms": 420}})
    table = "\n".join(shown.result("See how far it is")["table"])
    assert "load                 failed" in table
    assert "load.p95_ms < `300`" in table
    assert "load.p95_ms=420" in table
    assert 'ledger.verified_in=["staging"]' in table
    assert "scope: 1 of 1 done" in table
    state = shown.result("See how far it is")["status"]
    assert state["standing"]["production"]["promotable"] is True
    assert [act["environment"] for act in state["promotions"]] == ["staging"]

    failed = world.run("release", evenkeel_release_do="exit", evenkeel_version="1.2.0", evenkeel_target="staging")
    assert failed.rc != 0
    assert "is not complete in staging" in failed.result("Run the exit checks")["msg"]
    assert "the evidence has no probes" in failed.result("Run the exit checks")["msg"]
    passed = world.run(
        "release", evenkeel_release_do="exit", evenkeel_version="1.2.0", evenkeel_target="staging", evenkeel_evidence={"probes": {"verdict": "passed"}}
    )
    assert passed.rc == 0, passed.stdout
    assert passed.result("See how far it is")["status"]["complete"]["staging"]["state"] == "complete"
    assert [entry["body"]["verdict"] for entry in world.entries("release") if entry["subject"] == "exit"] == ["errored", "passed"]


def test_a_recorded_version_never_changes(world: Any) -> None:
    document = world.manifest("1.2.0")
    assert world.run("release", evenkeel_release_do="record", evenkeel_version="1.2.0").rc == 0
    (world.releases / "1.2.0.yml").write_text(yaml.safe_dump({**document, "summary": "Something else"}))
    for what in ("record", "create"):
        run = world.run("release", evenkeel_release_do=what, evenkeel_version="1.2.0")
        assert run.rc != 0
        assert 'summary: was "Gift cards", is "Something else"' in run.stdout.replace("\\", "")
    world.deployed("staging", "1.2.0", ago=60)
    assert world.run("release", evenkeel_release_do="exit", evenkeel_version="1.2.0", evenkeel_target="staging").rc != 0
    assert len(world.entries("release")) == 1


def test_digests_are_never_trusted(world: Any) -> None:
    world.artifact("1.2.0")
    wrong = {**DEFINITION, "components": {"web": {"version": "1.2.0", "artifact": "../web-1.2.0.tar", "sha256": "a" * 64}}}
    run = create(world, evenkeel_release_definition=wrong)
    assert run.rc != 0
    assert "pins other bytes than there are" in run.result("Make the manifest or add to it")["msg"]
    remote = {**DEFINITION, "components": {"web": {"version": "1.2.0", "artifact": "https://example.com/web.tar", "sha256": "a" * 64}}}
    run = create(world, evenkeel_release_definition=remote)
    assert "the cache of the controller has no such bytes; fetch them with evenkeel.release.artifact" in run.result("Make the manifest or add to it")["msg"]
    assert not (world.releases / "1.2.0.yml").exists()
    world.manifest("1.2.0")
    world.artifact("1.2.0", "other bytes")  # the file was changed after the manifest was made
    run = world.run("release", evenkeel_release_do="record", evenkeel_version="1.2.0")
    assert run.rc != 0
    assert world.ledger.exists() is False or world.entries("release") == []


def test_every_fault_of_a_manifest_in_one_report(world: Any) -> None:
    world.artifact("1.2.0")
    run = create(world, evenkeel_release_definition={**DEFINITION, "compliance": ["sox"], "tipe": "minor", "rollback": {}})
    message = run.result("Make the manifest or add to it")["msg"]
    for words in ("compliance[0]", "the unknown key tipe", "rollback.criteria", "rollback.max_minutes", "changelog"):
        assert words in message


def test_a_version_is_no_path(world: Any) -> None:
    run = world.run("release", evenkeel_release_do="create", evenkeel_version="../../evil", evenkeel_release_definition=DEFINITION)
    assert run.rc != 0
    assert "evenkeel_version is" in run.result("Check the input")["msg"]
    run = world.task("release_status", {"version": "../hosts", "releases_dir": str(world.releases)})
    assert "has no manifest in" in run.result("Do")["msg"]


def test_scope_after_the_freeze_needs_an_exception(world: Any) -> None:
    world.manifest("1.2.0", scope={"frozen_at": "2020-01-01T00:00:00Z", "items": SCOPE})
    path = str(world.releases / "1.2.0.yml")
    late = {"id": "S-2", "title": "Rounding", "kind": "fix", "status": "accepted"}
    run = world.task("release_manifest", {"path": path, "scope": [late]})
    assert "nobody says who asked for it and why" in run.result("Do")["msg"]
    asked = {"path": path, "scope": [late], "scope_change": {"by": "ada", "reason": "cents are lost"}}
    assert "a reason and an approver, since it came in after the freeze" in world.task("release_manifest", asked).result("Do")["msg"]
    asked["scope"] = [{**late, "exception": {"reason": "cents are lost", "approver": "bea"}}]
    assert world.task("release_manifest", asked).rc == 0
    change = yaml.safe_load(Path(path).read_text())["scope"]["changes"][0]
    assert (change["by"], change["act"], change["item"], change["reason"]) == ("ada", "added", "S-2", "cents are lost")


def test_a_bundle_of_two_teams(world: Any, tmp_path: Path) -> None:
    world.manifest("1.2.0")
    digests = {"shop": world.task("release_manifest", {"path": str(world.releases / "1.2.0.yml"), "state": "checked"}).result("Do")["sha256"]}
    (tmp_path / "pay").mkdir()
    pay = {**world.manifest("7.0.0"), "components": {"pay": {"version": "7.0.0", "artifact": "../team/web-7.0.0.tar", "sha256": "0" * 64}}}
    pay["components"]["pay"]["sha256"] = world.sha256(world.folder / "web-7.0.0.tar")
    (world.releases / "7.0.0.yml").unlink()
    (tmp_path / "pay/7.0.0.yml").write_text(yaml.safe_dump(pay))
    digests["pay"] = world.task("release_manifest", {"path": str(tmp_path / "pay/7.0.0.yml"), "state": "checked"}).result("Do")["sha256"]
    bundle = {
        "name": "spring", "owner": "platform", "summary": "Both",
        "releases": {
            "shop": {"version": "1.2.0", "manifest": "releases/1.2.0.yml", "sha256": digests["shop"]},
            "pay": {"version": "7.0.0", "manifest": str(tmp_path / "pay/7.0.0.yml"), "sha256": digests["pay"]},
        },
        "before": [{"release": "shop", "first": "pay", "in": "staging"}],
    }  # fmt: skip
    path = world.folder / "spring.yml"
    path.write_text(yaml.safe_dump(bundle))
    assert world.run("validate", evenkeel_bundles_dir=str(path)).rc == 0
    run = world.run("release", evenkeel_bundle=str(path), evenkeel_target="production")
    assert run.rc == 0, run.stdout
    found = run.result("See how far it is")["bundle"]
    assert found["order"] == ["pay", "shop"]
    assert found["releases"]["shop"]["waits_for"] == [{"first": "pay", "in": "staging", "needs": "verified", "found": "none"}]
    path.write_text(yaml.safe_dump({**bundle, "before": [*bundle["before"], {"release": "pay", "first": "shop"}]}))
    refused = world.run("validate", evenkeel_bundles_dir=str(path))
    assert refused.rc != 0
    assert "a circle: " in refused.stdout
