# SPDX-License-Identifier: GPL-3.0-or-later
"""The immutable playbook on a real folder, under a real lease; lsattr and a writer say whether it holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "srv" / "releases"
    (made / "1.0.0").mkdir(parents=True)
    (made / "1.0.0" / "shop").write_text("shop")
    yield made
    subprocess.run(["chattr", "-R", "-i", str(made)], check=False, capture_output=True)


def flagged(path: Path) -> bool:
    return "i" in subprocess.run(["lsattr", "-d", str(path)], capture_output=True, text=True, check=True).stdout.split()[0]


def run(playbook: Any, releases: Path, play: Any, *, tier: str = "production", **extra: Any) -> Any:
    state = str(releases.parent.parent / "state")
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    variables = {
        "evenkeel_state_dir": state,
        "evenkeel_environment": {"name": "production", "tier": tier},
        "immutable_paths": [str(releases)],
    }
    inventory = {"all": {"children": {"production": {"hosts": {"web": host}, "vars": variables}}}}
    return playbook(play, inventory=inventory, extra_vars={"evenkeel_target": "production", **extra}, env={"EVENKEEL_STATE_DIR": state})


LIFT = {"ansible.builtin.include_role": {"name": "evenkeel.release.immutable"}, "vars": {"immutable_state": "lifted"}}
DEPLOYMENT = [
    {
        "hosts": "web",
        "gather_facts": False,
        "tasks": [
            {"evenkeel.release.lease": {"name": "environment/production", "environment": "production"}},
            LIFT,
            {"name": "Deploy", "ansible.builtin.copy": {"content": "2", "dest": "{{ immutable_paths[0] }}/2.0.0", "mode": "0644"}},
            {"ansible.builtin.include_role": {"name": "evenkeel.release.immutable"}},
            {"evenkeel.release.lease": {"name": "environment/production", "environment": "production", "state": "released"}},
        ],
    }
]


@pytest.mark.skipif(os.geteuid() != 0, reason="the immutable attribute takes root")
def test_protection_is_lifted_only_under_the_lease_and_set_again(releases: Path, playbook: Any) -> None:
    if subprocess.run(["chattr", "+i", str(releases / "1.0.0/shop")], capture_output=True).returncode:
        pytest.skip("no immutable attribute here")
    first = run(playbook, releases, "evenkeel.release.immutable")
    assert first.rc == 0, first.stdout + first.stderr
    assert flagged(releases)
    assert flagged(releases / "1.0.0")
    with pytest.raises(PermissionError):
        (releases / "1.0.0/shop").write_text("edited")

    refused = run(playbook, releases, "evenkeel.release.immutable", immutable_state="lifted")
    assert refused.rc != 0
    assert "environment/production" in refused.stdout
    assert flagged(releases / "1.0.0/shop")

    deployed = run(playbook, releases, DEPLOYMENT)
    assert deployed.rc == 0, deployed.stdout + deployed.stderr
    assert (releases / "2.0.0").read_text() == "2"
    assert flagged(releases / "2.0.0")

    subprocess.run(["chattr", "-i", str(releases / "1.0.0")], check=True)
    open_ = run(playbook, releases, "evenkeel.release.immutable", immutable_state="verified")
    assert open_.rc != 0
    assert f"open are {releases}/1.0.0;" in open_.stdout


def test_other_tiers_are_left_alone(releases: Path, playbook: Any) -> None:
    done = run(playbook, releases, "evenkeel.release.immutable", tier="staging")
    assert done.rc == 0, done.stdout
    assert "only production is protected" in done.stdout
    (releases / "1.0.0/shop").write_text("edited")
