# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Ref


@dataclass(frozen=True)
class Secret:
    data: Mapping[str, Any] = field(repr=False)
    version: int


class Pins:
    """What the run has seen. The first version read of a secret stays the one that everybody gets; whoever asks
    while a read is under way waits for that read. A failed read is forgotten, so it can be put right mid-run."""

    def __init__(self, start: Callable[[Ref], Future[Secret]]) -> None:
        self._start = start
        self._futures: dict[Ref, Future[Secret]] = {}
        self._lock = threading.RLock()

    def get(self, ref: Ref) -> Future[Secret]:
        with self._lock:
            known = self._futures.get(ref)
            if known is not None:
                return known
            future = self._start(ref)
            self._futures[ref] = future
            future.add_done_callback(lambda done: self._settle(ref, done))
            return future

    def _settle(self, ref: Ref, done: Future[Secret]) -> None:
        with self._lock:
            if done.cancelled() or done.exception() is not None:
                self._futures.pop(ref, None)
            elif ref.version is None:
                self._futures.setdefault(replace(ref, version=done.result().version), done)
