# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a server for a test, wait until it answers, and take it away with the test process."""

from __future__ import annotations

import ctypes
import functools
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.module_utils._engines import ports

UNPRIVILEGED = "nobody"
PR_SET_PDEATHSIG = 1


# Neither the kernel's range for outgoing connections (32768 on) nor the one in which environments get their ports (20000 on).
FIRST_PORT, LAST_PORT = 10000, 19999
# The latter has so many parts, one for each process that tests.
PARTS = 16
_claims: dict[str, socket.socket] = {}


def _claim(name: str) -> bool:
    """Until this process ends, however that is. No file is left behind."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0evenkeel-test-{name}")
    except OSError:
        claim.close()
        return False
    _claims[name] = claim
    return True


def free_port() -> int:
    """A port that no other test of this machine gets while this process lives: two HAProxies on one port would share its users silently."""
    size = LAST_PORT - FIRST_PORT + 1
    start = secrets.randbelow(size)
    for port in (FIRST_PORT + (start + step) % size for step in range(size)):
        if ports.is_free("127.0.0.1", port) and _claim(f"port-{port}"):
            return port
    raise RuntimeError(f"No port from {FIRST_PORT} to {LAST_PORT} is free")


def part_of(folder: Path) -> int:
    """The part of the range in which environments below that state folder look first."""
    size = ports.LAST - ports.FIRST + 1
    return ports.start_of(str(folder)) % size * PARTS // size


@functools.cache
def _part(_pid: int) -> int:
    return next(part for part in range(PARTS) if _claim(f"part-{part}"))


def state_folder(prefix: str) -> Path:
    """For environments whose reserved ports, also those that nothing listens on yet, are never those of another test process.

    Its path is short: a UNIX socket below it may have 107 bytes. It says where the search for free ports starts.
    """
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir="/var/tmp"))
        if part_of(folder) == _part(os.getpid()):
            folder.chmod(0o711)
            return folder
        folder.rmdir()


def is_root() -> bool:
    return os.geteuid() == 0


def run_as() -> dict[str, object]:
    """Arguments of subprocess that give up root's rights; nothing for an ordinary user."""
    if not is_root():
        return {}
    account = pwd.getpwnam(UNPRIVILEGED)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def server_folder(name: str) -> Path:
    """A short path (a UNIX socket may have 107 bytes) that the unprivileged account can reach and own."""
    folder = Path(tempfile.mkdtemp(prefix=f"evenkeel-{name}-"))
    folder.chmod(0o700)
    if is_root():
        shutil.chown(folder, UNPRIVILEGED)
    return folder


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


class Server:
    """One child process with its folder and its log."""

    def __init__(self, argv: list[str], *, folder: Path, env: dict[str, str] | None = None, drop_root: bool = False):
        self.folder = folder
        self.log = folder / "server.log"
        self._output = self.log.open("ab")
        identity = run_as() if drop_root else {}
        self.process = subprocess.Popen(  # type: ignore[call-overload]
            argv,
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent,
            **identity,
        )

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None or time.monotonic() > end:
                log = self.log.read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{self.process.args[0]} did not become ready within {seconds:g} s:\n{log}")
            time.sleep(0.02)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._output.close()
        shutil.rmtree(self.folder, ignore_errors=True)
