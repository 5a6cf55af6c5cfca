# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of one folder as bytes: the same entries always give the same bytes, so their SHA-256 stands for them.

In columns, because most entries of a folder share type, mode and owners, and because a column is packed by one call:
names apart by `/`, a class per entry, the classes, size and SHA-256 of those with content, and whatever few entries have beside that.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional

HEADER = struct.Struct("<5I")  # entries, bytes of names, bytes of classes, entries with content, bytes of extras
DIGEST = 32
Item = dict[str, Any]
# type, mode, owner, group, and 1 with content
Class = tuple[Optional[str], Optional[str], Optional[str], Optional[str], int]
FIELDS = ("type", "mode", "owner", "group")


class Columns(NamedTuple):
    names: list[str]
    kinds: Sequence[int]
    classes: list[Class]
    sizes: Sequence[int]
    digests: bytes
    extras: dict[int, Item]


def join(columns: Columns) -> bytes:
    names = "/".join(columns.names).encode()
    classes = _json(columns.classes)
    extras = _json(sorted(columns.extras.items())) if columns.extras else b""
    return b"".join(
        (
            HEADER.pack(len(columns.names), len(names), len(classes), len(columns.sizes), len(extras)),
            names,
            struct.pack(f"<{len(columns.kinds)}I", *columns.kinds),
            classes,
            struct.pack(f"<{len(columns.sizes)}Q", *columns.sizes),
            columns.digests,
            extras,
        )
    )


def split(record: bytes) -> Columns:
    """ValueError when it is no record."""
    try:
        entries, names, classes, contents, extras = HEADER.unpack_from(record)
        ends = _ends(HEADER.size, (names, 4 * entries, classes, 8 * contents, DIGEST * contents, extras))
        if ends[-1] != len(record):
            raise ValueError("its length is not the one it names")
        return Columns(
            record[HEADER.size : ends[0]].decode().split("/") if entries else [],
            struct.unpack_from(f"<{entries}I", record, ends[0]),
            [tuple(one) for one in json.loads(record[ends[1] : ends[2]])],
            struct.unpack_from(f"<{contents}Q", record, ends[2]),
            record[ends[3] : ends[4]],
            dict(json.loads(record[ends[4] :])) if extras else {},
        )
    except (struct.error, TypeError, ValueError) as exc:
        raise ValueError(f"not a record of a folder ({exc})") from exc


def count(record: bytes) -> int:
    return int(HEADER.unpack_from(record)[0])


def contents(record: bytes) -> int:
    """How many entries have content."""
    return int(HEADER.unpack_from(record)[3])


def names_of(record: bytes) -> bytes:
    return record[HEADER.size : HEADER.size + HEADER.unpack_from(record)[1]]


def put(record: bytearray, slot: int, digest: bytes) -> None:
    """Write one digest where a record was made with a hole."""
    entries, names, classes, contents, _extras = HEADER.unpack_from(record)
    at = HEADER.size + names + 4 * entries + classes + 8 * contents + DIGEST * slot
    record[at : at + DIGEST] = digest


def encode(items: Iterable[tuple[str, Item]]) -> bytes:
    """From names and attributes. Any attributes will do; the usual ones take little room."""
    columns = Columns([], [], [], [], b"", {})
    kinds: list[int] = []
    sizes: list[int] = []
    digests: list[bytes] = []
    numbers: dict[Class, int] = {}
    for index, (name, item) in enumerate(sorted(items, key=lambda pair: pair[0])):
        rest = dict(item)
        first = [rest.pop(field) if isinstance(rest.get(field), str) else None for field in FIELDS]
        content = _content(rest)
        if content:
            sizes.append(rest.pop("size"))
            digests.append(content)
            del rest["sha256"]
        one: Class = (first[0], first[1], first[2], first[3], int(content is not None))
        kinds.append(numbers.setdefault(one, len(numbers)))
        columns.names.append(name)
        if rest:
            columns.extras[index] = rest
    return join(columns._replace(kinds=kinds, classes=list(numbers), sizes=sizes, digests=b"".join(digests)))


def decode(record: bytes) -> list[tuple[str, Item]]:
    columns = split(record)
    slot = 0
    found: list[tuple[str, Item]] = []
    try:
        for index, (name, kind) in enumerate(zip(columns.names, columns.kinds)):
            item: Item = {field: value for field, value in zip(FIELDS, columns.classes[kind]) if value is not None}
            if columns.classes[kind][4]:
                item["size"] = columns.sizes[slot]
                item["sha256"] = columns.digests[slot * DIGEST : slot * DIGEST + DIGEST].hex()
                slot += 1
            item.update(columns.extras.get(index, {}))
            found.append((name, item))
    except (IndexError, TypeError) as exc:
        raise ValueError(f"not a record of a folder ({exc})") from exc
    return found


def _content(item: Item) -> Optional[bytes]:
    size, sha256 = item.get("size"), item.get("sha256")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 64 or not isinstance(sha256, str):
        return None
    try:
        digest = bytes.fromhex(sha256)
    except ValueError:
        return None
    return digest if len(digest) == DIGEST and digest.hex() == sha256 else None


def _ends(start: int, lengths: Sequence[int]) -> list[int]:
    ends = []
    for length in lengths:
        start += length
        ends.append(start)
    return ends


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
