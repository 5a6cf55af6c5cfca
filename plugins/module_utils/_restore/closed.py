# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a place takes no change. Asked before anything is touched, so that a refusal leaves everything as it is."""

from __future__ import annotations

import os

from ansible_collections.evenkeel.release.plugins.module_utils._immutable import flags
from ansible_collections.evenkeel.release.plugins.module_utils._restore import paths
from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Refused
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import real_path

MOUNTS = "/proc/self/mountinfo"


def closed(key: str) -> str:
    """Empty when the thing of this key can be replaced, made or removed."""
    folder, name = paths.split(real_path(key.partition(":")[2]))
    try:
        with paths.opened(folder) as here:
            return _closed(here, folder, name)
    except Refused as exc:
        return exc.reason
    except (FileNotFoundError, NotADirectoryError):
        return f"its folder {os.fsdecode(folder)} is missing and is not to be restored with it"
    except OSError as exc:
        return f"its folder cannot be opened ({(exc.strerror or type(exc).__name__).lower()})"


def _closed(here: int, folder: bytes, name: bytes) -> str:
    place = paths.inside(here, b".")
    if os.statvfs(place).f_flag & os.ST_RDONLY:
        return "it lies on a file system that is mounted read-only"
    if os.path.join(os.path.realpath(folder), name) in _mounts():
        return "it is a mount point of its own and cannot be replaced"
    if not os.access(place, os.W_OK | os.X_OK):
        return "the connecting user may not write to its folder"
    for path, what in ((place, "its folder"), (paths.inside(here, name), "it")):
        if os.path.lexists(path) and _immutable(path):
            return f"{what} has the immutable attribute"
    return ""


def _immutable(path: bytes) -> bool:
    try:
        return bool(flags.of(path))
    except OSError:
        return False


def _mounts() -> set[bytes]:
    try:
        with open(MOUNTS, "rb") as stream:
            fields = [line.split(b" ") for line in stream.read().splitlines()]
    except OSError:
        return set()
    return {field[4].replace(b"\\040", b" ").replace(b"\\011", b"\t").replace(b"\\134", b"\\") for field in fields if len(field) > 4}
