# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA-256 of files, and of many large ones at once."""

from __future__ import annotations

import errno
import hashlib
import operator
import os
import stat
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import workers
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.pace import Pace

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
BLOCK = 1 << 18  # stays in the processor's cache between read and hash
# Below this a fork costs more than it brings.
ENOUGH_BYTES = 16 << 20
ZEROS = bytes(BLOCK)

# All that a change of a file would move.
Key = tuple[int, int, int, int, int, int, int, int, int]
key_of: Callable[[os.stat_result], Key] = operator.attrgetter(
    "st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns", "st_mode", "st_uid", "st_gid", "st_nlink"
)
DEVICE, INODE, SIZE, MTIME, CTIME, MODE, OWNER, GROUP, LINKS = range(9)


class Job(NamedTuple):
    path: bytes
    key: Key


def digests(jobs: Sequence[Job], limits: Limits, pace: Optional[Pace] = None) -> list[Optional[bytes]]:
    """SHA-256 per job, None where the file is not what it was when its key was taken, or cannot be read."""
    order = sorted(range(len(jobs)), key=lambda index: -jobs[index].key[SIZE])

    def work(number: int) -> Optional[bytes]:
        return digest(jobs[order[number]], pace)

    if sum(job.key[SIZE] for job in jobs) < ENOUGH_BYTES:
        limits = Limits(workers=1)
    found = workers.run(len(jobs), work, limits, pace)
    results: list[Optional[bytes]] = [None] * len(jobs)
    for number, result in found.items():
        results[order[number]] = result
    return results


def digest(job: Job, pace: Optional[Pace] = None) -> Optional[bytes]:
    try:
        descriptor = os.open(job.path, FLAGS)
    except (OSError, ValueError):
        return None
    try:
        return content(descriptor, job.key, pace) if key_of(os.fstat(descriptor)) == job.key else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def content(descriptor: int, key: Key, pace: Optional[Pace] = None) -> Optional[bytes]:
    """SHA-256 of an open file, None when it is not, or no longer, the one of that key. Raises OSError."""
    if key[SIZE] < BLOCK:
        data = os.read(descriptor, key[SIZE] + 1)
        found = hashlib.sha256(data).digest()
        if pace:
            pace.read(len(data), 1)
    else:
        found = _long(descriptor, pace)
    return found if key_of(os.fstat(descriptor)) == key else None


def _long(descriptor: int, pace: Optional[Pace]) -> bytes:
    whole = hashlib.sha256()
    before = os.fstat(descriptor)
    if stat.S_ISREG(before.st_mode) and before.st_blocks * 512 < before.st_size:
        _holes(descriptor, before.st_size, whole.update, pace)
        return whole.digest()
    while True:
        block = os.read(descriptor, BLOCK)
        if not block:
            break
        whole.update(block)
        if pace:
            pace.read(len(block))
    if pace:
        pace.read(0, 1)
    return whole.digest()


def _holes(descriptor: int, size: int, update: Callable[[bytes], None], pace: Optional[Pace]) -> None:
    """Holes are zeros that nobody needs to read."""
    at = 0
    while at < size:
        try:
            start = min(os.lseek(descriptor, at, os.SEEK_DATA), size)
            end = min(os.lseek(descriptor, start, os.SEEK_HOLE), size) if start < size else size
        except OSError as exc:
            # No data from here on, or a file system that does not tell.
            start, end = (size, size) if exc.errno == errno.ENXIO else (at, size)
        while at < start:
            update(ZEROS[: min(BLOCK, start - at)])
            at += min(BLOCK, start - at)
        while at < end:
            block = os.pread(descriptor, min(BLOCK, end - at), at)
            if not block:
                return  # cut off meanwhile; its key has moved
            update(block)
            at += len(block)
            if pace:
                pace.read(len(block))
    if pace:
        pace.read(0, 1)
