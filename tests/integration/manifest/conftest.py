# SPDX-License-Identifier: GPL-3.0-or-later
"""Two environments on this machine, a team's git repository with its release, and a ledger with a past."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.support.playbook import PlaybookRunner, Run
from ansible_collections.evenkeel.release.tests.unit.manifest.repository import Repository

HOUR, DAY = 3600, 86400
LOST = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_retries": 0}
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


class World:
    def __init__(self, folder: Path, playbook: PlaybookRunner) -> None:
        self.folder, self.playbook = folder, playbook
        self.releases = folder / "releases"
        self.releases.mkdir(parents=True)
        self.state = playbook.folder / "state"
        self.ledger = self.state / "ledger.sqlite"
        self.repository = Repository(folder / "shop")

    def inventory(self, *, lost: bool = False) -> None:
        groups: dict[str, Any] = {"localhost": LOCAL}
        children = {}
        for number, name in enumerate(("staging", "production"), 1):
            document = {"name": name, "tier": name, "kind": "permanent", "owner": "shop", "stage": number, "provider": "existing", "data_policy": "none"}
            if name == "production":
                document |= {"promotes_from": "staging", "promotion": {"soak": "2h", "verification_expires": "7d"}}
            services = {
                "database": {"engine": "postgresql", "hosts": f"{name}_hosts", "port": 5432, "database": "shop"},
                "shop": {
                    "engine": "application", "hosts": f"{name}_hosts", "component": "web", "port": 8080, "depends_on": ["database"],
                    "paths": {"root": str(self.root(name))}, "strategy": "recreate", "runtime": "process", "command": ["shop"],
                    "probes": [{"name": "ready", "type": "tcp"}],
                },
            }  # fmt: skip
            variables = {"evenkeel_environment": document, "evenkeel_services": services}
            children[name] = {"children": {f"{name}_hosts": {"hosts": {f"{name}1": LOST if lost else LOCAL}}}, "vars": variables}
        hosts = {"all": {"hosts": {"localhost": groups["localhost"]}, "children": children, "vars": {"evenkeel_releases_dir": str(self.releases)}}}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(hosts))

    def root(self, environment: str) -> Path:
        return self.folder / "srv" / environment / "shop"

    def artifact(self, version: str, content: str = "hello") -> Path:
        path = self.folder / f"web-{version}.tar"
        with tarfile.open(path, "w") as archive:
            member = tarfile.TarInfo("bin/shop")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content.encode()))
        return path

    def manifest(self, version: str, **more: Any) -> dict[str, Any]:
        document = {
            "version": version, "type": "minor", "owner": "shop", "summary": "Gift cards", "changelog": ["gift cards"],
            "components": {"web": {"version": version, "artifact": f"../web-{version}.tar", "sha256": self.sha256(self.artifact(version))}},
            "rollback": {"criteria": ["orders fail"], "max_minutes": 10, "migration": "none"}, **more,
        }  # fmt: skip
        (self.releases / f"{version}.yml").write_text(yaml.safe_dump(document))
        return document

    @staticmethod
    def sha256(path: Path) -> str:
        return subprocess.run(["sha256sum", str(path)], capture_output=True, text=True, check=True).stdout.split()[0]

    def install(self, environment: str, version: str) -> None:
        """As a deployment does: the module installs and activates it."""
        options = {"root": str(self.root(environment)), "version": version}
        source = self.folder / f"web-{version}.tar"
        present = {"evenkeel.release.release_artifact": {**options, "source": str(source), "sha256": self.sha256(source)}}
        tasks = [{"name": "Install", **present}, {"name": "Activate", "evenkeel.release.release_artifact": {**options, "state": "active"}}]
        run = self.playbook([{"hosts": f"{environment}1", "gather_facts": False, "tasks": tasks}], inventory=self.folder / "hosts.yml")
        assert run.rc == 0, run.stdout

    def deployed(self, environment: str, version: str, *, ago: float, sha256: str = "", verified: bool = True) -> None:
        """What a deployment leaves in the ledger, so many seconds ago."""
        artifact = {"component": "web", "sha256": sha256 or self.sha256(self.folder / f"web-{version}.tar"), "source": "x"}
        plan = {"services": [{"service": "shop", "release": version, "artifact": artifact}]}
        intent = self.add(ago, "deployment", "intent", environment, version, {"act": "deploy", "plan": plan})
        if verified:
            self.add(ago - 1, "verification", "fact", environment, version, {"verdict": "passed", "services": ["shop"], "intent": intent})
        self.add(ago - 2, "deployment", "outcome", environment, version, {"intent": intent, "verdict": "passed", "services": {"shop": version}})

    def add(self, ago: float, kind: str, phase: str, environment: str, release: str, body: dict[str, Any]) -> str:
        self.state.mkdir(parents=True, exist_ok=True)
        with open_store(f"sqlite:///{self.ledger}", clock=lambda: int((time.time() - ago) * 1e6)) as store:
            return store.append([NewEntry(kind, phase, environment, release, body=body)])[0].id

    def entries(self, kind: str) -> list[dict[str, Any]]:
        """Read with sqlite3, not with our own code."""
        with sqlite3.connect(self.ledger) as ledger:
            rows = ledger.execute("select bytes from evenkeel_entries where kind = ? order by id", (kind,)).fetchall()
        return [json.loads(row[0]) for row in rows]

    def run(self, playbook: str, **extra: Any) -> Run:
        args = extra.pop("args", ())
        check = extra.pop("check", False)
        env = {"PATH": os.environ["PATH"]}
        return self.playbook(f"evenkeel.release.{playbook}", inventory=self.folder / "hosts.yml", extra_vars=extra, check=check, env=env, args=args)

    def task(self, name: str, options: dict[str, Any], *, check: bool = False, args: tuple[str, ...] = ()) -> Run:
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Do", f"evenkeel.release.{name}": options}]}]
        return self.playbook(play, inventory=self.folder / "hosts.yml", check=check, args=args)


@pytest.fixture
def world(tmp_path: Path, playbook: PlaybookRunner) -> World:
    made = World(tmp_path / "team", playbook)
    made.inventory()
    return made
