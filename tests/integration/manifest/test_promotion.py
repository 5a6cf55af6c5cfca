# SPDX-License-Identifier: GPL-3.0-or-later
"""The same bytes go on, or nothing does; a verification that is revoked holds back every promotion that relies on it."""

from __future__ import annotations

from typing import Any

import pytest

HOUR = 3600


@pytest.fixture
def staged(world: Any) -> Any:
    """1.2.0 runs in staging, verified three hours ago."""
    world.manifest("1.2.0")
    world.install("staging", "1.2.0")
    world.deployed("staging", "1.2.0", ago=3 * HOUR)
    return world


def check(world: Any, **more: Any) -> Any:
    return world.run("promotion_check", evenkeel_target="production", **more)


def test_what_staging_runs_may_go_on(staged: Any) -> None:
    run = check(staged, evenkeel_require_standing=True)
    assert run.rc == 0, run.stdout
    found = run.result("See that the same bytes go on")
    assert found["promotion"]["verdict"] == "passed"
    assert found["promotion"]["services"][0]["hosts"]["staging1"]["sha256"] == staged.sha256(staged.folder / "web-1.2.0.tar")
    assert found["standing"]["soak_needed"] == 2 * HOUR
    assert run.changed == 0


def test_other_bytes_in_the_manifest(staged: Any) -> None:
    staged.manifest("1.2.0", summary="x")
    path = staged.releases / "1.2.0.yml"
    path.write_text(path.read_text().replace(staged.sha256(staged.folder / "web-1.2.0.tar"), "b" * 64))
    run = check(staged)
    assert run.rc != 0
    assert f"the manifest pins {'b' * 64}" in run.result("See that the same bytes go on")["msg"]


def test_a_file_that_was_changed_on_a_host(staged: Any) -> None:
    changed = staged.root("staging") / "releases/1.2.0/bin/shop"
    changed.chmod(0o644)
    changed.write_text("evil!")
    run = check(staged)
    assert run.rc != 0
    assert "files of 1.2.0 on staging1 were changed after it was installed" in run.result("See that the same bytes go on")["msg"]


def test_a_release_that_staging_does_not_run(staged: Any) -> None:
    staged.manifest("1.3.0")
    run = check(staged, evenkeel_version="1.3.0")
    assert run.rc != 0
    assert "the environment before runs 1.2.0, not 1.3.0" in run.result("See that the same bytes go on")["msg"]


def test_a_host_that_can_not_be_reached(staged: Any) -> None:
    staged.inventory(lost=True)
    run = check(staged)
    assert run.rc != 0
    assert "staging1 of staging could not be asked" in run.result("See that every host said something")["msg"]
    with pytest.raises(LookupError):
        run.result("See that the same bytes go on")


def test_revoking_a_verification(staged: Any) -> None:
    staged.deployed("production", "1.2.0", ago=600)
    mark = {"evenkeel_version": "1.2.0", "evenkeel_target": "staging", "evenkeel_mark": "revoked"}
    silent = staged.run("mark", **mark)
    assert silent.rc != 0
    assert "state revoked needs reason" in silent.stdout
    mark["evenkeel_reason"] = "it loses orders"
    dry = staged.run("mark", **mark, check=True)
    assert dry.result("Write it into the ledger")["changed"] is True
    run = staged.run("mark", **mark)
    assert run.rc == 0, run.stdout
    assert run.result("Write it into the ledger")["runs_in"] == ["production", "staging"]
    assert "It runs in production, staging." in run.stdout
    assert staged.run("mark", **mark).changed == 0
    entry = staged.entries("verification")[-1]
    assert (entry["environment"], entry["body"]["verdict"], entry["body"]["revoked"], entry["body"]["reason"]) == ("staging", "failed", True, "it loses orders")
    assert check(staged).rc == 0  # the bytes are still the same
    refused = check(staged, evenkeel_require_standing=True)
    assert refused.rc != 0
    assert "its verification in staging was revoked by" in refused.result("See that the same bytes go on")["msg"]
    never = staged.run("mark", **{**mark, "evenkeel_version": "9.9.9"})
    assert "is not verified in staging, so there is nothing to revoke" in never.stdout


def test_too_short_a_soak(world: Any) -> None:
    world.manifest("1.2.0")
    world.install("staging", "1.2.0")
    world.deployed("staging", "1.2.0", ago=HOUR)
    run = check(world, evenkeel_require_standing=True)
    assert run.rc != 0
    assert "it has soaked in staging for" in run.result("See that the same bytes go on")["msg"]
    assert "of 2 h" in run.result("See that the same bytes go on")["msg"]
