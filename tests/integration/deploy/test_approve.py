# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook approve has people sign is what the deployment plans: the same digest each time, and another one once something changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.tests.unit.approval import kit
from ansible_collections.evenkeel.release.tests.unit.approval.kit import Place

from .light import Light


@pytest.fixture(scope="module")
def light():
    with Light() as made:
        made.must("provision")
        made.must("deploy", evenkeel_version="1.0.0")
        yield made


def test_the_plan_that_is_approved_is_the_plan_that_runs(light, tmp_path):
    place = Place(tmp_path / "place")
    given = {
        "evenkeel_approvals_dir": str(place.folder),
        "evenkeel_trust_dir": str(place.trust),
        "evenkeel_ledger_name": kit.LEDGER,
        "evenkeel_release_authors": [{"mail": "eve@mail"}],
        "evenkeel_risk": "moderate",
        "awx_user_name": "dave",
        "awx_job_id": 7,
    }
    asked = light.play("approve", evenkeel_version="1.1.0", **given)
    assert asked.rc == 0, asked.stdout
    told = asked.result("Write what is to be signed")
    again = light.play("approve", evenkeel_version="1.1.0", **given)
    assert again.result("Write what is to be signed")["digest"] == told["digest"]
    assert set(told["subject"]["content"]["targets"]["hosts"]) >= {"production-web1", "production-web4"}
    assert '"1.0.0 -> 1.1.0 (rolling)"' in Path(told["statements"][0]["path"]).read_text()
    before = light.play("approve", evenkeel_version="1.1.0", approve_state="checked", **given)
    assert before.rc != 0
    for one in told["statements"][:2]:
        command = one["command"].replace("~/.ssh/id_ed25519", str(place.keys / one["person"]))
        subprocess.run(command, shell=True, check=True, capture_output=True, timeout=60)
    passed = light.play("approve", evenkeel_version="1.1.0", approve_state="checked", **given)
    assert passed.rc == 0, passed.stdout
    fewer = light.play("approve", evenkeel_version="1.1.0", approve_state="checked", evenkeel_exclude="production-web4", **given)
    assert fewer.rc != 0
    assert "plan: " in fewer.result("Ask whether it is approved")["msg"]
