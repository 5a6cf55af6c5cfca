# SPDX-License-Identifier: GPL-3.0-or-later
"""The role never fails a host, and keeps a bundle whenever there is anything to keep."""

from __future__ import annotations

import json
import sys
import tarfile

import pytest

LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


@pytest.fixture
def scene(playbook, tmp_path, free_port):
    root = tmp_path / "shop"
    (root / "config" / "green").mkdir(parents=True)
    (root / "config" / "green" / "shop.ini").write_text("password = hunter2qq\n")
    port = free_port()
    at = {"root": str(root), "address": "127.0.0.1", "ports": {"blue": port, "green": port}}
    balancer = {"host": "lb1", "socket": str(tmp_path / "none.sock"), "map": "/none.map"}
    service = {"service": "shop", "hosts": {"web1": at, "gone1": at}, "keep": "blue", "drop": "green", "balancer": [balancer]}
    probes = [{"name": "ready", "type": "http", "path": "/ready"}]

    def run(*, names=("web1",), **more):
        known = {
            "evenkeel_state_dir": str(tmp_path / "state"),
            "evenkeel_environment": {"name": "production"},
            "evenkeel_services": {"shop": {"engine": "application", "probes": probes}},
        }
        hosts = {"web1": LOCAL, "lb1": LOCAL, "gone1": {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_common_args": "-o ConnectTimeout=2"}}
        hosts = {name: hosts[name] for name in names}
        inventory = {"all": {"children": {"production": {"hosts": hosts}}, "hosts": {"localhost": LOCAL}, "vars": known}}
        options = {
            "forensics_target": "production",
            "forensics_services": [service],
            "forensics_deployment": "0190-x",
            "forensics_release": "1.1.0",
            "forensics_since": 1.0,
            **more,
        }
        part = {"name": "evenkeel.release.forensics"}
        plays = [
            {
                "hosts": "localhost",
                "gather_facts": False,
                "vars": options,
                "tasks": [{"name": "Begin", "ansible.builtin.include_role": {**part, "tasks_from": "begin"}}],
            },
            {
                "hosts": "production",
                "gather_facts": False,
                "vars": options,
                "tasks": [
                    {"name": "Keep", "ansible.builtin.include_role": {**part, "tasks_from": "keep"}},
                    {"name": "Go back", "ansible.builtin.debug": {"msg": "{{ forensics_bundles | default({}) }}"}},
                ],
            },
        ]
        return playbook(plays, inventory=inventory)

    return run


def test_every_host_goes_back_and_the_reachable_one_leaves_a_bundle(scene):
    # gone1 cannot be reached, and on lb1 nothing of the plan runs.
    done = scene(names=("web1", "lb1", "gone1"))
    assert done.rc == 0, done.stdout
    back = done.results("Go back")
    assert set(back) == {"web1", "lb1", "gone1"}
    assert "hunter2qq" not in done.stdout
    bundles = back["web1"]["msg"]
    assert back["gone1"]["msg"] == back["lb1"]["msg"] == {}
    with tarfile.open(bundles["shop"]["path"]) as archive:
        (probe,) = json.load(archive.extractfile("given/probes.json"))
        balancer = json.load(archive.extractfile("given/balancer.json"))
        text = "".join(archive.extractfile(name).read().decode() for name in archive.getnames())
    assert probe["name"] == "ready"
    assert "none.sock" in json.dumps(balancer["lb1"])
    assert "hunter2qq" not in text


def test_secrets_that_cannot_be_read_cost_no_evidence(scene):
    done = scene(forensics_secrets="{{ lookup('ansible.builtin.file', '/none/at/all') }}", forensics_probe=False)
    assert done.rc == 0, done.stdout
    back = done.results("Go back")
    assert back["web1"]["msg"]["shop"]["sha256"]


def test_a_broken_plan_does_not_stop_the_way_back(scene):
    done = scene(forensics_services="{{ not_there }}")
    assert done.rc == 0, done.stdout
    assert done.result("Go back")["msg"] == {}
