# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift and changed configuration as changes: what differs, since which look, and who did it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import Change, seconds_of
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.tell import finding_text

Entry = Mapping[str, Any]
WEIGHT = {"critical": 32, "high": 16, "medium": 4, "low": 1, "cosmetic": 0}
SURE = ("certain", "likely")
LONG = 30 * 86400.0  # what was never looked at before may have been so for long


def changes(own: Sequence[Entry]) -> list[Change]:
    """One change for the same difference on any number of hosts that was first seen by the same looks."""
    looked: dict[str, float] = {}
    seen: dict[str, set[str]] = {}
    first: dict[tuple[str, ...], list[tuple[Entry, Mapping[str, Any], float]]] = {}
    baseline = min((seconds_of(entry["time"]) for entry in own if entry["kind"] == "baseline"), default=None)
    for entry in own:
        if entry["kind"] != "drift":
            continue
        subject, at = str(entry["subject"]), seconds_of(entry["time"])
        since = looked.get(subject, at - LONG if baseline is None or baseline > at else baseline)
        findings = {_name(finding): finding for finding in entry["body"].get("findings") or ()}
        for name in findings.keys() - seen.get(subject, set()):
            finding = findings[name]
            service = subject.partition("/")[2]
            first.setdefault((name, service, _who(finding)[0], _when(finding) or ""), []).append((entry, finding, since))
        looked[subject], seen[subject] = at, set(findings)
    return [_change(rows) for rows in first.values()]


def _change(rows: Sequence[tuple[Entry, Mapping[str, Any], float]]) -> Change:
    entry, finding, _since = rows[0]
    exact = _when(finding)
    window = (min(since for _entry, _finding, since in rows), max(seconds_of(entry["time"]) for entry, _finding, _since in rows))
    moments = [seconds_of(exact)] if exact else []
    who, confidence, how = _who(finding)
    path = str(finding.get("path", ""))
    severity = str(finding.get("severity", "low"))
    services = {str(each["subject"]).partition("/")[2] for each, _finding, _since in rows} - {"", "system"}
    return Change(
        id=str(entry["id"]),
        kind="config" if path.startswith("config:") else "drift",
        what=_text(finding),
        who=f"{who} ({confidence})" if who else "",
        services=frozenset(services),
        hosts=frozenset(str(each["subject"]).partition("/")[0] for each, _finding, _since in rows),
        moments=tuple(moments),
        window=None if exact else window,
        began=moments[0] if exact else window[0],
        size=WEIGHT.get(severity, 1),
        size_text=f"severity {severity}",
        verdict=str(entry["body"].get("verdict", "")),
        caused_by=how if how == "ledger" and confidence in SURE else "",
        notes=tuple(str(each["text"]) for each in (finding.get("attribution") or ())[:2] if each.get("text")),
    )


def _text(finding: Mapping[str, Any]) -> str:
    # What the table shows elsewhere is not said twice.
    return finding_text({"before": None, "after": None, **finding, "attribution": []})


def _name(finding: Mapping[str, Any]) -> str:
    return json.dumps([finding.get(key) for key in ("path", "kind", "before", "after")], sort_keys=True, default=str)


def _when(finding: Mapping[str, Any]) -> str | None:
    known: Iterable[Mapping[str, Any]] = finding.get("attribution") or ()
    return next((str(each["when"]) for each in known if each.get("when") and each.get("confidence") != "unknown"), None)


def _who(finding: Mapping[str, Any]) -> tuple[str, str, str]:
    first: Mapping[str, Any] = next(iter(finding.get("attribution") or ()), {})
    return str(first.get("who") or ""), str(first.get("confidence") or "unknown"), str(first.get("how") or "none")
