# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of the host a scan may take."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple, Optional

# linux/ioprio.h; the number of the system call differs between processors.
SYSCALL = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282, "i686": 289, "armv7l": 314}
CLASSES = {"best-effort": 2 << 13 | 7, "idle": 3 << 13}
MOST_WORKERS = 8


class Limits(NamedTuple):
    """`verify`: cache (what did not move is not read again), full (all is read), sample (a hundredth of what did not move is read)."""

    verify: str = "cache"
    workers: Optional[int] = None  # as many as there are processors for us, eight at most
    io_mib_per_s: Optional[float] = None
    max_file_size: Optional[int] = None  # bytes
    nice: int = 0
    io_class: str = "none"
    one_file_system: bool = True
    progress: Optional[str] = None

    def processes(self) -> int:
        return max(1, self.workers or min(len(os.sched_getaffinity(0)), MOST_WORKERS))

    def gentle(self) -> bool:
        return self.nice > 0 or self.io_class in CLASSES

    def step_back(self) -> None:
        """Lower this process's own priority, as far as the system lets us; there is no way back, so only workers do it."""
        with contextlib.suppress(OSError):
            os.nice(max(self.nice, 0))
        number = SYSCALL.get(os.uname().machine)
        if self.io_class in CLASSES and number:
            with contextlib.suppress(ImportError, OSError, AttributeError):
                import ctypes

                ctypes.CDLL(None).syscall(number, 1, 0, CLASSES[self.io_class])
