# SPDX-License-Identifier: GPL-3.0-or-later
"""The process behind writer.py: a line is an entry, an answer is what came of it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store

# How long an entry waits for others to be written with.
GATHER_SECONDS = 1.0
CHUNK = 65536
Said = dict[str, Any]


def run(settings: dict[str, Any]) -> None:
    """Until nobody says any more. What came before that is written, also when ansible-playbook was killed meanwhile."""
    store = None
    for batch in _batches(Lines(sys.stdin.fileno()), settings["batch"]):
        durable, fault = batch[-1]["durable"], ""
        try:
            store = store or open_store(settings["url"])
            _write(store, batch, durable=durable)
        except LedgerError as exc:
            fault = str(exc)
        except Exception as exc:  # whatever it is, the run is told and decides
            fault = f"{type(exc).__name__}: {exc}"
        if durable or fault:
            with contextlib.suppress(OSError):  # nobody listens any more
                os.write(sys.stdout.fileno(), json.dumps(fault).encode() + b"\n")
    if store:
        store.close()


class Lines:
    """Whole lines of a descriptor; what was begun and never ended is none."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begun = b""
        self._whole: deque[bytes] = deque()
        self._ended = False

    def next(self, seconds: float | None) -> bytes | None:
        """None where none came in that time, or none comes any more."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self._whole and not self._ended:
            if until is not None and not select.select([self._descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            chunk = os.read(self._descriptor, CHUNK)
            *whole, self._begun = (self._begun + chunk).split(b"\n")
            self._whole += whole
            self._ended = not chunk
        return self._whole.popleft() if self._whole else None


def _batches(lines: Lines, most: int) -> Iterator[list[Said]]:
    """One that is durable is the last of its batch."""
    while (line := lines.next(None)) is not None:
        batch, until = [json.loads(line)], time.monotonic() + GATHER_SECONDS
        while len(batch) < most and not batch[-1]["durable"] and (line := lines.next(max(0.0, until - time.monotonic()))) is not None:
            batch.append(json.loads(line))
        yield batch


def _write(store: Store, batch: list[Said], *, durable: bool) -> None:
    ready = [{**said["fields"], "stream": store.own_stream(said["fields"]["stream"])} for said in batch]
    store.append_clean(ready, durable=durable)
