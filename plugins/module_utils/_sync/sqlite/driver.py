# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of SQLite, opened so that a source can't be written and a target isn't made by mistake."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError

AVAILABLE = True
NEEDS = ""


def name(*parts: str) -> str:
    """A quoted identifier: the one way in which names get into SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def connect(path: str, *, role: str, mode: str = "rw", timeout: float = 30) -> sqlite3.Connection:
    """`mode` is ro, rw or rwc, as in SQLite's own URIs."""
    try:
        found = sqlite3.connect(f"file:{quote(path)}?mode={mode}", uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)
        found.execute("select count(*) from sqlite_master").fetchone()
    except sqlite3.Error as exc:
        raise SyncError(f"Can't open the {role} database {path}: {exc}. Nothing was changed.") from None
    return found


@contextmanager
def opened(place: Mapping[str, Any], *, role: str, mode: str = "rw", timeout: float = 30) -> Iterator[sqlite3.Connection]:
    found = connect(place["path"], role=role, mode=mode, timeout=timeout)
    try:
        yield found
    finally:
        found.close()


def create_private(path: str) -> None:
    """An empty file that nobody else can read. Its rows are masked, yet they are as private as the target's."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def remove(path: str) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        if os.path.lexists(path + suffix):
            os.unlink(path + suffix)
