# SPDX-License-Identifier: GPL-3.0-or-later
"""Who changed what differs: every candidate, and how sure that is. Pure.

Times of the host are corrected by its clock's skew. Nothing here is proof but the audit log and what our own ledger says: logs can be written by
whoever is root, and the time of a file is that of its last change alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import suspects
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.runs import Run, rows_of_runs, runs
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.suspects import Candidate, Case

Finding = Mapping[str, Any]
CONFIDENCE = ("certain", "likely", "possible", "unknown")
MOST = 10


def attribute(
    findings: Sequence[Finding],
    evidence: Mapping[str, Any],
    entries: Sequence[Any] = (),
    *,
    host: str,
    environment: str,
    since: float,
    until: float,
    skew: float = 0.0,
) -> list[dict[str, Any]]:
    """The findings with `attribution`, [{who, when, how, confidence, text}], the most likely first.

    how: ledger (a run of ours) | package_log | sudo | audit | session | file | none;  confidence: certain | likely | possible | unknown.
    evidence: a result of drift_evidence; entries: of the ledger, oldest first; since, until: the controller's seconds since the epoch
    between which it changed; skew: how much the host's clock is ahead.
    """
    own = [run for run in runs(entries, environment, host) if run.ends >= since and run.began <= until]
    events = [
        {**event, "time": event["time"] - skew, **({"until": event["until"] - skew} if "until" in event else {})} for event in evidence.get("events") or []
    ]
    seen = [event for event in events if event["time"] <= until and event.get("until", event["time"]) >= since]
    return [{**finding, "attribution": _attribution(finding, evidence, seen, own, (since, until, skew))} for finding in findings]


def _attribution(
    finding: Finding, evidence: Mapping[str, Any], events: list[dict[str, Any]], own: list[Run], window: tuple[float, float, float]
) -> list[dict[str, Any]]:
    known = (evidence.get("about") or {}).get(finding["path"]) or {}
    case = suspects.case(finding, known, window)
    found = [*rows_of_runs(case, own), *suspects.of_events(case, events, own), *suspects.of_files(case)]
    chosen = _best(found, case)
    return [_row(each) for each in chosen[:MOST]] or [_nobody(evidence)]


def _best(found: list[Candidate], case: Case) -> list[Candidate]:
    """One row for each who and how: our own runs first, then by confidence, then by nearness to the change."""
    ordered = sorted(found, key=lambda each: (each.how != "ledger", CONFIDENCE.index(each.confidence), each.how == "file", case.distance(each.time), each.text))
    kept: dict[tuple[str, ...], Candidate] = {}
    for each in ordered:
        kept.setdefault((each.how, each.who, each.text if each.how == "ledger" else ""), each)
    named = {each.how for each in kept.values() if each.who}
    # apt tells who asked for it, dpkg tells the same without.
    return [each for each in kept.values() if each.who or each.how not in named]


def _row(each: Candidate) -> dict[str, Any]:
    return {"who": each.who, "when": stamp(each.time), "how": each.how, "confidence": each.confidence, "text": each.text}


def _nobody(evidence: Mapping[str, Any]) -> dict[str, Any]:
    unread = [
        f"{name} ({state.get('reason', 'no reason given')})" for name, state in sorted((evidence.get("sources") or {}).items()) if state["state"] != "read"
    ]
    text = "Nothing tells who did it"
    if not evidence.get("sources"):
        text += ", and the host was not asked"
    elif unread:
        text += f"; not looked at: {', '.join(unread)}"
    return {"who": "", "when": None, "how": "none", "confidence": "unknown", "text": f"{text}."}


def stamp(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
