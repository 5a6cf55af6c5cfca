# SPDX-License-Identifier: GPL-3.0-or-later
"""The drift section of the page: what differs, what is shared by hosts, what is allowed. Pure.

The page stays small whatever a fleet reports: what is left out is counted where it is missing, and the whole is in the export.
"""

from __future__ import annotations

import base64
import gzip
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import told
from ansible_collections.evenkeel.release.plugins.plugin_utils._report import parity, trend

Entry = Mapping[str, Any]
Finding = Mapping[str, Any]
WORDS = {"passed": "no drift", "failed": "drifted", "errored": "could not tell", "inconclusive": "not all could be read"}
# Of an environment: shared changes, single findings, hosts and allowed differences that are shown.
MOST_SHARED, MOST_FINDINGS, MOST_HOSTS, MOST_ALLOWED = 40, 300, 300, 100
MOST_NAMES = 12
LONGEST_DIFF = 2000
LARGEST_EXPORT = 1_500_000


def section(entries: Sequence[Entry], *, environment: str = "") -> dict[str, Any] | None:
    """None when the ledger knows of no scan."""
    document = documents.from_entries(entries, environment=environment)
    if not document["subjects"] and not document["parity"]:
        return None
    names = list(dict.fromkeys(subject["environment"] for subject in document["subjects"]))
    scores = trend.points(entries)
    environments = [_environment(name, document, scores.get(name, [])) for name in names]
    compared = [parity.table(item) for item in document["parity"]]
    left_out = sum(item["more"] for item in environments) + sum(item["more"] for item in compared)
    return {
        "environments": environments,
        "parity": compared,
        "left_out": left_out,
        "total": document["findings"],
        "export": _export(document) if left_out else "",
        "severities": documents.SEVERITIES,
    }


def _environment(name: str, document: documents.Document, scores: list[tuple[float, float]]) -> dict[str, Any]:
    subjects = [subject for subject in document["subjects"] if subject["environment"] == name]
    findings = [finding for subject in subjects for finding in subject["findings"]]
    counts = Counter(finding["severity"] for finding in findings)
    groups = _shared(subjects)
    shared = {group["change"] for group in groups}
    single = [finding for finding in findings if finding["change"] not in shared]
    chosen = {finding["fingerprint"] for finding in sorted(single, key=_urgency)[:MOST_FINDINGS]}
    hosts = _hosts(subjects, shared, chosen)
    allowed = _allowed(subjects)
    verdict = documents.worst(subject["verdict"] for subject in subjects)
    return {
        "name": name or "no environment",
        "verdict": verdict,
        "word": WORDS.get(verdict, verdict),
        "score": document["scores"][name],
        "scores": scores,
        "count": len(findings),
        "new": sum(documents.is_new(finding) for finding in findings),
        "by_severity": [(severity, counts[severity]) for severity in documents.SEVERITIES if counts[severity]],
        "shared": groups[:MOST_SHARED],
        "more_shared": max(0, len(groups) - MOST_SHARED),
        "hosts": hosts[:MOST_HOSTS],
        "more_hosts": max(0, len(hosts) - MOST_HOSTS),
        "allowed": allowed[:MOST_ALLOWED],
        "more_allowed": max(0, len(allowed) - MOST_ALLOWED),
        "unused": [_unused(item) for item in _distinct(item for subject in subjects for item in subject["unused"])],
        "more": _missing(groups, hosts, single, chosen, allowed),
    }


def _missing(groups: list[dict[str, Any]], hosts: list[dict[str, Any]], single: list[Finding], chosen: set[str], allowed: list[Any]) -> int:
    unseen: int = sum(len(service["findings"]) for host in hosts[MOST_HOSTS:] for service in host["services"])
    names: int = sum(group["more"] for group in groups[:MOST_SHARED])
    rest: int = sum(group["count"] for group in groups[MOST_SHARED:])
    return len(single) - len(chosen) + unseen + names + rest + max(0, len(allowed) - MOST_ALLOWED)


def _urgency(finding: Finding) -> tuple[int, bool, str]:
    return documents.SEVERITIES.index(finding["severity"]), not documents.is_new(finding), str(finding["path"])


