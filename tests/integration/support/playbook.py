# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-playbook as a user does, in a process of its own, and read every task's result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from .checkout import COLLECTIONS

CALLBACKS = Path(__file__).resolve().parent / "callbacks"
LOCALHOST = {
    "all": {
        "hosts": {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}},
    }
}


@dataclass
class Run:
    rc: int
    stdout: str
    stderr: str
    json: dict[str, Any] = field(repr=False)
    state_dir: Path = Path()

    def results(self, task: str) -> dict[str, dict[str, Any]]:
        """{host: result} of the last task of that name."""
        found = [seen["hosts"] for play in self.json["plays"] for seen in play["tasks"] if seen["task"]["name"] == task]
        if not found:
            raise LookupError(f"no task {task!r} ran:\n{self.stdout}\n{self.stderr}")
        return dict(found[-1])

    def result(self, task: str, host: str | None = None) -> dict[str, Any]:
        hosts = self.results(task)
        return dict(hosts[host] if host else next(iter(hosts.values())))

    @property
    def stats(self) -> dict[str, dict[str, int]]:
        return dict(self.json["stats"])

    @property
    def changed(self) -> int:
        return sum(host["changed"] for host in self.stats.values())


@dataclass
class PlaybookRunner:
    """Call it with a path, an FQCN, the text of a playbook, or plays as data."""

    folder: Path
    runs: int = 0

    def __call__(
        self,
        play: str | Path | list[dict[str, Any]],
        *,
        inventory: str | Path | Mapping[str, Any] | None = None,
        extra_vars: Mapping[str, Any] | None = None,
        check: bool = False,
        env: Mapping[str, str] | None = None,
        args: tuple[str, ...] = (),
        timeout: float = 600,
    ) -> Run:
        self.runs += 1
        work = self.folder / f"run{self.runs}"
        work.mkdir(parents=True)
        (work / "ansible.cfg").touch()
        argv = [str(Path(sys.executable).parent / "ansible-playbook"), self._play(play, work)]
        argv += ["-i", self._inventory(inventory, work)]
        if extra_vars:
            (work / "vars.json").write_text(json.dumps(dict(extra_vars)))
            (work / "vars.json").chmod(0o600)
            argv += ["-e", f"@{work / 'vars.json'}"]
        argv += [*(["--check"] if check else []), *args]
        environment = {**self.environment(work), **(env or {})}
        done = subprocess.run(argv, cwd=work, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        return Run(done.returncode, done.stdout, done.stderr, self._seen(work), Path(environment["EVENKEEL_STATE_DIR"]))

    def environment(self, work: Path) -> dict[str, str]:
        """What a run sees: this checkout's collection, nothing of the user's own configuration."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "EVENKEEL_"))}
        return {
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(work / "ansible.cfg"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_HOME": str(self.folder / "ansible-home"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "capture",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_DEPRECATION_WARNINGS": "true",
            "EVENKEEL_CAPTURE": str(work / "capture.jsonl"),
            "EVENKEEL_STATE_DIR": str(self.folder / "state"),
        }

    @staticmethod
    def _play(play: str | Path | list[dict[str, Any]], work: Path) -> str:
        if isinstance(play, list):
            play = yaml.safe_dump(play, sort_keys=False)
        if isinstance(play, str) and "\n" in play:
            (work / "playbook.yml").write_text(play)
            return str(work / "playbook.yml")
        return str(play)

    @staticmethod
    def _inventory(inventory: str | Path | Mapping[str, Any] | None, work: Path) -> str:
        """Paths and host lists ("a,b,") pass; YAML text and data become a file."""
        if inventory is None:
            inventory = LOCALHOST
        if isinstance(inventory, Mapping):
            inventory = yaml.safe_dump(dict(inventory), sort_keys=False)
        if isinstance(inventory, str) and "\n" in inventory:
            (work / "inventory.yml").write_text(inventory)
            return str(work / "inventory.yml")
        return str(inventory)

    @staticmethod
    def _seen(work: Path) -> dict[str, Any]:
        seen: dict[str, Any] = {"plays": [], "stats": {}}
        log = work / "capture.jsonl"
        for event in map(json.loads, log.read_text().splitlines() if log.exists() else []):
            if event["event"] == "play":
                seen["plays"].append({"play": {"name": event["name"]}, "tasks": []})
            elif event["event"] == "task":
                seen["plays"][-1]["tasks"].append({"task": {"name": event["name"], "id": event["id"]}, "hosts": {}})
            elif event["event"] == "result":
                task = next(t for p in reversed(seen["plays"]) for t in p["tasks"] if t["task"]["id"] == event["task"])
                task["hosts"][event["host"]] = event["result"]
            else:
                seen["stats"] = event["stats"]
        return seen
