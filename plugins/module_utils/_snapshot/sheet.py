# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns of a folder's record while they grow, an entry at a time, in the order of their names."""

from __future__ import annotations

import stat
import struct
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import packed, xattrs
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.hashing import CTIME, GROUP, MODE, MTIME, OWNER, SIZE, Key

TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
UNSEEN: Key = (0, 0, 0, 0, 0, 0, 0, 0, 0)
KEY = struct.Struct("=9q")
MASK = 0xFFFFFFFFFFFFFFFF

Item = dict[str, Any]
# name: packed key, SHA-256, attributes beside the usual ones
Memory = tuple[bytes, Optional[bytes], Optional[Item]]
Known = dict[str, Memory]


class Sheet:
    def __init__(self, settled_before: int) -> None:
        self.names: list[str] = []
        self.keys: list[Key] = []
        self.digests: list[bytes] = []
        self._settled_before = settled_before
        self._kinds: list[int] = []
        self._sizes: list[int] = []
        self._extras: dict[int, Item] = {}
        self._numbers: dict[tuple[int, int, int, bool], int] = {}
        self._classes: dict[packed.Class, int] = {}

    def put(self, name: str, key: Key, digest: Optional[bytes], more: Optional[Item]) -> None:
        kind = (key[MODE], key[OWNER], key[GROUP], digest is not None)
        number = self._numbers.get(kind)
        self._kinds.append(self._number(kind) if number is None else number)
        settled = key[CTIME] < self._settled_before and key[MTIME] < self._settled_before
        if more:
            self._extras[len(self.names)] = more
            settled = settled and "unknown" not in more
        self.names.append(name)
        if digest is not None:
            self._sizes.append(key[SIZE])
            self.digests.append(digest)
        self.keys.append(key if settled else UNSEEN)

    def put_unknown(self, name: str, why: str) -> None:
        """One that cannot even be looked at."""
        self._kinds.append(self._classes.setdefault((None, None, None, None, 0), len(self._classes)))
        self._extras[len(self.names)] = {"unknown": why}
        self.names.append(name)
        self.keys.append(UNSEEN)

    def columns(self) -> packed.Columns:
        return packed.Columns(self.names, self._kinds, list(self._classes), self._sizes, b"".join(self.digests), self._extras)

    def owners(self) -> bytes:
        """The names that went into the record, those in access lists too."""
        seen = {(kind, number) for _mode, owner, group, _content in self._numbers for kind, number in (("owner", owner), ("group", group))}
        if any("acl" in more or "default_acl" in more for more in self._extras.values()):
            seen |= xattrs.SEEN
        return "\n".join(f"{kind} {number} {xattrs.name_of(kind, number)}" for kind, number in sorted(seen)).encode()

    def _number(self, kind: tuple[int, int, int, bool]) -> int:
        mode, owner, group, content = kind
        what = TYPES.get(stat.S_IFMT(mode), "device")
        one = (what, f"{stat.S_IMODE(mode):04o}", xattrs.name_of("owner", owner), xattrs.name_of("group", group), int(content))
        self._numbers[kind] = number = self._classes.setdefault(one, len(self._classes))
        return number


def packed_key(key: Key) -> bytes:
    try:
        return KEY.pack(*key)
    except struct.error:  # some file systems number inodes from the top
        return struct.pack("=9Q", *(number & MASK for number in key))
