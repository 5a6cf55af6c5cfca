# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries are written by a process of its own: it takes its time beside the run, and what it was given is written also when the run is killed."""

from __future__ import annotations

import contextlib
import json
import select
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils import _beside
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

END_SECONDS = 60


class Writer:
    """It writes at most `batch` entries at once, in their order. A fault is told with a later entry, or at once where it is waited for."""

    def __init__(self, url: str, *, batch: int) -> None:
        self._process = _beside.serve("_ledger.writer_process", {"url": url, "batch": batch})
        self._owed = 0  # answers

    def write(self, fields: Mapping[str, Any], *, durable: bool = False, wait: bool = False) -> None:
        """An entry that was cleaned before. What is durable is answered, all else only when it fails. Raises LedgerError, also for an earlier one."""
        line = json.dumps({"fields": fields, "durable": durable}).encode() + b"\n"
        with contextlib.suppress(BrokenPipeError):  # that it has ended is told by what it does not answer
            while line:
                line = line[self._process.stdin.write(line) :]
        self._owed += durable
        self._listen(wait=wait)

    def _listen(self, *, wait: bool) -> None:
        while (wait and self._owed) or select.select([self._process.stdout], [], [], 0)[0]:
            answer = self._process.stdout.readline()
            if not answer:
                raise LedgerError("The process that writes the ledger ended before it had written everything. Next: see whether the system ended it.")
            if fault := json.loads(answer):
                raise LedgerError(fault)
            self._owed -= 1

    def close(self) -> None:
        """On return everything is written, if what came last was durable, and the store is closed."""
        try:
            self._listen(wait=True)
        finally:
            self._process.stdin.close()
            self._process.wait(END_SECONDS)
            self._process.stdout.close()
