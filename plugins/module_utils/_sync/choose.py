# SPDX-License-Identifier: GPL-3.0-or-later
"""Which mode a synchronization takes when nobody said it, and the sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BYTES_PER_SECOND = 25_000_000  # of a full copy, while no copy of this database has been timed
ROWS_PER_SECOND = 20_000  # changed rows that a delta masks, stages and writes, while none has been timed
FIXED = 0.3  # seconds that opening, checking and committing take
WORTH = 0.8  # a delta has to take less than this part of a full copy: a full one also leaves packed tables and fresh indexes


def full_seconds(facts: Mapping[str, Any]) -> float:
    """From the last full copy, in proportion to the size."""
    last, then = facts.get("full_seconds") or 0.0, facts.get("full_bytes") or 0
    now = int(facts.get("bytes") or 0)
    if last and then:
        return float(last) * max(now, 1) / then
    return FIXED + now / BYTES_PER_SECOND


def delta_seconds(facts: Mapping[str, Any]) -> float:
    """Looking took so long once, and is done again in the snapshot; then the changed rows."""
    work = int(facts.get("changed") or 0) + int(facts.get("deleted") or 0)
    rate = float(facts.get("delta_rate") or 0.0) or ROWS_PER_SECOND
    return FIXED + float(facts.get("look_seconds") or 0.0) + work / rate


def _fits(seconds: float, window: float) -> str:
    if not window:
        return ""
    return (
        f" It fits into the window of {window:g} s." if seconds <= window else f" Neither mode fits into the window of {window:g} s: this is the shorter one."
    )


def choose(facts: Mapping[str, Any]) -> tuple[str, str]:
    """(mode, why). Facts: known, reason, trusted, rows, bytes, changed, deleted, drifted, look_seconds, full_seconds, full_bytes,
    delta_rate (rows a second), window (seconds, 0: none), blocked (a reason why only a full copy is able to)."""
    window = float(facts.get("window") or 0.0)
    full = full_seconds(facts)
    if not facts.get("known"):
        return "full", f"{facts.get('reason') or 'no earlier full copy is recorded in the target'}: about {full:.1f} s." + _fits(full, window)
    if facts.get("blocked"):
        return "full", f"{facts['blocked']}: about {full:.1f} s." + _fits(full, window)
    if not facts.get("trusted"):
        why = "the row versions of the last run don't say what changed (another server, a failover or a restore), and comparing contents masks every row anyway"
        return "full", f"{why}: about {full:.1f} s." + _fits(full, window)
    rows, changed, deleted = (int(facts.get(name) or 0) for name in ("rows", "changed", "deleted"))
    drifted = int(facts.get("drifted") or 0)
    if not changed and not deleted and not drifted:
        return "incremental", f"none of {rows} rows changed since the last run."
    delta = delta_seconds(facts)
    mode = "differential" if drifted else "incremental"
    share = 100.0 * (changed + deleted) / max(rows, 1)
    found = f"{changed} of {rows} rows changed and {deleted} are gone ({share:.2g} %)"
    if drifted:
        found += f", {drifted} rows of the target were written by others"
    short = window and delta <= window < full
    if delta < WORTH * full or short:
        return mode, f"{found}: about {delta:.1f} s, a full copy about {full:.1f} s." + _fits(delta, window)
    return "full", f"{found}: about {full:.1f} s, {'an' if mode == 'incremental' else 'a'} {mode} one about {delta:.1f} s, which isn't worth it." + _fits(
        min(full, delta), window
    )
