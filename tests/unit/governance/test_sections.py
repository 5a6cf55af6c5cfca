# SPDX-License-Identifier: GPL-3.0-or-later
"""All sections together, on documents in files and a real ledger in SQLite."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import live, of_release, sections
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Question
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.settings import Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

NOW = datetime.now(timezone.utc)
ENVIRONMENT: dict[str, Any] = {"name": "production", "tier": "production", "promotes_from": "staging", "promotion": {"soak": "1h"}}
STAGING: dict[str, Any] = {"name": "staging", "tier": "staging"}
MANIFEST: dict[str, Any] = {
    "version": "1.1.0",
    "type": "minor",
    "owner": "team-shop",
    "summary": "A basket.",
    "changelog": ["basket"],
    "components": {"shop": {"version": "1.1.0", "artifact": "shop.tar.gz", "sha256": "a" * 64}},
    "rollback": {"criteria": ["orders fail"], "max_minutes": 5, "migration": "none"},
}
SERVICES = {"shop": {"engine": "application", "hosts": "web", "component": "shop"}}
HOSTVARS = {
    "web1": {"evenkeel_environment": ENVIRONMENT, "evenkeel_services": SERVICES},
    "web2": {"evenkeel_environment": STAGING, "evenkeel_services": SERVICES},
}
FREEZE = {"name": "team", "timezone": "UTC", "freezes": [{"name": "stocktaking", "reason": "closed", "begins": "2020-01-01", "ends": "2198-01-01"}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("releases", "calendars", "reservations"):
        (tmp_path / name).mkdir()
    (tmp_path / "releases/1.1.0.yml").write_text(yaml.safe_dump(MANIFEST))
    return tmp_path


def question(folder: Path, **change: Any) -> Question:
    plan = {"services": [{"service": "shop", "release": "1.1.0", "hosts": {"web1": {}}}]}
    words: dict[str, Any] = {
        "act": "deploy",
        "environment": ENVIRONMENT,
        "services": SERVICES,
        "manifest": MANIFEST,
        "releases_dir": str(folder / "releases"),
        "policies_dir": "",
        "plan": plan,
        "batches": [["web1"]],
        "now": NOW,
        "groups": {"all": ["web1", "web2"], "production": ["web1"], "staging": ["web2"], "web": ["web1"]},
        "hostvars": HOSTVARS,
        "entries": [],
        "store": None,
        "settings": Settings(calendars_dir=str(folder / "calendars"), reservations_dir=str(folder / "reservations")),
        "actor": {"name": "ann", "source": "os"},
        "variables": {},
    }
    return Question(**{**words, **change})


def gathered(asked: Question) -> dict[str, Any]:
    known = {"now": NOW.isoformat(), "act": asked.act, "environment": ENVIRONMENT, "release": MANIFEST, "ledger": {"approvals": [{"approver": "x"}]}}
    return sections.gather(asked, known)


def test_every_section_is_there_and_what_is_not_declared_is_null(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENKEEL_TRUST_DIR", raising=False)
    found = gathered(question(folder))
    names = {name for _read, each in sections.READERS for name in each}
    assert names <= set(found)
    assert {name for name in names if found[name] is None} == {
        "bundle",
        "compatibility",
        "change",
        "approvals",
        "duties",
        "access",
        "milestones",
        "scope",
        "boundaries",
    } & names
    assert found["calendar"]["allowed"]
    assert found["reservation"]["why"] == "free"
    assert found["standing"]["promotable"] is False
    assert found["ledger"]["approvals"] == [{"approver": "x"}]


def test_where_approvals_are_signed_nothing_else_counts(folder: Path, tmp_path: Path) -> None:
    from ansible_collections.evenkeel.release.tests.unit.approval import kit

    place = kit.Place(tmp_path / "place")
    variables = {"evenkeel_trust_dir": str(place.trust), "evenkeel_approvals_dir": str(place.folder), "evenkeel_ledger_name": kit.LEDGER}
    asked = question(folder, settings=Settings(approvals_dir=str(place.folder), risk="moderate"), variables=variables, actor={"name": "dave", "source": "awx"})
    found = gathered(asked)
    assert found["approvals"]["verdict"] == "failed"
    assert found["ledger"]["approvals"] == []
    assert found["access"]["verdict"] == "failed"


@pytest.mark.parametrize(("act", "refused"), [("deploy", True), ("promote", True), ("rollback", False)])
def test_a_broken_document_ends_what_is_new_and_never_the_way_back(folder: Path, act: str, refused: bool) -> None:
    (folder / "calendars/team.yml").write_text("name: [")
    if refused:
        with pytest.raises(DeploymentError, match=r"team\.yml"):
            gathered(question(folder, act=act))
    else:
        found = gathered(question(folder, act=act))
        assert found["calendar"] is None
        assert found["reservation"]["allowed"]


def test_rules_of_evidence_that_nobody_can_read_are_refused(folder: Path) -> None:
    with pytest.raises(DeploymentError, match="evenkeel_quality"):
        gathered(question(folder, settings=Settings(quality={"licenses": {}})))


def test_a_release_is_recorded_once_and_never_another_one(folder: Path) -> None:
    asked = question(folder)
    body = of_release.unrecorded(asked)
    assert body["manifest"] == MANIFEST
    entry = {
        "kind": "release",
        "subject": "manifest",
        "release": "1.1.0",
        "phase": "fact",
        "environment": "",
        "time": "t",
        "actor": {"name": "ann"},
        "body": body,
    }
    assert of_release.unrecorded(replace(asked, entries=[entry])) == {}
    other = {**entry, "body": {**body, "sha256": "0" * 64, "manifest": {**MANIFEST, "summary": "Another."}}}
    with pytest.raises(DeploymentError, match="never changes its content"):
        gathered(replace(asked, entries=[other]))
    assert gathered(replace(asked, entries=[other], act="rollback"))["manifest"]["verdict"] == "failed"


def test_before_a_batch_a_freeze_waits_and_the_way_back_goes(folder: Path) -> None:
    with open_store(f"sqlite:///{folder}/ledger.sqlite") as store:
        body = {"act": "deploy", "plan": {"services": [{"service": "shop"}]}}
        [intent] = store.append([NewEntry("deployment", "intent", environment="production", release="1.1.0", body=body)])
        groups = {"production": ["web1"]}
        place = live.Place(ENVIRONMENT, groups, HOSTVARS, Settings(calendars_dir=str(folder / "calendars")), {}, lambda value: value)
        assert live.word(store, intent, place, step="switching") == live.GO
        (folder / "calendars/team.yml").write_text(yaml.safe_dump(FREEZE))
        said = live.word(store, intent, place, step="switching")
        assert said.word == "wait"
        assert "the freeze stocktaking" in said.why
        assert live.word(store, intent, place, step="rolling_back") == live.GO
        (folder / "calendars/team.yml").write_text("name: [")
        assert live.word(store, intent, place, step="switching").word == "wait", "what can't be told is not permitted"
