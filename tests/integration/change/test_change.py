# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes by real runs of ansible-playbook; the ledger is read with sqlite3, not with our own code."""

from __future__ import annotations

import json
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner
from ansible_collections.evenkeel.release.tests.unit.approval import kit

Document = dict[str, Any]
SERVICES: Document = {
    "database": {"engine": "postgresql", "hosts": "databases", "database": "shop", "criticality": "high", "users": 100},
    "shop": {
        "engine": "application", "hosts": "shops", "component": "shop", "criticality": "high", "users": 100, "strategy": "rolling", "runtime": "process",
        "command": ["./shop"], "uses": {"database": "database"}, "probes": [{"name": "front page", "type": "http", "path": "/"}],
    },
}  # fmt: skip
ENVIRONMENT = {
    "name": "production",
    "tier": "production",
    "kind": "permanent",
    "owner": "team-shop",
    "stage": 1,
    "provider": "existing",
    "data_policy": "production",
}
MANIFEST = {
    "version": "1.2.0", "type": "minor", "owner": "team-shop", "summary": "New basket", "changelog": ["basket"],
    "components": {"shop": {"version": "1.2.0", "artifact": "shop.tar.gz", "sha256": "a" * 64}},
    "rollback": {"criteria": ["orders fail"], "max_minutes": 5, "migration": "none"},
}  # fmt: skip
TEMPLATE = {
    "name": "shop-release", "description": "a release of the shop", "owner": "board", "expires": "2099-12-31",
    "covers": {"services": ["shop"], "environments": ["production"], "strategies": ["rolling"], "max_risk": "moderate"},
}  # fmt: skip
ROSTER = {
    "calendar": "cab@example.com",
    "roles": {"manager": {"members": ["ann"], "deputies": ["dan"]}, "operations": {"members": ["bob"]}},
    "boards": {"high": {"must": ["manager"], "may": ["operations"], "quorum": 2}},
}


class World:
    """Documents as a team has them, and runs on them."""

    def __init__(self, folder: Path, playbook: Any) -> None:
        self.playbook, self.releases, self.changes = playbook, folder / "releases", folder / "changes"
        (self.changes / "standard").mkdir(parents=True)
        self.releases.mkdir()
        self.file(self.releases / "1.2.0.yml", MANIFEST)
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        group = {"shops": {"hosts": {"s1": {}, "s2": {}}}, "databases": {"hosts": {"d1": {}}}}
        documents = {"evenkeel_environment": ENVIRONMENT, "evenkeel_services": SERVICES}
        self.inventory = {"all": {"hosts": {"localhost": local}, "children": {"production": {"children": group, "vars": documents}}}}
        self.extra: Document = {"evenkeel_target": "production", "evenkeel_changes_dir": str(self.changes), "evenkeel_releases_dir": str(self.releases)}

    @staticmethod
    def file(path: Path, document: Any) -> None:
        path.write_text(yaml.safe_dump(document, sort_keys=False))

    def run(self, name: str = "change", *, check: bool = False, **extra: Any) -> Any:
        known = {**self.extra, **{f"evenkeel_{key}": value for key, value in extra.items()}}
        return self.playbook(f"evenkeel.release.{name}", inventory=self.inventory, extra_vars=known, check=check)

    def change(self, state: str, *, task: str = "Ask for it", **extra: Any) -> Document:
        run = self.run(change_state=state, **extra)
        assert run.rc == 0, run.stdout
        return dict(run.result(task))

    def refused(self, **extra: Any) -> str:
        run = self.run(**extra)
        assert run.rc != 0
        return str(run.result("Ask for it")["msg"])

    def record(self, **entry: Any) -> str:
        """As a deployment does it."""
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Record", "evenkeel.release.record": {"environment": "production", **entry}}]}]
        run = self.playbook(play, inventory=self.inventory)
        assert run.rc == 0, run.stdout
        return str(run.result("Record")["entry"]["id"])

    def deployment(self, verdict: str = "") -> str:
        plan = {"services": [{"service": "shop", "strategy": "rolling"}]}
        intent = self.record(kind="deployment", phase="intent", release="1.2.0", body={"plan": plan})
        if verdict:
            self.record(kind="deployment", phase="outcome", release="1.2.0", intent=intent, verdict=verdict, body={"services": {"shop": "1.2.0"}})
        return intent

    @property
    def ledger(self) -> list[Document]:
        place = self.playbook.folder / "state" / "ledger.sqlite"
        if not place.exists():
            return []
        with sqlite3.connect(place) as ledger:
            return [json.loads(row[0]) for row in ledger.execute("select bytes from evenkeel_entries where kind = 'change' order by id")]


