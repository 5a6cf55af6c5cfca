# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One folder: its entries as a record. Where nothing moved since the last time, that is one comparison of bytes."""

from __future__ import annotations

import os
import random
import stat
import struct
from array import array
from collections.abc import Collection, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import packed
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.cache import Listing
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.entries import Counts, Entries, Pending, cause
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.hashing import Key, key_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import Rules
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import printable
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.sheet import Known
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.xattrs import same_names

LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
NAME = attrgetter("name")
SAMPLE = 0.01
KEY_BYTES = 9 * 8


class Found(NamedTuple):
    """There is a listing, or it is the `same` as it was, or the folder is `gone`, or `unknown` says why it cannot be listed."""

    counts: Counts = Counts()
    listing: Optional[Listing] = None
    pending: Sequence[Pending] = ()
    same: bool = False
    gone: bool = False
    unknown: str = ""


class Named:
    """What os.scandir would give for one name."""

    def __init__(self, folder: int, name: str) -> None:
        self.folder, self.name = folder, name

    def stat(self, *, follow_symlinks: bool) -> os.stat_result:
        return os.stat(self.name, dir_fd=self.folder, follow_symlinks=follow_symlinks)

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        return stat.S_ISDIR(self.stat(follow_symlinks=follow_symlinks).st_mode)

    def is_file(self, *, follow_symlinks: bool) -> bool:
        return stat.S_ISREG(self.stat(follow_symlinks=follow_symlinks).st_mode)


def look(path: bytes, rules: Rules, old: Optional[Listing] = None) -> Found:
    try:
        descriptor = os.open(rules.real(path), LIST)
    except FileNotFoundError:
        return Found(gone=True)
    except OSError as exc:
        return Found(unknown=f"the folder cannot be listed ({cause(exc)})")
    try:
        here = os.fstat(descriptor)
        if old and (here.st_dev, here.st_ino) != (old.device, old.inode):
            return Found(gone=True)  # another folder stands there, so it is not known whether it is to be looked at
        with os.scandir(descriptor) as entries:
            found = sorted(entries, key=NAME)
        drawn = _drawn(found, rules.limits.verify)
        same = None if drawn else _same(path, rules, found, old)
        return same or _read(path, descriptor, rules, _left(path, found, rules), old, drawn=drawn)
    except OSError as exc:
        return Found(unknown=f"the folder cannot be listed ({cause(exc)})")
    finally:
        os.close(descriptor)


def look_at(path: bytes, names: Sequence[bytes], rules: Rules, old: Optional[Listing] = None) -> Found:
    """Only these entries of a folder, which itself need not be readable."""
    try:
        descriptor = os.open(rules.real(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return Found(gone=True)
    except OSError as exc:
        record = packed.encode((_shown([os.fsdecode(name)])[0], {"unknown": cause(exc)}) for name in names)
        return Found(listing=Listing(path, b"", b"", b"", b"", b"", b"", record, 0, 0))
    try:
        found = sorted((Named(descriptor, os.fsdecode(name)) for name in names), key=NAME)
        drawn = _drawn(found, rules.limits.verify)
        same = None if drawn else _same(path, rules, found, old)
        return same or _read(path, descriptor, rules, [(one, b"") for one in found], old, drawn=drawn, partial=True)
    finally:
        os.close(descriptor)


def _same(path: bytes, rules: Rules, found: Sequence[Any], old: Optional[Listing]) -> Optional[Found]:
    """Found without a listing when neither a name nor anything of an entry moved."""
    if old is None or not same_names(old.names) or old.mounts != _mounts(path, rules):
        return None
    if old.skipped:
        skipped = {part[1:]: part[:1] == "d" for part in os.fsdecode(old.skipped).split("/")}
        found = [entry for entry in found if skipped.get(entry.name) != entry.is_dir(follow_symlinks=False) or entry.name not in skipped]
    if "/".join(_shown([entry.name for entry in found])).encode() != packed.names_of(old.record):
        return None
    try:
        keys = [key_of(entry.stat(follow_symlinks=False)) for entry in found]
    except OSError:
        return None
    if _packed(keys) != old.stats:
        return None
    contents = packed.contents(old.record)
    if rules.pace:
        rules.pace.read(0, contents)
    return Found(Counts(files=contents, cached=contents), same=True)


def _read(
    path: bytes,
    descriptor: int,
    rules: Rules,
    found: Sequence[tuple[Any, bytes]],
    old: Optional[Listing],
    *,
    drawn: Collection[str] = (),
    partial: bool = False,
) -> Found:
    known = _known(old) if old else {}
    kept = [entry for entry, skipped in found if not skipped]
    names = _shown([entry.name for entry in kept])
    entries = Entries(path, descriptor, rules, known, drawn=drawn, partial=partial)
    for name, entry in sorted(zip(names, kept), key=lambda pair: pair[0]):
        entries.add(name, entry)
    here = os.fstat(descriptor)
    listing = Listing(
        path,
        b"/".join(entries.subs),
        b"/".join(skipped for _entry, skipped in found if skipped),
        "/".join(entries.secrets).encode(),
        _mounts(path, rules),
        _packed(entries.sheet.keys),
        entries.sheet.owners(),
        packed.join(entries.sheet.columns()),
        here.st_dev,
        here.st_ino,
    )
    return Found(entries.counts(), listing, entries.pending)


def _drawn(found: Sequence[Any], verify: str) -> set[str]:
    """What is read although nothing of it moved."""
    if verify == "cache":
        return set()
    return {entry.name for entry in found if verify == "full" or random.random() < SAMPLE}  # noqa: S311 - a sample, not a secret


def _known(old: Listing) -> Known:
    columns = packed.split(old.record)
    size = KEY_BYTES
    known: Known = {}
    slot = 0
    trusted = same_names(old.names)
    for index, name in enumerate(columns.names):
        digest = None
        if columns.classes[columns.kinds[index]][4]:
            digest = columns.digests[slot * packed.DIGEST : (slot + 1) * packed.DIGEST]
            slot += 1
        more = columns.extras.get(index)
        if trusted or not more:
            known[name] = (old.stats[index * size : (index + 1) * size], digest, more)
    return known


def _left(path: bytes, found: Sequence[Any], rules: Rules) -> list[tuple[Any, bytes]]:
    """Each entry, and how it is noted when it is left out."""
    match = rules.left_out.within(path) if rules.left_out else None
    if match is None:
        return [(entry, b"") for entry in found]
    kept = []
    for entry in found:
        name, folder = os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)
        kept.append((entry, (b"d" if folder else b"f") + name if match(name + b"/" if folder else name) else b""))
    return kept


def _shown(names: list[str]) -> list[str]:
    text = "".join(names)
    if text.isascii() and text.isprintable() and "\\" not in text and names != ["."]:
        return names
    return [printable(os.fsencode(name)) if name != "." else "" for name in names]


def _mounts(path: bytes, rules: Rules) -> bytes:
    return b"/".join(sorted(rules.mounts.get(path, ())))


def _packed(keys: Sequence[Key]) -> bytes:
    flat = list(chain.from_iterable(keys))
    try:
        return array("q", flat).tobytes()
    except OverflowError:  # some file systems number inodes from the top
        return struct.pack(f"={len(flat)}Q", *(number & 0xFFFFFFFFFFFFFFFF for number in flat))
