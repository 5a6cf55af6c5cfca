# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots against each other. Pure: no clock, no disk."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.digest import group_of

Snapshot = Mapping[str, Any]
Finding = dict[str, Any]
VOLATILE = ("port:",)


def compare(baseline: Snapshot, current: Snapshot) -> list[Finding]:
    """[{path, kind: added|removed|changed|unknown, severity, before, after}], sorted by path.

    What either side could not read is a finding of kind unknown; items of such a collector are not compared.
    """
    findings = _unknown_collectors(baseline, current)
    blind = {finding["path"].partition(":")[2] for finding in findings}
    current = whole(baseline, current)
    before, after = _items(baseline, blind), _items(current, blind)
    closed = _closed(before, after)
    for path in sorted({*before, *after}):
        if path.startswith(closed):
            continue
        old, new = before.get(path), after.get(path)
        if old == new and not (new and "unknown" in new):
            continue
        findings.append({"path": path, "kind": _kind(old, new), "severity": _severity(path), "before": _shown(old, new), "after": _shown(new, old)})
    return sorted(findings, key=lambda finding: str(finding["path"]))


def whole(baseline: Snapshot, current: Snapshot) -> Snapshot:
    """A snapshot that holds only what differs from this baseline, with the rest put back."""
    if "differs" not in current:
        return current
    differing = set(current["differs"])
    same = {path: item for path, item in baseline["items"].items() if group_of(path) not in differing}
    return {"collectors": current["collectors"], "items": {**same, **current["items"]}}


def allow(findings: Iterable[Finding], allowed: Sequence[Mapping[str, Any]], today: date) -> dict[str, Any]:
    """{findings, allowed, unused}: a declared difference takes its findings out until its last day; an unknown one never."""
    left: list[Finding] = []
    accepted: list[Finding] = []
    used: set[int] = set()
    for finding in findings:
        match = next((index for index, rule in enumerate(allowed) if fnmatch.fnmatchcase(finding["path"], str(rule["path"]))), None)
        if match is None or finding["kind"] == "unknown":
            left.append(finding)
            continue
        used.add(match)
        rule = allowed[match]
        if date.fromisoformat(str(rule["expires"])[:10]) < today:
            left.append({**finding, "expired": {"reason": rule["reason"], "owner": rule["owner"], "expires": str(rule["expires"])}})
        else:
            accepted.append({**finding, "reason": rule["reason"], "owner": rule["owner"]})
    return {"findings": left, "allowed": accepted, "unused": [dict(rule) for index, rule in enumerate(allowed) if index not in used]}


def verdict(findings: Sequence[Finding]) -> str:
    kinds = {finding["kind"] for finding in findings}
    if kinds - {"unknown"}:
        return "failed"
    return "inconclusive" if kinds else "passed"


def _unknown_collectors(*snapshots: Snapshot) -> list[Finding]:
    found: dict[str, Finding] = {}
    for side, snapshot in zip(("before", "after"), snapshots):
        for name, state in snapshot["collectors"].items():
            if state["state"] != "read":
                path = f"collector:{name}"
                empty = {"path": path, "kind": "unknown", "severity": "high", "before": None, "after": None}
                found.setdefault(path, empty)[side] = {"unknown": state.get("reason", "no reason given")}
    names = [set(snapshot["collectors"]) for snapshot in snapshots]
    for name in sorted(names[0] ^ names[1]):
        reason = {"unknown": "only one of the two snapshots looked at it"}
        path = f"collector:{name}"
        found.setdefault(path, {"path": path, "kind": "unknown", "severity": "high", "before": reason, "after": reason})
    return list(found.values())


PREFIX = {"file": "files", "config": "config", "package": "packages", "service": "services", "sysctl": "sysctl", "port": "ports"}


def _items(snapshot: Snapshot, blind: set[str]) -> dict[str, Any]:
    return {path: item for path, item in snapshot["items"].items() if PREFIX.get(path.partition(":")[0]) not in blind}


def _closed(*sides: Mapping[str, Any]) -> tuple[str, ...]:
    """Folders that could not be listed: what lies below them is neither there nor gone."""
    return tuple({f"{path}/" for items in sides for path, item in items.items() if "unknown" in item and item.get("type") == "folder"})


def _kind(old: Any, new: Any) -> str:
    if (old and "unknown" in old) or (new and "unknown" in new):
        return "unknown"
    if old is None:
        return "added"
    return "removed" if new is None else "changed"


def _severity(path: str) -> str:
    return "medium" if path.startswith(VOLATILE) else "high"


def _shown(item: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> Any:
    """Only the attributes that differ; a secret shows neither its value nor its fingerprint."""
    if item is None:
        return None
    if item.get("secret") or (other and other.get("secret")):
        return "[REDACTED]"
    if other is None:
        return dict(item)
    return {key: value for key, value in item.items() if other.get(key) != value or key == "unknown"}