def _shared(subjects: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same change on several hosts is one thing to look at: the worst first, then the most common."""
    found: dict[str, tuple[Finding, dict[str, None]]] = {}
    for subject in subjects:
        for finding in subject["findings"]:
            found.setdefault(finding["change"], (finding, {}))[1][subject["host"]] = None
    groups = [_group(finding, list(hosts)) for finding, hosts in found.values() if len(hosts) > 1]
    return sorted(groups, key=lambda group: (documents.SEVERITIES.index(group["severity"]), -group["count"], group["path"]))


def _group(finding: Finding, hosts: list[str]) -> dict[str, Any]:
    return {**_shown(finding), "change": finding["change"], "hosts": hosts[:MOST_NAMES], "count": len(hosts), "more": max(0, len(hosts) - MOST_NAMES)}


def _hosts(subjects: Iterable[Mapping[str, Any]], shared: set[str], chosen: set[str]) -> list[dict[str, Any]]:
    """The worst first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for subject in subjects:
        found.setdefault(subject["host"], []).append(_service(subject, shared, chosen))
    hosts = []
    for name, services in found.items():
        worst = min((service["worst"] for service in services), key=_rank)
        verdict = documents.worst(service["verdict"] for service in services)
        hosts.append(
            {
                "name": name or "no host",
                "services": services,
                "count": sum(service["count"] for service in services),
                "worst": worst,
                "verdict": verdict,
                "word": WORDS.get(verdict, verdict),
            }
        )
    return sorted(hosts, key=lambda host: (_rank(host["worst"]), -host["count"], host["name"]))


def _service(subject: Mapping[str, Any], shared: set[str], chosen: set[str]) -> dict[str, Any]:
    findings = sorted(subject["findings"], key=_urgency)
    seen = [_shown(finding) for finding in findings if finding["fingerprint"] in chosen and finding["change"] not in shared]
    common = sum(finding["change"] in shared for finding in findings)
    baseline = subject["baseline"]
    return {
        "name": subject["service"] or "host",
        "verdict": subject["verdict"],
        "word": WORDS.get(subject["verdict"], subject["verdict"]),
        "score": subject["score"],
        "scanned": subject["scanned"][:19].replace("T", " "),
        "baseline": " ".join(str(baseline[key]) for key in ("name", "version") if baseline.get(key)),
        "findings": seen,
        "shared": common,
        "more": len(findings) - len(seen) - common,
        "count": len(findings),
        "worst": findings[0]["severity"] if findings else "",
        "gone": len(subject["absent"]),
    }


def _rank(severity: str) -> int:
    return documents.SEVERITIES.index(severity) if severity else len(documents.SEVERITIES)


def _shown(finding: Finding) -> dict[str, Any]:
    diff = str(finding.get("diff") or "")
    return {
        "path": finding["path"],
        "from": str(finding.get("from") or ""),
        "kind": finding["kind"],
        "severity": finding["severity"],
        "state": finding.get("state", ""),
        "differences": told.differences(finding),
        "diff": diff[:LONGEST_DIFF] + ("\n…" if len(diff) > LONGEST_DIFF else ""),
        "attribution": [told.attribution(item) for item in finding.get("attribution") or []],
        "expired": told.reason(finding) if finding.get("expired") else "",
    }


def _allowed(subjects: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for subject in subjects:
        for finding in subject["allowed"]:
            row = found.setdefault((finding["change"], told.reason(finding)), {**_shown(finding), "reason": told.reason(finding), "hosts": {}})
            row["hosts"][subject["host"]] = None
    return [{**row, "hosts": _names(list(row["hosts"]))} for row in found.values()]


def _names(hosts: list[str]) -> str:
    more = len(hosts) - MOST_NAMES
    return ", ".join(hosts[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _distinct(items: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({documents.digest(item): item for item in items}.values())


def _unused(item: Mapping[str, Any]) -> str:
    return f"{item.get('path') or 'no path'}: {told.reason(item)}"


def _export(document: documents.Document) -> str:
    """The whole document as a link that needs no network; without a time in it, so that the page stays the same."""
    packed = base64.b64encode(gzip.compress(documents.dump(document).encode(), mtime=0)).decode()
    return f"data:application/gzip;base64,{packed}" if len(packed) <= LARGEST_EXPORT else ""
