# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that is there whole, with its mode, or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def differs(path: Path, text: str, mode: int | None = None) -> bool:
    """Without a mode only the content counts."""
    if not path.is_file() or path.read_bytes() != text.encode("utf-8"):
        return True
    return mode is not None and stat.S_IMODE(path.stat().st_mode) != mode


def write(path: Path, text: str, *, mode: int) -> None:
    """Temporary file, fsync, rename."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            os.fchmod(handle, mode)
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fsync(handle)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def create(path: Path, data: bytes, *, prefix: str = ".new-") -> bool:
    """Temporary file, fsync, link: never in the place of another one. False when another one is there; only we can read it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(handle)
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True