@pytest.fixture
def world(tmp_path: Path, playbook: Any) -> World:
    return World(tmp_path / "team", playbook)


def at(hours: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_normal_change_from_opening_to_close(world: World) -> None:
    world.file(world.changes / "rules.yml", {"cab": {"levels": []}})
    opened = world.change("opened", version="1.2.0", incidents=[], change_assigned_to="ann")
    number = opened["number"]
    assert opened["change"]["type"] == "normal"
    assert "history" in opened["assessment"]["unknown"] or any("no deployment to judge by" in one["measured"] for one in opened["assessment"]["reasons"])
    assert world.change("opened", version="1.2.0", incidents=[])["changed"] is False

    world.change("assessed", change=number)
    times = {"change_start": at(-1), "change_end": at(1)}
    assert "0 of 3 approvals are there" in world.refused(change_state="scheduled", change=number, **times)
    approvals = [{"approver": name} for name in ("bob", "eve", "sam")]
    world.change("scheduled", change=number, change_approvals=approvals, **times)

    standing = world.change("checked", version="1.2.0", incidents=[])["standing"]
    assert (standing["implementable"], standing["authorized_by"], standing["why_not"]) == (True, "approvals", [])
    intent = world.deployment()
    world.change("implementing", change=number, change_deployment=intent, incidents=[])
    assert "successful is not what the ledger says" not in world.refused(change_state="closed", change=number, change_close_code="successful")
    world.record(kind="deployment", phase="outcome", release="1.2.0", intent=intent, verdict="passed", body={"services": {"shop": "1.2.0"}})
    world.change("reviewed", change=number)
    closed = world.change("closed", change=number, change_close_code="successful")
    assert closed["change"]["state"] == "Closed"
    assert [one["body"].get("to", one["body"]["verb"]) for one in world.ledger] == [
        "opened", "Assess", "Authorize", "Scheduled", "Implement", "Review", "Closed"
    ]  # fmt: skip
    assert {one["subject"] for one in world.ledger} == {number}


def test_only_signed_approvals_count_where_approvals_are_signed(world: World, tmp_path: Path) -> None:
    world.file(world.changes / "rules.yml", {"cab": {"levels": []}})
    place = kit.Place(tmp_path / "place")
    place.approvals["rules"][0]["people"] = 3
    place.write()
    signing = {"approvals_dir": str(place.folder), "trust_dir": str(place.trust), "ledger_name": kit.LEDGER, "risk": "moderate"}
    world.extra.update({f"evenkeel_{key}": value for key, value in signing.items()}, evenkeel_release_authors=[{"mail": "eve@mail"}])
    world.extra.update(awx_user_name="dave", awx_job_id=7)
    number = world.change("opened", version="1.2.0", incidents=[])["number"]
    world.change("assessed", change=number)
    times = {"change_start": at(-1), "change_end": at(1)}
    named = [{"approver": name} for name in ("ann", "bob", "cleo")]
    assert "only signed ones count" in world.refused(change_state="scheduled", change=number, change_approvals=named, **times)
    assert "0 of 3 approvals are there" in world.refused(change_state="scheduled", change=number, **times)

    about = {"environment": ENVIRONMENT, "release": MANIFEST, "act": "deploy", "hosts": ["s1"], "risk": "moderate", "plan": {"services": []}}
    play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Ask", "evenkeel.release.approval_request": about}]}]
    asked = world.playbook(play, inventory=world.inventory, extra_vars=world.extra)
    assert asked.rc == 0, asked.stdout
    for one in asked.result("Ask")["statements"]:
        kit.run("ssh-keygen", "-Y", "sign", "-q", "-f", place.keys / one["person"], "-n", "evenkeel-approval", one["path"])
    world.change("scheduled", change=number, **times)
    standing = world.change("checked", version="1.2.0", incidents=[])["standing"]
    assert (standing["authorized_by"], standing["approvers"]) == ("approvals", ["ann", "bob", "cleo"])


def test_an_illegal_step_is_refused_with_the_legal_ones_and_recorded_nowhere(world: World) -> None:
    number = world.change("opened", version="1.2.0", incidents=[])["number"]
    before = len(world.ledger)
    assert "can't go to Implement; from there it can go to Assess, Canceled" in world.refused(
        change_state="implementing", change=number, change_deployment="x", version="1.2.0"
    )
    assert "state New and can't go to Scheduled" in world.refused(change_state="scheduled", change=number, change_start=at(0), change_end=at(1))
    assert "is no change" in world.refused(change="../../etc/passwd")
    assert len(world.ledger) == before


def test_a_standard_change_suspends_its_template_when_it_fails(world: World) -> None:
    world.file(world.changes / "rules.yml", {"floors": [], "thresholds": {"moderate": 10, "high": 100}, "bands": {"medium": 99, "high": 100}})
    world.file(world.changes / "standard" / "shop-release.yml", TEMPLATE)
    opened = world.change("opened", version="1.2.0", incidents=[])
    assert (opened["change"]["type"], opened["change"]["template"]["name"]) == ("standard", "shop-release")
    number = opened["number"]
    world.change("scheduled", change=number, change_start=at(-1), change_end=at(1))
    world.change("implementing", change=number, change_deployment=world.deployment("failed"), incidents=[], version="1.2.0")
    world.change("reviewed", change=number)
    world.file(world.releases / "1.2.1.yml", {**MANIFEST, "version": "1.2.1"})
    again = world.change("opened", version="1.2.1", incidents=[])
    assert again["change"]["type"] == "normal"
    assert f"{number} failed and was not reviewed" in again["gaps"]["shop-release"][0]


def test_an_emergency_owes_a_review_that_blocks_the_next_release(world: World, tmp_path: Path) -> None:
    world.file(world.changes / "rules.yml", {"emergency": {"review_days": 0.00001}})
    number = world.change("opened", version="1.2.0", incidents=[{"id": "INC1", "priority": 1}], change_emergency={"reason": "orders fail", "incident": "INC1"})[
        "number"
    ]
    world.change("assessed", change=number)
    world.change("scheduled", change=number, change_start=at(-1), change_end=at(1), change_approvals=[{"approver": "bob"}])
    world.change("implementing", change=number, change_deployment=world.deployment("passed"), version="1.2.0")
    assert {one["subject"] for one in world.ledger} == {number, "review/shop"}
    world.file(world.releases / "1.2.1.yml", {**MANIFEST, "version": "1.2.1", "components": {"shop": {**MANIFEST["components"]["shop"], "sha256": "b" * 64}}})  # type: ignore[index]
    blocked = world.change("checked", version="1.2.1")["standing"]["blocked"]
    assert f"the review after an emergency is overdue: {number} of shop" in blocked
    assert "its post-implementation review is not recorded" not in blocked

    shown = world.run("change_review", change=number, change_file=str(tmp_path / "review.md"))
    assert shown.rc == 0, shown.stdout
    assert "(to be filled in)" in (tmp_path / "review.md").read_text()
    bad = world.run("change_review", change=number, review={"summary": "x"})
    assert bad.rc != 0
    assert "review.root_cause is nothing" in bad.result("Record the review")["msg"]
    given = {"summary": "fine now", "root_cause": "a missing index", "actions": [{"what": "add it", "owner": "ann", "due": "2027-04-01"}]}
    done = world.run("change_review", change=number, review=given)
    assert done.rc == 0, done.stdout
    assert world.change("checked", version="1.2.1")["standing"]["blocked"] == ""


def test_the_board_decides_and_a_meeting_without_its_quorum_does_not(world: World, tmp_path: Path) -> None:
    world.file(world.changes / "cab.yml", ROSTER)
    number = world.change("opened", version="1.2.0", incidents=[])["number"]
    agenda = world.run("change_board", meeting="2027-07-01", change_file=str(tmp_path / "agenda.md"))
    assert agenda.rc == 0, agenda.stdout
    assert number in (tmp_path / "agenda.md").read_text().split("## For information")[0]
    world.change("assessed", change=number)
    ask = {"change_state": "scheduled", "change": number, "change_start": at(-1), "change_end": at(1)}
    approvals = [{"approver": name} for name in ("bob", "eve", "sam")]
    assert "the board has not decided about it" in world.refused(**ask, change_approvals=approvals)
    decided = [{"change": number, "decision": "approved", "note": ""}]
    alone = {"present": [{"role": "manager", "person": "ann"}], "decisions": decided}
    assert world.run("change_board", meeting="2027-07-01", minutes=alone).result("Record the minutes")["decisions"][0]["valid"] is False
    assert "1 of 2 members of the board" in world.refused(**ask, change_approvals=approvals)
    full = {**alone, "present": [{"role": "manager", "person": "dan"}, {"role": "operations", "person": "bob"}]}
    rewritten = world.run("change_board", meeting="2027-07-01", minutes=full)
    assert "are recorded already and say something else" in rewritten.result("Record the minutes")["msg"]
    assert world.run("change_board", meeting="2027-07-02", minutes=full).rc == 0
    assert world.run("change_board", meeting="2027-07-02", minutes=full).result("Record the minutes")["changed"] is False
    world.change("scheduled", **{key: value for key, value in ask.items() if key != "change_state"}, change_approvals=approvals)


def test_check_mode_refuses_as_usual_and_writes_nothing(world: World) -> None:
    run = world.run(change_state="opened", version="1.2.0", check=True)
    assert run.rc == 0, run.stdout
    assert run.result("Ask for it")["entries"][0]["body"]["verb"] == "opened"
    assert world.ledger == []
    assert "No release is named" in str(world.run(change_state="opened", check=True).result("Ask for it")["msg"])


@pytest.mark.parametrize(
    ("name", "document", "words"),
    [
        ("rules.yml", {"weights": {"hosts": -1}}, ["weights.hosts", "-1"]),
        ("rules.yml", {"weights": {"hots": 1}}, ["weights.hots", "unknown key", "did you mean hosts?"]),
        ("rules.yml", {"thresholds": {"moderate": 70}}, ["thresholds.moderate", "at most high, 60"]),
        ("rules.yml", {"matrix": {"high": {"high": "low"}}}, ["matrix.high.high", "at least high"]),
        ("rules.yml", {"weights": {"hosts": float("nan")}}, ["weights.hosts", "found: NaN", "a number"]),
        ("rules.yml", {"history": {"few": 30}}, ["history.few", "at most last, 20"]),
        ("rules.yml", {"communication": [{"who": "a\nb", "by": "mail", "when": "now"}]}, ["communication[0].who"]),
        ("cab.yml", {"roles": {"manager": {"members": ["ann"]}}, "boards": {"high": {"must": ["manger"], "quorum": 1}}}, ["did you mean manager?"]),
        ("cab.yml", {"roles": {"manager": {"members": ["ann"]}}, "boards": {"high": {"must": ["manager"], "quorum": 2}}}, ["at most 1, the people"]),
        ("standard/shop-release.yml", {**TEMPLATE, "name": "other"}, ["the name of the file, shop-release"]),
        ("standard/shop-release.yml", {**TEMPLATE, "expires": "2027-02-30"}, ["a day of the calendar"]),
        ("standard/shop-release.yml", {**TEMPLATE, "owner": "x\n# approved"}, ["owner", "in one line"]),
        ("standard/shop-release.yml", {**TEMPLATE, "covers": {**TEMPLATE["covers"], "max_risk": "high"}}, ["covers.max_risk", "low, moderate"]),  # type: ignore[dict-item]
    ],
)  # fmt: skip
def test_a_broken_document_is_refused_with_its_place(world: World, name: str, document: Any, words: list[str]) -> None:
    """Both by the module and by the validation that runs before everything."""
    world.file(world.changes / name, document)
    told = world.refused(change_state="opened", version="1.2.0")
    run = world.run("validate")
    assert run.rc != 0
    for text in (told, str(run.result("Report every fault")["msg"])):
        assert name in text
        assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"change_summary": "x\n# Approved by everybody"}, "summary holds the character U+000A"),
        ({"change_emergency": {"reason": "x" * 201}}, "201 characters"),
        ({"change_start": "{{ 7 * 7 }}", "change_end": "tomorrow"}, "allowed is an RFC 3339 time"),
        ({"version": "../../../etc/passwd"}, "allowed is a semantic version"),
    ],
)
def test_attacks_through_the_options_are_refused(world: World, extra: Document, words: str) -> None:
    assert words in world.refused(**{"change_state": "opened", "version": "1.2.0", **extra})
    assert world.ledger == []


