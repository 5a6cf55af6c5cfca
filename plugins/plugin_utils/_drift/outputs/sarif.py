# SPDX-License-Identifier: GPL-3.0-or-later
"""SARIF 2.1.0: a run for each environment. Pure.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import real_path
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import told

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# Ledger ids are of UUID version 7, which is younger than SARIF's pattern for a GUID: names in this space stand for them.
SPACE = uuid.UUID("5f1c2f1e-7f0b-5d55-9a5e-3c2b4f6d8a10")
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "cosmetic": "note"}
# What code scanning services sort by: https://docs.github.com/code-security, "security-severity".
RANKS = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "3.0", "cosmetic": "0.5"}
SAYS = {
    "added": "Something is there that the baseline does not have.",
    "removed": "Something is gone that the baseline has.",
    "changed": "Something differs from the baseline.",
    "renamed": "Something has another name than in the baseline.",
    "unknown": "Something could not be read, so nobody knows whether it differs.",
}
# Items that are files or part of one, by the text behind their kind.
FILES = ("file", "packaged", "certificate")


def render(document: Mapping[str, Any]) -> str:
    environments: dict[str, list[Mapping[str, Any]]] = {}
    for subject in document["subjects"]:
        environments.setdefault(subject["environment"], []).append(subject)
    runs = [_run(name, subjects) for name, subjects in environments.items()]
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}, indent=1, ensure_ascii=False) + "\n"


def _run(environment: str, subjects: list[Mapping[str, Any]]) -> dict[str, Any]:
    shown = [(subject, finding) for subject in subjects for finding in (*subject["findings"], *subject["allowed"], *subject["absent"])]
    rules = {rule: index for index, rule in enumerate(sorted({_rule(finding) for _subject, finding in shown}))}
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "evenkeel.release", "rules": [_descriptor(rule) for rule in rules]}},
        "automationDetails": {"id": f"drift/{environment}/", "guid": _guid("run", *(subject["entry"] for subject in subjects))},
        "originalUriBaseIds": {subject["host"]: {"uri": f"file://{quote(subject['host'], safe='')}/"} for subject in subjects if subject["host"]},
        "invocations": [_invocation(subjects)],
        "columnKind": "unicodeCodePoints",
        "results": [_result(subject, finding, rules) for subject, finding in shown],
    }
    compared = [subject["compared_with"] for subject in subjects if subject["compared_with"]]
    if compared:
        run["baselineGuid"] = _guid("run", *compared)
    return run


def _invocation(subjects: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    blind = [(subject, finding) for subject in subjects for finding in subject["findings"] if finding["kind"] == "unknown"]
    ended = all(subject["verdict"] != "errored" for subject in subjects)
    notes = [{"level": "warning", "message": {"text": f"{_place(subject)}: {told.message(finding)}"}} for subject, finding in blind]
    times = sorted(str(subject["scanned"]) for subject in subjects if subject["scanned"])
    return {"executionSuccessful": ended, "toolExecutionNotifications": notes, **({"endTimeUtc": times[-1]} if times else {})}


def _rule(finding: Mapping[str, Any]) -> tuple[str, str]:
    kind = finding["kind"] if finding["kind"] in SAYS else "changed"
    return kind, documents.severity(finding)


def _descriptor(rule: tuple[str, str]) -> dict[str, Any]:
    kind, severity = rule
    return {
        "id": f"drift-{kind}-{severity}",
        "name": f"Drift{kind.capitalize()}{severity.capitalize()}",
        "shortDescription": {"text": SAYS[kind]},
        "defaultConfiguration": {"level": LEVELS[severity]},
        "properties": {"security-severity": RANKS[severity], "tags": ["drift", kind, severity]},
    }


def _result(subject: Mapping[str, Any], finding: Mapping[str, Any], rules: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    rule = _rule(finding)
    allowed = not finding.get("expired") and "reason" in finding
    unknown = finding["kind"] == "unknown"
    result: dict[str, Any] = {
        "ruleId": "-".join(("drift", *rule)),
        "ruleIndex": rules[rule],
        # Neither passed nor failed; what is not a failure must have no level (section 3.27.10).
        "kind": "open" if unknown else "fail",
        "level": "none" if unknown else LEVELS[rule[1]],
        "message": {"text": f"{_place(subject)}: {told.message(finding)}"},
        "locations": [_location(subject, finding)],
        "fingerprints": {"evenkeelDrift/v1": finding["fingerprint"]},
        "partialFingerprints": {"evenkeelChange/v1": finding["change"]},
    }
    if subject["compared_with"]:
        # An allowed difference was looked at before as well: it is none of those that came or went.
        result["baselineState"] = finding.get("state", "unchanged")
    if allowed:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": told.reason(finding)}]
    elif finding.get("expired"):
        result["suppressions"] = [{"kind": "external", "status": "rejected", "justification": told.reason(finding)}]
    return result


def _location(subject: Mapping[str, Any], finding: Mapping[str, Any]) -> dict[str, Any]:
    path = str(finding["path"])
    kind, _colon, rest = path.partition(":")
    name = {"name": rest or path, "fullyQualifiedName": f"{_place(subject)}/{path}", "kind": "member" if kind == "config" else "resource"}
    location: dict[str, Any] = {"logicalLocations": [name]}
    if kind in FILES and rest.startswith("/") and subject["host"]:
        name_on_host = rest.partition("#")[0] if kind == "certificate" else rest
        place = {"uri": quote(_bytes(name_on_host).lstrip(b"/"), safe="/"), "uriBaseId": subject["host"]}
        location["physicalLocation"] = {"artifactLocation": place}
    return location


def _bytes(path: str) -> bytes:
    """The name as the host has it: item paths show `\\xNN` for what is not printable."""
    try:
        return real_path(path)
    except ValueError:
        return path.encode("utf-8", "surrogatepass")


def _place(subject: Mapping[str, Any]) -> str:
    return "/".join(part for part in (subject["host"], subject["service"]) if part)


def _guid(*parts: str) -> str:
    return str(uuid.uuid5(SPACE, "\n".join(parts)))
