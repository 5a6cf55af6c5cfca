# SPDX-License-Identifier: GPL-3.0-or-later
"""The prober as a process of its own, against an address where nobody answers."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade import watch
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.errors import UpgradeError

SECRET = "not-for-the-notes"


@pytest.fixture
def settings() -> dict[str, Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return {"servers": [{"address": "127.0.0.1", "port": port}], "dbname": "x", "user": "u", "password": SECRET, "sslmode": "disable", "interval": 0.05}


def test_every_attempt_is_noted_and_the_process_ends(tmp_path: Path, settings: dict[str, Any]) -> None:
    file = tmp_path / "state/one.jsonl"
    assert watch.begin(settings, file=file, pid=os.getpid(), needed=False) == {"continued": False}
    watch.stop(file)
    found = watch.measured(file, patience=1, interval=0.05)
    assert (found["writable"], found["attempts"] >= 1, found["failed"]) == (False, True, found["attempts"])
    assert "no writable server" in found["says"]
    assert SECRET not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert not watch._lives(file)

    assert watch.begin(settings, file=file, pid=os.getpid(), needed=False) == {"continued": True}
    watch.stop(file)
    assert len(watch.attempts(file)) > found["attempts"]
    watch.forget(file)
    assert list(file.parent.iterdir()) == []


def test_without_a_first_write_nothing_begins(tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FIRST_WRITE_SECONDS", 1.0)
    with pytest.raises(UpgradeError, match="No write came through within 1 s, so nothing could be measured and nothing was done"):
        watch.begin(settings, file=tmp_path / "one.jsonl", pid=os.getpid(), needed=True)
    assert not watch._lives(tmp_path / "one.jsonl")
    assert list(tmp_path.iterdir()) == []  # nothing that a later upgrade would go on with


def test_the_process_ends_with_the_run_that_started_it(tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FIRST_WRITE_SECONDS", 1.0)
    file = tmp_path / "one.jsonl"
    gone = os.fork()
    if not gone:
        os._exit(0)
    os.waitpid(gone, 0)
    with pytest.raises(UpgradeError, match="nothing was tried"):
        watch.begin(settings, file=file, pid=gone, needed=True)


def test_a_half_line_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "one").write_text(json.dumps([1.0, 1.5, True]) + "\n[2.0, ")
    assert len(watch.attempts(tmp_path / "one")) == 1
