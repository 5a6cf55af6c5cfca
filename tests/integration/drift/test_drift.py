# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift playbook on real files: each step as a user runs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.tests.integration.drift.place import SECRET, Place

HIDDEN = "planted-Qx7-secret"


@pytest.fixture
def place(tmp_path: Path, playbook: Any) -> Place:
    return Place(tmp_path / "place", playbook)


def test_a_hand_edit_is_found_refused_and_repaired(place: Place) -> None:
    etc = place.folder / "etc"
    etc.mkdir()
    greeting = {"match": "file:**/motd", "severity": "cosmetic", "reason": "a greeting"}
    place.vars["evenkeel_drift"] = {"system": {"paths": [str(etc)]}, "severities": [greeting]}
    (etc / "app.conf").write_text("workers = 4\n")
    place.must("drift", drift_state="baseline")
    (etc / "motd").write_text("welcome")
    (etc / "app.conf").write_text(f"workers = 8\npassword = {HIDDEN}\n")
    place.edit("page_size = 20", "page_size = 500")
    place.edit(SECRET, "another-secret")

    gate = place.run("drift", drift_state="gate", evenkeel_service="shop")
    assert gate.rc != 0
    paths = ["config:shop.ini:database.password", "config:shop.ini:server.page_size"]
    entry = place.entries("drift")[-1]
    assert (entry.subject, entry.body["verdict"], entry.body["baseline"]) == ("staging-web/shop", "failed", {"name": "main", "version": 1})
    secret, size = entry.body["findings"]
    assert [secret["path"], size["path"]] == paths
    assert (size["kind"], size["before"], size["after"]) == ("changed", {"value": "20"}, {"value": "500"})
    assert any(each["how"] == "file" for each in size["attribution"]), size
    assert entry.body["score"] > 0
    assert f"{', '.join(paths)}. Repair it with drift_state=repair" in gate.stdout
    assert "-value: 20" in gate.stdout
    assert "+value: 500" in gate.stdout

    edited = place.conf().read_bytes()
    tried = place.must("drift", check=True, drift_state="repair", evenkeel_service="shop")
    assert place.conf().read_bytes() == edited
    assert not place.entries("repair")

    repaired = place.must("drift", drift_state="repair", evenkeel_service="shop")
    assert place.conf().read_text() == place.texts["staging"]
    assert [entry.phase for entry in place.entries("repair")] == ["intent", "outcome"]
    assert place.entries("drift")[-1].body["verdict"] == "passed"

    quiet = place.must("drift", drift_state="gate", drift_fail_at="critical")
    assert quiet.changed == 0
    entry = place.entries("drift")[-1]
    assert (entry.subject, entry.body["verdict"]) == ("staging-web/system", "failed")
    text, greeted = entry.body["findings"]
    assert (greeted["path"], greeted["severity"]) == (f"file:{etc}/motd", "cosmetic")
    changed = "-workers = 4\n+workers = 8\n+password = [REDACTED]"
    assert changed in text["diff"]
    assert all(f'"{line}"' in quiet.stdout for line in changed.splitlines())

    kept = place.kept()
    assert b"page_size" in kept  # it is really read, packed or not
    shown = "".join(run.stdout + run.stderr for run in (gate, tried, repaired, quiet))
    for word in (SECRET, "another-secret", HIDDEN):
        assert word.encode() not in kept
        assert word not in shown


def test_parity_compares_by_service_and_lets_declared_differences_pass(place: Place) -> None:
    port = {"path": "config:shop.ini:server.port", "reason": "another port range", "owner": "team-shop", "expires": "2999-01-01"}
    place.edit("page_size = 20", "page_size = 500")
    apart = place.run("drift", target="production", drift_compare_with="staging", drift_state="gate", allowed=[port])
    assert apart.rc != 0
    assert "production differs from staging: shop (failed): config:shop.ini:server.page_size" in apart.stdout
    (entry,) = place.entries("report")
    assert entry.subject == "parity/shop/staging"
    assert [one["path"] for one in entry.body["findings"]] == ["config:shop.ini:server.page_size"]
    assert [one["path"] for one in entry.body["allowed"]] == ["config:shop.ini:server.port"]
    assert not place.entries("drift")
    unknown = place.run("drift", target="production", drift_compare_with="nowhere")
    assert unknown.rc != 0
    assert "nowhere" in unknown.stdout
