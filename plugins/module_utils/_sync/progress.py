# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a synchronization has come: told at most twice a second for each table, with the rate and the time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Callable

APART = 0.5  # seconds between two events of one table
Tell = Callable[[dict[str, Any]], None]


class Throttle:
    """Holds readers back to so many bytes a second in all; 0 is no limit."""

    def __init__(self, rate: float, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep) -> None:
        self.rate = rate
        self.clock, self.sleep = clock, sleep
        self.free_at = clock()
        self.lock = threading.Lock()

    def take(self, size: int) -> None:
        if self.rate <= 0:
            return
        with self.lock:
            now = self.clock()
            begin = max(now, self.free_at)
            self.free_at = begin + size / self.rate
        if begin > now:
            self.sleep(begin - now)


class Progress:
    """Counts what moves, by table, and tells of it. Workers call it from their threads."""

    def __init__(self, tell: Tell, *, expected: Mapping[str, tuple[int, int]], clock: Callable[[], float] = time.monotonic) -> None:
        """`expected`: {table: (rows, bytes)} as the catalogs estimate them."""
        self.tell, self.clock = tell, clock
        self.expected = dict(expected)
        self.began = clock()
        self.rows = dict.fromkeys(expected, 0)
        self.bytes = dict.fromkeys(expected, 0)
        self.told: dict[tuple[str, str], float] = {}
        self.lock = threading.Lock()

    def moved(self, table: str, size: int) -> None:
        """So many bytes of a table have passed."""
        with self.lock:
            self.bytes[table] = self.bytes.get(table, 0) + size
            event = self._event("copy", table) if self._due("copy", table) else None
        if event:
            self.tell(event)

    def counted(self, table: str, rows: int) -> None:
        with self.lock:
            self.rows[table] = self.rows.get(table, 0) + rows

    def phase(self, phase: str, table: str = "") -> None:
        """Something else has begun: an index, a foreign key, a proof, the swap."""
        with self.lock:
            event = self._event(phase, table) if self._due(phase, table) else None
        if event:
            self.tell(event)

    def _due(self, phase: str, table: str) -> bool:
        now = self.clock()
        if now - self.told.get((phase, table), now - APART) < APART:
            return False
        self.told[(phase, table)] = now
        return True

    def _event(self, phase: str, table: str) -> dict[str, Any]:
        seconds = max(self.clock() - self.began, 1e-6)
        moved, weight = sum(self.bytes.values()), sum(size for _rows, size in self.expected.values())
        rate = moved / seconds
        rows, size = self.expected.get(table, (0, 0))
        sent = self.bytes.get(table, 0)
        guessed = int(rows * min(sent / size, 1.0)) if size else 0
        return {
            "event": "progress",
            "phase": phase,
            "table": table,
            "rows": max(self.rows.get(table, 0), guessed),
            "rows_estimate": rows,
            "bytes": sent,
            "rate": round(rate),
            "seconds_left": round(max(weight - moved, 0) / rate, 1) if rate and phase == "copy" else None,
        }
