# SPDX-License-Identifier: GPL-3.0-or-later
"""Grants and reviews in real runs, signed by ssh-keygen. The ledger is read with sqlite3."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.unit.access.test_access import DOCUMENT, ENVIRONMENT
from ansible_collections.evenkeel.release.tests.unit.approval import kit
from ansible_collections.evenkeel.release.tests.unit.approval.kit import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place", access={"shop": DOCUMENT})


def task(place: Place, module: str, **options: Any) -> list[dict[str, Any]]:
    places = {"approvals_dir": str(place.folder), "trust_dir": str(place.trust), "ledger_name": kit.LEDGER, "environments": [ENVIRONMENT]}
    return [{"name": "Play", "hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Do", f"evenkeel.release.{module}": {**places, **options}}]}]


def awx(name: str) -> dict[str, Any]:
    return {"awx_user_name": name, "awx_job_id": 5}


def sign(place: Place, told: dict[str, Any], who: str, key: str = "") -> None:
    (command,) = [one["command"] for one in told["statements"] if one["person"] == who]
    subprocess.run(command.replace("~/.ssh/id_ed25519", str(place.keys / (key or who))), shell=True, check=True, capture_output=True, timeout=60)


def recorded(state: Path) -> list[dict[str, Any]]:
    with sqlite3.connect(state / "ledger.sqlite") as ledger:
        rows = ledger.execute("select bytes from evenkeel_entries where kind = 'grant' order by id").fetchall()
    return [json.loads(row[0]) for row in rows]


def test_a_grant_from_the_request_to_its_end(playbook: Any, place: Place) -> None:
    exports = place.root / "teams.json"
    exports.write_text('{"awx_team:Shop": ["bob"]}')
    may = task(place, "access_grant", environment="production", acts=["deploy"], exports=[str(exports)])
    denied = playbook(may, extra_vars=awx("dave"))
    assert denied.rc != 0
    assert "dave has no role that may deploy in production; those that may: deployer (team-shop)" in denied.result("Do")["msg"]
    assert recorded(denied.state_dir)[-1]["body"]["state"] == "denied"
    asked = playbook(
        task(place, "access_grant", state="requested", environment="production", acts=["deploy"], valid_for="1h", reason="incident"), extra_vars=awx("dave")
    )
    told = asked.result("Do")
    assert [one["person"] for one in told["statements"]] == ["ann", "bob"]
    assert playbook(may, extra_vars=awx("dave")).rc != 0
    sign(place, told, "bob")
    taken = task(place, "access_grant", state="granted", digest=told["digest"])
    first, again = playbook(taken, extra_vars=awx("dave")), playbook(taken, extra_vars=awx("dave"))
    assert (first.rc, first.changed, again.rc, again.changed) == (0, 1, 0, 0), first.stdout
    allowed = playbook(may, extra_vars=awx("dave"))
    assert allowed.rc == 0, allowed.stdout
    assert allowed.result("Do")["access"][0]["grant"] == told["digest"]
    assert playbook(may, extra_vars=awx("eve")).rc != 0
    assert playbook(task(place, "access_grant", state="used", digest=told["digest"], acts=["deploy"]), extra_vars=awx("dave")).rc == 0
    (known,) = playbook(task(place, "access_grant", state="info")).result("Do")["grants"]
    assert (known["state"], known["used"]) == ("active", 1)
    # A key that is taken away ends what it granted.
    line = place.lines.pop("bob")
    place.write()
    assert playbook(may, extra_vars=awx("dave")).rc != 0
    place.lines["bob"] = line
    place.write()
    assert playbook(task(place, "access_grant", state="revoked", digest=told["digest"], reason="over"), extra_vars=awx("dave")).rc == 0
    assert playbook(may, extra_vars=awx("dave")).rc != 0
    assert [one["body"]["state"] for one in recorded(first.state_dir) if one["body"]["state"] != "denied"] == ["requested", "granted", "used", "revoked"]


def test_nobody_grants_to_themselves(playbook: Any, place: Place) -> None:
    """Bob may grant, and deploys by a grant of ann's only; a signature of his own over her text counts for nothing."""
    asked = task(place, "access_grant", state="requested", environment="production", acts=["deploy"], reason="x")
    told = playbook(asked, extra_vars=awx("bob")).result("Do")
    assert [one["person"] for one in told["statements"]] == ["ann"]
    sign(place, told, "ann", key="bob")
    run = playbook(task(place, "access_grant", state="granted", digest=told["digest"]), extra_vars=awx("ann"))
    assert run.rc != 0
    assert "it says that it is by ann, and bob signed it" in run.result("Do")["msg"]
    assert "bob signed it" in recorded(run.state_dir)[-1]["body"]["refused"][0]["reason"]


