# SPDX-License-Identifier: GPL-3.0-or-later
"""Our rulebook under the real ansible-rulebook, which needs Java: skipped where there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.integration.support.checkout import COLLECTIONS

ROOT = Path(__file__).parents[3]
RULEBOOK = ROOT / "extensions" / "eda" / "rulebooks" / "drift.yml"
# An environment of its own, made once: ansible-rulebook is no part of what the collection needs.
VENV = ROOT / ".cache" / f"rulebook-py{sys.version_info[0]}.{sys.version_info[1]}"
FINDING = {"path": "file:/etc/shop/shop.ini", "kind": "changed", "severity": "high", "before": {"mode": "0640"}, "after": {"mode": "0666"}}
PLAYBOOK = """
- name: Note what the rule asked for
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Write it
      ansible.builtin.copy:
        content: "{{ dict(target=evenkeel_target, service=evenkeel_service, state=drift_state) | to_json }}"
        dest: "%s"
        mode: "0600"
"""

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="ansible-rulebook needs Java")


@pytest.fixture(scope="module")
def rulebook_bin():
    found = VENV / "bin" / "ansible-rulebook"
    ready = VENV / ".ready"
    if not ready.exists():
        shutil.rmtree(VENV, ignore_errors=True)
        uv = str(Path(sys.executable).parent / "uv")
        for argv in (
            [uv, "venv", "-q", "-p", sys.executable, str(VENV)],
            [uv, "pip", "install", "-q", "-p", str(VENV), "ansible-core", "ansible-rulebook>=1.1"],
        ):
            done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
            if done.returncode:
                pytest.skip(f"ansible-rulebook can't be installed here: {done.stderr.strip().splitlines()[-1]}")
        ready.touch()
    return found


def _scan(url, *findings):
    with open_store(url, actor={"name": "ada", "source": "os"}) as store:
        body = {"verdict": "failed" if findings else "passed", "findings": list(findings)}
        store.append([NewEntry(kind="drift", phase="fact", environment="staging", subject="web1/shop", body=body)])


def _rulebook(folder, noted):
    """The one that is shipped, but for the playbook: a real scan is tested elsewhere."""
    plays = yaml.safe_load(RULEBOOK.read_text())
    action = plays[0]["rules"][0]["action"]["run_playbook"]
    assert action["name"] == "evenkeel.release.drift"
    note = folder / "playbooks" / "note.yml"  # ansible-rulebook copies the whole folder of a playbook
    note.parent.mkdir()
    note.write_text(PLAYBOOK % noted)
    action["name"] = str(note)
    (folder / "rulebook.yml").write_text(yaml.safe_dump(plays))
    return folder / "rulebook.yml"


def test_drift_in_the_ledger_starts_the_playbook(rulebook_bin, tmp_path):
    url, noted, position = f"sqlite:///{tmp_path / 'ledger.sqlite'}", tmp_path / "noted.json", tmp_path / "position.json"
    (tmp_path / "vars.yml").write_text(yaml.safe_dump({"evenkeel_ledger_url": url, "evenkeel_drift_position": str(position)}))
    (tmp_path / "inventory").write_text(f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    _scan(url, {**FINDING, "path": "file:/old"})
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH", "VIRTUAL_ENV"))}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    argv = [str(rulebook_bin), "--rulebook", str(_rulebook(tmp_path, noted)), "-i", str(tmp_path / "inventory"), "--vars", str(tmp_path / "vars.yml")]
    with open(tmp_path / "log", "w") as log, subprocess.Popen(argv, cwd=tmp_path, env=environment, stdout=log, stderr=log) as running:
        try:
            _until(position.exists, running, tmp_path / "log")
            _scan(url, FINDING)
            _until(lambda: noted.exists() and noted.read_text(), running, tmp_path / "log")
        finally:
            running.terminate()
    assert json.loads(noted.read_text()) == {"target": "staging", "service": "shop", "state": "gate"}
    with open_store(url) as store:
        assert json.loads(position.read_text())["seq"] == store.heads()["main"].seq


def _until(ready, running, log, *, seconds=180):
    end = time.monotonic() + seconds
    while not ready():
        assert running.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < end, log.read_text()[-3000:]
        time.sleep(0.1)