def test_the_sheet_is_a_paper_for_the_board(world: World, tmp_path: Path) -> None:
    number = world.change("opened", version="1.2.0", incidents=[], change_summary="Basket <img src=x>")["number"]
    for _each in range(2):
        run = world.run(change=number, incidents=[], change_file=str(tmp_path / "sheet.md"))
        assert run.rc == 0, run.stdout
    assert run.changed == 0, "the same input gives the same text"
    sheet = (tmp_path / "sheet.md").read_text()
    for words in (f"# {number}: release 1.2.0 into production", "Basket &lt;img src=x&gt;", "roll back when: orders fail", "criticality high, users 100"):
        assert words in sheet


def test_a_forged_entry_leads_nowhere_and_is_told(world: World) -> None:
    number = world.change("opened", version="1.2.0", incidents=[])["number"]
    authorized = {"by": "approvals", "approvers": ["everybody"]}
    body = {"verb": "moved", "from": "Authorize", "to": "Scheduled", "authorized": authorized, "start": at(-1), "end": at(1)}
    forged = NewEntry("change", "fact", "production", "1.2.0", number, body)
    task = {"name": "Record", "evenkeel.release.record": {"kind": "change", "subject": number, "body": body}}
    refused = world.playbook([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}], inventory=world.inventory)
    assert refused.rc != 0, "it is written by its own module only"
    with open_store(f"sqlite:///{world.playbook.folder / 'state/ledger.sqlite'}") as ledger:
        ledger.append([forged])  # what somebody can do who may write to the database
    standing = world.change("checked", version="1.2.0", incidents=[])["standing"]
    assert standing["implementable"] is False
    assert "no step of a change in state New" in standing["ignored"][0]


def test_runs_that_open_the_same_at_once_open_one_change(world: World, tmp_path: Path) -> None:
    """Three processes on one ledger: whoever comes second finds the change of the first, or writes an entry that adds nothing."""
    world.record(kind="report", body={})  # the ledger exists, so that all three start at the same line
    state = {"EVENKEEL_STATE_DIR": str(world.playbook.folder / "state")}
    extra = {**world.extra, "evenkeel_version": "1.2.0", "evenkeel_change_state": "opened", "evenkeel_incidents": []}

    def run(number: int) -> Any:
        runner = PlaybookRunner(tmp_path / f"runner{number}")
        return runner("evenkeel.release.change", inventory=world.inventory, extra_vars=extra, env=state)

    with ThreadPoolExecutor(3) as pool:
        runs = list(pool.map(run, range(3)))
    assert [one.rc for one in runs] == [0, 0, 0], runs[0].stdout
    numbers = {one.result("Ask for it")["number"] for one in runs}
    assert len(numbers) == 1
    assert {one["subject"] for one in world.ledger} == numbers
    assert world.change("checked", change=numbers.pop())["change"]["state"] == "New"
