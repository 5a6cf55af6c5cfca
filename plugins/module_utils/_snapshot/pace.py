# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all workers together have read: it holds them back to a budget, and tells how far the scan is."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import tempfile
import time
from typing import Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits

PAIR = struct.Struct("=QQ")  # files, bytes
MIB = 1 << 20
# A shorter sleep costs more than it holds back.
SHORTEST_SLEEP = 0.01
REPORT_SECONDS = 1.0


class Pace:
    def __init__(self, limits: Limits, total: int = 0) -> None:
        self.rate = (limits.io_mib_per_s or 0) * MIB
        self.place = limits.progress
        self.total = total
        self.reports = True  # workers do not
        self._count = limits.processes() + 1
        self._slots = mmap.mmap(-1, PAIR.size * self._count)
        self._at, self._files, self._bytes = 0, 0, 0
        self._started = self._reported = time.monotonic()

    def become(self, number: int) -> None:
        """The worker of that number counts in its own place."""
        self.reports = False
        self._at, self._files, self._bytes = PAIR.size * number, *PAIR.unpack_from(self._slots, PAIR.size * number)

    def read(self, count: int, files: int = 0) -> None:
        self._bytes += count
        self._files += files
        PAIR.pack_into(self._slots, self._at, self._files, self._bytes)
        if self.rate:
            ahead = self.done()[1] / self.rate - (time.monotonic() - self._started)
            if ahead > SHORTEST_SLEEP:
                time.sleep(ahead)
        self.report()

    def done(self) -> tuple[int, int]:
        pairs = list(PAIR.iter_unpack(self._slots[:]))
        return sum(files for files, _bytes in pairs), sum(count for _files, count in pairs)

    def report(self, last: bool = False) -> None:
        now = time.monotonic()
        if not self.place or not self.reports or (not last and now - self._reported < REPORT_SECONDS):
            return
        self._reported = now
        files, count = self.done()
        with contextlib.suppress(OSError):
            _write(self.place, {"done": files, "total": files if last else max(self.total, files), "bytes": count, "seconds": round(now - self._started, 1)})


def pace_of(limits: Limits, total: int = 0) -> Optional[Pace]:
    return Pace(limits, total) if limits.io_mib_per_s or limits.progress else None


def _write(place: str, value: dict[str, float]) -> None:
    descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(place), prefix=".progress-")
    try:
        with open(descriptor, "w", encoding="ascii") as stream:
            json.dump(value, stream)
        os.rename(beside, place)
    except OSError:
        os.unlink(beside)
        raise
