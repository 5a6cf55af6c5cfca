# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of files that did not change since they were read: {key: SHA-256}, where the key is all that a change would move.

A file with any part of its key moved is not found. A cache that is broken, foreign or writable by others is no cache.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import tempfile
from collections.abc import Iterable
from typing import Optional

KEY = struct.Struct("=QQqqqIII")  # dev, ino, size, mtime_ns, ctime_ns, mode, uid, gid
DIGEST = 32
RECORD = KEY.size + DIGEST
MAGIC = b"evenkeel-drift-cache-1\n"
# A file may change twice within one tick of its clock: what was touched this recently is read again next time (git's racily clean rule).
RACY_NS = 2_000_000_000

Cache = dict[bytes, bytes]


def key(found: os.stat_result) -> bytes:
    return KEY.pack(
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_mode,
        found.st_uid,
        found.st_gid,
    )


def path_of(folder: str, paths: Iterable[str]) -> str:
    """One cache per set of paths, so that two services of a host do not throw out each other's."""
    return os.path.join(folder, hashlib.sha256("\0".join(sorted(paths)).encode("utf-8", "surrogateescape")).hexdigest()[:32] + ".cache")


def load(path: str) -> Cache:
    data = _read(path)
    if data is None or not data.startswith(MAGIC):
        return {}
    body = memoryview(data)[len(MAGIC) + DIGEST :]
    if len(body) % RECORD or _seal(body) != data[len(MAGIC) : len(MAGIC) + DIGEST]:
        return {}
    start, size = len(MAGIC) + DIGEST, KEY.size
    return {data[at : at + size]: data[at + size : at + RECORD] for at in range(start, len(data), RECORD)}


def save(path: str, cache: Cache) -> None:
    """Written beside and renamed; raises OSError."""
    body = b"".join([part for pair in cache.items() for part in pair])
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with open(descriptor, "wb") as stream:
            stream.write(MAGIC + _seal(body) + body)
        os.rename(beside, path)
    except OSError:
        os.unlink(beside)
        raise


def settled(found: os.stat_result, started_ns: int) -> bool:
    return found.st_ctime_ns < started_ns - RACY_NS and found.st_mtime_ns < started_ns - RACY_NS


def _read(path: str) -> Optional[bytes]:
    """The bytes of a regular file that only we can write."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
            return stream.read() if ours else None
    except OSError:
        return None


def _seal(body: bytes | memoryview) -> bytes:
    """Device and inode numbers mean something on one machine only."""
    digest = hashlib.sha256(_machine())
    digest.update(body)
    return digest.digest()


def _machine() -> bytes:
    try:
        with open("/etc/machine-id", "rb") as stream:
            return stream.read().strip()
    except OSError:
        return os.uname().nodename.encode()
