# SPDX-License-Identifier: GPL-3.0-or-later
"""Two environments of one host each, with a shop whose configuration a small role owns."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

SECRET = "correct-horse-battery"
SHOP = "[server]\nport = {port}\npage_size = 20\n[database]\npassword = " + SECRET + "\n"


class Place:
    def __init__(self, folder: Path, playbook: Any) -> None:
        self.folder, self.playbook = folder, playbook
        self.state = folder / "state"
        self.texts = {"staging": SHOP.format(port=8001), "production": SHOP.format(port=9001)}
        self.drift: dict[str, Any] = {}
        self.vars: dict[str, Any] = {}
        for name, text in self.texts.items():
            self.conf(name).parent.mkdir(parents=True)
            self.conf(name).write_text(text)
            self.conf(name).chmod(0o600)
        tasks = folder / "roles" / "shop_config" / "tasks"
        tasks.mkdir(parents=True)
        copy = {"content": "{{ shop_text }}", "dest": "{{ shop_root }}/shop.ini", "mode": "0600"}
        (tasks / "main.yml").write_text(json.dumps([{"name": "Write the configuration", "ansible.builtin.copy": copy, "diff": False}]))

    def conf(self, name: str = "staging") -> Path:
        return self.folder / name / "shop.ini"

    def edit(self, old: str, new: str) -> None:
        self.conf().write_text(self.conf().read_text().replace(old, new))

    def inventory(self, allowed: list[dict[str, str]]) -> dict[str, Any]:
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        children = {name: self.group(name, allowed, host) for name in self.texts}
        return {"all": {"hosts": {"localhost": host}, "vars": {"evenkeel_state_dir": str(self.state), **self.vars}, "children": children}}

    def group(self, name: str, allowed: list[dict[str, str]], host: dict[str, str]) -> dict[str, Any]:
        root = str(self.folder / name)
        drift = {
            "paths": ["{root}"],
            "config": ["{root}/shop.ini"],
            "repair_role": "shop_config",
            "repair_vars": {"shop_text": self.texts[name], "shop_root": root},
            "root": root,
            **self.drift,
        }
        return {
            "hosts": {f"{name}-web": host},
            "vars": {
                "evenkeel_environment": {"name": name, "tier": "test" if name == "staging" else name, "allowed_differences": allowed},
                "evenkeel_services": {"shop": {"engine": "application", "hosts": name, "config": [{"name": "shop.ini"}], "drift": drift}},
            },
        }

    def run(self, play: Any, *, check: bool = False, allowed: Any = (), target: str = "staging", **more: Any) -> Any:
        return self.playbook(
            play if isinstance(play, list) else f"evenkeel.release.{play}",
            inventory=self.inventory(list(allowed)),
            extra_vars={"evenkeel_target": target, **more},
            check=check,
            env={"ANSIBLE_ROLES_PATH": str(self.folder / "roles"), "EVENKEEL_STATE_DIR": str(self.state)},
            args=("--diff",),
        )

    def must(self, play: Any, **more: Any) -> Any:
        run = self.run(play, **more)
        assert run.rc == 0, run.stdout + run.stderr
        return run

    def entries(self, kind: str) -> list[Any]:
        return open_store(f"sqlite:///{self.state / 'ledger.sqlite'}").entries(kind=kind)

    def kept(self) -> bytes:
        """Everything in the state directory, unpacked."""
        objects = open_objects(str(self.state / "objects"))
        plain = [path.read_bytes() for path in self.state.rglob("*") if path.is_file()]
        stored = [objects.get(name) for name in objects.place.keys("objects")]
        roots = [
            about["root"]
            for path in self.state.glob("baselines/*/v*.json")
            for host in json.loads(path.read_bytes())["hosts"].values()
            for about in host.values()
        ]
        records = [json.dumps(objects.record(root).all_items()).encode() for root in roots]
        return b"".join([*plain, *stored, *records])

    def found(self) -> list[str]:
        """Paths of the newest findings."""
        return [finding["path"] for finding in self.entries("drift")[-1].body["findings"]]
