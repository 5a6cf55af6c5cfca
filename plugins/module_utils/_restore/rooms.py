# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private folders in which new things are made, each on the file system of their place. Nobody else can swap what lies in one."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ansible_collections.evenkeel.release.plugins.module_utils._restore import paths


class Rooms:
    """`mark` names the folders, so that a later run finds them. Where they lie is decided once, before anything is made."""

    def __init__(self, mark: str, targets: Sequence[bytes] = ()) -> None:
        self.name = f".{mark}".encode()
        self._of = {path: _nearest(paths.split(path)[0]) for path in targets}

    def folders(self) -> list[bytes]:
        return sorted(set(self._of.values()))

    @contextmanager
    def entered(self, path: bytes) -> Iterator[tuple[int, bytes]]:
        """(descriptor of the private folder, name in it) for the thing that will be at `path`."""
        with paths.opened(self._of[path]) as here:
            with suppress(FileExistsError):
                os.mkdir(self.name, 0o700, dir_fd=here)
            room = os.open(self.name, paths.STEP, dir_fd=here)
            try:
                found = os.fstat(room)
                if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
                    raise PermissionError(f"{os.fsdecode(self.name)} was made by somebody else")
                yield room, hashlib.sha256(path).hexdigest()[:16].encode()
            finally:
                os.close(room)

    def sweep(self, folders: Sequence[bytes] = ()) -> int:
        """Remove the private folders and what is left in them; how many there were."""
        return sum(_swept(folder, self.name) for folder in folders or self.folders())


def _nearest(folder: bytes) -> bytes:
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    return folder


def _swept(folder: bytes, name: bytes) -> int:
    try:
        with paths.opened(folder) as here:
            room = os.open(name, paths.STEP, dir_fd=here)
            try:
                for left in os.listdir(paths.inside(room, b"")):
                    _unlink(left, room)
            finally:
                os.close(room)
            os.rmdir(name, dir_fd=here)
    except OSError:
        return 0
    return 1


def _unlink(name: bytes, room: int) -> None:
    try:
        os.unlink(name, dir_fd=room)
    except IsADirectoryError:
        os.rmdir(name, dir_fd=room)
