# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules service_stage and deployment_observe on real folders, and configuration that must be the one that role configure renders."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import tarfile
from pathlib import Path

import pytest
import yaml
from ansible_collections.evenkeel.release.tests.integration.support.module import run

SECRET = "hunter2-and-more"


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "srv"
        (folder / "tree").mkdir()
        (folder / "tree/VERSION").write_text("1.0.0\n")
        self.artifact = folder / "shop.tar.gz"
        with tarfile.open(self.artifact, "w:gz") as archive:
            archive.add(folder / "tree/VERSION", "VERSION")
        self.sha256 = hashlib.sha256(self.artifact.read_bytes()).hexdigest()

    def service(self, **other):
        files = [{"name": "shop.ini", "content": base64.b64encode(f"password={SECRET}\n".encode()).decode()}]
        return {"name": "shop", "root": str(self.root), "version": "1.0.0", "sha256": self.sha256, "colour": "green", "files": files, **other}

    def stage(self, *, check=False, **other):
        return run("service_stage", check=check, services=[self.service(**{"source": str(self.artifact), **other})])


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def test_staged_twice_checked_first(place):
    checked = place.stage(check=True)
    assert (checked["changed"], place.root.exists()) == (True, False)
    first = place.stage()
    assert first["services"] == {"shop": {"installed": True, "files": ["shop.ini"], "removed": []}}
    assert (place.root / "releases/1.0.0/VERSION").read_text() == "1.0.0\n"
    file = place.root / "config/green/shop.ini"
    assert file.read_text() == f"password={SECRET}\n"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file, file.parent)] == [0o600, 0o700]
    again = place.stage()
    assert (again["changed"], again["services"]["shop"]["files"]) == (False, [])
    assert SECRET not in str((checked, first)) + base64.b64encode(str(first).encode()).decode()


def test_what_somebody_changed_is_put_right(place):
    place.stage()
    file = place.root / "config/green/shop.ini"
    file.chmod(0o644)
    assert place.stage(check=True)["changed"]
    assert place.stage()["services"]["shop"] == {"installed": False, "files": ["shop.ini"], "removed": []}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("other\n")
    assert place.stage()["changed"]
    assert file.read_text() == f"password={SECRET}\n"
    assert sorted(os.listdir(file.parent)) == ["shop.ini"]


def test_without_an_artifact_nothing_is_done_for_any_service(place):
    lacking = run("service_stage", services=[place.service(source=str(place.artifact)), place.service(name="api", root=str(place.folder / "api"))])
    assert (lacking["missing"], lacking["changed"]) == (["api"], False)
    assert not place.root.exists()


def test_retention_spares_what_may_be_needed(place):
    for version in ("0.8.0", "0.9.0", "1.0.0"):
        done = run("service_stage", services=[place.service(version=version, source=str(place.artifact), protect=["0.8.0"])], keep=1)
    assert done["services"]["shop"]["removed"] == ["0.9.0"]
    assert run("deployment_observe", roots={"shop": str(place.root)})["releases"]["shop"]["installed"] == ["0.8.0", "1.0.0"]


def test_a_small_artifact_comes_with_the_module(place):
    brought = base64.b64encode(place.artifact.read_bytes()).decode()
    assert place.stage(source=None, artifact=brought)["services"]["shop"]["installed"]
    assert (place.root / "releases/1.0.0/VERSION").read_text() == "1.0.0\n"
    wrong = place.stage(source=None, artifact=brought[4:], version="1.0.1")
    assert wrong["failed"]
    assert "has SHA-256" in wrong["msg"]


def test_a_wrong_digest_is_told_and_leaves_nothing(place):
    wrong = place.stage(sha256="0" * 64)
    assert wrong["failed"]
    assert wrong["doing"] == "artifact"
    assert "the release manifest pins " + "0" * 64 in wrong["msg"]
    assert not (place.root / "config").exists()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"files": [{"name": "../x", "content": ""}]}, "may not be a path"),
        ({"files": [{"name": "x", "content": "§"}]}, "no Base64"),
        ({"files": [{"name": "x", "content": "", "mode": "rw"}]}, "octal"),
        ({"artifact": "§"}, "artifact is no Base64"),
        ({"version": "../1"}, "version is '../1'"),
        ({"owner": "nobody-of-this-name"}, "nobody-of-this-name"),
    ],
)
def test_what_is_wrong_is_said(place, other, words):
    told = place.stage(**other)
    assert told["failed"]
    assert words in told["msg"]