def test_an_entry_that_nobody_signed_grants_nothing(playbook: Any, place: Place) -> None:
    said = {"statement": "evenkeel/1", "decision": "grant", "by": "bob", "holder": "dave", "digest": "0" * 64}
    forged = {"state": "granted", "granted": said, "statement": "", "signature": ""}
    write = [{"name": "Play", "hosts": "localhost", "gather_facts": False, "tasks": []}]
    write[0]["tasks"] = [  # type: ignore[index]
        {"name": "Do", "evenkeel.release.record": {"kind": "grant", "environment": "production", "subject": f"granted/{'0' * 64}", "body": forged}}
    ]
    refused = playbook(write)
    assert refused.rc != 0, "it is written by its own module only"
    refused.state_dir.mkdir(exist_ok=True)
    with open_store(f"sqlite:///{refused.state_dir / 'ledger.sqlite'}") as ledger:
        # What somebody can do who may write to the database.
        ledger.append([NewEntry("grant", "fact", "production", "", f"granted/{'0' * 64}", forged)])
    run = playbook(task(place, "access_grant", environment="production", acts=["deploy"]), extra_vars=awx("dave"))
    assert run.rc != 0


def test_the_review_is_listed_exported_and_signed_off(playbook: Any, place: Place) -> None:
    exports = place.root / "groups.json"
    exports.write_text('{"awx_team:Shop": ["bob", "stranger"]}')
    dest = place.root / "access.csv"
    inventory = {"all": {"hosts": {"localhost": {"ansible_connection": "local"}, "web1": {}}, "children": {"production": {"hosts": {"web1": {}}}}}}
    inventory["all"]["vars"] = {"evenkeel_environment": ENVIRONMENT}
    variables = {
        "evenkeel_approvals_dir": str(place.folder),
        "evenkeel_trust_dir": str(place.trust),
        "evenkeel_ledger_name": kit.LEDGER,
        "evenkeel_access_exports": [str(exports)],
        "access_review_dest": str(dest),
    }
    run = playbook("evenkeel.release.access_review", inventory=inventory, extra_vars=variables)
    assert run.rc == 0, run.stdout
    found = run.result("List it")
    assert found["overdue"] == ["shop"]
    assert {one["kind"] for one in found["drift"]} == {"unknown", "extra", "missing"}
    rows = list(csv.DictReader(dest.open()))
    assert {row["person"] for row in rows if row["act"] == "deploy"} == {"ann", "bob", "? stranger", "machine:awx:robot"}
    assert playbook("evenkeel.release.access_review", inventory=inventory, extra_vars=variables).changed == 0
    signed = {**variables, "access_review_state": "signed"}
    told = playbook("evenkeel.release.access_review", inventory=inventory, extra_vars=signed).result("List it")
    assert [one["person"] for one in told["statements"]] == ["ann", "cleo"]
    assert (place.folder / "reviews" / f"{told['digest']}.csv").read_text() == dest.read_text()
    sign(place, told, "cleo")
    done = playbook("evenkeel.release.access_review", inventory=inventory, extra_vars={**signed, "access_review_digest": told["digest"]})
    assert done.rc == 0, done.stdout
    after = playbook("evenkeel.release.access_review", inventory=inventory, extra_vars=variables).result("List it")
    assert after["overdue"] == []


def test_an_export_that_is_not_whole_is_refused(playbook: Any, place: Place) -> None:
    exports = place.root / "teams.json"
    exports.write_text('{"awx_team:Shop": {"count": 26, "next": "/api/v2/teams/1/users/?page=2", "results": []}}')
    run = playbook(task(place, "access_review", exports=[str(exports)]))
    assert run.rc != 0
    assert "one page of several" in run.result("Do")["msg"]


def test_check_mode_writes_nothing(playbook: Any, place: Place) -> None:
    asked = task(place, "access_grant", state="requested", environment="production", acts=["deploy"], reason="x")
    run = playbook(asked, extra_vars=awx("dave"), check=True)
    assert run.rc == 0, run.stdout
    assert not list(place.folder.iterdir())
    assert not (run.state_dir / "ledger.sqlite").exists()
