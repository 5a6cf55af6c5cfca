# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ends of log files, and whole configuration files, as texts. What is cut says so."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable
from typing import IO, NamedTuple

FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
MAGIC = "*?["


class Absent(Exception):
    """Why a part is not there: `state` is missing, skipped or failed."""

    def __init__(self, state: str, reason: str) -> None:
        super().__init__(reason)
        self.state = state


class Taken(NamedTuple):
    text: str
    available: int
    cut: bool


def matching(patterns: Iterable[str], *, most: int) -> list[str]:
    """Paths, also of patterns that match nothing and name one file; of each pattern the `most` that were written last."""
    found: dict[str, None] = {}
    for pattern in patterns:
        if any(mark in pattern for mark in MAGIC):
            newest = sorted(glob.glob(pattern, recursive=True), key=lambda path: (-_written(path), path))
            found.update(dict.fromkeys(path for path in newest[:most] if not os.path.isdir(path)))
        else:
            found[pattern] = None
    return list(found)


def tail(path: str, *, lines: int, size: int) -> Taken:
    """The last lines, whole ones: half a line might be half a secret."""
    with _opened(path) as stream:
        available = os.fstat(stream.fileno()).st_size
        begin = max(0, available - size)
        # The byte before tells whether the first line is whole.
        stream.seek(max(0, begin - 1))
        data = stream.read(size + 1)
    if begin:
        _half, _newline, data = data.partition(b"\n")
    rows = data.split(b"\n")
    whole = rows[-lines - 1 :] if rows and not rows[-1] else rows[-lines:]
    text = b"\n".join(whole).decode("utf-8", "backslashreplace")
    return Taken(text, available, bool(begin) or len(whole) < len(rows))


def whole(path: str, *, size: int) -> Taken:
    """A file that is larger is cut at the end of a line."""
    with _opened(path) as stream:
        available = os.fstat(stream.fileno()).st_size
        data = stream.read(size + 1)
    if b"\0" in data:
        raise Absent("skipped", f"{path} is no text")
    cut = len(data) > size
    if cut:
        data = data[: size + 1].rpartition(b"\n")[0]
    return Taken(data.decode("utf-8", "backslashreplace"), available, cut)


def cut_lines(rows: list[str], *, lines: int, size: int) -> tuple[list[str], bool]:
    """The last of them that fit."""
    kept: list[str] = []
    used = 0
    for row in reversed(rows):
        used += len(row.encode("utf-8", "backslashreplace")) + 1
        if len(kept) >= lines or used > size:
            return kept[::-1], True
        kept.append(row)
    return kept[::-1], False


def _opened(path: str) -> IO[bytes]:
    """Not a pipe, whose reader would wait, nor a link that the service's own user planted to have us read another file."""
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
            raise Absent("skipped", f"{path} is a link that belongs to user {found.st_uid}; name the file that it points to")
        descriptor = os.open(path, FLAGS if stat.S_ISLNK(found.st_mode) else FLAGS | os.O_NOFOLLOW)
    except FileNotFoundError as exc:
        raise Absent("missing", f"there is no {path}") from exc
    except (OSError, ValueError) as exc:
        raise Absent("failed", f"{path} cannot be read ({reason(exc)})") from exc
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Absent("skipped", f"{path} is not a regular file")
    return open(descriptor, "rb")


def reason(exc: BaseException) -> str:
    return str(getattr(exc, "strerror", None) or type(exc).__name__).lower()


def _written(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
