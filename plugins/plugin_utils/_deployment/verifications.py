# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a release is verified, since when, and who took that back. A pure function of the ledger.

A fact of kind `verification` with verdict passed verifies; any other verdict ends that. {verdict: failed, revoked: true, reason} is somebody's word that a
verification no longer counts, there and for everything that relied on it; only a new verification ends that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Entry = Mapping[str, Any]
KIND = "verification"


class Verified(NamedTuple):
    """`since` is the first and `at` the last of the unbroken verifications, "" when it is not verified; `revoked` is the entry that took them back."""

    since: str = ""
    at: str = ""
    revoked: Entry | None = None


def of(entries: Iterable[Entry], release: str) -> dict[str, Verified]:
    """{environment: Verified} of every environment with a word on it."""
    found: dict[str, Verified] = {}
    for entry in entries:
        if entry["kind"] != KIND or entry["phase"] == "intent" or entry["release"] != release:
            continue
        place = entry["environment"]
        if entry["body"].get("verdict") == "passed":
            since = found.get(place, Verified()).since or entry["time"]
            found[place] = Verified(since, entry["time"])
        else:
            # A failed verification after a revocation does not lift it.
            before = found.get(place, Verified()).revoked
            found[place] = Verified(revoked=entry if entry["body"].get("revoked") is True else before)
    return found


def body(reason: str) -> dict[str, Any]:
    """Of the fact that revokes."""
    return {"verdict": "failed", "revoked": True, "reason": reason}
