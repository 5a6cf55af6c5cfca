# SPDX-License-Identifier: GPL-3.0-or-later
"""What could not be read as a whole (a folder, a file of settings, a tool): what lies below it is neither there nor gone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

FOLDERS = ("folder", "directory")


def closed_places(items: Iterable[tuple[str, Mapping[str, Any] | None]]) -> set[str]:
    return {path.rstrip("/") for path, item in items if item and "unknown" in item and _may_hold_more(path, item)}


def _may_hold_more(path: str, item: Mapping[str, Any]) -> bool:
    return not path.startswith("file:") or "type" not in item or item["type"] in FOLDERS


def is_below(path: str, closed: Container[str]) -> bool:
    """`file:/a/b` is below `file:/a` and `file:` (the root), `config:x.ini:key` below `config:x.ini`, `container:podman/x` below `container:podman`."""
    if not closed:
        return False
    kind, colon, rest = path.partition(":")
    marks = "/" if kind == "file" else "/:#"
    start = len(kind) + len(colon)
    return any(char in marks and path[: start + place] in closed for place, char in enumerate(rest) if path != "file:/")
