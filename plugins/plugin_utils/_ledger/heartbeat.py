# SPDX-License-Identifier: GPL-3.0-or-later
"""A small process of its own that keeps a lease alive while ansible-playbook lives, and ends with it.

A run that is killed leaves its workers: they finish the tasks that they have under way, on hosts that a recovery would change at the same
time. So the lease goes to the last of them that are seen, until they have ended or it expires.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils import _beside
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import leases, process
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LeaseError, LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

LOOK_SECONDS = 0.2


def start(*, url: str, name: str, token: int, ttl: float, pid: int, started: str) -> int:
    """Its pid."""
    return _beside.start("_ledger.heartbeat", {"url": url, "name": name, "token": token, "ttl": ttl, "pid": pid, "started": started})


def run(settings: dict[str, Any]) -> None:
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
    end = time.monotonic() + settings["ttl"]
    for pid, began in workers.items():
        if process.is_running(pid, began):
            leases.hand_over(opened(), settings["name"], settings["token"], pid=pid, started=began)
        while process.is_running(pid, began) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
