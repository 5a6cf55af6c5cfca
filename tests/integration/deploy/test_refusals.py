# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops a release before it touches anything, and what a run in check mode leaves alone."""

from __future__ import annotations

import os

import pytest
import yaml


@pytest.fixture(scope="module", autouse=True)
def deployed(lab):
    for version in ("1.0.0", "1.1.0"):
        lab.must("deploy", evenkeel_version=version)


def test_a_manifest_with_a_wrong_digest_is_refused_by_the_hosts(lab, tmp_path):
    manifest = yaml.safe_load((lab.state / "artifacts/releases/1.1.0.yml").read_text())
    manifest["version"] = manifest["components"]["shop"]["version"] = "1.1.1"
    manifest["components"]["shop"]["sha256"] = "0" * 64
    (tmp_path / "1.1.1.yml").write_text(yaml.safe_dump(manifest))
    before = lab.served()
    run = lab.play("deploy", evenkeel_version="1.1.1", evenkeel_releases_dir=str(tmp_path))
    assert run.rc != 0
    assert "the release manifest pins " + "0" * 64 in run.stdout
    lab.assert_settled(before)


def test_a_broken_manifest_changes_nothing(lab, tmp_path):
    (tmp_path / "2.0.0.yml").write_text("version: 2.0.0\ncomponents: {shop: {sha: abc}}\n")
    count = len(lab.entries(kind="deployment"))
    run = lab.play("deploy", evenkeel_version="2.0.0", evenkeel_releases_dir=str(tmp_path))
    assert run.rc != 0
    assert "2.0.0.yml" in run.stdout
    assert len(lab.entries(kind="deployment")) == count


def test_without_policies_the_gate_refuses(lab, tmp_path):
    before = lab.served()
    run = lab.play("deploy", evenkeel_version="1.1.0" if before == "1.0.0" else "1.0.0", evenkeel_policies_dir=str(tmp_path))
    assert run.rc != 0
    lab.assert_settled(before)


def test_an_unreachable_host_is_named_and_nothing_is_touched(lab, tmp_path):
    before = lab.served()
    count = len(lab.entries(kind="deployment"))
    unreachable = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-o ConnectTimeout=2"}
    extra = tmp_path / "unreachable.yml"
    extra.write_text(yaml.safe_dump({"all": {"hosts": {"production-web2": unreachable}}}))
    run = lab.play("deploy", evenkeel_version="1.1.0" if before == "1.0.0" else "1.0.0", args=("-i", str(extra)))
    assert run.rc != 0
    assert "production-web2" in run.stdout
    lab.assert_settled(before)
    assert len(lab.entries(kind="deployment")) == count


def test_a_sealed_vault_is_named_and_nothing_is_touched(lab):
    before = lab.served()
    lab.vault("sys/seal")
    try:
        run = lab.play("deploy", evenkeel_version="1.1.0" if before == "1.0.0" else "1.0.0")
    finally:
        lab.must("provision", evenkeel_target="platform")  # unseals it
    assert run.rc != 0
    assert "sealed" in run.stdout
    lab.assert_settled(before)


@pytest.mark.parametrize(
    ("name", "extra"),
    [
        ("validate", {}),
        ("provision", {}),
        ("secrets_check", {}),
        ("drift", {"drift_state": "repair"}),
        ("deploy", {"evenkeel_version": "1.2.0"}),
        ("rollback", {}),
        ("recover", {}),
        ("ledger_verify", {}),
        ("report", {"evenkeel_report_dest": "/var/tmp/evenkeel-no-such-report.html"}),
        ("teardown", {"teardown_confirm": "production"}),
    ],
)
def test_check_mode_changes_nothing(lab, name, extra):
    before, served = lab.files(), lab.served()
    run = lab.play(name, check=True, **extra)
    assert run.rc == 0, run.stdout[-3000:]
    after = lab.files()
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == set()
    assert not os.path.exists("/var/tmp/evenkeel-no-such-report.html")
    lab.assert_settled(served)
