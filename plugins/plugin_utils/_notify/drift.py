# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told about drift: findings that came since somebody was told last. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import told
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.views import Readable

FORMAT, VERSION = "evenkeel-notification", 1
# Receivers refuse what is too long; all of it is in the ledger.
MOST = 50

Entry = Mapping[str, Any]


def subject(name: str) -> str:
    return f"notify/{name}"


def told_until(messages: Sequence[Readable]) -> str:
    """The id of the last drift entry that the receiver knows, from the entries about it, oldest first; empty when it knows none."""
    bodies = [message["body"] for message in messages]
    # One that was not delivered has none.
    return next((str(body["up_to"]) for body in reversed(bodies) if body.get("up_to")), "")


def newest(entries: Sequence[Entry]) -> str:
    return max((str(entry["id"]) for entry in entries if entry["kind"] == "drift"), default="")


def new_findings(document: documents.Document, least: str) -> list[dict[str, Any]]:
    """Those at or above this severity, the worst first."""
    found = [
        {**{key: part[key] for key in ("environment", "host", "service")}, **finding}
        for part in document["subjects"]
        for finding in part["findings"]
        if documents.is_new(finding) and documents.at_least(finding, least)
    ]
    return sorted(found, key=lambda finding: (documents.SEVERITIES.index(finding["severity"]), finding["environment"], finding["host"], finding["path"]))


def delivery(findings: Sequence[Mapping[str, Any]]) -> str:
    return documents.digest(*(f"{finding['fingerprint']}{finding['change']}" for finding in findings))


def payload(document: documents.Document, findings: Sequence[Mapping[str, Any]]) -> bytes:
    """`text` is what chat services show, the rest is for programs."""
    environments = sorted({finding["environment"] for finding in findings})
    first = findings[0]
    places = len({(finding["environment"], finding["host"]) for finding in findings})
    text = (
        f"Drift in {', '.join(environments)}: {len(findings)} new finding{'s' if len(findings) > 1 else ''} on {places} host{'s' if places > 1 else ''},"
        f" the worst is {first['severity']}: {first['host']}/{first['service']}: {told.message(first)}"
    )
    made = {
        "format": FORMAT,
        "version": VERSION,
        "event": "drift",
        "delivery": delivery(findings),
        "text": text,
        "environments": environments,
        "severity": first["severity"],
        "verdict": document["verdict"],
        "count": len(findings),
        "findings": [_shown(finding) for finding in findings[:MOST]],
        "more": max(0, len(findings) - MOST),
    }
    return json.dumps(made, sort_keys=True).encode()


def _shown(finding: Mapping[str, Any]) -> dict[str, Any]:
    known = ("environment", "host", "service", "path", "kind", "severity", "state", "fingerprint")
    return {**{key: finding[key] for key in known}, "message": told.message(finding)}
