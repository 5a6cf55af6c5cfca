# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a balancer reads: replaced whole, by one writer at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator

from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError


@contextlib.contextmanager
def locked(path: str) -> Iterator[None]:
    """Two runs that change two services in one file must not undo each other. The folder is locked: the file itself gets replaced."""
    folder = os.path.dirname(path) or "."
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as exc:
        raise TrafficError(f"Folder {folder} cannot be opened: {exc.strerror}.") from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(path: str, what: str) -> str:
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError) as exc:
        raise TrafficError(f"{what} {path} cannot be read: {getattr(exc, 'strerror', None) or exc}.") from exc


def replace(path: str, text: str) -> None:
    """Mode and owner stay."""
    try:
        found = os.stat(path)
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".traffic.")
    except OSError as exc:
        raise TrafficError(f"{path} cannot be replaced: {exc.strerror}.") from exc
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fchmod(stream.fileno(), found.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(stream.fileno(), found.st_uid, found.st_gid)
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except OSError as exc:
        raise TrafficError(f"{path} cannot be replaced: {exc.strerror}.") from exc
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
