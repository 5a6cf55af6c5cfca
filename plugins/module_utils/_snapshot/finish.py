# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left when all folders were looked at: large files, links to one file, secrets, folders that cannot be listed."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import cache, hashing, packed
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.cache import Listing
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.entries import Counts, Pending, cause
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.folder import KEY_BYTES, look_at
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.hashing import SIZE, Job
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.rules import Rules, child, parent
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown, printable, real_path
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.sheet import Item
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.walk import Walk

Secret = Callable[[str], dict[str, Any]]


def pending(walk: Walk) -> Counts:
    """Read what was put aside, each inode once, and fill the holes. What moved meanwhile is looked at again on its own."""
    jobs: dict[tuple[int, ...], Job] = {}
    for found in walk.found.values():
        for one in found.pending:
            jobs.setdefault(one.key, Job(walk.rules.real(one.path), one.key))
    read = dict(zip(jobs, hashing.digests(list(jobs.values()), walk.rules.limits, walk.rules.pace)))
    altered = 0
    for path, found in list(walk.found.items()):
        if found.pending and found.listing:
            walk.found[path] = found._replace(listing=_filled(found.listing, found.pending, read, walk.rules))
            altered += sum(one.before not in (None, read[one.key]) for one in found.pending)
    sums = [sum(numbers) for numbers in zip(*(found.counts for found in walk.found.values()))] or [0] * len(Counts._fields)
    counts = Counts(*sums)
    return counts._replace(
        hashed=counts.hashed + len(jobs),
        bytes=counts.bytes + sum(job.key[SIZE] for job in jobs.values()),
        altered=counts.altered + altered,
    )


def save(place: str, walk: Walk) -> None:
    """A full disk costs the next scan its speed, not this one its answer."""
    if all(found.same for found in walk.found.values()) and len(walk.found) == len(walk.cache.places):
        return
    with contextlib.suppress(OSError):
        cache.save(place, _dumps(walk))


def _dumps(walk: Walk) -> Iterable[bytes]:
    for path, found in walk.found.items():
        if found.same:
            yield walk.cache.raw(path)
        elif found.listing:
            yield found.listing._replace(path=path).dump()


def fingerprinted(listing: Listing, rules: Rules, secret: Secret) -> bytes:
    names = set(listing.secrets.decode().split("/"))
    items = packed.decode(listing.record)
    return packed.encode((name, _hidden(listing, rules, name, item, secret) if name in names else item) for name, item in items)


def unlisted(records: dict[str, bytes], walk: Walk) -> dict[str, bytes]:
    """A folder that cannot be listed is unknown, in the folder where it lies."""
    for path, found in walk.found.items():
        if found.unknown:
            folder, name = parent(path)
            record = records.get(printable(folder))
            shown = printable(name) if name != b"." else ""
            items = dict(packed.decode(record)) if record else {}
            if shown in items:
                items[shown]["unknown"] = found.unknown
                records[printable(folder)] = packed.encode(items.items())
    return records


def _filled(listing: Listing, holes: Iterable[Pending], read: dict[tuple[int, ...], Optional[bytes]], rules: Rules) -> Listing:
    record = bytearray(listing.record)
    moved = []
    for one in holes:
        digest = read[one.key]
        if digest is None:
            moved.append(one)
        else:
            packed.put(record, one.slot, digest)
    listing = listing._replace(record=bytes(record))
    return _again(listing, moved, rules) if moved else listing


def _again(listing: Listing, moved: Iterable[Pending], rules: Rules) -> Listing:
    items = dict(packed.decode(listing.record))
    for one in moved:
        del items[one.name]
        items.update(_described(one, rules))
    stats = bytes(KEY_BYTES * len(items))  # the next look trusts none of them
    return listing._replace(record=packed.encode(items.items()), stats=stats)


def _described(one: Pending, rules: Rules) -> dict[str, Item]:
    """The entry as it is now, {} when it vanished; unknown when it keeps changing."""
    folder, name = parent(one.path)
    for _attempt in range(3):
        found = look_at(folder, [name], rules)
        if found.listing is None:
            return {}
        if not found.pending:
            return dict(packed.decode(found.listing.record))
        now = found.pending[0]
        digest = hashing.digest(Job(rules.real(now.path), now.key), rules.pace)
        if digest:
            record = bytearray(found.listing.record)
            packed.put(record, now.slot, digest)
            return dict(packed.decode(bytes(record)))
        (shown, item), *_none = packed.decode(found.listing.record)
    kept = {key: value for key, value in item.items() if key not in ("size", "sha256")}
    return {shown: {**kept, "unknown": "it changed while it was read, three times"}}


def _hidden(listing: Listing, rules: Rules, name: str, item: Item, secret: Secret) -> Item:
    """A secret file, compared by a fingerprint of its digest. Its size would tell too much of a short password."""
    path = child(listing.path, real_path(name))
    try:
        descriptor = os.open(rules.real(path), hashing.FLAGS)
        with open(descriptor, "rb", buffering=0) as stream:
            digest = hashlib.sha256()
            for block in iter(lambda: stream.read(hashing.BLOCK), b""):
                digest.update(block)
        return {**item, **secret(digest.hexdigest())}
    except OSError as exc:
        return {**item, "unknown": cause(exc)}
    except Unknown as exc:
        return {**item, "unknown": str(exc)}
