# SPDX-License-Identifier: GPL-3.0-or-later
"""Masked rows fetched ahead: while the target writes down one table, the source masks the next."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError
from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.copying import Stream

HELD = 32  # batches of 256 KiB that wait at most, whatever the tables weigh


class Batches:
    """The rows of one COPY; `rows` is what the source counted, when all have come."""

    def __init__(self, found: Iterator[Any]) -> None:
        self.found = found
        self.rows = -1

    def __iter__(self) -> Iterator[bytes]:
        for one in self.found:
            if isinstance(one, bytes):
                yield one
            elif isinstance(one, BaseException):
                raise one
            else:
                self.rows = one
                return


class Ahead:
    """COPY statements of one connection, run one after the other in a thread of their own. Taken in the same order."""

    def __init__(self, source: Any, texts: Sequence[tuple[str, Any]]) -> None:
        self.source = source
        self.texts = list(texts)
        self.names = [name for name, _text in texts]
        self.waiting: queue.Queue[Any] = queue.Queue(HELD)
        self.stopped = threading.Event()
        self.thread: Optional[threading.Thread] = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def take(self, name: str) -> Batches:
        if not self.names or self.names.pop(0) != name:
            raise SyncError(f"{name}: its rows were not fetched in this order.")
        return Batches(iter(self.waiting.get, None))

    def close(self) -> None:
        """Also after an error: the connection is free again, or broken."""
        self.stopped.set()
        if self.thread is not None:
            self.thread.join()

    def _run(self) -> None:
        try:
            for _name, text in self.texts:
                with self.source.cursor() as reader, reader.copy(text) as rows:
                    stream = Stream(rows)
                    for batch in stream:
                        self._put(batch)
                self._put(stream.rows)
        except BaseException as exc:
            self._put(exc, always=True)

    def _put(self, one: Any, *, always: bool = False) -> None:
        while True:
            if self.stopped.is_set():
                if always:
                    return
                raise SyncError("Stopped, because the other side failed.")
            try:
                self.waiting.put(one, timeout=0.1)
                return
            except queue.Full:
                continue
