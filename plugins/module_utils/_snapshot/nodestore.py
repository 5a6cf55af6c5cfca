# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stays on the node between two snapshots: copies of records, which only spare a transfer, and a large answer until it is fetched."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import tempfile
import time
from collections.abc import Iterable
from typing import Optional

NAME = re.compile("[0-9a-f]{64}")
COPIES = 8
UNFINISHED = ".evenkeel-unfinished-"
SPILLED = "evenkeel-drift-"
# Whatever is this old belongs to a run that was killed.
STALE_SECONDS = 3600.0
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Full(Exception):
    """The large answer could not be written anywhere."""


class NodeStore:
    """Without a folder nothing is kept. Nothing here raises when it cannot be kept or read: the controller has all of it."""

    def __init__(self, cache_dir: Optional[str]) -> None:
        self._folder = os.path.join(cache_dir, "records") if cache_dir else None

    def get(self, root: str) -> Optional[bytes]:
        if not self._folder or not NAME.fullmatch(root) or not _private(self._folder):
            return None
        path = os.path.join(self._folder, root)
        data = read_file(path)
        if data is not None:
            with contextlib.suppress(OSError):
                os.utime(path)
        return data

    def has(self, root: str) -> bool:
        return self._folder is not None and os.path.isfile(os.path.join(self._folder, root))

    def put(self, root: str, data: bytes) -> bool:
        if not self._folder:
            return False
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if not _private(self._folder):
                return False
            _write(self._folder, UNFINISHED, data, os.path.join(self._folder, root))
        except OSError:
            return False
        self._tidy()
        return True

    def _tidy(self) -> None:
        """Keep the copies that were used last."""
        folder = str(self._folder)
        sweep(folder, UNFINISHED)
        with contextlib.suppress(OSError):
            found = [(entry.stat(follow_symlinks=False).st_mtime_ns, entry.path) for entry in os.scandir(folder) if NAME.fullmatch(entry.name)]
            for _time, path in sorted(found)[:-COPIES]:
                _remove(path)


def spill(data: bytes, folders: Iterable[Optional[str]]) -> str:
    """The path of a file that only we can read, in the first of these folders that takes it."""
    faults = []
    for folder in filter(None, folders):
        sweep(folder, SPILLED)
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            return _write(folder, SPILLED, data)
        except OSError as exc:
            faults.append(f"{folder} ({(exc.strerror or type(exc).__name__).lower()})")
    raise Full(
        f"The answer of {len(data)} bytes is too large to travel inline, and it could not be written to {' nor to '.join(faults)}. "
        "Free space there, set cache_dir to a folder with space, or raise inline_limit."
    )


def sweep(folder: str, prefix: str, stale: float = STALE_SECONDS) -> None:
    """Remove what runs that were killed left there: only our own files, and only old ones."""
    before = time.time() - stale
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.name.startswith(prefix):
                with contextlib.suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_mtime < before:
                        _remove(entry.path)


def read_file(path: str, *, private: bool = True) -> Optional[bytes]:
    """The bytes of a regular file; a private one is one that only we can read and write."""
    try:
        descriptor = os.open(path, FLAGS)
        with open(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
            return stream.read() if ours or (stat.S_ISREG(found.st_mode) and not private) else None
    except OSError:
        return None


def _write(folder: str, prefix: str, data: bytes, final: str = "") -> str:
    descriptor, path = tempfile.mkstemp(prefix=prefix, dir=folder)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
        if final:
            os.rename(path, final)
    except OSError:
        _remove(path)
        raise
    return final or path


def _private(folder: str) -> bool:
    """Others who could write here could put another record in the place of ours."""
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)
