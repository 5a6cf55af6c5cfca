# SPDX-License-Identifier: GPL-3.0-or-later
"""Grype's JSON: matches, and those that its own rules ignored."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take, vulnerabilities
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vulnerabilities import Vulnerability

NAME = "grype"


def sniff(doc: Document) -> bool:
    return doc.syntax == "json" and isinstance(doc.value, dict) and "matches" in doc.value and "descriptor" in doc.value


def read(doc: Document) -> list[Reading]:
    top = take.mapping(doc, doc.value, "")
    descriptor = take.mapping(doc, top.get("descriptor"), "descriptor", optional=True)
    found = [_one(doc, one, place, "") for place, one in take.mappings(doc, top.get("matches"), "matches")]
    for place, one in take.mappings(doc, top.get("ignoredMatches"), "ignoredMatches", optional=True):
        found.append(_one(doc, one, place, "grype: ignored by its rules"))
    return [
        vulnerabilities.reading(
            found,
            tool=short(descriptor.get("name") or "grype"),
            version=short(descriptor.get("version") or ""),
            made_at=take.moment(doc, descriptor["timestamp"], "descriptor.timestamp") if descriptor.get("timestamp") else None,
        )
    ]


def _one(doc: Document, match: dict[str, Any], place: str, hidden: str) -> Vulnerability:
    what = take.mapping(doc, match.get("vulnerability"), f"{place}.vulnerability")
    artifact = take.mapping(doc, match.get("artifact"), f"{place}.artifact")
    related = [one.get("id") for _here, one in take.mappings(doc, match.get("relatedVulnerabilities"), f"{place}.relatedVulnerabilities", optional=True)]
    fix = take.mapping(doc, what.get("fix"), f"{place}.vulnerability.fix", optional=True)
    versions = [str(one) for one in take.listing(doc, fix.get("versions"), f"{place}.vulnerability.fix.versions", optional=True)]
    ids = (take.text(doc, what.get("id"), f"{place}.vulnerability.id"), *(one for one in related if isinstance(one, str)))
    return Vulnerability(
        tuple(dict.fromkeys(ids)),
        take.text(doc, artifact.get("name"), f"{place}.artifact.name"),
        take.text(doc, artifact.get("version"), f"{place}.artifact.version", optional=True),
        take.text(doc, artifact.get("purl"), f"{place}.artifact.purl", optional=True),
        vulnerabilities.severity(what.get("severity")),
        short(", ".join(versions)) if fix.get("state", "fixed") == "fixed" else "",
        hidden,
    )
