# SPDX-License-Identifier: GPL-3.0-or-later
"""What recording every task costs a play: of tasks that take as little as a task can, and of tasks that do something."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

from ..integration.support.checkout import COLLECTIONS
from ._runner import Bench

FAST, REAL = 400, 40
SAY = {"name": "Say something", "ansible.builtin.debug": {"msg": "so it is"}}
WORK = {"name": "Work", "ansible.builtin.command": {"argv": ["sleep", "0.5"]}, "changed_when": False}


def run(bench: Bench) -> None:
    for name, task, many, bar in (("fast tasks", SAY, FAST, 1.10), ("tasks of half a second", WORK, REAL, 1.01)):
        book = _book(bench.tmp, task, many)
        with_it, without = (functools.partial(_play, book, bench.tmp, audit=audit) for audit in (True, False))
        with_it()  # the ledger is made once
        bench.row(f"play of {many} {name}, audited, against not", ours=with_it, reference=without, bar=bar)
    with open_store(_ledger(bench.tmp)) as store:
        assert len(store.entries(kind="task", limit=FAST)) == FAST


def _book(folder: Path, task: dict[str, Any], many: int) -> Path:
    """As JSON: in YAML all tasks would be one, by reference."""
    path = folder / f"{task['name'].split()[0].lower()}.yml"
    path.write_text(json.dumps([{"name": "Play", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task] * many}]))
    return path


def _play(book: Path, folder: Path, *, audit: bool) -> float:
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "EVENKEEL_LEDGER_URL": _ledger(folder), "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    if audit:
        env["ANSIBLE_CALLBACKS_ENABLED"] = "evenkeel.release.audit"
    argv = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", str(book)]
    began = time.perf_counter()
    subprocess.run(argv, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _ledger(folder: Path) -> str:
    return f"sqlite:///{folder}/audit.sqlite"
