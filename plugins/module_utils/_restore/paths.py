# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a folder. Only links made by root or by us are followed: others would lead a restoration anywhere."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Refused

STEP = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LINK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
MOST_LINKS = 40


def split(path: bytes) -> tuple[bytes, bytes]:
    folder, name = os.path.split(path)
    if not path.startswith(b"/") or name in (b"", b".", b".."):
        raise Refused(f"{os.fsdecode(path)!r} is no absolute path of a thing in a folder", "Take the name from a snapshot.")
    return folder, name


@contextmanager
def opened(folder: bytes) -> Iterator[int]:
    """A descriptor of the folder, for `dir_fd`; FileNotFoundError and NotADirectoryError when there is none."""
    descriptor = _walk(folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def inside(descriptor: int, name: bytes) -> bytes:
    """A path for calls that know no `dir_fd`: it leads into the very folder that is open, wherever it is moved."""
    return b"/proc/self/fd/%d/%s" % (descriptor, name)


def _walk(folder: bytes) -> int:
    here = os.open(b"/", STEP)
    todo, links = _parts(folder), 0
    try:
        while todo:
            name = todo.pop(0)
            target = b""
            try:
                after = os.open(name, STEP, dir_fd=here)
            except OSError as exc:
                if exc.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
                target = _target(here, name, folder)
                links += 1
                if links > MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from exc
                todo[:0] = _parts(target)
                after = os.open(b"/", STEP) if target.startswith(b"/") else os.dup(here)
            os.close(here)
            here = after
        return here
    except BaseException:
        os.close(here)
        raise


def _target(here: int, name: bytes, folder: bytes) -> bytes:
    link = os.open(name, LINK, dir_fd=here)
    try:
        owner = os.fstat(link).st_uid
        try:
            # An empty name reads the link that is open, not one that was put in its place meanwhile.
            target = os.readlink(b"", dir_fd=link)
        except OSError as exc:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from exc
    finally:
        os.close(link)
    if owner not in (0, os.geteuid()):
        raise Refused(
            f"the way to {os.fsdecode(folder)} goes over the link {os.fsdecode(name)}, made by user {owner}",
            "Find out why a user's link is there and remove it, then restore again.",
        )
    return target


def _parts(path: bytes) -> list[bytes]:
    return [part for part in path.split(b"/") if part not in (b"", b".")]
