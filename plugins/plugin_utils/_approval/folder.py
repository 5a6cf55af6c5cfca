# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading files that anybody may have put there: only by names that we know, never through a link, never more than a limit.

Nothing is searched for: a folder of a hundred thousand files costs no more than one of three.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import text

SIGNATURE = 32 * 1024
STRANGERS = 20
LOOKED_AT = 2000


class Unreadable(Exception):
    """There is something of that name which is not taken; the reason."""


@contextmanager
def opened(root: str, *names: str) -> Iterator[int | None]:
    """A descriptor of root/names, None when it is not there. The root may be a link, nothing below it."""
    handles: list[int] = []
    try:
        for number, name in enumerate((root, *names)):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | (os.O_NOFOLLOW if number else 0)
            try:
                handles.append(os.open(name, flags, dir_fd=handles[-1] if handles else None))
            except FileNotFoundError:
                yield None
                return
            except OSError as exc:
                raise Unreadable(f"{name} is no folder of its own ({exc.strerror})") from exc
        yield handles[-1]
    finally:
        for handle in reversed(handles):
            os.close(handle)


def read(folder: int, name: str, *, limit: int = text.LONGEST) -> bytes | None:
    """None when there is no such file; Unreadable for links, pipes, devices and what is longer than the limit."""
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise Unreadable(f"it is no plain file ({exc.strerror})") from exc
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable("it is no plain file")
        with os.fdopen(os.dup(handle), "rb") as stream:
            data = stream.read(limit + 1)
    finally:
        os.close(handle)
    if len(data) > limit:
        raise Unreadable(f"it has more than {limit} bytes")
    return data


def strangers(folder: int, known: set[str]) -> tuple[list[str], bool]:
    """(a few names of files that nobody asked for, whether there are more than could be looked at)."""
    with os.scandir(folder) as entries:
        seen = [entry.name for entry in islice(entries, LOOKED_AT + 1)]
    return sorted(name for name in seen if name not in known)[:STRANGERS], len(seen) > LOOKED_AT
