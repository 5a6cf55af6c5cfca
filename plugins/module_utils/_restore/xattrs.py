# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extended attributes out of an item: the snapshot writes them for people, this reads them back. What does not read back exactly is refused."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import re
import struct
from collections.abc import Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._restore.shape import Refused
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import xattrs as snapshot
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import real_path

LABEL = "security.selinux"
ACL_NAMES = {"acl": "system.posix_acl_access", "default_acl": "system.posix_acl_default"}
TAGS = {("user", False): 1, ("user", True): 2, ("group", False): 4, ("group", True): 8, ("mask", False): 16, ("other", False): 32}
DIGEST = re.compile("sha256:[0-9a-f]{64}")
NOBODY = 0xFFFFFFFF
NAMES = ("acl", "default_acl", "capabilities", "selinux", "xattrs")
NONE = (errno.ENOTSUP, errno.ENODATA, errno.ENOSYS)


def values(item: Mapping[str, Any]) -> dict[str, bytes]:
    """{name: value} of an item, as the kernel takes them."""
    found: dict[str, bytes] = {}
    try:
        for key, name in ACL_NAMES.items():
            if key in item:
                found[name] = _acl(str(item[key]))
        if "capabilities" in item:
            found["security.capability"] = _capabilities(str(item["capabilities"]))
        if "selinux" in item:
            found[LABEL] = real_path(str(item["selinux"])) + b"\0"
        found.update({os.fsdecode(real_path(name)): real_path(str(value)) for name, value in (item.get("xattrs") or {}).items()})
        # A text that looks like a digest is taken for one.
        digests = any(DIGEST.fullmatch(str(value)) for value in (item.get("xattrs") or {}).values())
        exact = not digests and snapshot.decoded(found) == {name: item[name] for name in NAMES if name in item}
    except (ValueError, KeyError, struct.error) as exc:
        raise Refused(f"its extended attributes cannot be given again ({exc})", "Set them by hand (setfacl, setcap, setfattr).") from exc
    if not exact:
        raise Refused("the baseline holds only the digest of an extended attribute", "Set it by hand (setfattr).")
    return found


def give(path: bytes, item: Mapping[str, Any], *, label: Optional[bytes] = None, follow: bool = False) -> None:
    """Exactly those of the item; a label that the item does not name is that of `label`, or stays."""
    now, wanted = _raw(path, follow), values(item)
    if LABEL not in wanted and (label or LABEL in now):
        wanted[LABEL] = label or now[LABEL]
    for name in sorted(set(now) - set(wanted)):
        os.removexattr(path, name, follow_symlinks=follow)
    for name, value in sorted(wanted.items()):
        if now.get(name) != value:
            os.setxattr(path, name, value, follow_symlinks=follow)


def label_of(path: bytes) -> Optional[bytes]:
    try:
        return os.getxattr(path, LABEL, follow_symlinks=False)
    except OSError:
        return None


def _raw(path: bytes, follow: bool) -> dict[str, bytes]:
    try:
        return {name: os.getxattr(path, name, follow_symlinks=follow) for name in os.listxattr(path, follow_symlinks=follow)}
    except OSError as exc:
        if exc.errno in NONE:
            return {}
        raise


def _acl(text: str) -> bytes:
    entries = []
    for line in text.split(","):
        tag, who, rights = line.split(":")
        bits = sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in rights)
        entries.append(struct.pack("<HHI", TAGS[tag, bool(who)], bits, _number(tag, who)))
    return b"\2\0\0\0" + b"".join(entries)


def _number(tag: str, who: str) -> int:
    if not who:
        return NOBODY
    try:
        name = os.fsdecode(real_path(who))
        return pwd.getpwnam(name).pw_uid if tag == "user" else grp.getgrnam(name).gr_gid
    except KeyError:
        return int(who)


def _capabilities(text: str) -> bytes:
    found = re.fullmatch(r"(.*?)(?: \[rootid=(\d+)\])?", text)
    if found is None:  # `.` matches no line break
        raise ValueError(f"not capabilities: {text!r}")
    permitted = inheritable = effective = 0
    for group in [group for group in found[1].split(" ") if group != "="]:
        names, flags = group.split("=")
        bits = sum(1 << _capability(name) for name in names.split(","))
        permitted |= bits if "p" in flags else 0
        inheritable |= bits if "i" in flags else 0
        effective |= "e" in flags
    words = [word >> shift & 0xFFFFFFFF for shift in (0, 32) for word in (permitted, inheritable)]
    magic = 0x03000000 if found[2] else 0x02000000
    return struct.pack("<5I", magic | effective, *words) + (struct.pack("<I", int(found[2])) if found[2] else b"")


def _capability(name: str) -> int:
    word = name[len("cap_") :]
    return int(word) if word.isdigit() else snapshot.CAPABILITIES.index(word)
