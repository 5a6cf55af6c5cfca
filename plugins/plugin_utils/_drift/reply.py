# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host answered, made into the result of the task. What was before is the store's word, and the host's has to fit to it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.grouping import canonical
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken, Record, apply, inflate, load
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Objects

Result = dict[str, Any]


def whole(data: bytes, root: str, objects: Objects, *, limit: int, keep: bool, writes: bool) -> Result:
    """Of a record. `writes` is false in check mode, where nothing is stored and everything inline."""
    record = load(data)
    if record.root != root:
        raise Broken(f"its record has the root {record.root}, not {root}")
    # Packed it is already larger, so how large it is as text does not matter.
    snapshot = None if writes and len(data) > limit else {"collectors": record.collectors, "items": record.all_items()}
    if snapshot and writes and len(canonical(snapshot)) > limit:
        snapshot = None
    stored = writes and (keep or snapshot is None)
    if stored:
        objects.put_record(record)
    return {"collectors": record.collectors, "stored": stored, **({"snapshot": snapshot} if snapshot else {})}


def difference(data: bytes, root: str, base: Record, objects: Objects, *, limit: int, keep: bool, writes: bool) -> Result:
    """Of a delta from the record of the baseline."""
    try:
        change = json.loads(inflate(data))
        keys = [str(key) for part in ("items", "gone", "unknown") for key in change[part]]
        del change["unknown"]
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error) as exc:
        raise Broken(f"its delta cannot be read ({type(exc).__name__})") from exc
    now = apply(base, change) if change.get("root") != base.root else base
    if now.root != root:
        raise Broken(f"its delta leads to {now.root}, not to {root}")
    changes = between(base, now, keys)
    result: Result = {"collectors": now.collectors, "baseline_collectors": base.collectors, "stored": keep and writes}
    if keep and writes and not objects.has_record(root):
        objects.put_change(change)
    text = canonical(changes)
    if writes and len(text) > limit:
        return {**result, "changes_object": objects.put(text.encode())}
    return {**result, "changes": changes}


def between(base: Record, now: Record, keys: list[str]) -> dict[str, Mapping[str, Any]]:
    before, after = base.select(keys), now.select(keys)
    return {key: {"before": before.get(key), "after": after.get(key)} for key in sorted({*keys})}
