# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files are not what their package brought: MD5 of dpkg's lists against the files, reading only those that moved since they were last right.

The cache has, per package, what each of its files looked like to stat() when it was right. It is bound to the package's own list, so a new version starts anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import stat
import struct
import time
from collections.abc import Sequence
from typing import NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache, workers
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.limits import Limits
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.pace import pace_of

KEY = struct.Struct("=QQqqq")  # device, inode, size, mtime_ns, ctime_ns
NOTHING = bytes(KEY.size)
RACY_NS = 2_000_000_000  # a file may change twice within one tick of its clock
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
BLOCK = 1 << 18
SAMPLE = 0.01
# A fork costs more than reading as few files as this.
FEW = 200

Wanted = tuple[bytes, bytes]  # (path, MD5)
right, altered, missing, odd = "right", "altered", "missing", "no regular file"


class Listed(NamedTuple):
    """One package: `mark` changes with anything that its files are held against."""

    name: str
    mark: bytes
    files: list[Wanted]


class Verdict(NamedTuple):
    state: str
    reason: str = ""  # why it could not be read


Finding = tuple[Listed, int, Verdict]


def check(packages: Sequence[Listed], *, place: Optional[str], keep: bool, limits: Limits, root: bytes = b"") -> list[Finding]:
    """All but the files that are right. `place` is the cache."""
    known = cache.load(place) if place else cache.Cache()
    young = time.time_ns() - RACY_NS
    looks = [_look(package, known, limits, root) for package in packages]
    todo = [(number, index) for number, (_keys, moved) in enumerate(looks) for index in moved]
    verdicts = _verdicts(packages, todo, limits, root)
    findings, news = [], not known.data
    for (number, index), (verdict, key) in zip(todo, verdicts):
        trusted = verdict.state == right and max(KEY.unpack(key)[3:]) < young
        looks[number][0][index] = key if trusted else NOTHING
        news = news or trusted
        if verdict.state != right:
            findings.append((packages[number], index, verdict))
    if place and keep and news:
        with contextlib.suppress(OSError):  # a full disk costs time the next time, and nothing else
            cache.save(place, [_entry(package, b"".join(keys)).dump() for package, (keys, _moved) in zip(packages, looks)])
    return findings


def _look(package: Listed, known: cache.Cache, limits: Limits, root: bytes) -> tuple[list[bytes], list[int]]:
    """(what each file looks like, those that must be read)."""
    now = [_key(root + path) for path, _digest in package.files]
    entry = known.get(package.mark) if limits.verify != "full" else None
    if entry is None:
        return now, list(range(len(now)))
    before = entry.stats
    if before == b"".join(now) and limits.verify == "cache" and NOTHING not in now:
        return now, []
    moved = [
        index
        for index, key in enumerate(now)
        if key == NOTHING or before[index * KEY.size : (index + 1) * KEY.size] != key or (limits.verify == "sample" and random.random() < SAMPLE)  # noqa: S311  not for secrets
    ]
    return now, moved


def _entry(package: Listed, stats: bytes) -> cache.Listing:
    return cache.Listing(package.mark, b"", b"", b"", b"", stats, b"", b"", 0, 0)


def _key(path: bytes) -> bytes:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return NOTHING
    return KEY.pack(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _verdicts(packages: Sequence[Listed], todo: Sequence[tuple[int, int]], limits: Limits, root: bytes) -> list[tuple[Verdict, bytes]]:
    pace = pace_of(limits, len(todo))

    def work(at: int) -> tuple[Verdict, bytes]:
        number, index = todo[at]
        path, digest = packages[number].files[index]
        answer = judge(root + path, digest)
        if pace:
            pace.read(max(0, KEY.unpack(answer[1])[2]), 1)
        return answer

    if len(todo) < FEW:
        return [work(at) for at in range(len(todo))]
    found = workers.run(len(todo), work, limits, pace, 16)
    return [found[at] for at in range(len(todo))]


def judge(path: bytes, digest: bytes) -> tuple[Verdict, bytes]:
    """(what it is, what it looked like while it was read)."""
    try:
        descriptor = os.open(path, FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return Verdict(missing), NOTHING
    except OSError as exc:
        # A socket, or a device without a driver, cannot be opened at all.
        return (Verdict(odd), NOTHING) if _is_odd(path) else (Verdict("unknown", (exc.strerror or "cannot be read").lower()), NOTHING)
    try:
        for _attempt in range(3):
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return Verdict(odd), NOTHING
            found = hashed(descriptor, "md5")
            key = _stat_key(before)
            if _stat_key(os.fstat(descriptor)) == key:
                return Verdict(right if found.encode() == digest else altered), key
        return Verdict("unknown", "changes while it is read"), NOTHING
    except OSError as exc:
        return Verdict("unknown", (exc.strerror or "cannot be read").lower()), NOTHING
    finally:
        os.close(descriptor)


def _is_odd(path: bytes) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _stat_key(found: os.stat_result) -> bytes:
    return KEY.pack(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def hashed(descriptor: int, algorithm: str) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    whole = hashlib.new(algorithm, usedforsecurity=False)
    while True:
        block = os.read(descriptor, BLOCK)
        if not block:
            return whole.hexdigest()
        whole.update(block)
