# SPDX-License-Identifier: GPL-3.0-or-later
"""How objects and the names of records are written. What is read may have been tampered with."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken, inflate
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store_place import Missing

NAME = re.compile("[0-9a-f]{64}")
PACKED, PLAIN = b"z", b"-"


def valid(name: str) -> str:
    if not NAME.fullmatch(name):
        raise Missing(f"There is no object {name!r}: its name would be 64 hexadecimal digits.")
    return name


def closed(data: bytes) -> bytes:
    packed = zlib.compress(data, 6)
    return PACKED + packed if len(packed) < len(data) else PLAIN + data


def opened(held: bytes) -> bytes | None:
    if held[:1] == PLAIN:
        return held[1:]
    try:
        return inflate(held[1:]) if held[:1] == PACKED else None
    except (ValueError, zlib.error):
        return None


def read_alias(data: bytes) -> dict[str, Any] | None:
    try:
        alias = json.loads(data)
        sound = NAME.fullmatch(alias["object"]) and (not alias["base"] or NAME.fullmatch(alias["base"])) and isinstance(alias["depth"], int)
    except (ValueError, KeyError, TypeError):
        return None
    return dict(alias) if sound else None


def read_first(data: bytes) -> str:
    try:
        root = str(json.loads(data)["first"])
    except (ValueError, KeyError, TypeError):
        return ""
    return root if NAME.fullmatch(root) else ""


def parsed(data: bytes) -> dict[str, Any]:
    """A delta."""
    try:
        return dict(json.loads(data))
    except (ValueError, TypeError) as exc:
        raise Broken("it is neither a record nor a delta") from exc
