# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA-256 of many files at once, in forked workers: threads would wait for each other at every small read."""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections.abc import Sequence
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.cache import DIGEST, key

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
BLOCK = 1 << 18  # stays in the processor's cache between read and hash
# Below this a fork costs more than it brings.
ENOUGH_FILES, ENOUGH_BYTES = 1000, 16 << 20
CHUNKS = 4096  # 4 bytes each: all of them fit into a pipe
NUMBER = struct.Struct("=I")
SLOT = DIGEST + 1
DONE = 1


class Job(NamedTuple):
    path: str
    size: int
    key: bytes


def digests(jobs: Sequence[Job], processors: Optional[int] = None) -> list[Optional[bytes]]:
    """SHA-256 per job, None where the file is not what it was when its key was taken, or cannot be read."""
    workers = min(processors or len(os.sched_getaffinity(0)), 8) if _enough(jobs) else 1
    if workers < 2:
        return [digest(job) for job in jobs]
    # Big ones first, then every chunk a comb through all sizes: no worker is left with the big ones at the end.
    order = sorted(range(len(jobs)), key=lambda index: -jobs[index].size)
    with mmap.mmap(-1, SLOT * len(jobs)) as slots:
        _share(jobs, order, slots, workers)
        return [slots[at + 1 : at + SLOT] if slots[at] == DONE else None for at in range(0, SLOT * len(jobs), SLOT)]


def digest(job: Job) -> Optional[bytes]:
    try:
        descriptor = os.open(job.path, FLAGS)
    except (OSError, ValueError):
        return None
    try:
        if key(os.fstat(descriptor)) != job.key:
            return None
        found = _whole(descriptor, job.size)
        return found if key(os.fstat(descriptor)) == job.key else None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _whole(descriptor: int, size: int) -> bytes:
    if size < BLOCK:
        return hashlib.sha256(os.read(descriptor, size + 1)).digest()
    whole = hashlib.sha256()
    while True:
        block = os.read(descriptor, BLOCK)
        if not block:
            return whole.digest()
        whole.update(block)


def _enough(jobs: Sequence[Job]) -> bool:
    return len(jobs) >= ENOUGH_FILES or (len(jobs) > 1 and sum(job.size for job in jobs) >= ENOUGH_BYTES)


def _share(jobs: Sequence[Job], order: Sequence[int], slots: mmap.mmap, workers: int) -> None:
    """Chunk numbers lie in a pipe, each worker takes the next; a worker that dies leaves its slots empty."""
    chunks = min(CHUNKS, len(order))
    source, sink = os.pipe()
    os.write(sink, b"".join(NUMBER.pack(number) for number in range(chunks)))
    os.close(sink)
    children = []
    try:
        for _number in range(workers - 1):
            child = _fork()
            if child == 0:
                _child(jobs, order, slots, source, chunks)
            if child:
                children.append(child)
        _work(jobs, order, slots, source, chunks)
    finally:
        os.close(source)
        for child in children:
            os.waitpid(child, 0)


def _fork() -> Optional[int]:
    try:
        return os.fork()
    except OSError:  # too many processes: the ones that are there do the work
        return None


def _child(jobs: Sequence[Job], order: Sequence[int], slots: mmap.mmap, source: int, chunks: int) -> None:
    try:
        _work(jobs, order, slots, source, chunks)
    finally:
        os._exit(0)  # never back into the module's own code, whatever happened


def _work(jobs: Sequence[Job], order: Sequence[int], slots: mmap.mmap, source: int, chunks: int) -> None:
    while True:
        taken = os.read(source, NUMBER.size)
        if not taken:
            return
        for index in order[NUMBER.unpack(taken)[0] :: chunks]:
            found = digest(jobs[index])
            if found is not None:
                at = index * SLOT
                slots[at + 1 : at + SLOT] = found
                slots[at] = DONE
