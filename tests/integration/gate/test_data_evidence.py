# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for data of docs/reference/policies.md in a real run: ledger, plan of a promotion with its evidence, gate."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._sync.together import synchronize
from ansible_collections.evenkeel.release.plugins.plugin_utils._data import outcome
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.unit.report import data_bodies as bodies

MANIFEST = {
    "version": "1.1.0",
    "type": "minor",
    "owner": "shop team",
    "summary": "A basket.",
    "changelog": ["basket"],
    "components": {"shop": {"version": "1.1.0", "artifact": "shop.tar.gz", "sha256": "a" * 64}},
    "rollback": {"criteria": ["orders fail"], "max_minutes": 5, "migration": "none"},
}

ROOT = Path(__file__).resolve().parents[3]
DAY = 86400
REAL = "what a refresh of SQLite gives just now"
KEY = "ab" * 32
# name: (refreshes as (days ago, result of the module or how it ended), the gate's answer)
CASES: dict[str, tuple[list[tuple[float, Any]], str]] = {
    "never": ([], "errored"),
    "proved": ([(1, bodies.POSTGRESQL)], "passed"),
    "refreshed": ([(1, REAL)], "passed"),
    "unproved": ([(2, bodies.POSTGRESQL), (1, bodies.BARE)], "failed"),
    "old": ([(8, bodies.POSTGRESQL)], "failed"),
    "old_but_looked_at": ([(8, bodies.POSTGRESQL), (1, bodies.UNCHANGED)], "failed"),
    "looked_at": ([(3, bodies.POSTGRESQL), (1, bodies.UNCHANGED)], "passed"),
    "failed": ([(2, bodies.POSTGRESQL), (1, "failed")], "failed"),
    "killed": ([(2, bodies.POSTGRESQL), (1, "open")], "failed"),
    "part": ([(1, bodies.SUBSET)], "failed"),
    "mended": ([(3, bodies.POSTGRESQL), (2, "failed"), (1, bodies.DELTA)], "passed"),
    "delta_on_unproved": ([(2, bodies.BARE), (1, bodies.DELTA)], "failed"),
}


def rules(page: str) -> list[dict[str, Any]]:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if "staging-holds-proved-data" in block]
    found = yaml.safe_load(block)
    return list(found["rules"] if isinstance(found, dict) else found)


def policy() -> dict[str, Any]:
    return {"name": "promotion", "description": "Data.", "applies_to": {"acts": ["promote"]}, "rules": rules("policies.md")}


def test_both_pages_have_the_same_rule() -> None:
    assert rules("data-proof.md") == rules("policies.md")[:1]


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def ledger(path: Path, refreshes: list[tuple[float, Any]]) -> str:
    url, clock = f"sqlite:///{path}", Clock()
    with open_store(url, actor={"name": "ada", "source": "os"}, clock=clock) as store:
        # Production runs the release already: the plan has nothing to do, and its evidence is all that is asked for.
        clock.now = int((time.time() - 30 * DAY) * 1e6)
        known: dict[str, Any] = {"kind": "deployment", "environment": "production", "release": "1.1.0", "subject": "shop"}
        begun = store.append([NewEntry(phase="intent", **known)])[0]
        store.append([NewEntry(phase="outcome", body={"intent": begun.id, "verdict": "passed", "services": {"shop": "1.1.0"}}, **known)])
        for days, result in refreshes:
            clock.now = int((time.time() - days * DAY) * 1e6)
            act = {"kind": "data_sync", "environment": "staging", "subject": "database"}
            intent = store.append([NewEntry(phase="intent", body={"source": "production"}, **act)])[0]
            ended = {"intent": intent.id, "source": "production", "verdict": "failed" if result == "failed" else "passed"}
            if result != "open":
                facts = {} if result == "failed" else outcome.body(result, ["database"])
                store.append([NewEntry(phase="outcome", body={**facts, **ended}, **act)])
    return url


