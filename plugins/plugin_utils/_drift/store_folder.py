# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects as files of a folder that only we can read: `ab/cdef…`, and `records/ab/cdef…` for the names of records, likewise `kin`."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_place import Shelf, StoreError

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
        self._put(shelf, key, data, os.rename)

    def add(self, shelf: Shelf, key: str, data: bytes) -> bool:
        return self._put(shelf, key, data, _link)

    def _put(self, shelf: Shelf, key: str, data: bytes, name: Callable[[str, Path], bool | None]) -> bool:
        """Beside, on disk, then named: nobody sees half of it, not even after a power cut."""
        path = self._path(shelf, key)
        try:
            # One by one: `parents` makes those in between with everybody's mode.
            for folder in (self._shelves["objects"], self._shelves[shelf], path.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, beside = tempfile.mkstemp(prefix=UNFINISHED, dir=path.parent)
            try:
                with open(descriptor, "wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(descriptor)
                named = name(beside, path) is not False
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(beside)
                raise
            _sync(path.parent)
        except OSError as exc:
            raise self._fault("Writing", shelf, key, exc) from exc
        return named

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

    def _path(self, shelf: Shelf, key: str) -> Path:
        return self._shelves[shelf] / key[:2] / key[2:]

    def _fault(self, doing: str, shelf: Shelf, key: str, exc: OSError) -> StoreError:
        path = self._path(shelf, key)
        return StoreError(f"{doing} {path} failed: {exc.strerror}. Free space on its file system, or make {self.name} writable for this user.")


def _link(beside: str, path: Path) -> bool:
    try:
        os.link(beside, path)
    except PermissionError:  # a file system without links: there two at the same moment may both be the first
        if not path.exists():
            os.rename(beside, path)
            return True
    except FileExistsError:
        pass
    else:
        os.unlink(beside)
        return True
    os.unlink(beside)
    return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
