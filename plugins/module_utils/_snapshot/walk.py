# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies below some paths, looked at once each and never opened."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Optional


class Found(NamedTuple):
    path: str
    stat: Optional[os.stat_result]  # None when it is there and cannot be looked at
    unknown: str = ""  # why it, or what lies below it, cannot be told


def walk(paths: Sequence[str], exclude: Sequence[str]) -> Iterator[Found]:
    """Links are not followed. A folder that cannot be listed is unknown, the others are still looked at."""
    left_out = _matcher(exclude)
    for pattern in paths:
        tops = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]
        for top in tops:
            if not left_out(top):
                yield from _below(top, left_out)


def reason(exc: OSError) -> str:
    return (exc.strerror or "cannot be read").lower()


def _below(top: str, left_out: Callable[[str], Any]) -> Iterator[Found]:
    first = _looked(top)
    todo = [first] if first else []
    while todo:
        found = todo.pop()
        if found.stat is None or not stat.S_ISDIR(found.stat.st_mode):
            yield found
            continue
        try:
            names = os.listdir(found.path)
        except FileNotFoundError:
            continue
        except OSError as exc:
            yield found._replace(unknown=f"the folder cannot be listed ({reason(exc)})")
            continue
        yield found
        for name in names:
            path = f"{found.path}/{name}" if found.path != "/" else f"/{name}"
            one = None if left_out(path) else _looked(path)
            if one is None:
                continue
            if one.stat is not None and stat.S_ISDIR(one.stat.st_mode):
                todo.append(one)
            else:
                yield one


def _looked(path: str) -> Optional[Found]:
    try:
        return Found(path, os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        return Found(path, None, reason(exc))


def _matcher(patterns: Sequence[str]) -> Callable[[str], Any]:
    if not patterns:
        return lambda _path: False
    return re.compile("|".join(f"(?:{fnmatch.translate(pattern)})" for pattern in patterns)).match
