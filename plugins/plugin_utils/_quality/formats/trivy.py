# SPDX-License-Identifier: GPL-3.0-or-later
"""Trivy's JSON (SchemaVersion 2): vulnerabilities, and what it found in configuration files and of secrets where it looked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take, vulnerabilities
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.formats import sarif
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import INCONCLUSIVE, ITEMS, PASSED, SEVERITIES, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vulnerabilities import Vulnerability

NAME = "trivy"
Result = tuple[str, dict[str, Any]]


def sniff(doc: Document) -> bool:
    return doc.syntax == "json" and isinstance(doc.value, dict) and "SchemaVersion" in doc.value and ("ArtifactName" in doc.value or "Results" in doc.value)


def read(doc: Document) -> list[Reading]:
    top = take.mapping(doc, doc.value, "")
    if top.get("SchemaVersion") != 2:
        doc.refuse("SchemaVersion", found=repr(top.get("SchemaVersion"))[:40], allowed="2", next_step="use Trivy 0.20 or newer")
    made_at = take.moment(doc, top["CreatedAt"], "CreatedAt") if top.get("CreatedAt") else None
    trivy = take.mapping(doc, top.get("Trivy"), "Trivy", optional=True)
    version = short(take.text(doc, trivy.get("Version"), "Trivy.Version", optional=True))
    results = list(take.mappings(doc, top.get("Results"), "Results", optional=True))
    if not results:
        return [vulnerabilities.reading((), tool="Trivy", version=version, made_at=made_at, verdict=INCONCLUSIVE, reason="Trivy found nothing to look at")]
    by_class = {name: [one for one in results if _class(one[1]) == name] for name in ("packages", "config", "secret")}
    readings = []
    if by_class["packages"]:
        found = [one for place, result in by_class["packages"] for one in _vulnerabilities(doc, result, place)]
        readings.append(vulnerabilities.reading(found, tool="Trivy", version=version, made_at=made_at))
    if by_class["config"]:
        readings.append(_findings(doc, by_class["config"], "Misconfigurations", "infrastructure", version, made_at))
    if by_class["secret"]:
        readings.append(_findings(doc, by_class["secret"], "Secrets", "static_analysis", version, made_at))
    return readings or [vulnerabilities.reading((), tool="Trivy", version=version, made_at=made_at, verdict=INCONCLUSIVE, reason="Trivy looked at no packages")]


def _class(result: dict[str, Any]) -> str:
    name = str(result.get("Class", "os-pkgs"))
    return "packages" if name in ("os-pkgs", "lang-pkgs") else name


def _vulnerabilities(doc: Document, result: dict[str, Any], place: str) -> Iterator[Vulnerability]:
    for here, one in take.mappings(doc, result.get("Vulnerabilities"), f"{place}.Vulnerabilities", optional=True):
        yield _one(doc, one, here, "")
    for here, changed in take.mappings(doc, result.get("ExperimentalModifiedFindings"), f"{place}.ExperimentalModifiedFindings", optional=True):
        if changed.get("Type") == "vulnerability":
            why = f"trivy: {short(changed.get('Status', ''))} {short(changed.get('Statement', ''))} ({short(changed.get('Source', ''))})"
            yield _one(doc, take.mapping(doc, changed.get("Finding"), f"{here}.Finding"), here, why)


def _one(doc: Document, one: dict[str, Any], place: str, hidden: str) -> Vulnerability:
    identifier = take.mapping(doc, one.get("PkgIdentifier"), f"{place}.PkgIdentifier", optional=True)
    return Vulnerability(
        (take.text(doc, one.get("VulnerabilityID"), f"{place}.VulnerabilityID"),),
        take.text(doc, one.get("PkgName"), f"{place}.PkgName"),
        take.text(doc, one.get("InstalledVersion"), f"{place}.InstalledVersion", optional=True),
        take.text(doc, identifier.get("PURL"), f"{place}.PkgIdentifier.PURL", optional=True),
        vulnerabilities.severity(one.get("Severity")),
        take.text(doc, one.get("FixedVersion"), f"{place}.FixedVersion", optional=True),
        hidden,
    )


def _findings(doc: Document, results: list[Result], key: str, kind: str, version: str, made_at: datetime | None) -> Reading:
    """The same numbers as of SARIF, so that Trivy and another scanner can be taken together."""
    numbers, items = sarif.zero(), []
    for place, result in results:
        for _here, one in take.mappings(doc, result.get(key), f"{place}.{key}", optional=True):
            if one.get("Status", "FAIL") != "FAIL":
                continue
            severity = vulnerabilities.severity(one.get("Severity"))
            rating = {"negligible": "low", "unknown": "unrated"}.get(severity, severity)
            for name in (rating, "findings", "new"):
                numbers[name] += 1
            items.append({"rule": short(one.get("ID") or one.get("RuleID") or ""), "severity": severity, "where": short(result.get("Target", ""))})
    items.sort(key=lambda item: SEVERITIES.index(item["severity"]))
    return Reading(kind, PASSED, numbers, "", "Trivy", version, made_at, items=tuple(items[:ITEMS]))
