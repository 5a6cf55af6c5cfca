# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries are written by a process of its own: what writes them takes memory that each task of ansible-playbook would copy, and time beside it."""

from __future__ import annotations

import contextlib
import json
import select
from collections.abc import Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils import _beside
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

END_SECONDS = 60


class Writer:
    """Batches are written in their order. A fault is told at the next batch, or at once where it is waited for."""

    def __init__(self, url: str) -> None:
        self._process = _beside.serve("_ledger.writer_process", {"url": url})
        self._owed = 0  # answers

    def write(self, ready: Sequence[dict[str, Any]], *, durable: bool, wait: bool = False) -> None:
        """Entries that were cleaned before. Raises LedgerError, also for an earlier batch."""
        line = json.dumps({"entries": ready, "durable": durable}).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # that it has ended is told by what it does not answer
            while line:
                line = line[self._process.stdin.write(line) :]
        self._owed += 1
        self._listen(wait=wait)

    def _listen(self, *, wait: bool) -> None:
        while self._owed and (wait or select.select([self._process.stdout], [], [], 0)[0]):
            answer = self._process.stdout.readline()
            if not answer:
                raise LedgerError("The process that writes the ledger ended before it had written everything. Next: see whether the system ended it.")
            self._owed -= 1
            if fault := json.loads(answer):
                raise LedgerError(fault)

    def close(self) -> None:
        """On return everything is written and the store is closed."""
        try:
            self._listen(wait=True)
        finally:
            self._process.stdin.close()
            self._process.wait(END_SECONDS)
            self._process.stdout.close()
