# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """One ansible-playbook process: its id alone may be used again, with its start time it can't be mistaken."""

    pid: int
    started: str

    def socket_name(self) -> bytes:
        """In the abstract namespace: no file, gone with its process. Containers may repeat a process id."""
        space = os.stat("/proc/self/ns/pid").st_ino
        return f"\0evenkeel-secrets-{os.getuid()}-{space}-{self.pid}-{self.started}".encode()

    def alive(self) -> bool:
        return start_time(self.pid) == self.started


def run_of(pid: int) -> Run:
    started = start_time(pid)
    if started is None:
        raise ProcessLookupError(f"process {pid} is gone")
    return Run(pid, started)


def start_time(pid: int) -> str | None:
    """Clock ticks since boot; None for a process that is gone or only waits to be reaped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name of the command, in parentheses, may hold anything.
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else fields[19]
