# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a digest of all that a run leaves when it dies now: ledger, leases, files of the hosts, processes, balancer.

A process that was killed takes only its memory with it, so two boundaries with the same digest are the same for whoever comes after.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sqlite3
import sys
from pathlib import Path

GROWS = {"log", "run", "__pycache__"}
GROWING = {".log", ".pid", ".sock", ".pyc"}


def names(state):
    """What is below the hosts' folders and does not change by itself."""
    root = Path(state, "environments")
    found = (path for path in root.rglob("*") if not GROWS & set(path.relative_to(root).parts))
    return sorted(str(path.relative_to(root)) for path in found if path.suffix not in GROWING and not path.is_socket())


def processes(state):
    """{pid: path} of the applications that run."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        here = [word for word in words if word.startswith(str(state)) and word.endswith("/app.py")]
        if here:
            found[pid] = here[0]
    return found


def ask(path, command):
    """What the balancer itself says, asked as its operator would."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(str(path))
        line.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: line.recv(65536), b"")).decode()


def _files(state):
    root = Path(state, "environments")
    for name in names(state):
        path = root / name
        if path.is_symlink():
            yield f"{name} -> {os.readlink(path)}"
        elif path.is_file():
            yield f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            yield name


def _ledger(state):
    connection = sqlite3.connect(f"file:{state}/ledger.sqlite?mode=ro", uri=True, timeout=10)
    try:
        yield str(connection.execute("SELECT max(seq) FROM evenkeel_entries").fetchone())
        yield str(connection.execute("SELECT name, token, held FROM evenkeel_leases ORDER BY name").fetchall())
    finally:
        connection.close()


def look(state, balancer, table):
    rows = [line.split(",") for line in ask(balancer, "show stat").splitlines() if line]
    # What a person set; whether a server passes its checks follows from the processes, a little later.
    servers = [(row[0], row[1], row[17].split()[0] in ("MAINT", "DRAIN")) for row in rows]
    entries = [line.split(None, 1)[1] for line in ask(balancer, f"show map {table}").splitlines() if line.strip()]
    return [*_ledger(state), *_files(state), str(sorted(processes(state).values())), str(servers), str(entries)]


if __name__ == "__main__":
    print(hashlib.sha256("\n".join(look(*sys.argv[1:])).encode()).hexdigest()[:16])
