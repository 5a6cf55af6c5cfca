# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who touched a path, from the log of the kernel's audit: only where somebody made rules for it."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._evidence.logs import log_lines
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable

Event = dict[str, Any]
FILES = ("/var/log/audit/audit.log*",)
MOST_RECORDS = 200_000
NOBODY = "4294967295"
_HEAD = re.compile(r"(?:node=\S+ )?type=(\S+) msg=audit\((\d+\.\d+):(\d+)\): (.*)")
_FIELD = re.compile(r"(\w+)=(\"[^\"]*\"|\S+)")
# Reading is no change. These are the ways to make, write, rename, remove and re-own.
READS = frozenset({"READ", "NORMAL_READ"})


def events(host: Host, since: float, paths: Collection[str]) -> list[Event]:
    """[{how: audit, time, who, path, text}] of records that name one of the paths; Unknown when there is no such log."""
    return list(_matched(log_lines(host, FILES, since), since, frozenset(paths)))


def _matched(lines: Iterable[str], since: float, paths: frozenset[str]) -> Iterator[Event]:
    calls: dict[str, tuple[float, dict[str, str]]] = {}
    folders: dict[str, str] = {}
    for number, line in enumerate(lines):
        found = _HEAD.match(line)
        if number >= MOST_RECORDS or not found:
            continue
        kind, at, serial, rest = found.groups()
        if float(at) < since:
            continue
        fields = dict(_FIELD.findall(rest.replace("\x1d", " ")))
        if kind == "SYSCALL":
            calls = {serial: (float(at), fields)}  # its other records follow at once
            folders = {}
        elif kind == "CWD":
            folders[serial] = _text(fields.get("cwd", ""))
        elif kind == "PATH" and serial in calls and fields.get("nametype") not in READS:
            path = printable(os.path.normpath(os.path.join(folders.get(serial, "/"), _text(fields.get("name", "")))))
            event = _event(calls[serial], path, fields.get("nametype", "")) if path in paths else None
            if event:
                yield event


def _event(call: tuple[float, dict[str, str]], path: str, kind: str) -> Optional[Event]:
    at, fields = call
    if fields.get("success") != "yes":
        return None
    user = fields.get("auid", NOBODY)
    program = printable(_text(fields.get("exe", "")))
    who = "" if user == NOBODY else _name(user)
    text = f"{program} run by {who or 'a service'} as {_name(fields.get('uid', ''))}: {kind.lower()} {path}"
    return {"how": "audit", "time": at, "who": who, "path": path, "program": program, "text": text}


def _text(value: str) -> str:
    """Names with spaces or quotes are written in hexadecimal."""
    if value.startswith('"'):
        return value[1:-1]
    if value == "(null)":
        return ""
    try:
        return bytes.fromhex(value).decode("utf-8", "surrogateescape")
    except ValueError:
        return value


def _name(uid: str) -> str:
    try:
        return pwd.getpwuid(int(uid)).pw_name
    except (KeyError, ValueError, OverflowError):
        return f"uid {uid}"
