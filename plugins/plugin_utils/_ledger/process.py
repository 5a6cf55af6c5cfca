# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lease on this machine: a pid alone is not an identity, it is used again."""

from __future__ import annotations

import functools
import multiprocessing
import os
import socket
import subprocess
from pathlib import Path


def main_pid() -> int:
    """The pid of ansible-playbook. Ansible runs an action in a forked multiprocessing worker, on every core from 2.18
    to 2.21 and under Mitogen too; multiprocessing remembers the parent it was forked from, also after setsid().
    In the main process itself (callbacks, play-level lookups) there is no such parent."""
    parent = multiprocessing.parent_process()
    return parent.pid if parent is not None and parent.pid else os.getpid()


def started(pid: int) -> str:
    """When the process began, in ticks since boot; empty when there is no such process or only its corpse."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except FileNotFoundError:
        return _started_ps(pid) if not Path("/proc/self/stat").exists() else ""
    except (OSError, ProcessLookupError):
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]


def _started_ps(pid: int) -> str:
    """For controllers without /proc."""
    done = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _unused, begun = done.stdout.strip().partition(" ")
    return "" if not state or state.startswith("Z") else begun.strip()


def is_running(pid: int, begun: str) -> bool:
    return bool(begun) and started(pid) == begun


def workers(pid: int) -> dict[int, str]:
    """{pid: when it began} of the copies of itself that a process runs: what Ansible carries out tasks in. Empty where /proc does not tell."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        own = Path(f"/proc/{pid}/cmdline").read_bytes()
        return {child: begun for child in map(int, children) if Path(f"/proc/{child}/cmdline").read_bytes() == own and (begun := started(child))}
    except (OSError, ValueError):
        return {}


@functools.cache
def host_name() -> str:
    return socket.gethostname()


@functools.cache
def host_id() -> str:
    """Where a pid has a meaning: this boot of this machine, and this pid namespace of it (containers share names)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return host_name()
