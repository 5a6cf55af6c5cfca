# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller's store holds for a restoration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._restore import contents
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot import patterns
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Record, group_of
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import real_path
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects

FILE = "file:"


class Lied(Exception):
    """A host sent a content that is not what its digest says."""


def items_of(record: Record, keys: Sequence[str]) -> dict[str, Any]:
    """{key: item of the baseline, None where there was none}."""
    # A kind with many items is split over several groups, and which one a key is in depends on their number.
    near = {key: record.items(group_of(key)).get(key) for key in keys if key.startswith(FILE)}
    far = [key for key in keys if key not in near]
    return {**near, **_plain(record, far)}


def files_of(record: Record, globs: Sequence[str]) -> dict[str, str]:
    """{path: digest} of the files whose content a baseline names."""
    match = patterns.compiled(globs)
    found = {}
    for key, item in record.all_items().items():
        if key.startswith(FILE) and item.get("sha256") and item.get("type") == "file" and not item.get("secret"):
            path = key[len(FILE) :]
            if match is None or match(real_path(path)):
                found[path] = str(item["sha256"])
    return found


def missing(store: Objects, files: Mapping[str, str]) -> dict[str, str]:
    lacking = {digest for digest in set(files.values()) if not store.has(digest)}
    return {path: digest for path, digest in files.items() if digest in lacking}


def keep(store: Objects, sent: Mapping[str, str]) -> None:
    """Under their own digest: a host cannot put anything in another one's place."""
    for digest, text in sent.items():
        data = contents.unpack(digest, text)
        if data is None:
            raise Lied(f"The host sent a content that is not {digest}. Nothing of it was kept. Find out what answers on this host.")
        store.put(data)


def had(store: Objects, digests: Iterable[str]) -> list[str]:
    return sorted(digest for digest in set(digests) if store.has(digest))


def packed(store: Objects, digests: Iterable[str]) -> dict[str, str]:
    found: Mapping[str, bytes] = store.get_many(sorted(set(digests)))
    return {digest: contents.pack(data) for digest, data in found.items()}


def _plain(record: Record, keys: Sequence[str]) -> dict[str, Any]:
    if not keys:
        return {}
    every = {key: item for group in record.groups if not group.startswith(FILE) for key, item in record.items(group).items()}
    return {key: every.get(key) for key in keys}
