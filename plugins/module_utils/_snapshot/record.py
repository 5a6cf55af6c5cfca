# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as bytes, and the difference of two records."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import SPLIT, bucket, canonical, cut, group_of, grouped
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.held import Broken, Record, build, parted
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.tree import small_tree, unpack

__all__ = ["Broken", "Record", "apply", "build", "changed", "delta", "dump", "group_of", "load"]

MAGIC = b"evenkeel-record-1\n"
LENGTH = struct.Struct(">Q")
SEAL = 32
# A small file that swells without end is refused before it fills the memory.
LARGEST = 1 << 30


def dump(record: Record) -> bytes:
    head = {"root": record.root, "collectors": record.states, "plain": {key: item for held in record.plain.values() for key, item in held.items()}}
    packed = zlib.compress(canonical(head).encode(), 6)
    tree = record.tree()
    body = LENGTH.pack(len(packed)) + packed + (tree.pack() if tree is not None else b"")
    return MAGIC + hashlib.sha256(body).digest() + body


def load(data: bytes) -> Record:
    """Raises Broken for whatever `dump` did not write, and for a record whose items do not make up its root."""
    body = data[len(MAGIC) + SEAL :]
    if not data.startswith(MAGIC) or hashlib.sha256(body).digest() != data[len(MAGIC) : len(MAGIC) + SEAL]:
        raise Broken("it is not a whole record")
    try:
        at = LENGTH.size + LENGTH.unpack_from(body)[0]
        head = json.loads(inflate(body[LENGTH.size : at]))
        record = build(head["collectors"], head["plain"], unpack(body[at:]) if body[at:] else None)
    except (ValueError, KeyError, TypeError, AttributeError, struct.error, zlib.error) as exc:
        raise Broken(f"its content cannot be read ({type(exc).__name__})") from exc
    if record.root != head["root"]:
        raise Broken(f"its items make up {record.root}, not {head['root']}")
    return record


def inflate(data: bytes) -> bytes:
    stream = zlib.decompressobj()
    whole = stream.decompress(data, LARGEST)
    if not stream.eof:
        raise ValueError(f"more than {LARGEST} bytes, or cut off")
    return whole


def delta(base: Record, now: Record) -> dict[str, Any]:
    """What makes `now` of `base`: whole items, and the keys that are gone."""
    differing = [name for name in {*base.groups, *now.groups} if base.groups.get(name) != now.groups.get(name)]
    # A kind that grew is in other groups than before, so items are looked for in all of them.
    before = {key: item for name in differing for key, item in base.items(name).items()}
    after = {key: item for name in differing for key, item in now.items(name).items()}
    items = {key: after[key] for key in sorted(after) if before.get(key) != after[key]}
    return {"base": base.root, "root": now.root, "collectors": now.states, "items": items, "gone": sorted(before.keys() - after.keys())}


def apply(base: Record, change: Mapping[str, Any]) -> Record:
    """The record that `delta` saw; Broken when the delta is of another base, or does not lead where it says."""
    if change.get("base") != base.root:
        raise Broken(f"the delta is one of {change.get('base')}, not of {base.root}")
    try:
        now = changed(base, collectors=change["collectors"], items=change["items"], gone=change["gone"])
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Broken(f"the delta cannot be read ({type(exc).__name__})") from exc
    if now.root != change.get("root"):
        raise Broken(f"the delta leads to {now.root}, not to {change.get('root')}")
    return now


def changed(base: Record, *, collectors: Mapping[str, Mapping[str, Any]], items: Mapping[str, Mapping[str, Any]], gone: Iterable[str] = ()) -> Record:
    """The record `base` with these items put in and these keys taken out."""
    files, others = parted(json.loads(canonical(items)))
    gone_files, gone_others = parted(dict.fromkeys(gone))
    folders = {group_of(key) for key in [*files, *gone_files]}
    members = _edited((base.items(name) for name in folders), files, gone_files)
    full = {group_of(key) for key in members}
    layers = (*base.layers, small_tree(members)) if members else base.layers
    plain = _regrouped(base, others, gone_others)
    return Record(collectors, plain, layers, gone=(base.gone - full) | (folders - full), like=base)


def _regrouped(base: Record, items: Mapping[str, Any], gone: Mapping[str, Any]) -> dict[str, Items]:
    """Groups of all kinds but files. Those that nothing is edited in are the very ones of `base`."""
    plain = dict(base.plain)
    for family in {group_of(key) for key in [*items, *gone]}:
        mine = {key: item for key, item in items.items() if group_of(key) == family}
        lost = {key: None for key in gone if group_of(key) == family}
        names = [name for name in plain if name == family or (":" not in family and name.startswith(f"{family}#"))]
        touched = {f"{family}#{bucket(key)}" for key in [*mine, *lost]}.intersection(names)
        edited = _edited((plain[name] for name in touched), mine, lost)
        left = sum(len(plain[name]) for name in names if name not in touched)
        stays_cut = family not in names and ":" not in family and left + len(edited) > SPLIT
        for name in touched if stays_cut else names:
            del plain[name]
        plain.update(cut(family, edited) if stays_cut else grouped(_edited((base.plain[name] for name in names), mine, lost)))
    return plain


def _edited(held: Iterable[Items], items: Mapping[str, Any], gone: Mapping[str, Any]) -> Items:
    whole = {key: item for members in held for key, item in members.items() if key not in gone}
    return {**whole, **items}
