# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift playbook on real files: each step as a user runs it."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

SECRET = "correct-horse-battery"
SHOP = "[server]\nport = {port}\npage_size = 20\n[database]\npassword = " + SECRET + "\n"


class Place:
    """Two environments, one host each, with a shop whose configuration a small role owns."""

    def __init__(self, folder: Path, playbook: Any) -> None:
        self.folder, self.playbook = folder, playbook
        self.state = folder / "state"
        for name, port in (("staging", 8001), ("production", 9001)):
            self.conf(name).parent.mkdir(parents=True)
            self.conf(name).write_text(SHOP.format(port=port))
            self.conf(name).chmod(0o600)
        tasks = folder / "roles" / "shop_config" / "tasks"
        tasks.mkdir(parents=True)
        copy = {"content": "{{ shop_text }}", "dest": "{{ shop_root }}/shop.ini", "mode": "0600"}
        (tasks / "main.yml").write_text(json.dumps([{"name": "Write the configuration", "ansible.builtin.copy": copy, "diff": False}]))

    def conf(self, name: str) -> Path:
        return self.folder / name / "shop.ini"

    def inventory(self, allowed: list[dict[str, str]]) -> dict[str, Any]:
        return {"all": {"vars": {"evenkeel_state_dir": str(self.state)}, "children": {name: self.group(name, allowed) for name in ("staging", "production")}}}

    def group(self, name: str, allowed: list[dict[str, str]]) -> dict[str, Any]:
        root = str(self.folder / name)
        drift = {
            "paths": ["{root}"],
            "config": ["{root}/shop.ini"],
            "repair_role": "shop_config",
            "repair_vars": {"shop_text": self.conf(name).read_text() if not hasattr(self, "texts") else self.texts[name], "shop_root": root},
        }
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        return {
            "hosts": {f"{name}-web": host},
            "vars": {
                "evenkeel_environment": {"name": name, "tier": name, "allowed_differences": allowed},
                "evenkeel_services": {"shop": {"engine": "application", "hosts": name, "drift": {**drift, "root": root}}},
            },
        }

    def __call__(self, state: str = "report", *, check: bool = False, allowed: Any = (), target: str = "staging", **more: Any) -> Any:
        if not hasattr(self, "texts"):
            self.texts = {name: self.conf(name).read_text() for name in ("staging", "production")}
        return self.playbook(
            "evenkeel.release.drift",
            inventory=self.inventory(list(allowed)),
            extra_vars={"evenkeel_target": target, "drift_state": state, **more},
            check=check,
            env={"ANSIBLE_ROLES_PATH": str(self.folder / "roles"), "EVENKEEL_STATE_DIR": str(self.state)},
            args=("--diff",),
        )

    def entries(self, kind: str) -> list[dict[str, Any]]:
        with sqlite3.connect(self.state / "ledger.sqlite") as ledger:
            tables = [row[0] for row in ledger.execute("select name from sqlite_master where type = 'table'")]
            rows = [bytes(value) for table in tables for row in ledger.execute(f"select * from {table}") for value in row if isinstance(value, bytes)]
        found = [json.loads(row) for row in rows if row.startswith(b"{")]
        return [entry for entry in found if entry.get("kind") == kind]

    def edit(self, name: str = "staging") -> None:
        self.conf(name).write_text(self.conf(name).read_text().replace("page_size = 20", "page_size = 500"))


@pytest.fixture
def place(tmp_path: Path, playbook: Any) -> Place:
    return Place(tmp_path / "place", playbook)


