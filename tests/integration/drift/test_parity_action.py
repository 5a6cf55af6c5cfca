# SPDX-License-Identifier: GPL-3.0-or-later
"""drift_parity as a play uses it, on records that the store really holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import build
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects

READ = {"files": {"state": "read"}, "config": {"state": "read"}}


def record(objects: Any, root: str, port: str, mark: str, **more: Any) -> str:
    items: dict[str, Any] = {
        f"file:{root}": {"type": "folder", "mode": "0755"},
        f"file:{root}/shop.ini": {"type": "file", "mode": "0600"},
        "config:shop.ini:port": {"value": port},
        "config:shop.ini:password": {"secret": True, "fingerprint": mark * 32, "key": "0" * 8},
        **more,
    }
    return str(objects.put_record(build(READ, items)))


def test_two_environments(playbook: Any, tmp_path: Path) -> None:
    objects = open_objects(str(tmp_path / "state" / "objects"))
    left = record(objects, "/srv/prod", "9001", "a")
    now = record(objects, "/srv/prod", "9001", "a", **{"file:/srv/prod/debug": {"type": "file", "mode": "0644"}})
    staging = record(objects, "/srv/stg", "8001", "b")
    here = {"prod1": {"root": now, "baseline": left, "roles": ["shop"], "facts": {"root": "/srv/prod"}}}
    there = {"stg1": {"root": staging, "baseline": staging, "roles": ["shop"], "facts": {"root": "/srv/stg"}}}
    declared = {"path": "config:shop.ini:port", "reason": "other port", "owner": "team-shop", "expires": "2099-01-01"}
    tasks = [
        {"name": "Plain", "evenkeel.release.drift_parity": {"here": here, "there": there, "propose": True}},
        {"name": "Declared", "evenkeel.release.drift_parity": {"here": here, "there": there, "allowed_differences": [declared], "rules": {}}},
        {"name": "Missing", "evenkeel.release.drift_parity": {"here": here, "there": {"x": {"root": "0" * 64}}}, "ignore_errors": True},
        {"name": "Wrong", "evenkeel.release.drift_parity": {"here": {"a": {"rot": 1}}, "there": {}}, "ignore_errors": True},
    ]
    variables = {"evenkeel_state_dir": str(tmp_path / "state"), "evenkeel_drift": {"parity": {"secrets": "equal"}}}
    play = [{"hosts": "localhost", "connection": "local", "gather_facts": False, "vars": variables, "tasks": tasks}]
    run = playbook(yaml.safe_dump(play), check=True)
    assert run.rc == 0, run.stdout

    plain = run.result("Plain")
    assert [(each["path"], each["kind"], each["class"]) for each in plain["findings"]] == [
        ("config:shop.ini:password", "changed", "by_design"),
        ("config:shop.ini:port", "changed", "by_design"),
        ("file:{root}/debug", "added", "here_drifted"),
    ]
    assert plain["verdict"] == "failed"
    assert plain["by_class"]["by_design"] == 2
    assert {entry["path"]: entry["expires"] for entry in plain["proposals"]}["config:shop.ini:port"] is None
    assert "a" * 32 not in run.stdout

    declared_result = run.result("Declared")
    assert [each["path"] for each in declared_result["findings"]] == ["file:{root}/debug"]
    assert declared_result["allowed"][0]["owner"] == "team-shop"
    assert "0" * 64 in run.result("Missing")["msg"]
    wrong = run.result("Wrong")["msg"]
    assert "here.a.rot is not known" in wrong
    assert "here.a.root is missing" in wrong
