# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modes that were narrowed, kept on the host until they are given back."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from typing import Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable


class Modes:
    def __init__(self, folder: str, *, alone: bool = False) -> None:
        """`alone`: others wait until this process ends. Two environments may share a host, and this file."""
        self._path = os.path.join(os.path.expanduser(folder), "modes.json")
        if alone:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            self._lock = os.open(os.path.dirname(self._path), os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._kept: dict[str, int] = self._read()
        self._dirty = False

    def of(self, path: bytes) -> Optional[int]:
        return self._kept.get(printable(path))

    def keep(self, path: bytes, mode: int) -> None:
        self._kept[printable(path)] = mode
        self._dirty = True

    def forget(self, path: bytes) -> None:
        if self._kept.pop(printable(path), None) is not None:
            self._dirty = True

    def flush(self) -> None:
        """Before modes are changed, and after they were given back."""
        if self._dirty:
            self._save()

    def _save(self) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(dir=os.path.dirname(self._path))
        try:
            with open(descriptor, "w", encoding="utf-8") as stream:
                json.dump(self._kept, stream)
                stream.flush()
                os.fsync(stream.fileno())
            os.rename(beside, self._path)
        except OSError:
            os.unlink(beside)
            raise
        self._dirty = False

    def _read(self) -> dict[str, int]:
        try:
            with open(self._path, encoding="utf-8") as stream:
                return {str(path): int(mode) for path, mode in json.load(stream).items()}
        except FileNotFoundError:
            return {}
