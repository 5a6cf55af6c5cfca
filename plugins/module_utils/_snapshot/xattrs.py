# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extended attributes as a person writes them: access lists, capabilities, the SELinux label, and the rest by value or digest."""

from __future__ import annotations

import errno
import functools
import grp
import hashlib
import os
import pwd
import struct
from typing import Any, Union

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable

# linux/capability.h, by number
# fmt: off
CAPABILITIES = [
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service",
    "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin",
    "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap", "mac_override",
    "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf", "checkpoint_restore",
]
# fmt: on
# linux/posix_acl_xattr.h: tag, permissions, id; version 2
ENTRY = struct.Struct("<HHI")
TAGS = {1: "user:", 2: "user:", 4: "group:", 8: "group:", 16: "mask:", 32: "other:"}
NAMED = {2: "owner", 8: "group"}
LONGEST = 128
NONE = (errno.ENOTSUP, errno.ENODATA, errno.ENOSYS)
Place = Union[int, bytes, str]
# Owners and groups that access lists name: a cache holds as long as they keep their names.
SEEN: set[tuple[str, int]] = set()


def read(place: Place) -> dict[str, Any]:
    """Attributes of an item, {} for most files; raises OSError. `place` is an open file, or a path whose last part is not followed."""
    follow = isinstance(place, int)
    try:
        names = os.listxattr(place, follow_symlinks=follow)
    except OSError as exc:
        if exc.errno in NONE:
            return {}
        raise
    return decoded({name: os.getxattr(place, name, follow_symlinks=follow) for name in names}) if names else {}


def decoded(values: dict[str, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    rest = dict(values)
    for name, key, reader in (
        ("system.posix_acl_access", "acl", acl),
        ("system.posix_acl_default", "default_acl", acl),
        ("security.capability", "capabilities", capabilities),
        ("security.selinux", "selinux", _label),
    ):
        if name in rest:
            value = rest.pop(name)
            try:
                found[key] = reader(value)
            except (struct.error, ValueError):
                rest[name] = value
    if rest:
        found["xattrs"] = {printable(name): _shown(value) for name, value in sorted(rest.items())}
    return found


def acl(value: bytes) -> str:
    """As getfacl writes it, on one line."""
    if value[:4] != b"\2\0\0\0":
        raise ValueError("not an access list of version 2")
    lines = []
    for tag, bits, number in ENTRY.iter_unpack(value[4:]):
        who = ""
        if tag in NAMED:
            SEEN.add((NAMED[tag], number))
            who = name_of(NAMED[tag], number)
        lines.append(f"{TAGS.get(tag, f'{tag}:')}{who}:{''.join(letter if bits & bit else '-' for letter, bit in (('r', 4), ('w', 2), ('x', 1)))}")
    return ",".join(lines)


def capabilities(value: bytes) -> str:
    """As getcap writes it: `cap_chown,cap_net_raw=ep`, with another `+i` group where only inheritable ones are set."""
    magic, *words = struct.unpack(f"<{len(value) // 4}I", value)
    pairs = {1: 1, 2: 2, 3: 2}[magic >> 24] if magic >> 24 in (1, 2, 3) else 0
    if not pairs or len(words) < 2 * pairs:
        raise ValueError("not file capabilities")
    permitted = sum(words[2 * index] << 32 * index for index in range(pairs))
    inheritable = sum(words[2 * index + 1] << 32 * index for index in range(pairs))
    groups: dict[str, list[str]] = {}
    for number in range(32 * pairs):
        flags = ("e" if magic & 1 and (permitted | inheritable) >> number & 1 else "") + ("i" if inheritable >> number & 1 else "")
        flags += "p" if permitted >> number & 1 else ""
        if flags:
            groups.setdefault(flags, []).append("cap_" + CAPABILITIES[number] if number < len(CAPABILITIES) else f"cap_{number}")
    text = " ".join(f"{','.join(names)}={flags}" for flags, names in sorted(groups.items())) or "="
    return f"{text} [rootid={words[2 * pairs]}]" if magic >> 24 == 3 and len(words) > 2 * pairs else text


@functools.cache
def name_of(kind: str, number: int) -> str:
    """The name of an owner or group, else its number."""
    try:
        return printable(pwd.getpwuid(number).pw_name if kind == "owner" else grp.getgrgid(number).gr_name)
    except (KeyError, OverflowError):
        return str(number)


def _label(value: bytes) -> str:
    return printable(value.rstrip(b"\0"))


def _shown(value: bytes) -> str:
    text = printable(value)
    return text if len(text) <= LONGEST else "sha256:" + hashlib.sha256(value).hexdigest()


def same_names(text: bytes) -> bool:
    """Whether owners and groups are still called what they were called when this was written: `owner 0 root` a line."""
    return all(_same_name(line) for line in text.split(b"\n") if line)


@functools.cache
def _same_name(line: bytes) -> bool:
    kind, number, name = line.decode().split(" ", 2)
    SEEN.add((kind, int(number)))
    return name_of(kind, int(number)) == name
