# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared differences: patterns with a reason, an owner and a last day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.patterns import any_matches, literal, matches
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import attributes

Finding = dict[str, Any]
Declaration = Mapping[str, Any]


def allow(findings: Iterable[Finding], declared: Sequence[Declaration], *, today: date, host: str = "") -> dict[str, Any]:
    """{findings, allowed, unused}.

    The first declaration that fits and has not expired takes its finding out. One that only expired ones fit stays and says so. What is
    unknown is never allowed. host is the host of findings that name no `hosts` of their own.
    """
    left: list[Finding] = []
    accepted: list[Finding] = []
    used: set[int] = set()
    for finding in findings:
        fitting = [] if finding["kind"] == "unknown" else [index for index, each in enumerate(declared) if fits(each, finding, host)]
        valid = next((index for index in fitting if not expired(declared[index], today)), None)
        used.update(fitting[:1] if valid is None else [valid])
        if valid is not None:
            accepted.append({**finding, **{key: declared[valid][key] for key in ("reason", "owner", "expires")}})
        elif fitting:
            left.append({**finding, "expired": {key: str(declared[fitting[0]].get(key)) for key in ("reason", "owner", "expires")}})
        else:
            left.append(finding)
    return {"findings": left, "allowed": accepted, "unused": [dict(each) for index, each in enumerate(declared) if index not in used]}


def fits(declared: Declaration, finding: Finding, host: str = "") -> bool:
    if not matches(str(declared["path"]), finding["path"]):
        return False
    if "from" in finding and not matches(str(declared["path"]), finding["from"]):
        return False
    hosts = finding.get("hosts") or ([host] if host else [])
    if declared.get("hosts") and not (hosts and all(any_matches(declared["hosts"], each) for each in hosts)):
        return False
    differing = attributes(finding)
    # With attributes named, a thing that came or went as a whole is more than what was declared.
    return not declared.get("attributes") or (bool(differing) and all(any_matches(declared["attributes"], name) for name in differing))


def expired(declared: Declaration, today: date) -> bool:
    """A declaration without a day that can be read has passed: it must not last for ever."""
    try:
        return date.fromisoformat(str(declared.get("expires"))[:10]) < today
    except ValueError:
        return True


def propose(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Entries to paste into allowed_differences. Reason, owner and last day are left open: validation refuses them until somebody fills them in."""
    entries: dict[str, dict[str, Any]] = {}
    for finding in findings:
        if finding["kind"] == "unknown":
            continue
        for path in filter(None, (finding["path"], finding.get("from"))):
            entry = entries.setdefault(path, {"path": literal(path), "reason": None, "owner": None, "expires": None})
            names = sorted({*attributes(finding), *entry.get("attributes", [])})
            if finding["kind"] == "changed" and names:
                entry["attributes"] = names
            hosts = sorted({*finding.get("hosts", []), *entry.get("hosts", [])})
            if hosts:
                entry["hosts"] = hosts
    return [entries[path] for path in sorted(entries)]
