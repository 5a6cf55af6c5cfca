# SPDX-License-Identifier: GPL-3.0-or-later
"""Before each batch, with a real ledger and real files."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import documents, live, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store
from ansible_collections.evenkeel.release.tests.unit.calendar.support import PRODUCTION

TODAY = datetime.now(timezone.utc).date()
FREEZE = {"name": "launch", "reason": "keynote", "begins": str(TODAY - timedelta(days=1)), "ends": str(TODAY + timedelta(days=1))}


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with open_store(f"sqlite:///{tmp_path / 'ledger.sqlite'}", actor={"name": "bea", "source": "os"}) as opened:
        yield opened


def ask(store: Store, folder: Path, **more: Any) -> tuple[str, str]:
    given = {"environment": PRODUCTION, "services": ["shop"], "release": "1.1.1", "deployer": "ada", **more}
    return live.word(store, places=[str(folder)], **given)


def test_a_freeze_that_is_written_during_the_rollout_is_obeyed_before_the_next_batch(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "calendars"
    folder.mkdir()
    calendar = folder / "team.yml"
    calendar.write_text("{name: team, timezone: UTC}")
    assert ask(store, folder) == ("go", "")
    calendar.write_text(yaml.safe_dump({"name": "team", "timezone": "UTC", "freezes": [FREEZE]}))
    said = ask(store, folder)
    assert said[0] == "wait"
    assert said[1].startswith("the freeze launch of the calendar team, until")
    assert said[1].endswith(": keynote")
    # What was touched may always go back.
    assert ask(store, folder, step="rolling_back") == ("go", "")
    # A second person lets this release pass; not another one, and not the own.
    until = wall.text(int(time.time()) + 3600)
    body = {"freeze": documents.uid("team", "freeze", "launch"), "name": "launch", "reason": "lost orders", "until": until}
    store.append([NewEntry("freeze_override", "fact", "production", "1.1.1", subject="granted", body=body)])
    assert ask(store, folder) == ("go", "")
    assert ask(store, folder, deployer="bea")[0] == "wait"
    assert ask(store, folder, release="1.1.2")[0] == "wait"
    assert ask(store, folder, environment={**PRODUCTION, "name": "standby"})[0] == "wait"


def test_what_cannot_be_told_waits(store: Store, tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("{name: bad}")
    said = live.word(store, places=[str(tmp_path / "bad.yml")], environment=PRODUCTION, services=["shop"], release="1", deployer="ada")
    assert said.word == "wait"
    assert "timezone" in said.why
    declared = {**PRODUCTION, "freezes": [{"name": "f", "from": "x", "to": "y", "reason": "r"}]}
    assert live.word(store, places=[], environment=declared, services=["shop"], release="1", deployer="ada").word == "wait"


def test_a_clock_that_is_off_waits(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    with open_store(url, actor={"name": "bea", "source": "os"}, clock=lambda: int((time.time() - 120) * 1e6)) as slow:
        said = live.word(slow, places=[], environment=PRODUCTION, services=["shop"], release="1", deployer="ada")
    assert said.word == "wait"
    assert "ahead of the ledger's" in said.why


def test_environments_alone(store: Store) -> None:
    assert live.word(store, places=[], environment=PRODUCTION, services=["shop"], release="1", deployer="ada").word == "go"
    closed = {**PRODUCTION, "freezes": [{"name": "own", "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "reason": "r"}]}
    said = live.word(store, places=[], environment=closed, services=["shop"], release="1", deployer="ada")
    assert said.word == "wait"
    assert "the freeze own of the calendar environment production" in said.why