def refreshed(folder: Path) -> dict[str, Any]:
    columns = {"id": {"keep": "no personal value"}, "email": {"mask": "email"}}
    for name, rows in (("source", [(1, "ada.lovelace@example.com")]), ("target", [])):
        with sqlite3.connect(folder / f"{name}.db") as connection:
            connection.execute("create table people (id integer primary key, email text)")
            connection.executemany("insert into people values (?, ?)", rows)
        connection.close()
    places = {name: {"path": str(folder / f"{name}.db")} for name in ("source", "target")}
    policy = {"name": "people", "version": 1, "tables": {"main.people": {"columns": columns}}}
    options = {"name": "database", "engine": "sqlite", "target_tier": "staging", "key": KEY, "mode": "full", "phase": "all", "lock_timeout": 2.0, "workers": 1}
    return synchronize([{**options, **places, "policy": policy}], check_mode=False, tell=lambda _event: None)


@pytest.fixture
def ledgers(tmp_path: Path) -> dict[str, str]:
    real = refreshed(tmp_path)
    told = {name: [(days, real if result is REAL else result) for days, result in refreshes] for name, (refreshes, _) in CASES.items()}
    return {name: ledger(tmp_path / f"{name}.sqlite", refreshes) for name, refreshes in told.items()}


def inventory() -> dict[str, Any]:
    groups = {}
    for name, tier in (("staging", "staging"), ("production", "production")):
        declared = {"name": name, "tier": tier, **({"promotes_from": "staging"} if name == "production" else {})}
        hosts = {f"{name}1": {"ansible_connection": "local"}}
        groups[name] = {
            "hosts": hosts,
            "vars": {"evenkeel_environment": declared, "evenkeel_services": {"shop": {"engine": "application", "component": "shop", "depends_on": []}}},
        }
    return {"all": {"children": groups}}


def play(releases: Path, ledgers: dict[str, str]) -> list[dict[str, Any]]:
    control: dict[str, Any] = {"loop_control": {"label": "{{ item.key | default('') }}"}}
    plan = {
        "name": "Plan",
        "evenkeel.release.deployment_plan": {"environment": "production", "act": "promote", "version": "1.1.0", "releases_dir": str(releases), "endpoints": {}},
        "vars": {"evenkeel_ledger_url": "{{ item.value }}"},
        "loop": [{"key": name, "value": url} for name, url in ledgers.items()],
        "register": "planned",
        **control,
    }
    asked = {"act": "promote", "environment": "production", "release": "1.1.0", "policies": [policy()], "enforce": False}
    ask = {
        "name": "Ask",
        "evenkeel.release.gate": {**asked, "evidence": "{{ item.evidence }}", "ledger_url": "{{ item.item.value }}"},
        "loop": "{{ planned.results }}",
        **control,
    }
    return [{"name": "Gate", "hosts": "production", "gather_facts": False, "tasks": [plan, ask]}]


def test_only_proved_young_data_lets_a_release_pass(playbook: Any, ledgers: dict[str, str], tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    releases.mkdir()
    (releases / "1.1.0.yml").write_text(yaml.safe_dump(MANIFEST))
    run = playbook(play(releases, ledgers), inventory=inventory())
    assert run.rc == 0, run.stdout
    answers = dict(zip(ledgers, run.result("Ask")["results"]))
    assert {name: answer["verdict"] for name, answer in answers.items()} == {name: wanted for name, (_, wanted) in CASES.items()}
    shown = {name: answer["rules"][0]["values"] for name, answer in answers.items()}
    assert shown["failed"]["upstream.data.verdict"] == "failed"
    assert shown["killed"]["upstream.data.verdict"] == shown["unproved"]["upstream.data.verdict"] == "inconclusive"
    assert shown["unproved"]["upstream.data.proved_at"] is None
    for text in ("staging-holds-proved-data", "nobody proved to be masked", "Run evenkeel.release.data_sync"):
        assert text in answers["unproved"]["msg"]
    assert answers["never"]["rules"][0]["problem"]
    assert [rule["verdict"] for rule in answers["part"]["rules"] if rule["policy"] != "environment"] == ["passed", "failed"]
