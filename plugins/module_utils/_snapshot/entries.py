# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of one folder, looked at one by one: what moved since the last time is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import packed, xattrs
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.hashing import DEVICE, FLAGS, LINKS, MODE, SIZE, Key, content, key_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import RACY_NS, Rules, child
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.sheet import Item, Known, Memory, Sheet, packed_key

# From here on a file is worth a worker of its own; links to one file are put together before it is read.
LARGE = 1 << 20
HOLE = bytes(packed.DIGEST)
ATTEMPTS = 3


class Counts(NamedTuple):
    files: int = 0
    hashed: int = 0
    cached: int = 0
    bytes: int = 0
    altered: int = 0  # another content, and nothing that a change would move had moved


class Pending(NamedTuple):
    path: bytes
    name: str
    slot: int
    key: Key
    before: Optional[bytes]


class Entries:
    def __init__(self, path: bytes, descriptor: int, rules: Rules, known: Known, *, drawn: Collection[str] = (), partial: bool = False) -> None:
        """`drawn` are read although they did not move. With `partial` these entries were asked for, so mount points among them are gone into."""
        self.path, self.descriptor, self.rules, self.known, self.drawn, self.partial = path, descriptor, rules, known, drawn, partial
        self.sheet = Sheet(rules.started_ns - RACY_NS)
        self.subs: list[bytes] = []
        self.secrets: list[str] = []
        self.pending: list[Pending] = []
        self._secret = rules.secret.within(path) if rules.secret else None
        self._by_names = rules.by_names
        self._mounts = rules.mounts.get(path, frozenset())
        self._device = os.fstat(descriptor).st_dev
        self._files = self._hashed = self._cached = self._bytes = self._altered = 0

    def counts(self) -> Counts:
        return Counts(self._files, self._hashed, self._cached, self._bytes, self._altered)

    def add(self, name: str, entry: Any) -> None:
        """A file that vanishes while we look was not there; one that keeps changing is unknown."""
        real = entry.name
        try:
            # A new file is looked at when it is open, which says the same for one call less.
            if name not in self.known and entry.is_file(follow_symlinks=False) and self._open(name, real, None):
                return
            key = key_of(entry.stat(follow_symlinks=False))
            for _attempt in range(ATTEMPTS):
                if self._look(name, real, key):
                    return
                key = key_of(os.stat(real, dir_fd=self.descriptor, follow_symlinks=False))
            self.sheet.put(name, key, None, {"unknown": "it changed while it was read, three times"})
        except FileNotFoundError:
            return
        except OSError as exc:
            self.sheet.put_unknown(name, cause(exc))

    def _look(self, name: str, real: str, key: Key) -> bool:
        """False when the entry moved meanwhile."""
        known = self.known.get(name)
        same = known if known and known[0] == packed_key(key) else None
        if stat.S_ISDIR(key[MODE]):
            self._folder(name, real, key)
        elif same and real not in self.drawn:
            self._again(name, key, same)
        elif stat.S_ISREG(key[MODE]):
            return self._open(name, real, same[1] if same else None)
        else:
            self._other(name, real, key)
        return True

    def _again(self, name: str, key: Key, known: Memory) -> None:
        _key, digest, more = known
        if stat.S_ISREG(key[MODE]):
            self._files += 1
            self._cached += digest is not None
            if self.rules.pace:
                self.rules.pace.read(0, 1)
            if more and more.get("secret"):
                self.secrets.append(name)
        self.sheet.put(name, key, digest, more)

    def _folder(self, name: str, real: str, key: Key) -> None:
        raw = os.fsencode(real)
        path = child(self.path, raw)
        mount = {"mount": True} if key[DEVICE] != self._device or raw in self._mounts else {}
        if self.partial or not mount or not self.rules.limits.one_file_system:
            self.subs.append(raw)
        self.sheet.put(name, key, None, {**mount, **_attributes(self.rules.real(path))})

    def _other(self, name: str, real: str, key: Key) -> None:
        more = _attributes(self.rules.real(child(self.path, os.fsencode(real))))
        if stat.S_ISLNK(key[MODE]):
            more["target"] = printable(os.fsencode(os.readlink(real, dir_fd=self.descriptor)))
        elif stat.S_ISCHR(key[MODE]) or stat.S_ISBLK(key[MODE]):
            found = os.stat(real, dir_fd=self.descriptor, follow_symlinks=False)
            more["device"] = f"{'char' if stat.S_ISCHR(key[MODE]) else 'block'} {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
        self.sheet.put(name, key, None, more)

    def _open(self, name: str, real: str, before: Optional[bytes]) -> bool:
        """`before` is the SHA-256 of a file that did not move, and is read nevertheless."""
        try:
            descriptor = os.open(real, FLAGS, dir_fd=self.descriptor)
        except FileNotFoundError:
            raise
        except OSError as exc:
            key = key_of(os.stat(real, dir_fd=self.descriptor, follow_symlinks=False))
            if not stat.S_ISREG(key[MODE]):
                return False
            self._files += 1
            self.sheet.put(name, key, None, {"unknown": cause(exc)})
            return True
        try:
            key = key_of(os.fstat(descriptor))
            return stat.S_ISREG(key[MODE]) and self._read(name, real, descriptor, key, before)
        finally:
            os.close(descriptor)

    def _read(self, name: str, real: str, descriptor: int, key: Key, before: Optional[bytes]) -> bool:
        more = _attributes(descriptor)
        digest: Optional[bytes] = None
        limit = self.rules.limits.max_file_size
        if real in self._by_names and self._by_key(real):
            pass
        elif self._secret and self._secret(os.fsencode(real)):
            more["secret"] = True
            self.secrets.append(name)
        elif limit is not None and key[SIZE] > limit:
            more.update(size=key[SIZE], content=f"skipped, larger than {limit}")
        elif key[SIZE] >= LARGE or key[LINKS] > 1:
            digest = HOLE
            self.pending.append(Pending(child(self.path, os.fsencode(real)), name, len(self.sheet.digests), key, before))
        else:
            try:
                digest = content(descriptor, key, self.rules.pace)
                if digest is None:
                    return False
            except OSError as exc:
                more["unknown"] = cause(exc)
            self._hashed += 1
            self._bytes += key[SIZE]
            self._altered += before is not None and before != digest
        self._files += 1
        self.sheet.put(name, key, digest, more)
        return True

    def _by_key(self, real: str) -> bool:
        return os.path.realpath(self.rules.real(child(self.path, os.fsencode(real)))) in self.rules.by_keys


def cause(exc: OSError) -> str:
    return (exc.strerror or "cannot be read").lower()


def _attributes(place: xattrs.Place) -> Item:
    try:
        return xattrs.read(place)
    except FileNotFoundError:
        raise
    except OSError as exc:
        return {"unknown": f"its extended attributes cannot be read ({cause(exc)})"}
