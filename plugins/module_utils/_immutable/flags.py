# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The immutable attribute of files and folders, as chattr(1) sets it."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import stat
import struct
from typing import Optional

# _IOR('f', 1, long) and _IOW('f', 2, long) of linux/fs.h; the kernel reads and writes an int.
_LONG = struct.calcsize("l")
GET = (2 << 30) | (_LONG << 16) | (ord("f") << 8) | 1
SET = (1 << 30) | (_LONG << 16) | (ord("f") << 8) | 2
IMMUTABLE = 0x10
OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
UNSUPPORTED = (errno.ENOTTY, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def of(path: bytes) -> Optional[bool]:
    """None where there is no such attribute: another file system, or neither file nor folder."""
    try:
        descriptor = _opened(path)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO):
            return None
        raise
    if descriptor is None:
        return None
    try:
        flags = _flags(descriptor)
        return None if flags is None else bool(flags & IMMUTABLE)
    finally:
        os.close(descriptor)


def give(path: bytes, wanted: bool) -> Optional[bool]:
    """Whether it was changed; None where there is no such attribute. PermissionError without CAP_LINUX_IMMUTABLE."""
    descriptor = _opened(path)
    if descriptor is None:
        return None
    try:
        flags = _flags(descriptor)
        if flags is None:
            return None
        after = flags | IMMUTABLE if wanted else flags & ~IMMUTABLE
        if after == flags:
            return False
        try:
            fcntl.ioctl(descriptor, SET, array.array("i", [after, 0]))
        except OSError as exc:
            if exc.errno in UNSUPPORTED:
                return None
            raise
        return True
    finally:
        os.close(descriptor)


def _opened(path: bytes) -> Optional[int]:
    """Devices and pipes are not opened for more than a look at what they are."""
    kind = os.lstat(path).st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return None
    return os.open(path, OPEN)


def _flags(descriptor: int) -> Optional[int]:
    value = array.array("i", [0, 0])
    try:
        fcntl.ioctl(descriptor, GET, value, True)
    except OSError as exc:
        if exc.errno in UNSUPPORTED:
            return None
        raise
    return value[0]
