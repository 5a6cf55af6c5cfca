# SPDX-License-Identifier: GPL-3.0-or-later
"""The book of reserved ports of one machine: {"environment/host/service/name": port} in one file that all environments share."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Iterator

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import EngineError

# Below the kernel's range for outgoing connections (32768 on), or one of those could take a port that nothing listens on yet.
FIRST, LAST = 20000, 32767


def is_free(address: str, port: int) -> bool:
    with contextlib.closing(socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError:
            return False
        return True


def start_of(state_dir: str) -> int:
    """Another state folder has reservations of its own: it starts elsewhere, so that its idle ports are not taken either."""
    return int(hashlib.sha256(state_dir.encode()).hexdigest()[:8], 16)


def reserve(reserved: dict[str, int], key: str, wanted: int, *, address: str, start: int = 0) -> int:
    """The port for that key: the declared one, the one it already has, or the lowest that is neither reserved nor in use."""
    if wanted:
        holder = [other for other, port in reserved.items() if port == wanted and other != key]
        if holder:
            raise EngineError("Port %d for %s is reserved for %s; declare another one" % (wanted, key, holder[0]))
        return wanted
    if key in reserved:
        return reserved[key]
    taken = set(reserved.values())
    size = LAST - FIRST + 1
    for port in (FIRST + (start + step) % size for step in range(size)):
        if port not in taken and is_free(address, port):
            return port
    raise EngineError("No port from %d to %d is free for %s" % (FIRST, LAST, key))


@contextlib.contextmanager
def locked(state_dir: str, check: bool) -> Iterator[None]:
    if check:
        yield
        return
    os.makedirs(state_dir, mode=0o711, exist_ok=True)
    handle = os.open(os.path.join(state_dir, ".ports.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    with os.fdopen(handle, "w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def read(state_dir: str) -> dict[str, int]:
    book: dict[str, int] = json.loads(sv.read_text(os.path.join(state_dir, "ports.json")) or "{}")
    return book


def write(state_dir: str, book: dict[str, int]) -> None:
    sv.write_private(os.path.join(state_dir, "ports.json"), json.dumps(book, indent=1, sort_keys=True) + "\n")


def without(book: dict[str, int], environment: str) -> dict[str, int]:
    return {key: port for key, port in book.items() if key.split("/")[0] != environment}