def test_a_hand_edit_is_found_refused_and_repaired(place: Place) -> None:
    assert place("baseline").rc == 0
    first = place("gate")
    assert first.rc == 0, first.stdout
    assert first.changed == 0
    place.edit()
    reported = place("report")
    assert reported.rc == 0, reported.stdout
    finding = place.entries("drift")[-1]["body"]["findings"]
    assert [(one["path"], one["kind"], one["before"], one["after"]) for one in finding] == [
        ("config:shop.ini:server.page_size", "changed", {"value": "20"}, {"value": "500"})
    ]
    gate = place("gate")
    assert gate.rc != 0
    assert "config:shop.ini:server.page_size" in gate.stdout
    assert "Repair it with drift_state=repair" in gate.stdout

    edited = place.conf("staging").read_bytes()
    tried = place("repair", check=True)
    assert tried.rc == 0, tried.stdout
    assert place.conf("staging").read_bytes() == edited
    assert not place.entries("repair")

    repaired = place("repair")
    assert repaired.rc == 0, repaired.stdout + repaired.stderr
    assert place.conf("staging").read_text() == place.texts["staging"]
    assert [entry["phase"] for entry in place.entries("repair")] == ["intent", "outcome"]
    assert place("gate").rc == 0

    kept = b"".join(path.read_bytes() for path in place.state.rglob("*") if path.is_file())
    shown = "".join(run.stdout + run.stderr for run in (first, reported, gate, tried, repaired))
    assert SECRET.encode() not in kept
    assert SECRET not in shown


def test_a_changed_secret_is_found_and_not_shown(place: Place) -> None:
    assert place("baseline").rc == 0
    place.conf("staging").write_text(place.conf("staging").read_text().replace(SECRET, "another-secret"))
    gate = place("gate")
    assert gate.rc != 0
    assert "config:shop.ini:database.password" in gate.stdout
    assert "another-secret" not in gate.stdout + (place.state / "ledger.sqlite").read_bytes().decode("latin-1")


def test_a_baseline_that_was_edited_is_refused(place: Place) -> None:
    assert place("baseline").rc == 0
    (stored,) = (place.state / "baselines").rglob("*.json")
    stored.write_text(stored.read_text().replace('"20"', '"500"'))
    refused = place("report")
    assert refused.rc != 0
    assert "Find out who changed it" in refused.stdout


def test_check_mode_makes_nothing(place: Place) -> None:
    run = place("baseline", check=True)
    assert run.rc == 0, run.stdout + run.stderr
    assert not (place.state / "drift.key").exists()
    assert not (place.state / "baselines").exists()


def test_a_large_snapshot_is_fetched_and_removed(place: Place, tmp_path: Path) -> None:
    for number in range(800):
        (place.folder / "staging" / f"{number:04}.txt").write_text(str(number))
    assert place("baseline", drift_cache_dir=str(tmp_path / "cache")).rc == 0
    (stored,) = (place.state / "baselines").rglob("*.json")
    assert len(json.loads(stored.read_text())["items"]) > 800
    (place.folder / "staging" / "0007.txt").write_text("other")
    gate = place("gate", drift_cache_dir=str(tmp_path / "cache"))
    assert gate.rc != 0
    assert [one["path"] for one in place.entries("drift")[-1]["body"]["findings"]] == [f"file:{place.folder}/staging/0007.txt"]


def test_parity_compares_by_service_and_lets_declared_differences_pass(place: Place) -> None:
    port = {"path": "config:shop.ini:server.port", "reason": "another port range", "owner": "team-shop", "expires": "2999-01-01"}
    apart = place(target="production", drift_compare_with="staging")
    assert apart.rc == 0, apart.stdout + apart.stderr
    found = place.entries("report")[-1]["body"]
    assert [one["path"] for one in found["findings"]] == ["config:shop.ini:server.port"]
    assert found["compared_with"] == "staging"
    assert place("gate", target="production", drift_compare_with="staging").rc != 0
    assert place("gate", target="production", drift_compare_with="staging", allowed=[port]).rc == 0
    late = place("gate", target="production", drift_compare_with="staging", allowed=[{**port, "expires": "2020-01-01"}])
    assert late.rc != 0
    unknown = place(target="production", drift_compare_with="nowhere")
    assert unknown.rc != 0
    assert "nowhere" in unknown.stdout
