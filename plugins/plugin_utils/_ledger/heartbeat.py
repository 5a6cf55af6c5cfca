# SPDX-License-Identifier: GPL-3.0-or-later
"""A small process of its own that keeps a lease alive while ansible-playbook lives, and ends with it.

A run that is killed leaves its workers: they finish the tasks that they have under way, on hosts that a recovery would change at the same
time. So the lease goes to the last of them that are seen, until they have ended or it expires.

It is started by path, so that it needs nothing of Ansible; what it must know comes over stdin, because the URL of the
ledger may hold a password and arguments are for everyone to read.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOOK_SECONDS = 0.2
COLLECTION = "ansible_collections.evenkeel.release"


def start(*, url: str, name: str, token: int, ttl: float, pid: int, started: str) -> int:
    """Its pid. It holds no descriptor of ours: whoever waits for our output to end (ansible-runner does) waits for us alone."""
    process = subprocess.Popen(
        [sys.executable, "-P", str(Path(__file__).absolute())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a Ctrl-C at the terminal is for ansible-playbook
        close_fds=True,
        cwd="/",
    )
    settings = {"url": url, "name": name, "token": token, "ttl": ttl, "pid": pid, "started": started}
    if process.stdin is not None:  # PIPE was asked for
        process.stdin.write(json.dumps(settings).encode())
        process.stdin.close()
    process.returncode = 0  # it outlives us on purpose: no warning that it still runs
    return process.pid


def _make_importable() -> None:
    """The collection under its name, wherever it lies and without the loader of Ansible."""
    root = Path(__file__).absolute().parents[3]
    name = ""
    for part in COLLECTION.split("."):
        name = f"{name}.{part}" if name else part
        package = types.ModuleType(name)
        package.__path__ = [str(root)] if name == COLLECTION else []
        sys.modules[name] = package


def run(settings: dict[str, Any]) -> None:
    from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import process
    from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LeaseError, LedgerError
    from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

    store, due = None, time.monotonic() + settings["ttl"] / 3
    workers: dict[int, str] = {}
    while process.is_running(settings["pid"], settings["started"]):
        if time.monotonic() >= due:
            try:
                store = store or open_store(settings["url"])
                store.renew(settings["name"], settings["token"], ttl=settings["ttl"])
                due = time.monotonic() + settings["ttl"] / 3
            except LeaseError:  # released, or taken over
                return
            except LedgerError:  # a server that restarts: the lease has two thirds of its time left to try again
                due = time.monotonic() + min(5.0, settings["ttl"] / 10)
        workers = process.workers(settings["pid"]) or workers
        time.sleep(min(LOOK_SECONDS, settings["ttl"] / 6))
    with contextlib.suppress(LedgerError):  # released, taken over, or out of reach: it expires
        _outlive(lambda: store or open_store(settings["url"]), settings, workers)


def _outlive(opened: Callable[[], Any], settings: dict[str, Any], workers: dict[int, str]) -> None:
    from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import leases, process

    end = time.monotonic() + settings["ttl"]
    for pid, began in workers.items():
        if process.is_running(pid, began):
            leases.hand_over(opened(), settings["name"], settings["token"], pid=pid, started=began)
        while process.is_running(pid, began) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    _make_importable()
    run(json.loads(sys.stdin.buffer.read()))
