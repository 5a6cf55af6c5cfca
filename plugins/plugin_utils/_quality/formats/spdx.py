# SPDX-License-Identifier: GPL-3.0-or-later
"""SPDX 2.2 and 2.3 (ISO/IEC 5962), JSON and tag-value. What the document describes is the subject, everything else a package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import packages, take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import SHA256, Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.packages import About, Package
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

NAME = "spdx"
VERSIONS = ("SPDX-2.2", "SPDX-2.3")
_TAG = re.compile(r"([A-Za-z]+): ?(.*)")


def sniff(doc: Document) -> bool:
    if doc.syntax == "text":
        return any(line.startswith("SPDXVersion:") for line in doc.value.splitlines()[:50])
    return doc.syntax == "json" and isinstance(doc.value, dict) and ("spdxVersion" in doc.value or "@graph" in doc.value)


def read(doc: Document) -> list[Reading]:
    top = _tags(doc) if doc.syntax == "text" else take.mapping(doc, doc.value, "")
    if top.get("spdxVersion") not in VERSIONS:
        found = repr(top.get("spdxVersion"))[:60] if "@graph" not in top else "SPDX 3"
        doc.refuse("spdxVersion", found=found, allowed=" or ".join(VERSIONS), next_step="make the tool write SPDX 2.3, or CycloneDX")
    info = take.mapping(doc, top.get("creationInfo"), "creationInfo")
    creators = [str(one) for one in take.listing(doc, info.get("creators"), "creationInfo.creators", optional=True)]
    tool = next((one.removeprefix("Tool:").strip() for one in creators if one.startswith("Tool:")), "")
    name, _dash, version = tool.rpartition("-")
    every = list(take.mappings(doc, top.get("packages"), "packages", optional=True))
    described = set(_described(doc, top))
    subjects = [one for _place, one in every if str(one.get("SPDXID")) in described]
    about = About(
        short(name or tool),
        short(version) if name else "",
        take.moment(doc, info.get("created"), "creationInfo.created"),
        tuple(dict.fromkeys(digest for one in subjects for digest in _digests(doc, one))),
    )
    return packages.readings(doc, [_package(doc, one, place) for place, one in every if str(one.get("SPDXID")) not in described], about)


def _described(doc: Document, top: dict[str, Any]) -> Iterator[str]:
    yield from (one for one in take.listing(doc, top.get("documentDescribes"), "documentDescribes", optional=True) if isinstance(one, str))
    for _place, one in take.mappings(doc, top.get("relationships"), "relationships", optional=True):
        if one.get("relationshipType") == "DESCRIBES" and one.get("spdxElementId") == "SPDXRef-DOCUMENT" and isinstance(one.get("relatedSpdxElement"), str):
            yield one["relatedSpdxElement"]
        if one.get("relationshipType") == "DESCRIBED_BY" and one.get("relatedSpdxElement") == "SPDXRef-DOCUMENT" and isinstance(one.get("spdxElementId"), str):
            yield one["spdxElementId"]


def _digests(doc: Document, package: dict[str, Any]) -> Iterator[str]:
    for _place, one in take.mappings(doc, package.get("checksums"), "packages.checksums", optional=True):
        value = str(one.get("checksumValue", "")).lower()
        if one.get("algorithm") == "SHA256" and SHA256.fullmatch(value):
            yield value


def _package(doc: Document, one: dict[str, Any], place: str) -> Package:
    purl = ""
    for here, reference in take.mappings(doc, one.get("externalRefs"), f"{place}.externalRefs", optional=True):
        if reference.get("referenceType") == "purl":
            purl = take.text(doc, reference.get("referenceLocator"), f"{here}.referenceLocator")
    # What a person or a scanner concluded goes before what the package says of itself.
    said = [take.text(doc, one.get(key), f"{place}.{key}", optional=True) for key in ("licenseConcluded", "licenseDeclared")]
    licence = next((each for each in said if each not in ("", "NOASSERTION", "NONE")), "")
    name = take.text(doc, one.get("name"), f"{place}.name")
    version = take.text(doc, one.get("versionInfo"), f"{place}.versionInfo", optional=True)
    return Package(short(name), short(version), purl, packages.licence_of(licence, ()) if licence else "")


def _tags(doc: Document) -> dict[str, Any]:
    """Tag-value as the same data: a package begins with PackageName; <text> may go over several lines."""
    top: dict[str, Any] = {"creationInfo": {"creators": []}, "packages": [], "relationships": []}
    current: dict[str, Any] | None = None
    for place, tag, value in _lines(doc):
        if tag == "PackageName":
            current = {"name": value, "externalRefs": [], "checksums": []}
            top["packages"].append(current)
        elif tag in ("FileName", "SnippetSPDXID", "LicenseID"):
            current = None
        elif tag == "SPDXVersion":
            top["spdxVersion"] = value
        elif tag == "Creator":
            top["creationInfo"]["creators"].append(value)
        elif tag == "Created":
            top["creationInfo"]["created"] = value
        elif tag == "Relationship":
            parts = value.split()
            if len(parts) != 3:
                doc.refuse(place, found=value[:80], allowed="Relationship: <id> <type> <id>")
            top["relationships"].append(dict(zip(("spdxElementId", "relationshipType", "relatedSpdxElement"), parts)))
        elif current is not None:
            _of_package(doc, current, place, tag, value)
    return top


def _of_package(doc: Document, package: dict[str, Any], place: str, tag: str, value: str) -> None:
    plain = {"SPDXID": "SPDXID", "PackageVersion": "versionInfo", "PackageLicenseConcluded": "licenseConcluded", "PackageLicenseDeclared": "licenseDeclared"}
    if tag in plain:
        package[plain[tag]] = value
    elif tag == "ExternalRef":
        parts = value.split()
        if len(parts) != 3:
            doc.refuse(place, found=value[:80], allowed="ExternalRef: <category> <type> <locator>")
        package["externalRefs"].append({"referenceType": parts[1], "referenceLocator": parts[2]})
    elif tag == "PackageChecksum":
        algorithm, _colon, digest = value.partition(":")
        package["checksums"].append({"algorithm": algorithm.strip(), "checksumValue": digest.strip()})


def _lines(doc: Document) -> Iterator[tuple[str, str, str]]:
    """(line, tag, value)."""
    inside, number = False, 0
    for number, line in enumerate(doc.value.splitlines(), 1):
        if inside:
            inside = "</text>" not in line
            continue
        if not line.strip() or line.startswith("#"):
            continue
        match = _TAG.fullmatch(line.strip())
        if not match:
            doc.refuse(f"line {number}", found=line[:80], allowed="<tag>: <value>")
        value = match[2].strip()
        inside = value.startswith("<text>") and "</text>" not in value
        yield f"line {number}", match[1], value.removeprefix("<text>").removesuffix("</text>").strip()
    if inside:
        doc.refuse(f"line {number}", found="a text without </text>", allowed="a complete document", next_step="write the SBOM again; it is cut off")
