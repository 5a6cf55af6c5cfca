# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All files of a host, packed: a record per folder and its digest. Only the folders somebody asks for are unpacked."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import packed
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items

KIND = "file:"
MAGIC = b"evenkeel-tree-1\n"
LENGTHS = struct.Struct("<II")


class Tree:
    def __init__(self, records: Mapping[str, bytes], stats: Optional[dict[str, Any]] = None) -> None:
        self._records = {folder: records[folder] for folder in sorted(records) if packed.count(records[folder])}
        self.folders = {folder: hashlib.sha256(record).digest() for folder, record in self._records.items()}
        self.stats: dict[str, Any] = stats or {}

    def items(self, folder: str) -> Items:
        record = self._records.get(folder)
        base = KIND + (folder if folder.endswith("/") else folder + "/")
        return {base + name: item for name, item in packed.decode(record)} if record else {}

    def all_items(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for folder in self._records:
            yield from self.items(folder).items()

    def count(self) -> int:
        return sum(map(packed.count, self._records.values()))

    def pack(self) -> bytes:
        """Digests do not shrink and would only cost time, so the columns are kept apart by zlib's own stored blocks: level 1 gives up on them early."""
        parts = []
        for folder, record in self._records.items():
            name = folder.encode()
            parts += [LENGTHS.pack(len(name), len(record)), name, record]
        body = b"".join(parts)
        return MAGIC + hashlib.sha256(body).digest() + zlib.compress(body, 1)


def unpack(data: bytes) -> Tree:
    """ValueError when it is broken."""
    try:
        if not data.startswith(MAGIC):
            raise ValueError("it does not begin like one")
        start = len(MAGIC) + hashlib.sha256().digest_size
        stream = zlib.decompressobj()
        body = stream.decompress(data[start:])
        if not stream.eof or stream.unused_data:
            raise ValueError("it ends too early or too late")
        if hashlib.sha256(body).digest() != data[len(MAGIC) : start]:
            raise ValueError("its content is not what its digest says")
        return Tree(dict(_records(body)))
    except (ValueError, zlib.error, struct.error) as exc:
        raise ValueError(f"a packed tree of files cannot be read: {exc}") from exc


def small_tree(items: Items) -> Tree:
    folders: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for key, item in items.items():
        folder, name = folder_of(key)
        folders.setdefault(folder, []).append((name, item))
    return Tree({folder: packed.encode(pairs) for folder, pairs in folders.items()})


def folder_of(key: str) -> tuple[str, str]:
    """Folder and name of an item. `/` itself lies in the folder without a name."""
    if not key.startswith(KIND + "/"):
        raise ValueError(f"{key!r} is no file with its whole path")
    folder, _slash, name = key[len(KIND) :].rpartition("/")
    return (folder or ("/" if name else "")), name


def _records(body: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(body):
        name, record = LENGTHS.unpack_from(body, at)
        at += LENGTHS.size
        packed.split(body[at + name : at + name + record])
        yield body[at : at + name].decode(), body[at + name : at + name + record]
        at += name + record
