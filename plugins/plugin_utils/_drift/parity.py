# SPDX-License-Identifier: GPL-3.0-or-later
"""One service in two environments. Hosts are matched by what they serve, not by name. Pure: no clock, no disk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.compare import Finding, Snapshot, compare

ROOT = "{root}"


def parity(here: Mapping[str, Snapshot], there: Mapping[str, Snapshot]) -> list[Finding]:
    """Findings as of `compare` with `hosts`, those that differ from every host over there; a secret only by whether it is there."""
    if not here or not there:
        side = "this" if not here else "the other"
        reason = {"unknown": f"no host of {side} environment serves it"}
        return [{"path": "collector:hosts", "kind": "unknown", "severity": "high", "before": reason, "after": reason, "hosts": sorted(here)}]
    references = [there[name] for name in sorted(there)]
    grouped: dict[str, Finding] = {}
    for host in sorted(here):
        for finding in _unlike_all(here[host], references):
            name = _text([finding["path"], finding["kind"], finding["after"]])
            grouped.setdefault(name, {**finding, "hosts": []})["hosts"].append(host)
    return sorted(grouped.values(), key=lambda finding: (str(finding["path"]), finding["hosts"]))


def comparable(snapshot: Snapshot, root: str) -> dict[str, Any]:
    """The same service has another folder and other secrets elsewhere: neither is a difference."""
    items = {}
    for path, item in snapshot["items"].items():
        plain = {key: value for key, value in item.items() if not (item.get("secret") and key == "fingerprint")}
        if root and isinstance(plain.get("target"), str):
            plain["target"] = _rooted(plain["target"], root)
        kind, _colon, rest = path.partition(":")
        items[f"file:{_rooted(rest, root)}" if root and kind == "file" else path] = plain
    return {"collectors": snapshot["collectors"], "items": items}


def _unlike_all(snapshot: Snapshot, references: Sequence[Snapshot]) -> list[Finding]:
    """What differs from each host over there, shown against the most usual state over there."""
    against = [{finding["path"]: finding for finding in compare(reference, snapshot)} for reference in references]
    common = set(against[0]).intersection(*against[1:])
    return [_most_usual([found[path] for found in against]) for path in sorted(common)]


def _most_usual(findings: Sequence[Finding]) -> Finding:
    text, _count = Counter(_text(finding) for finding in findings).most_common(1)[0]
    return next(finding for finding in findings if _text(finding) == text)


def _rooted(path: str, root: str) -> str:
    return ROOT + path[len(root) :] if path == root or path.startswith(root.rstrip("/") + "/") else path


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
