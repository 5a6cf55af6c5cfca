# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of hosts on this machine whose one service is deployed rolling: folders, a release that runs there, and the next one."""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree
from ansible_collections.evenkeel.release.plugins.module_utils._runtime import process
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

from ..integration.support.checkout import COLLECTIONS
from ..integration.support.playbook import CALLBACKS

OLD, NEW = "1.0.0", "1.1.0"
BINARIES = Path(sys.executable).parent
# The new release does not run on the host of this name.
SERVE = '[ "$1" = {bad} ] && exit 1\nexec sleep 1000000\n'
POLICY = {
    "name": "every-release",
    "description": "What the bench needs of a gate.",
    "rules": [
        {
            "name": "artifact-is-pinned",
            "effect": "require",
            "condition": "length(values(release.components)[?length(not_null(sha256, '')) != `64`]) == `0`",
            "severity": "critical",
            "reason": "A component has no SHA-256.",
            "remedy": "Pin it.",
        }
    ],
}


@dataclass(frozen=True)
class Cost:
    wall: float
    # Of everything that the run started, processes of hosts included.
    cpu: float
    output: str
    code: int


@dataclass
class Fleet:
    folder: Path
    # Variables of each host, above all how it is reached.
    hosts: dict[str, dict[str, Any]]
    batches: list[int | str]
    bad: str = "none"
    forks: int = 10
    runs: int = field(default=0)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o711)
        self.state = self.folder / "state"
        (self.folder / "ansible.cfg").touch()
        self._publish()
        self._place()
        self._run_old()
        self._write_inventory()

    @property
    def captured(self) -> Path:
        """What the last run's tasks returned, a line each."""
        return self.folder / "capture.jsonl"

    @property
    def supervisor(self) -> sv.Supervisor:
        return sv.Supervisor(str(self.state / "environments/fleet/supervisor"), binary=process.supervisord_path(None))

    def root(self, host: str) -> Path:
        return self.folder / "hosts" / host

    def play(self, playbook: Path | str, **extra: Any) -> Cost:
        self.runs += 1
        # Without what keeps Python from keeping its bytecode: on a controller that is installed it is there.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "EVENKEEL_", "PYTHON"))}
        environment.update(
            PATH=f"{BINARIES}{os.pathsep}{environment['PATH']}",
            ANSIBLE_CONFIG=str(self.folder / "ansible.cfg"),
            ANSIBLE_HOME=str(self.folder / "home"),
            ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
            ANSIBLE_PIPELINING="true",
            ANSIBLE_FORKS=str(self.forks),
            ANSIBLE_HOST_KEY_CHECKING="false",
            ANSIBLE_LOCALHOST_WARNING="false",
            LC_ALL="C.UTF-8",
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.folder / "cp"),
            ANSIBLE_CALLBACK_PLUGINS=str(CALLBACKS),
            ANSIBLE_CALLBACKS_ENABLED="capture",
            EVENKEEL_CAPTURE=str(self.captured),
            EVENKEEL_STATE_DIR=str(self.state),
        )
        self.captured.unlink(missing_ok=True)
        argv = [str(BINARIES / "ansible-playbook"), "-i", str(self.folder / "inventory.yml"), str(playbook), "-e", json.dumps(extra)]
        before, began = _children(), time.monotonic()
        done = subprocess.run(argv, env=environment, cwd=self.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return Cost(time.monotonic() - began, _children() - before, done.stdout + done.stderr, done.returncode)

    def deploy(self) -> Cost:
        return self.play("evenkeel.release.deploy", evenkeel_target="fleet", evenkeel_version=NEW, deploy_bake=False)

    def playbook(self, name: str, plays: list[dict[str, Any]]) -> Path:
        path = self.folder / f"{name}.yml"
        path.write_text(yaml.safe_dump(plays, sort_keys=False))
        return path

    def runs_now(self) -> dict[str, list[str]]:
        """{host: releases of it that the kernel knows as running}."""
        found: dict[str, list[str]] = {host: [] for host in self.hosts}
        for info in self.supervisor.call("getAllProcessInfo"):
            if info["statename"] in ("RUNNING", "STARTING"):
                release = Path(f"/proc/{info['pid']}/cwd").resolve().name
                found[info["group"].removeprefix("shop-green-").removeprefix("shop-blue-")].append(release)
        return found

    def current(self) -> dict[str, str]:
        return {host: (self.root(host) / "current").resolve().name for host in self.hosts}

    def close(self) -> None:
        """A supervisor stops its programs one after the other."""
        self.supervisor.shutdown(wait=60 + len(self.hosts))

    # --- what is there before ------------------------------------------------------------------------------------------
    def _publish(self) -> None:
        releases = self.folder / "releases"
        releases.mkdir()
        for version, bad in ((OLD, "none"), (NEW, self.bad)):
            artifact = releases / f"shop-{version}.tar.gz"
            self._pack(artifact, SERVE.format(bad=bad).encode())
            manifest = {
                "version": version,
                "type": "minor",
                "owner": "bench",
                "summary": "A release.",
                "changelog": ["Something."],
                "components": {"shop": {"version": version, "artifact": str(artifact), "sha256": hashlib.sha256(artifact.read_bytes()).hexdigest()}},
                "rollback": {"criteria": ["It fails."], "max_minutes": 10, "migration": "none"},
            }
            (releases / f"{version}.yml").write_text(yaml.safe_dump(manifest))
        (self.folder / "policies").mkdir()
        (self.folder / "policies/every-release.yml").write_text(yaml.safe_dump(POLICY))
        (self.folder / "templates").mkdir()
        (self.folder / "templates/shop.ini.j2").write_text("# {{ ansible_managed }}\nhost = {{ inventory_hostname }}\n")

    @staticmethod
    def _pack(artifact: Path, content: bytes) -> None:
        with tarfile.open(artifact, "w:gz") as archive:
            entry = tarfile.TarInfo("serve")
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))

    def _place(self) -> None:
        artifact = self.folder / f"releases/shop-{OLD}.tar.gz"
        digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
        for host in self.hosts:
            root = self.root(host)
            tree = ReleaseTree(str(root))
            tree.install(version=OLD, source=str(artifact), sha256=digest, timeout=30)
            tree.activate(OLD)
            (root / "config/blue").mkdir(parents=True)
            (root / "config/blue/shop.ini").touch(mode=0o600)
            (root / "config/live").symlink_to("blue")
        endpoints = {host: {"address": "127.0.0.1", "ports": {"main": 1}, "paths": {"root": str(self.root(host))}} for host in self.hosts}
        provisioned = self.state / "provisioned/fleet.json"
        provisioned.parent.mkdir(parents=True)
        provisioned.write_text(json.dumps({"endpoints": {"shop": endpoints}}))
        store = open_store(f"sqlite:///{self.state}/ledger.sqlite")
        body = {"verdict": "passed", "services": {"shop": OLD}, "plan": {"services": []}}
        intent = store.append([NewEntry(kind="deployment", phase="intent", environment="fleet", release=OLD, body=body)])[0]
        store.append([NewEntry(kind="deployment", phase="outcome", environment="fleet", release=OLD, body={**body, "intent": intent.id})])

    def _run_old(self) -> None:
        """As its deployment left it, but all hosts at once."""
        supervisor = self.supervisor
        for folder in ("conf.d", "log", "launch"):
            (Path(supervisor.directory) / folder).mkdir(parents=True, exist_ok=True)
        for host in self.hosts:
            program = {
                "name": f"shop-blue-{host}",
                "command": ["/bin/sh", f"{self.root(host)}/releases/{OLD}/serve", host],
                "directory": f"{self.root(host)}/releases/{OLD}",
                "environment": {},
                "user": None,
                "stop_wait": 30,
                "stop_signal": "TERM",
                "stop_group": False,
                "autorestart": True,
            }
            sv.write_private(supervisor.script_path(program), sv.launch_script(program, supervisor.directory))
            sv.write_private(supervisor.config_path(program["name"]), supervisor.desired_config(program, autostart=True))
        supervisor.ensure_running()

    def _write_inventory(self) -> None:
        variables = {
            "evenkeel_state_dir": str(self.state),
            "evenkeel_releases_dir": str(self.folder / "releases"),
            "evenkeel_policies_dir": str(self.folder / "policies"),
        }
        environment = {
            "name": "fleet",
            "tier": "test",
            "kind": "permanent",
            "owner": "bench",
            "stage": 1,
            "provider": "process",
            "data_policy": "none",
        }
        shop = {
            "engine": "application",
            "hosts": "fleet",
            "component": "shop",
            "runtime": "process",
            "strategy": "rolling",
            "rollout": {"batches": self.batches},
            "command": ["/bin/sh", "{release_dir}/serve", "{{ inventory_hostname }}"],
            "probes": [{"name": "runs", "type": "command", "command": ["/bin/true"]}],
            "config": [{"template": "shop.ini.j2", "name": "shop.ini", "mode": "0600"}],
        }
        of_fleet = {"hosts": self.hosts, "vars": {"evenkeel_environment": environment, "evenkeel_services": {"shop": shop}}}
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        document = {"all": {"vars": variables, "hosts": {"localhost": local}, "children": {"fleet": of_fleet}}}
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(document, sort_keys=False))


def ping(hosts: str | list[str] = "fleet", **more: Any) -> dict[str, Any]:
    """A play of the emptiest module there is: what Ansible itself takes."""
    return {"hosts": hosts, "gather_facts": False, "tasks": [{"ansible.builtin.ping": {}}], **more}


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
