# SPDX-License-Identifier: GPL-3.0-or-later
"""One environment against another, and against what the baselines of both say. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import told

CLASSES = {
    "here_drifted": "drifted here",
    "there_drifted": "drifted there",
    "both_drifted": "both drifted",
    "by_design": "by design",
    "undecided": "no baseline to tell",
}
WORDS = {"passed": "the same", "failed": "differs", "errored": "could not tell", "inconclusive": "not all could be read"}
MOST_ROWS = 150
MOST_NAMES = 8


def table(item: Mapping[str, Any]) -> dict[str, Any]:
    found = sorted(item["findings"], key=lambda finding: (documents.SEVERITIES.index(documents.severity(finding)), str(finding.get("path"))))
    counts = Counter(_class(finding) for finding in found)
    return {
        "environment": item["environment"],
        "other": item["other"],
        "service": item["service"],
        "verdict": item["verdict"],
        "word": WORDS.get(item["verdict"], item["verdict"]),
        "time": item["time"][:19].replace("T", " "),
        "classes": [(CLASSES[name], counts[name]) for name in CLASSES if counts[name]],
        "rows": [_row(finding) for finding in found[:MOST_ROWS]],
        "more": max(0, len(found) - MOST_ROWS),
        "allowed": [f"{finding.get('path')}: {told.reason(finding)}" for finding in item["allowed"][:MOST_ROWS]],
    }


def _class(finding: Mapping[str, Any]) -> str:
    found = str(finding.get("class") or "")
    return found if found in CLASSES else "undecided"


def _row(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Findings of parity have the other environment as `before` and this one as `after`."""
    expected = finding.get("expected")
    sides = expected if isinstance(expected, Mapping) else {"here": finding.get("baseline"), "there": finding.get("baseline")}
    same = sides.get("here") == sides.get("there")
    baseline = [("baseline", sides.get("here"))] if same else [("baseline here", sides.get("here")), ("baseline there", sides.get("there"))]
    known = [*(baseline if sides.get("here") is not None or not same else []), ("here", finding.get("after")), ("there", finding.get("before"))]
    return {
        "path": str(finding.get("path") or ""),
        "kind": str(finding.get("kind") or "changed"),
        "severity": documents.severity(finding),
        "class": _class(finding),
        "word": CLASSES[_class(finding)],
        "sides": [(name, _value(value)) for name, value in known],
        "hosts": _names(finding.get("hosts")),
        "hosts_there": _names(finding.get("hosts_there")),
    }


def _value(found: Any) -> str:
    if found is None:
        return "nothing"
    if isinstance(found, Mapping):
        return ", ".join(f"{name}: {told.value(value)}" for name, value in sorted(found.items())) or "nothing"
    return told.value(found)


def _names(hosts: Any) -> str:
    names = [str(host) for host in hosts] if isinstance(hosts, (list, tuple)) else []
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
