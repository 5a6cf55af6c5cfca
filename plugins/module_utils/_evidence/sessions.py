# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who was logged in when, from wtmp (utmp(5))."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

Event = dict[str, Any]
FILES = ("/var/log/wtmp.1", "/var/log/wtmp")
# type, pid, line, id, user, host, exit (2), session, seconds, microseconds, address, unused: the same on all 64-bit Linux hosts
RECORD = struct.Struct("<hxxi32s4s32s256shhiII16s20s")
BOOT, LOGIN, LOGOUT = 2, 7, 8


def events(host: Host, since: float, now: float) -> list[Event]:
    """[{how: session, time, until, who, text}] of sessions that had not ended before `since`; Unknown without the file."""
    found: list[Event] = []
    read = 0
    for path in FILES:
        try:
            found += sessions(host.data(path), now)
            read += 1
        except FileNotFoundError:
            continue
    if not read:
        raise Unknown("there is no /var/log/wtmp")
    return [event for event in found if event["until"] >= since]


def sessions(data: bytes, now: float) -> Iterator[Event]:
    """A session ends with its line's logout or with the next boot; one that has not ended goes on until now."""
    there: dict[bytes, Event] = {}
    for start in range(0, len(data) - RECORD.size + 1, RECORD.size):
        kind, _pid, line, _id, user, origin, _term, _exit, _session, seconds, micros, _address, _unused = RECORD.unpack_from(data, start)
        at = seconds + micros / 1e6
        if kind == BOOT:
            yield from (_ended(event, at) for event in there.values())
            there = {}
        elif kind in (LOGIN, LOGOUT):
            if line in there:
                yield _ended(there.pop(line), at)
            if kind == LOGIN and user.strip(b"\0"):
                there[line] = _event(_text(user), _text(line), _text(origin), at)
    yield from (_ended(event, now) for event in there.values())


def _event(who: str, line: str, origin: str, at: float) -> Event:
    return {"how": "session", "time": at, "until": at, "who": who, "text": f"{who} was logged in on {line}{f' from {origin}' if origin else ''}"}


def _ended(event: Event, at: float) -> Event:
    return {**event, "until": max(at, event["time"])}


def _text(value: bytes) -> str:
    text = value.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else "?" for char in text)
