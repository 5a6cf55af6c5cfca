# SPDX-License-Identifier: GPL-3.0-or-later
"""The remediate playbook on real files; what came back is read with the file system's own eyes."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

SECRET = "correct-horse-battery"


class Place:
    """An environment of one host, with files of which one is owned by a role."""

    def __init__(self, folder: Path, playbook: Any, tier: str = "staging") -> None:
        self.top, self.state, self.playbook, self.tier = folder / "etc", folder / "state", playbook, tier
        self.top.mkdir(parents=True)
        (self.top / "motd").write_text("welcome\n")
        (self.top / "cron").mkdir()
        (self.top / "cron" / "backup").write_text("0 3 * * * root backup\n")
        (self.top / "cron" / "backup").chmod(0o640)
        (self.top / "secret.conf").write_text(f"password = {SECRET}\n")
        (self.top / "link").symlink_to("motd")
        self.roles = folder / "roles"
        tasks = self.roles / "owner" / "tasks"
        tasks.mkdir(parents=True)
        copy = {"content": f"password = {SECRET}\n", "dest": f"{self.top}/secret.conf", "mode": "0644"}
        (tasks / "main.yml").write_text(json.dumps([{"name": "Write", "ansible.builtin.copy": copy, "diff": False}]))

    def inventory(self, **drift: Any) -> dict[str, Any]:
        look = {"paths": [str(self.top)], "root": str(self.top), **drift}
        variables = {
            "evenkeel_state_dir": str(self.state),
            "evenkeel_environment": {"name": "staging", "tier": self.tier, "allowed_differences": []},
            "immutable_paths": [str(self.top)],
            "evenkeel_services": {"shop": {"engine": "application", "hosts": "staging", "drift": look}},
        }
        host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        return {"all": {"children": {"staging": {"hosts": {"web": host}, "vars": variables}}}}

    def run(self, play: Any, *, check: bool = False, drift: Any = None, **extra: Any) -> Any:
        return self.playbook(
            play,
            inventory=self.inventory(**(drift or {})),
            extra_vars={"evenkeel_target": "staging", **extra},
            check=check,
            env={"EVENKEEL_STATE_DIR": str(self.state), "ANSIBLE_ROLES_PATH": str(self.roles)},
            args=("--diff",),
        )

    def oracle(self) -> dict[str, Any]:
        found = {}
        for path in sorted(self.top.rglob("*")):
            now = os.lstat(path)
            found[path.name] = (stat.S_IMODE(now.st_mode), os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None)
        return found

    def keep(self) -> Any:
        return self.run("evenkeel.release.baseline", baseline_state="take", baseline_reason="start", drift_book_promote=True)

    def protect(self) -> bool:
        """Whether this machine can; it takes root and a file system that has the attribute."""
        return os.geteuid() == 0 and subprocess.run(["chattr", "+i", str(self.top / "motd"), str(self.top)], capture_output=True).returncode == 0

    def protected(self) -> bool:
        return "i" in subprocess.run(["lsattr", "-d", str(self.top)], capture_output=True, text=True).stdout.partition(" ")[0]

    def lift(self) -> None:
        subprocess.run(["chattr", "-R", "-i", str(self.top)], capture_output=True)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        with open_store(f"sqlite:///{self.state / 'ledger.sqlite'}") as ledger:
            return [entry.as_dict() for entry in ledger.entries(kind=kind)]

    def edit(self) -> None:
        (self.top / "motd").write_text("owned\n")
        (self.top / "cron" / "backup").chmod(0o666)
        (self.top / "cron" / "miner").write_text("* * * * * root mine\n")
        (self.top / "link").unlink()
        (self.top / "link").symlink_to("/etc/passwd")
        (self.top / "secret.conf").write_text("password = changed-by-hand\n")


def test_hand_edits_of_production_are_put_back_exactly(tmp_path: Path, playbook: Any) -> None:
    place = Place(tmp_path / "place", playbook, tier="production")
    owned = {"repair_role": "owner"}
    kept = place.keep()
    assert kept.rc == 0, kept.stdout + kept.stderr
    before = place.oracle()
    place.edit()
    edited = place.oracle()

    tried = place.run("evenkeel.release.remediate", check=True)
    assert tried.rc == 0, tried.stdout + tried.stderr
    assert "-owned" in tried.stdout
    assert "+welcome" in tried.stdout
    assert f"file:{place.top}/cron/miner is refused: it was added and is left" in tried.stdout
    assert f"file:{place.top}/secret.conf is refused: the content" in tried.stdout

    nameless = place.run("evenkeel.release.remediate", drift=owned)
    assert nameless.rc != 0
    assert "tier production and remediate_change is" in nameless.stdout
    assert place.oracle() == edited
    assert not place.entries("repair")

    protected = place.protect()
    try:
        done = place.run("evenkeel.release.remediate", drift=owned, remediate_change="CHG0042", remediate_remove_added=True, remediate_lift=protected)
        assert not protected or place.protected(), done.stdout
    finally:
        place.lift()
    assert done.rc == 0, done.stdout + done.stderr
    assert place.oracle() == before
    steps = [(entry["phase"], entry["body"]["change"], entry["body"].get("verdict")) for entry in place.entries("repair")]
    assert steps == [("intent", "CHG0042", None), ("outcome", "CHG0042", "passed")]
    assert place.entries("repair")[-2]["body"]["role"] == "owner"
    assert {entry["subject"] for entry in place.entries("lease")} == {"environment/staging"}
    shown = "".join(run.stdout + run.stderr for run in (kept, tried, nameless, done))
    objects = b"".join(path.read_bytes() for path in place.state.rglob("*") if path.is_file())
    assert SECRET not in shown
    assert "changed-by-hand" not in shown
    assert SECRET.encode() not in objects
