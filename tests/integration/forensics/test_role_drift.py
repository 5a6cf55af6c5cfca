# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference from the baseline is in the bundle, without secrets, and no gate hears of it."""

from __future__ import annotations

import json
import tarfile

from ansible_collections.evenkeel.release.tests.integration.drift.place import SECRET, Place


def test_what_differs_is_in_the_bundle_and_not_recorded_as_drift(playbook, tmp_path):
    place = Place(tmp_path / "place", playbook)
    place.must("drift", drift_state="baseline")
    place.edit("page_size = 20", "page_size = 500")
    place.edit(SECRET, "another-secret")
    at = {"root": str(place.folder / "staging"), "address": "127.0.0.1", "ports": {"blue": 1, "green": 1}}
    service = {"service": "shop", "hosts": {"staging-web": at}, "keep": "blue", "drop": "green", "balancer": []}
    options = {"forensics_target": "staging", "forensics_services": [service], "forensics_probe": False, "forensics_drift": True}
    tasks = [
        {"name": "Keep", "ansible.builtin.include_role": {"name": "evenkeel.release.forensics", "tasks_from": "keep"}},
        {"name": "Go back", "ansible.builtin.debug": {"msg": "{{ forensics_bundles | default({}) }}"}},
    ]
    play = [{"hosts": "staging", "gather_facts": False, "vars": options, "tasks": tasks}]
    done = playbook(play, inventory=place.inventory([]))
    assert done.rc == 0, done.stdout
    before = place.entries("drift")
    with tarfile.open(done.result("Go back")["msg"]["shop"]["path"]) as archive:
        drift = json.load(archive.extractfile("given/drift.json"))
        text = "".join(archive.extractfile(name).read().decode() for name in archive.getnames())
    assert [each["path"] for each in drift["findings"]] == ["config:shop.ini:database.password", "config:shop.ini:server.page_size"]
    assert (drift["findings"][1]["before"], drift["findings"][1]["after"]) == ({"value": "20"}, {"value": "500"})
    assert SECRET not in text
    assert "another-secret" not in text
    assert not before
