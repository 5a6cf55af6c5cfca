# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets that wait for others: TCP that listens, UDP without a peer; which processes hold them, and as whom.

A socket held by the service manager is its alone, whether the service it starts runs at this moment or not.
"""

from __future__ import annotations

import os
import re
import socket
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items, Unknown, printable

NAME = "ports"
KINDS: tuple[str, ...] = ("port",)
# A UDP socket without a peer has the state that TCP calls closed.
WAITING = {"tcp": "0A", "udp": "07"}
TABLES = (("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp"))
UID = re.compile(r"^Uid:\s+\d+\s+(\d+)", re.MULTILINE)


class Waiting(NamedTuple):
    name: str  # tcp:0.0.0.0:22
    uid: str
    inode: str


class Holder(NamedTuple):
    pid: int
    process: str
    uid: str


def collect(options: Mapping[str, Any], host: Host) -> Items:  # noqa: ARG001  all collectors are called alike
    first = _tables(host)
    holders, closed = _holders({one.inode for one in first}, host)
    # What nobody holds may have ended in between; what is still there is the kernel's own, or hidden.
    still = set(_tables(host)) if any(one.inode not in holders for one in first) else set()
    users = _users(host)
    items: Items = {}
    for name in sorted({one.name for one in first}):
        several = [one for one in first if one.name == name and (one.inode in holders or one in still)]
        if several:
            items[f"port:{name}"] = _item(several, holders, users=users, closed=closed)
    return items


def _item(several: list[Waiting], holders: Mapping[str, list[Holder]], *, users: Mapping[str, str], closed: Optional[str]) -> dict[str, Any]:
    found = [holder for one in several for holder in holders.get(one.inode, ())]
    if not found:
        owner = ",".join(sorted({users.get(one.uid, one.uid) for one in several}))
        return {"process": "kernel", "user": owner} if closed is None else {"unknown": closed, "user": owner}
    found = [holder for holder in found if holder.pid == 1] or found
    return {
        "process": ",".join(sorted({printable(holder.process) for holder in found})),
        "user": ",".join(sorted({users.get(holder.uid, holder.uid) for holder in found})),
    }


def _tables(host: Host) -> list[Waiting]:
    found: list[Waiting] = []
    seen = 0
    for name, protocol in TABLES:
        try:
            found += parse(host.text(f"/proc/net/{name}"), protocol)
        except FileNotFoundError:  # a kernel without IPv6
            continue
        seen += 1
    if not seen:
        raise Unknown("/proc/net/tcp is not there")
    return found


def parse(text: str, protocol: str) -> list[Waiting]:
    found = []
    for fields in map(str.split, text.splitlines()[1:]):
        if len(fields) < 10 or fields[3] != WAITING[protocol]:
            continue
        try:
            found.append(Waiting(f"{protocol}:{endpoint(fields[1])}", fields[7], fields[9]))
        except (ValueError, struct.error, OSError):
            continue
    return found


def endpoint(text: str) -> str:
    """`0100007F:0016` is 127.0.0.1:22: the words of an address are in the order of this machine's bytes."""
    digits, _colon, port = text.partition(":")
    words = [int(digits[start : start + 8], 16) for start in range(0, len(digits), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    if len(words) == 1:
        return f"{socket.inet_ntop(socket.AF_INET, packed)}:{int(port, 16)}"
    return f"[{socket.inet_ntop(socket.AF_INET6, packed)}]:{int(port, 16)}"


def _holders(inodes: set[str], host: Host) -> tuple[dict[str, list[Holder]], Optional[str]]:
    """({inode: who holds it}, why some could not be seen)."""
    held: dict[str, list[Holder]] = {}
    closed: Optional[str] = None
    for pid in (name for name in host.names("/proc") if name.isdigit()):
        try:
            mine = _sockets(host.path(f"/proc/{pid}/fd")) & inodes
            holder = Holder(int(pid), host.text(f"/proc/{pid}/comm").rstrip("\n"), _uid(host.text(f"/proc/{pid}/status"))) if mine else None
        except PermissionError:
            closed = "the processes of other users cannot be seen (permission denied)"
            continue
        except (OSError, Unknown):  # it ended
            continue
        for inode in mine:
            held.setdefault(inode, []).extend([holder] if holder else [])
    return held, closed


def _sockets(folder: str) -> set[str]:
    found = set()
    for name in os.listdir(folder):
        try:
            target = os.readlink(f"{folder}/{name}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found


def _uid(status: str) -> str:
    found = UID.search(status)
    return found.group(1) if found else ""


def _users(host: Host) -> dict[str, str]:
    try:
        rows = [line.split(":") for line in host.text("/etc/passwd").splitlines()]
    except (FileNotFoundError, Unknown):
        return {}
    return {row[2]: printable(row[0]) for row in reversed(rows) if len(row) > 2}
