# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of preserved things in a folder that only its owner may open: <folder>/<id>/index.json and <id>/contents/<sha256>.

A set is written beside its place and takes it by one rename; one that is there is never written again, since whatever came
after it would record the new state as the old one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._preserve.errors import PreserveError
from ansible_collections.evenkeel.release.plugins.module_utils._restore import look

ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
FORMAT = "evenkeel-preserved-1"
PARTIAL = ".partial-"


class Book:
    def __init__(self, folder: str, group: str = "", *, largest: int) -> None:
        self.folder = os.path.abspath(os.path.expanduser(folder))
        if group:
            self.folder = self._inside(group, option="group")
        self.largest = largest

    def place(self, name: str) -> str:
        return self._inside(name, option="id")

    def _inside(self, name: str, *, option: str) -> str:
        if not ID.fullmatch(name):
            raise PreserveError(f"{option} is {name!r}; allowed: letters, digits and . _ -, at most 128, a letter or digit first.")
        return os.path.join(self.folder, name)

    def names(self) -> list[str]:
        """Oldest first."""
        if not os.path.isdir(self.folder):
            return []
        found = [(self._time(name), name) for name in os.listdir(self.folder) if ID.fullmatch(name) and os.path.exists(self._index(name))]
        return [name for _time, name in sorted(found)]

    def load(self, name: str) -> Optional[dict[str, Any]]:
        path = os.path.join(self.place(name), "index.json")
        try:
            self._check_closed(self.place(name))
            with open(path, encoding="utf-8") as stream:
                found = json.load(stream)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise PreserveError(f"The preserved set {path} cannot be read ({exc}). It is no way back; look who wrote there.") from exc
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise PreserveError(f"{path} is no preserved set of the format {FORMAT}.")
        return found

    def save(self, name: str, observed: Mapping[str, Any], *, time: str) -> None:
        place, beside = self.place(name), os.path.join(self.folder, PARTIAL + name)
        os.makedirs(os.path.dirname(self.folder), mode=0o700, exist_ok=True)
        if not os.path.isdir(self.folder):
            os.mkdir(self.folder, 0o700)
        self._check_closed(self.folder)
        shutil.rmtree(beside, ignore_errors=True)
        for folder in (beside, os.path.join(beside, "contents")):
            os.mkdir(folder, 0o700)
        try:
            for path, digest in contents_of(observed):
                self._keep(beside, path, digest)
            _write(os.path.join(beside, "index.json"), json.dumps({"format": FORMAT, "id": name, "time": time, **observed}, indent=1).encode())
            os.rename(beside, place)
        except OSError as exc:
            raise PreserveError(f"{place} could not be written ({exc.strerror or exc}). Nothing was preserved.") from exc
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def content(self, name: str, digest: str) -> bytes:
        path = os.path.join(self.place(name), "contents", digest)
        try:
            with open(path, "rb") as stream:
                data = stream.read()
        except OSError as exc:
            raise PreserveError(f"The preserved content {path} is gone ({exc.strerror or exc}). Nothing was changed.") from exc
        if hashlib.sha256(data).hexdigest() != digest:
            raise PreserveError(f"The preserved content {path} is not what was preserved. Nothing was changed; look who wrote there.")
        return data

    def remove(self, name: str) -> bool:
        place = self.place(name)
        there = os.path.isdir(place)
        if there:
            shutil.rmtree(place)
        return there

    def surplus(self, *, keep: int, spare: str) -> list[str]:
        names = self.names()
        return [name for name in names[: max(0, len(names) - keep)] if name != spare]

    def _keep(self, beside: str, path: str, digest: str) -> None:
        try:
            data = look.content(os.fsencode(path))
        except OSError as exc:
            raise PreserveError(f"{path} cannot be read ({exc.strerror or exc}). Nothing was preserved.") from exc
        if len(data) > self.largest:
            raise PreserveError(f"{path} has {len(data)} bytes, more than max_file_size, which is {self.largest}. Raise it, or leave the file out.")
        if hashlib.sha256(data).hexdigest() != digest:
            raise PreserveError(f"{path} was changed while it was being preserved. Nothing was preserved; try again when nobody writes there.")
        _write(os.path.join(beside, "contents", digest), data)

    def _index(self, name: str) -> str:
        return os.path.join(self.folder, name, "index.json")

    def _time(self, name: str) -> float:
        try:
            return os.path.getmtime(self._index(name))
        except OSError:
            return 0.0

    @staticmethod
    def _check_closed(folder: str) -> None:
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            raise PreserveError(f"{folder} must be a folder of the connecting user with mode 0700: it holds configuration with its secrets.")


def contents_of(observed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, sha256) of every regular file of a set."""
    for found in observed["services"].values():
        for name, item in found["config"].items():
            if item and "sha256" in item:
                yield os.path.join(found["root"], "config", found["colour"], name), item["sha256"]
    for path, item in observed["files"].items():
        if item and "sha256" in item:
            yield path, item["sha256"]


def _write(path: str, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
