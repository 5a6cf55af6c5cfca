# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that the host itself gives away by their names: in configuration files and in the environment of processes."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.choose import format_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.formats.shape import Broken
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.secrets import is_secret

_IN_URL = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")


def of_config(path: str, text: str) -> list[str]:
    """Values under telling keys; a file that no format can read gives none, its lines are redacted all the same."""
    try:
        values = format_of(path).parse(text)
    except (Broken, ValueError, RecursionError):
        return []
    return list(_telling(values.items()))


def of_environment(pids: Iterable[int]) -> list[str]:
    """What these processes were started with; those of other users may be closed to us."""
    found: list[str] = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/environ", "rb") as stream:
                pairs = stream.read(1 << 20).decode("utf-8", "surrogateescape").split("\0")
        except OSError:
            continue
        found += _telling((key, value) for pair in pairs for key, mark, value in [pair.partition("=")] if mark)
    return found


def of_script(text: str) -> list[str]:
    """`export NAME='value'` of a script, or `NAME=value "NAME=v"` as systemd shows it."""
    try:
        words = shlex.split(text, comments=False)
    except ValueError:
        return []
    return list(_telling((key, value) for word in words for key, mark, value in [word.partition("=")] if mark))


def _telling(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for key, value in pairs:
        yield from _IN_URL.findall(value)
        if is_secret(key, value) and not _IN_URL.search(value):
            yield from _texts(value)


def _texts(value: str) -> Iterator[str]:
    """A list of secrets is written as one value."""
    try:
        read = json.loads(value)
    except (ValueError, RecursionError):
        read = value
    for each in read if isinstance(read, list) else [read]:
        yield each if isinstance(each, str) else value
