# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that went from one name to another with their content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SMALLEST = 16  # shorter contents are alike by chance: empty markers, "1\n"
Place = tuple[Any, ...]


def renamed(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """{new path: old path}: one to one, by content, first those that kept their base name; turned round it gives the same pairs."""
    old: dict[Place, list[str]] = {}
    new: dict[Place, list[str]] = {}
    for path in sorted(found):
        before, after = found[path]["before"], found[path]["after"]
        if (before is None) == (after is None) or not path.startswith("file:"):
            continue
        content = _content(before or after)
        if content:
            (old if after is None else new).setdefault(content, []).append(path)
    pairs: dict[str, str] = {}
    for content in old.keys() & new.keys():
        pairs |= _paired(old[content], new[content])
    return pairs


def _content(item: Mapping[str, Any]) -> Place | None:
    size = item.get("size")
    if "unknown" in item or not item.get("sha256") or not isinstance(size, int) or size < SMALLEST:
        return None
    return item.get("type"), item["sha256"], size


def _paired(old: list[str], new: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    by_name: dict[str, tuple[list[str], list[str]]] = {}
    for side, paths in enumerate((old, new)):
        for path in paths:
            by_name.setdefault(path.rpartition("/")[2], ([], []))[side].append(path)
    for before, after in by_name.values():
        pairs |= dict(zip(after, before))
    taken = set(pairs.values())
    left = [path for path in old if path not in taken]
    return pairs | dict(zip([path for path in new if path not in pairs], left))
