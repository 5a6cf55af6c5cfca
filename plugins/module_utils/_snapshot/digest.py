# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of items (a folder's, a configuration file's, a collector's) and their digests: what is equal need not travel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Items = Mapping[str, Mapping[str, Any]]


def group_of(path: str) -> str:
    """`file:/etc/shop/` for a file, `config:shop.ini` for a key, `package` for a package."""
    kind, _colon, rest = path.partition(":")
    if kind == "file":
        return f"file:{rest.rpartition('/')[0]}/"
    return f"{kind}:{rest.partition(':')[0]}" if kind == "config" else kind


def groups(items: Items) -> dict[str, str]:
    """{group: digest}. The same items have the same digest on every host and Python."""
    members: dict[str, list[Any]] = {}
    for path in sorted(items):
        members.setdefault(group_of(path), []).append([path, items[path]])
    return {name: _digest(pairs) for name, pairs in members.items()}


def narrow(items: Items, expect: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """(items of the groups that differ, those groups). What is unknown is never equal."""
    now = groups(items)
    blind = {group_of(path) for path, item in items.items() if "unknown" in item}
    differing = {name for name in {*now, *expect} if now.get(name) != expect.get(name)} | blind
    return {path: dict(item) for path, item in items.items() if group_of(path) in differing}, sorted(differing)


def _digest(pairs: list[Any]) -> str:
    text = json.dumps(pairs, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
