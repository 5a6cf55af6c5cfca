# SPDX-License-Identifier: GPL-3.0-or-later
"""The one document that every output is made of, itself an output as JSON. Pure: no clock, no disk."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.score import host_score, joint_score

FORMAT = "evenkeel-drift"
VERSION = 1
SEVERITIES = ("critical", "high", "medium", "low", "cosmetic")
VERDICTS = ("failed", "errored", "inconclusive", "passed")  # the worst first

Entry = Mapping[str, Any]
Document = dict[str, Any]
Finding = dict[str, Any]
Key = tuple[str, str]


def from_entries(entries: Iterable[Entry], *, environment: str = "", service: str = "", since: str | None = None) -> Document:
    """The newest state of each host and service; entries are those of the ledger, oldest first.

    A finding's `state` compares it with the subject's entry before, or with its newest one up to the id `since`:
    new | updated | unchanged. What was there and is gone is in `absent`. Without an entry to compare with there is no state;
    since="" says that nothing is known yet, so all is new.
    """
    reports: dict[Key, list[Entry]] = {}
    parities: dict[Key, Entry] = {}
    for entry in entries:
        if entry["phase"] == "intent" or (environment and entry["environment"] != environment):
            continue
        key = (str(entry["environment"]), str(entry["subject"]))
        if entry["kind"] == "drift" and (not service or split(key[1])[1] == service):
            reports.setdefault(key, []).append(entry)
        elif entry["kind"] == "report" and key[1].startswith("parity/"):
            parities[key] = entry
    subjects = [_from_history(key, history, since) for key, history in sorted(reports.items())]
    return _document(subjects, [_parity(key, entry) for key, entry in sorted(parities.items())])


def from_results(results: Mapping[str, Mapping[str, Any]], *, environment: str) -> Document:
    """results: {"host/service": what drift_compare gave}. There is no entry before, so findings have no state."""
    return _document([_subject((environment, subject), result) for subject, result in sorted(results.items())], [])


def dump(document: Document) -> str:
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def split(subject: str) -> tuple[str, str]:
    host, _slash, service = subject.partition("/")
    return host, service


def severity(finding: Mapping[str, Any]) -> str:
    """One that we do not know counts as high: it must not hide itself."""
    found = str(finding.get("severity") or "")
    return found if found in SEVERITIES else "high"


def at_least(finding: Mapping[str, Any], least: str) -> bool:
    return SEVERITIES.index(severity(finding)) <= SEVERITIES.index(least)


def kind_of(path: str) -> str:
    """The kind of an item: what `file:/etc/x` and `collector:files` look at."""
    kind, _colon, rest = path.partition(":")
    return rest if kind == "collector" else kind


def is_new(finding: Mapping[str, Any]) -> bool:
    return finding.get("state") in ("new", "updated")


def worst(verdicts: Iterable[str]) -> str:
    found = set(verdicts)
    return next((verdict for verdict in VERDICTS if verdict in found), "passed")


def digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def scores(subjects: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """By environment, out of the scores of its services: the findings may have been weighted with weights of its own."""
    hosts: dict[str, dict[str, float]] = {}
    for subject in subjects:
        score = host_score(subject["findings"]) if subject["score"] is None else subject["score"]
        places = hosts.setdefault(subject["environment"], {})
        # The score of a host takes a share of what each finding left, so those of its services go together like this.
        places[subject["host"]] = 100 - (100 - places.get(subject["host"], 0.0)) * (1 - score / 100)
    return {environment: joint_score(places) for environment, places in hosts.items()}


def _document(subjects: list[dict[str, Any]], parity: list[dict[str, Any]]) -> Document:
    findings = [finding for subject in subjects for finding in subject["findings"]]
    counts = Counter(severity(finding) for finding in findings)
    return {
        "format": FORMAT,
        "version": VERSION,
        "scanned": max((subject["scanned"] for subject in subjects), default=""),
        "verdict": worst(subject["verdict"] for subject in subjects),
        "findings": len(findings),
        "by_severity": {name: counts.get(name, 0) for name in SEVERITIES},
        "scores": scores(subjects),
        "subjects": subjects,
        "parity": parity,
    }


def _from_history(key: Key, history: list[Entry], since: str | None) -> dict[str, Any]:
    newest = history[-1]
    body = newest["body"]
    before = history[:-1] if since is None else [entry for entry in history if entry["id"] <= since]
    previous = before[-1] if before else None
    subject = _subject(key, body, scanned=str(newest["time"]), entry=str(newest["id"]), release=str(newest["release"]))
    if previous is None:
        if since is not None:
            subject["findings"] = [{**finding, "state": "new"} for finding in subject["findings"]]
        return subject
    old = {finding["fingerprint"]: finding for finding in _findings(key, previous["body"].get("findings"))}
    subject["findings"] = [{**finding, "state": _state(finding, old.get(finding["fingerprint"]))} for finding in subject["findings"]]
    now = {finding["fingerprint"] for finding in [*subject["findings"], *subject["allowed"]]}
    subject["absent"] = [{**finding, "state": "absent"} for fingerprint, finding in old.items() if fingerprint not in now]
    subject["compared_with"] = str(previous["id"])
    return subject


def _subject(key: Key, result: Mapping[str, Any], *, scanned: str = "", entry: str = "", release: str = "") -> dict[str, Any]:
    environment, subject = key
    host, service = split(subject)
    score = result.get("score")
    baseline = result.get("baseline")
    return {
        "environment": environment,
        "host": host,
        "service": service,
        "verdict": str(result.get("verdict") or "errored"),
        "score": score if isinstance(score, (int, float)) and not isinstance(score, bool) else None,
        "scanned": scanned,
        "entry": entry,
        "release": release,
        "baseline": dict(baseline) if isinstance(baseline, Mapping) else {},
        "collectors": sorted(result["collectors"]) if isinstance(result.get("collectors"), Mapping) else [],
        "findings": _findings(key, result.get("findings")),
        "allowed": _findings(key, result.get("allowed")),
        "unused": [dict(item) for item in _mappings(result.get("unused"))],
        "absent": [],
        "compared_with": "",
    }


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, (list, tuple)) else []


def _findings(key: Key, value: Any) -> list[Finding]:
    return [_marked(key, finding) for finding in _mappings(value)]


def _marked(key: Key, finding: Mapping[str, Any]) -> Finding:
    """`fingerprint` names the place and survives every scan; `change` is the same wherever the same thing happened."""
    path = str(finding.get("path") or finding.get("name") or "")
    change = digest(path, finding.get("kind"), finding.get("from"), finding.get("before"), finding.get("after"))
    kind = str(finding.get("kind") or "changed")
    return {**finding, "path": path, "kind": kind, "severity": severity(finding), "fingerprint": digest(*key, path), "change": change}


def _state(finding: Finding, old: Finding | None) -> str:
    if old is None:
        return "new"
    return "unchanged" if old["change"] == finding["change"] else "updated"


def _parity(key: Key, entry: Entry) -> dict[str, Any]:
    body = entry["body"]
    _word, service, other = [*key[1].split("/", 2), "", ""][:3]
    return {
        "environment": key[0],
        "service": service,
        "other": str(body.get("compared_with") or other),
        "verdict": str(body.get("verdict") or "errored"),
        "time": str(entry["time"]),
        "findings": [dict(item) for item in _mappings(body.get("findings"))],
        "allowed": [dict(item) for item in _mappings(body.get("allowed"))],
        "unused": [dict(item) for item in _mappings(body.get("unused"))],
    }
