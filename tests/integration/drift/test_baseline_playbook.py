# SPDX-License-Identifier: GPL-3.0-or-later
"""Baselines through the playbooks, and what a deployment does to them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects
from ansible_collections.evenkeel.release.tests.integration.drift.place import Place

# The end of a deployment, as the roles deploy and rollback run it on the hosts and on the controller.
FOLD: list[dict[str, Any]] = [
    {
        "hosts": "staging",
        "gather_facts": False,
        "tasks": [
            {
                "ansible.builtin.include_role": {"name": "evenkeel.release.drift", "tasks_from": "declared"},
                "vars": {"__drift_step": "changes", "drift_wrote_here": True},
            }
        ],
    },
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "ansible.builtin.include_role": {"name": "evenkeel.release.deploy", "tasks_from": "fold"},
                "vars": {"deploy_target": "staging", "deploy_fold": "{{ settled }}", "deploy_fold_reason": "deployment 1"},
            },
            {"ansible.builtin.assert": {"that": "deploy_fold_fault == ''", "fail_msg": "{{ deploy_fold_fault | default('none') }}"}},
        ],
    },
]


@pytest.fixture
def place(tmp_path: Path, playbook: Any) -> Place:
    return Place(tmp_path / "place", playbook)


def test_a_baseline_is_taken_promoted_and_verified(place: Place) -> None:
    place.must("baseline", target="production", baseline_state="take", check=True)
    assert not any((place.state / name).exists() for name in ("baselines", "baseline.key", "drift.key", "objects"))
    shortcut = place.run("drift", target="production", drift_state="baseline")
    assert "is of the tier production: a baseline is taken and promoted there in two steps" in shortcut.stdout

    place.must("baseline", target="production", baseline_state="take", baseline_reason="before the audit")
    place.must("baseline", target="production", baseline_state="promote", baseline_reason="looked at it")
    shown = place.must("baseline", target="production", baseline_state="verify").result("Show the versions")["msg"]
    assert [(row["version"], row["state"], row["promoted"]["reason"]) for row in shown] == [(1, "current", "looked at it")]

    objects = open_objects(str(place.state / "objects"))
    needed, stray = set(objects.place.keys("objects")), objects.put(b"nobody needs it")
    for check, left in ((True, {*needed, stray}), (False, needed)):
        pruned = place.must("baseline", target="production", baseline_state="prune", baseline_grace=0, check=check)
        assert set(objects.place.keys("objects")) == left
        said = pruned.result("Show what was removed")["msg"]
        assert said == [
            f"{'Would remove' if check else 'Removed'} 0 records and 1 objects.",
            "Kept whole: production: main v1.",
            f"{'Would lose' if check else 'Lost'} records: no version.",
        ]

    document = place.state / "baselines/production/v1.json"
    command = ["ssh-keygen", "-Y", "verify", "-f", str(place.state / "allowed_signers"), "-I", "evenkeel", "-n", "evenkeel-baseline"]
    subprocess.run([*command, "-s", f"{document}.sig"], input=document.read_bytes(), check=True, capture_output=True)
    assert (place.state / "baseline.key").stat().st_mode & 0o777 == 0o600

    document.write_text(document.read_text().replace('"version": 1', '"version": 7'))
    refused = place.run("drift", target="production")
    assert refused.rc != 0
    assert "Next: find out who changed it" in refused.stdout


def deploy(root: Path, *, release: str, colour: str) -> dict[str, Any]:
    """What the roles write, done by hand; returns the service as the plan settles it."""
    (root / f"releases/{release}").mkdir(parents=True)
    (root / f"releases/{release}/shop.py").write_text(f"version = {release!r}\n")
    (root / f"releases/{release}.json").write_text("{}")
    (root / f"config/{colour}").mkdir(parents=True)
    (root / f"config/{colour}/shop.ini").write_text(f"[server]\nrelease = {release}\n")
    for link, target in ((root / "current", f"releases/{release}"), (root / "config/live", colour)):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    about = {"root": str(root), "address": "127.0.0.1", "ports": {}}
    live = "green" if colour == "blue" else "blue"
    return {
        "service": "shop",
        "release": release,
        "live": live,
        "idle": colour,
        "keep": colour,
        "keep_release": release,
        "hosts": {"staging-web": about},
        "balancer": [],
    }


def test_a_deployment_is_no_drift_and_an_edit_from_before_it_is(place: Place) -> None:
    place.drift = {"config": ["{root}/config/*/shop.ini"]}
    root = place.folder / "staging"
    place.must(FOLD, settled=[deploy(root, release="1.0.0", colour="blue")])
    (root / "shop.ini").write_text("edited by hand before the deployment")
    (root / "releases/1.0.0/shop.py").write_text("edited as well")
    (root / "config/live/shop.ini").write_text("[server]\nrelease = edited\n")
    place.must(FOLD, settled=[deploy(root, release="1.1.0", colour="green")])
    place.must("drift")
    files = [f"file:{root}/{path}" for path in ("releases/1.0.0/shop.py", "shop.ini")]
    assert place.found() == [f"config:{root}/config/blue/shop.ini:server.release", *files]
    taken = [entry.body for entry in place.entries("baseline") if entry.body["event"] == "taken"]
    assert [(body["version"], body["by"], body["reason"]) for body in taken] == [(1, "deployment", "deployment 1"), (2, "deployment", "deployment 1")]
    assert place.entries("baseline")[-1].release == "1.1.0"
