# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's cache of artifacts, by content.

objects/ab/abcd...            the bytes, read-only, under their SHA-256; only what was checked is ever here
index/<component>/<version>/<platform>.json   what was seen under that name first, for ever
signatures/<sha256>/<id>      signatures that came with it, checked anew each time
parts/<sha256>                what a download has brought so far
locks/<sha256>                one download at a time
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import download, names
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError, ClashError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.platforms import Platform
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import file_digest

FOLDERS = ("objects", "index", "signatures", "parts", "locks")
POLL = 0.05


class Name(NamedTuple):
    component: str
    version: str
    platform: Platform

    @property
    def label(self) -> str:
        return "-".join(part for part in self.platform if part) or "any"

    def __str__(self) -> str:
        return f"{self.component} {self.version} ({self.platform})"


class Held(NamedTuple):
    sha256: str
    size: int
    used: float


class Cache:
    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self) -> None:
        for name in FOLDERS:
            (self.root / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def object(self, sha256: str) -> Path:
        digest = names.digest(sha256)
        return self.root / "objects" / digest[:2] / digest

    def part(self, sha256: str) -> Path:
        return self.root / "parts" / names.digest(sha256)

    def intact(self, sha256: str) -> bool:
        """Whether the bytes are here and are still what they were."""
        path = self.object(sha256)
        return path.is_file() and file_digest(path).hex() == sha256

    def put(self, sha256: str) -> Path:
        """Makes the checked part file the object."""
        part, path = self.part(sha256), self.object(sha256)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        part.chmod(0o400)
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        os.replace(part, path)
        return path

    def touch(self, sha256: str) -> None:
        os.utime(self.object(sha256))

    @contextmanager
    def lock(self, sha256: str, *, seconds: float) -> Iterator[None]:
        path = self.root / "locks" / names.digest(sha256)
        end = time.monotonic() + seconds
        with path.open("a") as stream:
            while not _locked(stream.fileno()):
                if time.monotonic() >= end:
                    raise ArtifactError(f"Another run has been loading {sha256} for more than {seconds:g} s (lock {path}). Wait for it, or end it.")
                time.sleep(POLL)
            yield

    def seen(self, name: Name) -> dict[str, Any] | None:
        """What was seen under that name first."""
        try:
            found = json.loads(self._index(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            raise ArtifactError(f"The cache index {self._index(name)} can't be read ({exc}). Restore it, or find out who changed it.") from exc
        return dict(found)

    def check_claim(self, name: Name, sha256: str) -> dict[str, Any] | None:
        known = self.seen(name)
        if known and known.get("sha256") != sha256:
            raise clash(name, known=str(known.get("sha256")), where=f"seen from {known.get('source')} at {known.get('time')}", wanted=sha256)
        return known

    def claim(self, name: Name, sha256: str, facts: dict[str, Any]) -> None:
        """For ever; whoever is second with other bytes gets the error."""
        path = self._index(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        body = {"component": name.component, "version": name.version, "platform": str(name.platform), "sha256": sha256, **facts}
        if not _files.create(path, json.dumps(body, sort_keys=True, indent=1).encode()):
            self.check_claim(name, sha256)

    def signature(self, sha256: str, source: str) -> Path:
        return self.root / "signatures" / names.digest(sha256) / hashlib.sha256(source.encode()).hexdigest()

    def keep_signature(self, sha256: str, source: str, content: bytes) -> None:
        """In one step: another host of the play may be reading it."""
        path = self.signature(sha256, source)
        if path.is_file() and path.read_bytes() == content:
            return
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.replace(temporary, path)

    def held(self) -> list[Held]:
        found = []
        for path in sorted((self.root / "objects").glob("??/*")):
            status = path.stat()
            found.append(Held(path.name, status.st_size, status.st_mtime))
        return found

    def remove(self, sha256: str) -> None:
        """The bytes and their signatures; the index stays, so that the version stays what it was."""
        self.object(sha256).unlink(missing_ok=True)
        folder = self.root / "signatures" / names.digest(sha256)
        for path in folder.glob("*"):
            path.unlink(missing_ok=True)
        if folder.is_dir():
            folder.rmdir()

    def remove_parts(self, *, before: float) -> list[str]:
        """Downloads that nobody has gone on with since then."""
        old = [path for path in sorted((self.root / "parts").glob("*")) if not path.name.endswith(".json") and path.stat().st_mtime < before]
        for path in old:
            download.discard(path)
        return [path.name for path in old]

    def _index(self, name: Name) -> Path:
        names.check(component=name.component, version=name.version)
        return self.root / "index" / name.component / name.version / f"{name.label}.json"


def clash(name: Name, *, known: str, where: str, wanted: str) -> ClashError:
    return ClashError(
        f"{name} has SHA-256 {known}, {where}; the release manifest now pins {wanted}."
        " A version never changes its content: publish a new version, or put the old digest back."
    )


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
