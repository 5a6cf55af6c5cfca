# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of items and their digests: what is equal need not travel. The same items have the same digests on every host and Python."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Items

# A kind with more items than this is cut into 256 buckets, so that one changed package does not bring all of them along.
SPLIT = 512


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def digest(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def kind_of(name: str) -> str:
    """The kind of an item or of a group."""
    return name.partition(":")[0].partition("#")[0]


def group_of(key: str) -> str:
    """`file:/etc/shop/` for a file, `config:shop.ini` for a key, `package` for a package."""
    kind, _colon, rest = key.partition(":")
    if kind == "file":
        folder, _slash, name = rest.rpartition("/")
        return folder_group(folder or ("/" if name else ""))
    return f"{kind}:{rest.partition(':')[0]}" if kind == "config" else kind


def folder_group(folder: str) -> str:
    """`/` itself lies in the folder without a name."""
    return "file:" + (f"{folder}/" if folder.strip("/") else folder)


def grouped(items: Mapping[str, Mapping[str, Any]]) -> dict[str, Items]:
    """{group: its items}; values are what JSON makes of them, so that a tuple is not unlike the list that comes back from a store."""
    groups: dict[str, Items] = {}
    for key, item in json.loads(canonical(items)).items():
        groups.setdefault(group_of(key), {})[key] = item
    whole: dict[str, Items] = {}
    for name, members in groups.items():
        whole.update(cut(name, members) if len(members) > SPLIT and ":" not in name else {name: members})
    return whole


def cut(kind: str, items: Items) -> dict[str, Items]:
    buckets: dict[str, Items] = {}
    for key, item in items.items():
        buckets.setdefault(f"{kind}#{bucket(key)}", {})[key] = item
    return buckets


def bucket(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:2]
