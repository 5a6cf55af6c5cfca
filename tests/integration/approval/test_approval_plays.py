# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals in real runs: written by a playbook, signed by ssh-keygen, read by another run. The ledger is read with sqlite3."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.unit.approval import kit
from ansible_collections.evenkeel.release.tests.unit.approval.kit import Place

AUTHORS = [{"mail": "eve@mail"}]
DEPLOYER = {"awx_user_name": "dave", "awx_job_id": 7}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def task(module: str, **options: Any) -> list[dict[str, Any]]:
    return [{"name": "Play", "hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Do", f"evenkeel.release.{module}": options}]}]


def what(place: Place, **change: Any) -> dict[str, Any]:
    about = {"environment": kit.ENVIRONMENT, "release": kit.MANIFEST, "act": "promote", "hosts": ["localhost"], "risk": "moderate", "authors": AUTHORS}
    about["plan"] = {"services": [{"service": "shop", "previous": "1.1.0", "release": "1.2.0", "strategy": "canary"}]}
    return {**about, **places(place), **change}


def places(place: Place) -> dict[str, Any]:
    return {"approvals_dir": str(place.folder), "trust_dir": str(place.trust), "ledger_name": kit.LEDGER}


def recorded(state: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(state / "ledger.sqlite") as ledger:
        rows = ledger.execute("select bytes from evenkeel_entries where kind = 'approval' order by id").fetchall()
    return [json.loads(row[0]) for row in rows]


def sign(told: dict[str, Any], place: Place, who: str) -> None:
    """By the very command that the run printed, with the key's path put in."""
    (command,) = [one["command"] for one in told["statements"] if one["person"] == who]
    subprocess.run(command.replace("~/.ssh/id_ed25519", str(place.keys / who)), shell=True, check=True, capture_output=True, timeout=60)


def test_from_the_request_to_the_answer(playbook: Any, place: Place) -> None:
    looked = playbook(task("approval_request", **what(place)), check=True)
    assert not list(place.folder.iterdir())
    asked = playbook(task("approval_request", **what(place)))
    told = asked.result("Do")
    assert asked.rc == 0, asked.stdout
    assert told["digest"] == looked.result("Do")["digest"]
    assert [one["person"] for one in told["statements"]] == ["ann", "bob", "cleo"]
    assert playbook(task("approval_request", **what(place))).changed == 0
    for who in ("ann", "bob"):
        sign(told, place, who)
    passed = playbook(task("approval", **what(place)), extra_vars=DEPLOYER)
    assert passed.rc == 0, passed.stdout
    assert passed.result("Do")["approvals"]["approvers"] == ["ann", "bob"]
    again = playbook(task("approval", **what(place)), extra_vars=DEPLOYER)
    assert (again.rc, again.changed) == (0, 0)
    entries = recorded(passed.state_dir)
    assert [entry["body"]["state"] for entry in entries] == ["requested", "checked"]
    # The old rule of the environment must not count what was only asked for.
    assert all("approver" not in entry["body"] for entry in entries)


def test_a_changed_plan_is_refused_and_on_record(playbook: Any, place: Place) -> None:
    told = playbook(task("approval_request", **what(place))).result("Do")
    for who in ("ann", "bob"):
        sign(told, place, who)
    changed = playbook(task("approval", **what(place, batches=[["localhost"], ["other"]])), extra_vars=DEPLOYER)
    assert changed.rc != 0
    assert "plan: batches" in changed.result("Do")["msg"]
    last = recorded(changed.state_dir)[-1]
    assert (last["body"]["verdict"], last["body"]["approvals"]["changed"]) == ("failed", ["plan: batches"])


def test_a_variable_that_the_rules_name_is_bound(playbook: Any, place: Place) -> None:
    place.approvals["variables"] = ["shop_*"]
    place.write()
    first = playbook(task("approval_request", **what(place)), extra_vars={"shop_port": 1, "shop_password": "one"}).result("Do")
    same = playbook(task("approval_request", **what(place)), extra_vars={"shop_port": 1, "shop_password": "two"}).result("Do")
    assert first["digest"] == same["digest"]
    assert 'unbound:\n  - "shop_password"' in Path(first["statements"][0]["path"]).read_text()
    keyed = [
        playbook(task("approval_request", **what(place, fingerprint_key="k" * 32)), extra_vars={"shop_port": 1, "shop_password": secret}).result("Do")["digest"]
        for secret in ("one", "two")
    ]
    other = playbook(task("approval_request", **what(place)), extra_vars={"shop_port": 2, "shop_password": "one"}).result("Do")["digest"]
    assert len({first["digest"], other, *keyed}) == 4
    texts = "".join(path.read_text() for path in place.folder.rglob("*") if path.is_file())
    assert "one" not in texts.split()
    assert "two" not in texts.split()


def test_a_forged_approval_is_refused_and_on_record(playbook: Any, place: Place) -> None:
    told = playbook(task("approval_request", **what(place))).result("Do")
    sign(told, place, "ann")
    (bob,) = [one["path"] for one in told["statements"] if one["person"] == "bob"]
    Path(f"{bob}.sig").write_bytes(place.sign(Path(bob).read_bytes(), "eve"))
    run = playbook(task("approval", **what(place)), extra_vars=DEPLOYER)
    assert run.rc != 0
    assert "says that it is by bob, and eve signed it" in run.result("Do")["msg"]
    assert "eve signed it" in recorded(run.state_dir)[-1]["body"]["approvals"]["refused"][0]["reason"]


def test_an_awx_user_in_a_variable_is_no_approval(playbook: Any, place: Place) -> None:
    """Whoever runs ansible-playbook can set it; without AWX's key it proves nothing."""
    told = playbook(task("approval_request", **what(place))).result("Do")
    sign(told, place, "ann")
    forged = {"awx_user_name": "bob", "awx_job_id": 9, "awx_job_launch_type": "manual"}
    taken = playbook(task("approval", state="present", digest=told["digest"], attestor_key=str(place.keys / "eve"), **places(place)), extra_vars=forged)
    assert taken.rc != 0
    assert "not the attestor" in taken.result("Do")["msg"] or "does not list" in taken.result("Do")["msg"] or "namespace" in taken.result("Do")["msg"]
    assert playbook(task("approval", **what(place)), extra_vars=DEPLOYER).rc != 0
    assert recorded(taken.state_dir)[-1]["body"]["verdict"] == "failed"


def test_awx_with_its_key_is_one(playbook: Any, place: Place) -> None:
    told = playbook(task("approval_request", **what(place))).result("Do")
    sign(told, place, "ann")
    job = {"awx_user_name": "bob", "awx_job_id": 9, "awx_job_launch_type": "manual"}
    attested = task("approval", state="present", digest=told["digest"], attestor_key=str(place.keys / "awx"), **places(place))
    scheduled = playbook(attested, extra_vars={**job, "awx_job_launch_type": "scheduled"})
    assert "tells of no person who launched this job by hand" in scheduled.result("Do")["msg"]
    assert playbook(attested, extra_vars=job).rc == 0
    passed = playbook(task("approval", **what(place)), extra_vars=DEPLOYER)
    assert passed.rc == 0, passed.stdout
    assert [one["how"] for one in passed.result("Do")["approvals"]["counted"]] == ["signature", "awx"]


def test_recorded_approvals_count_without_files_and_withdrawals_hold_without_them(playbook: Any, place: Place) -> None:
    told = playbook(task("approval_request", **what(place))).result("Do")
    digest = told["digest"]
    for who in ("ann", "bob"):
        sign(told, place, who)
    assert playbook(task("approval", state="present", digest=digest, **places(place))).rc == 0
    again = playbook(task("approval", state="present", digest=digest, **places(place)))
    assert (again.rc, again.changed) == (0, 0)
    for path in (place.folder / digest).glob("*.yml*"):
        path.unlink()
    assert playbook(task("approval", **what(place)), extra_vars=DEPLOYER).rc == 0
    asked = playbook(task("approval_request", statement="withdraw", digest=digest, people=["bob"], reason="it loses orders", **places(place)))
    sign(asked.result("Do"), place, "bob")
    assert playbook(task("approval", state="withdrawn", digest=digest, **places(place))).rc == 0
    for path in (place.folder / digest).glob("*"):
        path.unlink()
    refused = playbook(task("approval", **what(place)), extra_vars=DEPLOYER)
    assert refused.rc != 0
    assert "bob: it was withdrawn at" in refused.result("Do")["msg"]


def test_whoever_deploys_does_not_approve(playbook: Any, place: Place) -> None:
    told = playbook(task("approval_request", **what(place))).result("Do")
    for who in ("ann", "bob"):
        sign(told, place, who)
    run = playbook(task("approval", **what(place)), extra_vars={**DEPLOYER, "awx_user_name": "bob"})
    assert run.rc != 0
    assert "bob: this person must not approve: is deployer of it" in run.result("Do")["msg"]


@pytest.mark.parametrize("digest", ["../../etc", "A" * 64, "", "0" * 63 + "\n"])
def test_a_digest_is_no_path(playbook: Any, place: Place, digest: str) -> None:
    run = playbook(task("approval", state="present", digest=digest, **places(place)))
    assert run.rc != 0
    assert "64 lower-case hexadecimal digits" in run.result("Do")["msg"]


def test_templates_in_a_statement_stay_text(playbook: Any, place: Place) -> None:
    told = playbook(task("approval_request", **what(place))).result("Do")
    evil = "{{ lookup('ansible.builtin.pipe', 'touch " + str(place.root / "pwned") + "') }}"
    folder = place.folder / told["digest"]
    (folder / f"{evil.replace('/', '_')}.yml").touch()
    (folder / "bob.yml").write_bytes(kit.statement.write(kit.said(told["subject"], "bob", reason=evil)))
    (folder / "bob.yml.sig").write_bytes(place.sign((folder / "bob.yml").read_bytes(), "bob"))
    play = task("approval", **what(place, enforce=False))
    play[0]["tasks"][0]["register"] = "found"
    play[0]["tasks"].append({"name": "Show", "ansible.builtin.debug": {"msg": "{{ found }}"}})
    run = playbook(play, extra_vars=DEPLOYER)
    assert run.rc == 0, run.stdout
    assert not (place.root / "pwned").exists()


def test_a_broken_trusted_place_is_refused_and_on_record(playbook: Any, place: Place) -> None:
    (place.trust / "people.yml").chmod(0o666)
    run = playbook(task("approval", **what(place)), extra_vars=DEPLOYER)
    assert run.rc != 0
    assert "can be written by others" in run.result("Do")["msg"]
    assert "can be written by others" in recorded(run.state_dir)[-1]["body"]["refused"][0]["reason"]


def test_an_answer_that_cannot_be_recorded_is_a_refusal(playbook: Any, place: Place) -> None:
    run = playbook(task("approval", **what(place, enforce=False, ledger_url="sqlite:////proc/nowhere/l.sqlite")), extra_vars=DEPLOYER)
    assert run.rc != 0
