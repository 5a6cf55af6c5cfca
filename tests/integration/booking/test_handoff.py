# SPDX-License-Identifier: GPL-3.0-or-later
"""A handoff by real runs; the ledger is read with sqlite3."""

from __future__ import annotations

import pytest
import yaml

from .oracle import of_sqlite

TEAMS = {"dev": ["ann"], "ops": ["eve"]}
DOCUMENT = {
    "name": "shop-to-ops",
    "description": "The shop goes to operations.",
    "from": "dev",
    "to": "ops",
    "checkpoints": [
        {"name": "runbook", "description": "The runbook is complete.", "by": "dev", "evidence": True},
        {"name": "accepted", "description": "Operations answer for it.", "by": "ops"},
    ],
}


@pytest.fixture
def run(playbook, tmp_path):
    folder = tmp_path / "handoffs"
    folder.mkdir()
    (folder / "shop-to-ops.yml").write_text(yaml.safe_dump(DOCUMENT))

    def _run(who, *, check=False, **options):
        task = {"name": "Ask", "evenkeel.release.handoff": {"handoffs": [str(folder)], **options}}
        plays = [{"name": "Sign", "hosts": "localhost", "gather_facts": False, "tasks": [task]}]
        return playbook(plays, check=check, extra_vars={"awx_user_name": who, "evenkeel_teams": TEAMS})

    return _run


SIGN = {"state": "signed", "name": "shop-to-ops", "checkpoint": "runbook", "evidence": ["https://wiki/runbook"]}
ACCEPT = {"state": "signed", "name": "shop-to-ops", "checkpoint": "accepted"}


def test_from_open_to_complete(run):
    assert run("ann", state="complete").rc != 0
    dry = run("ann", check=True, **SIGN)
    assert (dry.rc, dry.changed) == (0, 1)
    assert not (dry.state_dir / "ledger.sqlite").exists()
    early = run("eve", **ACCEPT)
    assert "runbook comes before it and is not signed" in early.result("Ask")["msg"]
    stranger = run("mallory", **SIGN)
    assert "mallory is not in the team dev: ann" in stranger.result("Ask")["msg"]
    first = run("ann", **SIGN)
    assert first.changed == 1
    assert run("ann", **SIGN).changed == 0
    assert run("eve", **ACCEPT).changed == 1
    assert run("eve", state="complete").rc == 0
    entries = of_sqlite(first.state_dir / "ledger.sqlite", "handoff")
    assert [(entry["subject"], entry["actor"]["name"], entry["actor"]["source"]) for entry in entries] == [
        ("shop-to-ops/runbook", "ann", "awx"),
        ("shop-to-ops/accepted", "eve", "awx"),
    ]
    assert run("ann", state="withdrawn", name="shop-to-ops", checkpoint="runbook", note="not complete").changed == 1
    info = run("ann", state="info").result("Ask")["handoffs"][0]
    assert [row["state"] for row in info["checkpoints"]] == ["open", "void"]


def test_nobody_signs_by_hand(run, playbook):
    task = {"name": "Ask", "evenkeel.release.record": {"kind": "handoff", "subject": "shop-to-ops/runbook", "body": {"event": "signed"}}}
    done = playbook([{"name": "Forge", "hosts": "localhost", "gather_facts": False, "tasks": [task]}])
    assert done.rc != 0
    assert "handoff" in done.result("Ask")["msg"]
