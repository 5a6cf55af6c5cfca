# SPDX-License-Identifier: GPL-3.0-or-later
"""The scope of a release: what is in it, what came in after the freeze and who let it in, and how it came to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, did_you_mean, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.formats import timestamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

Data = Mapping[str, Any]
OPEN = ("proposed", "accepted", "in_progress")


def view(manifest: Data, now: str) -> dict[str, Any] | None:
    """{frozen_at, frozen, items, done, open, deferred, late, unexcused, changes}; None when the manifest has no scope.

    late: ids of what came in after the freeze; unexcused: those of them without an exception by somebody else than who asked.
    """
    scope = manifest.get("scope")
    if not scope:
        return None
    items, end, at = scope["items"], _moment(scope.get("frozen_at")), _moment(now)
    late = [item for item in items if is_late(item, end)]
    return {
        "frozen_at": scope.get("frozen_at"),
        "frozen": bool(end and at and at >= end),
        "items": len(items),
        "done": sum(item["status"] == "done" for item in items),
        "open": [item["id"] for item in items if item["status"] in OPEN],
        "deferred": [item["id"] for item in items if item["status"] == "deferred"],
        "late": [item["id"] for item in late],
        "unexcused": [item["id"] for item in late if not excused(item, scope.get("changes", []))],
        "changes": len(scope.get("changes", [])),
    }


def is_late(item: Data, frozen_at: datetime | None) -> bool:
    added = _moment(item.get("added_at"))
    return bool(frozen_at and added and added >= frozen_at)


def excused(item: Data, changes: Sequence[Data]) -> bool:
    """An exception with a reason, by somebody else than those who asked for the item."""
    exception = item.get("exception") or {}
    asked = {change["by"].strip().lower() for change in changes if change["item"] == item["id"] and change["act"] == "added"}
    approver = str(exception.get("approver", "")).strip().lower()
    return bool(approver and str(exception.get("reason", "")).strip() and approver not in asked)


def faults(manifest: Data, source: Source) -> Iterator[Fault]:
    """Of a scope that its schema found right."""
    scope = manifest.get("scope") or {}
    items, changes = scope.get("items", []), scope.get("changes", [])
    ids = [item["id"] for item in items]
    yield from _twice(ids, source)
    end = _moment(scope.get("frozen_at"))
    for place, item in enumerate(items):
        if not is_late(item, end):
            if item.get("exception"):
                yield source.fault(
                    ("scope", "items", place, "exception"), found="an exception", allowed="one only for what came in after the freeze", hint="remove it"
                )
            continue
        path = ("scope", "items", place, "exception")
        if not item.get("exception"):
            yield source.fault(
                path, found="nothing", allowed="a reason and an approver, since it came in after the freeze", hint="defer the item, or have it let in"
            )
        elif not excused(item, changes):
            yield source.fault((*path, "approver"), found=shown(item["exception"]["approver"]), allowed="somebody else than who asked for the item")
        if not any(change["item"] == item["id"] and change["act"] == "added" for change in changes):
            yield source.fault(("scope", "changes"), found=f"no change that added {item['id']}", allowed="one for each item that came in after the freeze")
    yield from _history(changes, set(ids), source)


def _twice(ids: Sequence[str], source: Source) -> Iterator[Fault]:
    for place, name in enumerate(ids):
        if name in ids[:place]:
            yield source.fault(("scope", "items", place, "id"), found=f"{shown(name)} again", allowed="an id that no item before it has")


def _history(changes: Sequence[Data], known: set[str], source: Source) -> Iterator[Fault]:
    before: datetime | None = None
    for place, change in enumerate(changes):
        at = _moment(change["at"])
        if before and at and at < before:
            yield source.fault(("scope", "changes", place, "at"), found=shown(change["at"]), allowed="a time that is not before that of the change above")
        before = at or before
        if change["act"] == "removed" and change["item"] in known:
            later = [each for each in changes[place + 1 :] if each["item"] == change["item"] and each["act"] == "added"]
            if not later:
                yield source.fault(("scope", "changes", place, "item"), found=f"{change['item']}, which is still in items", allowed="an item that is gone")
        if change["act"] != "removed" and change["item"] not in known and not _removed_later(changes[place + 1 :], change["item"]):
            yield source.fault(
                ("scope", "changes", place, "item"),
                found=shown(change["item"]),
                allowed="an item of the scope, or one that a later change removes",
                hint=did_you_mean(change["item"], known),
            )


def _removed_later(changes: Sequence[Data], item: str) -> bool:
    return any(change["item"] == item and change["act"] == "removed" for change in changes)


def _moment(text: Any) -> datetime | None:
    return timestamp(str(text)) if text else None
