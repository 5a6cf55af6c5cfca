# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found the last time, per folder, on the host's own disk.

A cache that is broken, comes from another machine, was made under other rules or could be written by others is no cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import tempfile
import time
from collections.abc import Iterable
from typing import NamedTuple, Optional

MAGIC = b"evenkeel-drift-cache-2\n"
SEAL = 32
HEADER = struct.Struct("<8I2Q")  # lengths of the eight fields, device and inode of the folder
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
TEMPORARY, FORGOTTEN_SECONDS = "beside-", 86400


class Listing(NamedTuple):
    """One folder. All but `record` serve to tell that nothing moved, and where to go on."""

    path: bytes
    subs: bytes  # names of the folders below to go on with, apart by `/`
    skipped: bytes  # excluded names, folders with a `/` before and after
    secrets: bytes  # names of the entries whose content is compared by fingerprint
    mounts: bytes  # names that were mount points
    stats: bytes  # per entry all that a change would move; zeros where the next look must not trust it
    names: bytes  # of the owners and groups in `record`, as they were called
    record: bytes
    device: int
    inode: int

    def dump(self) -> bytes:
        return b"".join((HEADER.pack(*map(len, self[:8]), self.device, self.inode), *self[:8]))


class Cache:
    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.places = dict(_places(data))

    def get(self, path: bytes) -> Optional[Listing]:
        place = self.places.get(path)
        return None if place is None else _listing(self.data, place)

    def part(self, path: bytes, name: str) -> bytes:
        """One field of a listing, without a copy of the others."""
        place, number = self.places[path], Listing._fields.index(name)
        lengths = HEADER.unpack_from(self.data, place)[: number + 1]
        end = place + HEADER.size + sum(lengths)
        return self.data[end - lengths[number] : end]

    def raw(self, path: bytes) -> bytes:
        place = self.places[path]
        return self.data[place : place + _length(self.data, place)]


def path_of(folder: str, rules: bytes) -> str:
    """One cache per set of rules, so that two services of a host do not throw out each other's."""
    return os.path.join(folder, hashlib.sha256(rules).hexdigest()[:32] + ".cache")


def load(path: str) -> Cache:
    data = _read(path)
    if data is None or not data.startswith(MAGIC):
        return Cache()
    body = data[len(MAGIC) + SEAL :]
    if _seal([body]) != data[len(MAGIC) : len(MAGIC) + SEAL]:
        return Cache()
    return Cache(body)


def save(path: str, listings: Iterable[bytes]) -> None:
    """Written beside and renamed; raises OSError. A reader, or a second writer, sees the old one or the new one, each whole."""
    parts = list(listings)
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _sweep(folder)
    descriptor, beside = tempfile.mkstemp(dir=folder, prefix=TEMPORARY)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(MAGIC + _seal(parts))
            stream.writelines(parts)
        os.rename(beside, path)
    except OSError:
        os.unlink(beside)
        raise


def _places(data: bytes) -> Iterable[tuple[bytes, int]]:
    place = 0
    while place < len(data):
        start = place + HEADER.size
        yield data[start : start + HEADER.unpack_from(data, place)[0]], place
        place += _length(data, place)


def _length(data: bytes, place: int) -> int:
    return int(HEADER.size + sum(HEADER.unpack_from(data, place)[:8]))


def _listing(data: bytes, place: int) -> Listing:
    *lengths, device, inode = HEADER.unpack_from(data, place)
    at = place + HEADER.size
    parts = []
    for length in lengths:
        parts.append(data[at : at + length])
        at += length
    path, subs, skipped, secrets, mounts, stats, names, record = parts
    return Listing(path, subs, skipped, secrets, mounts, stats, names, record, device, inode)


def _read(path: str) -> Optional[bytes]:
    """The bytes of a regular file that only we can write, in a folder where only we can put one."""
    try:
        around = os.lstat(os.path.dirname(path))
        if around.st_uid != os.geteuid() or around.st_mode & OTHERS_WRITE or not stat.S_ISDIR(around.st_mode):
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
            return stream.read() if ours else None
    except OSError:
        return None


def _sweep(folder: str) -> None:
    """A scan that was killed while it wrote leaves its half behind."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(TEMPORARY) and entry.stat(follow_symlinks=False).st_mtime < time.time() - FORGOTTEN_SECONDS:
                os.unlink(entry.path)


def _seal(parts: Iterable[bytes]) -> bytes:
    """Device and inode numbers mean something on one machine only."""
    digest = hashlib.sha256(_machine())
    for part in parts:
        digest.update(part)
    return digest.digest()


def _machine() -> bytes:
    try:
        with open("/etc/machine-id", "rb") as stream:
            return stream.read().strip()
    except OSError:
        return os.uname().nodename.encode()
