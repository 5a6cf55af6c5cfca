# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as files of a folder that only we can read: `ab/cdef…`, and `records/ab/cdef…` for the names of records, likewise `kin`."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_place import Shelf, StoreError
from ansible_collections.evenkeel.release.plugins.plugin_utils._files import create

UNFINISHED = ".unfinished-"


class Folder:
    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._shelves: dict[Shelf, Path] = {"objects": folder, "records": folder / "records", "kin": folder / "kin"}

    def read(self, shelf: Shelf, key: str) -> bytes | None:
        try:
            return self._path(shelf, key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise self._fault("Reading", shelf, key, exc) from exc

    def read_many(self, shelf: Shelf, keys: Iterable[str]) -> dict[str, bytes]:
        found = {key: self.read(shelf, key) for key in keys}
        return {key: data for key, data in found.items() if data is not None}

    def write(self, shelf: Shelf, key: str, data: bytes) -> None:
        """Beside, on disk, then renamed: nobody sees half of it, not even after a power cut."""
        path = self._path(shelf, key)
        try:
            self._make_folders(shelf, path)
            descriptor, beside = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
            try:
                with open(descriptor, "wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(descriptor)
                os.rename(beside, path)
            except BaseException:
                os.unlink(beside)
                raise
            _sync(path.parent)
        except OSError as exc:
            raise self._fault("Writing", shelf, key, exc) from exc

    def add(self, shelf: Shelf, key: str, data: bytes) -> bool:
        path = self._path(shelf, key)
        try:
            self._make_folders(shelf, path)
            if not create(path, data, prefix=UNFINISHED):
                return False
            _sync(path.parent)
        except PermissionError:  # a file system without links: there two at the same moment may both be the first
            if path.exists():
                return False
            self.write(shelf, key, data)
        except OSError as exc:
            raise self._fault("Writing", shelf, key, exc) from exc
        return True

    def touch(self, shelf: Shelf, keys: Iterable[str]) -> None:
        for key in keys:
            with contextlib.suppress(OSError):
                os.utime(self._path(shelf, key))

    def keys(self, shelf: Shelf) -> list[str]:
        return sorted(path.parent.name + path.name for path in self._files(shelf) if not path.name.startswith(UNFINISHED))

    def old(self, shelf: Shelf, keys: Iterable[str], *, older_than: float) -> list[str]:
        before = time.time() - older_than
        return [key for key in keys if self._is_old(self._path(shelf, key), before)]

    def remove(self, shelf: Shelf, keys: Iterable[str], *, older_than: float) -> list[str]:
        before = time.time() - older_than
        self._sweep(shelf, before)
        return [key for key in keys if self._unlink(self._path(shelf, key), before)]

    def _sweep(self, shelf: Shelf, before: float) -> None:
        for path in self._files(shelf):
            if path.name.startswith(UNFINISHED):
                self._unlink(path, before)

    def _is_old(self, path: Path, before: float) -> bool:
        try:
            return path.stat().st_mtime <= before
        except OSError:
            return False

    def _unlink(self, path: Path, before: float) -> bool:
        try:
            if not self._is_old(path, before):
                return False
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as exc:
            raise StoreError(f"Removing {path} failed: {exc.strerror}. Make {self.name} writable for this user.") from exc
        return True

    def _files(self, shelf: Shelf) -> Iterator[Path]:
        return self._shelves[shelf].glob("[0-9a-f][0-9a-f]/*")

    def _make_folders(self, shelf: Shelf, path: Path) -> None:
        # One by one: `parents` makes those in between with everybody's mode.
        for folder in (self._shelves["objects"], self._shelves[shelf], path.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _path(self, shelf: Shelf, key: str) -> Path:
        return self._shelves[shelf] / key[:2] / key[2:]

    def _fault(self, doing: str, shelf: Shelf, key: str, exc: OSError) -> StoreError:
        path = self._path(shelf, key)
        return StoreError(f"{doing} {path} failed: {exc.strerror}. Free space on its file system, or make {self.name} writable for this user.")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