def test_a_host_without_anything_has_nothing_to_tell(tmp_path):
    assert run("deployment_observe", roots={"shop": str(tmp_path)})["releases"] == {"shop": {"current": "", "colour": "", "installed": []}}
    assert run("deployment_observe")["live"] == {}


TEMPLATE = """{# a comment #}
# {{ ansible_managed }}
{% for word in ['a', 'b'] %}
{{ word }} {{ configure_service }} {{ configure_colour }} {{ configure_release }}
{% endfor %}
ä = {{ secrets.password }}

"""


def test_a_host_is_staged_by_one_task_as_role_configure_would(playbook, place):
    (place.folder / "templates").mkdir()
    (place.folder / "templates/shop.ini.j2").write_text(TEMPLATE)
    (place.folder / "templates/bad.j2").write_text("{{ secrets.no_such }}")
    shop = {"engine": "application", "command": ["/bin/true"], "config": [{"template": "shop.ini.j2", "name": "shop.ini", "mode": "0640"}]}
    web = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    at = {"address": "127.0.0.1", "ports": {"blue": 1, "green": 2}}
    roots = {name: str(place.folder / name) for name in ("web", "other", "bad")}
    plan = {
        "service": "shop",
        "release": "1.0.0",
        "previous": "",
        "strategy": "blue_green",
        "live": "blue",
        "idle": "green",
        "artifact": {"source": str(place.artifact), "sha256": place.sha256},
        "hosts": {name: {**at, "root": root} for name, root in roots.items() if name != "other"},
    }
    inventory = place.folder / "hosts.yml"
    known = {"evenkeel_services": {"shop": shop}, "evenkeel_environment": {"name": "test"}, "secrets": {"password": SECRET}}
    bad = {"evenkeel_services": {"shop": {**shop, "config": [{"template": "bad.j2", "name": "shop.ini"}]}}}
    hosts = {"web": web, "other": web, "bad": {**web, **bad}, "localhost": web}
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": known}}))
    endpoints = {"shop": {name: {**at, "paths": {"root": root}} for name, root in roots.items()}}
    stage = {"name": "stage", "evenkeel.release.deployment_host": {"phase": "stage"}, "register": "deploy_host"}
    plays = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "tasks": [{"ansible.builtin.set_fact": {"deploy_endpoints": endpoints, "deploy_plan": {"services": [plan]}}}],
        },
        {
            "hosts": "web,other,bad",
            "gather_facts": False,
            "tasks": [
                {"name": "observe", "evenkeel.release.deployment_host": {"phase": "observe"}, "register": "deploy_host"},
                stage,
                {**stage, "name": "again"},
                {
                    "name": "configure",
                    "ansible.builtin.include_role": {"name": "evenkeel.release.configure"},
                    "vars": {
                        "configure_service": "shop",
                        "configure_colour": "green",
                        "configure_release": "1.0.0",
                        "configure_root": roots["web"],
                        "__configure_endpoint": endpoints["shop"]["web"],
                    },
                    "when": "inventory_hostname == 'web'",
                },
                {"name": "say", "ansible.builtin.debug": {"var": "deploy_host"}},
            ],
        },
    ]
    provisioned = place.folder / "state/provisioned"
    provisioned.mkdir(parents=True)
    (provisioned / "test.json").write_text(json.dumps({"endpoints": endpoints}))
    done = playbook(plays, inventory=inventory, extra_vars={"evenkeel_state_dir": str(place.folder / "state")})
    assert done.rc == 0, done.stdout
    assert done.result("stage", "web")["changed"], done.stdout
    assert not done.result("again", "web")["changed"]
    rendered = done.result("Render the files", "web")
    assert not rendered["changed"], "role configure renders it otherwise"
    text = Path(roots["web"], "config/green/shop.ini").read_text()
    assert f"a shop green 1.0.0\nb shop green 1.0.0\nä = {SECRET}\n\n" in text
    assert done.stats["other"]["skipped"] == 3
    failed = done.result("stage", "bad")["deploy_failed"]
    assert (failed["phase"], failed["task"]) == ("stage", "Render its configuration")
    assert not Path(roots["bad"]).exists()
    assert SECRET not in done.stdout + done.stderr
