# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One path as it is now, in the words of a snapshot. Pipes and devices are never opened, links never followed."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore import paths
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import xattrs
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
BLOCK = 1 << 20


def look(path: bytes) -> Optional[dict[str, Any]]:
    """None when nothing is there; {"unknown": why} when it cannot be told. paths.Refused when the way there is not safe."""
    folder, name = paths.split(path)
    try:
        with paths.opened(folder) as here:
            return _item(here, name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        return {"unknown": (exc.strerror or type(exc).__name__).lower()}


def names_in(path: bytes) -> list[bytes]:
    with paths.opened(path) as here:
        return sorted(os.listdir(paths.inside(here, b"")))


def content(path: bytes) -> bytes:
    """All of a regular file; OSError, also when it is something else."""
    folder, name = paths.split(path)
    with paths.opened(folder) as here, open(os.open(name, READ, dir_fd=here), "rb") as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(f"{os.fsdecode(path)} is not a regular file")
        return stream.read()


def _item(here: int, name: bytes) -> dict[str, Any]:
    found = os.lstat(paths.inside(here, name))
    kind = TYPES.get(stat.S_IFMT(found.st_mode), "device")
    item: dict[str, Any] = {
        "type": kind,
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "owner": xattrs.name_of("owner", found.st_uid),
        "group": xattrs.name_of("group", found.st_gid),
    }
    if kind == "folder" and found.st_dev != os.fstat(here).st_dev:
        item["mount"] = True
    if kind == "link":
        item["target"] = printable(os.readlink(name, dir_fd=here))
    if kind == "file":
        item.update(_digest(here, name))
    return {**item, **xattrs.read(paths.inside(here, name))}


def _digest(here: int, name: bytes) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with open(os.open(name, READ, dir_fd=here), "rb", buffering=0) as stream:
        for block in iter(lambda: stream.read(BLOCK), b""):
            digest.update(block)
            size += len(block)
    return {"size": size, "sha256": digest.hexdigest()}
