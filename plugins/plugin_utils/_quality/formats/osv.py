# SPDX-License-Identifier: GPL-3.0-or-later
"""OSV-Scanner's JSON. One group is one vulnerability under all its names; its severity is the highest CVSS score, else the word of its advisory."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import take, vulnerabilities
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.vulnerabilities import Vulnerability

NAME = "osv"


def sniff(doc: Document) -> bool:
    if doc.syntax != "json" or not isinstance(doc.value, dict) or not isinstance(doc.value.get("results"), list):
        return False
    results = doc.value["results"]
    # A bare {"results": []} could be of any tool: whoever means it names the format.
    return "experimental_config" in doc.value or any(isinstance(one, dict) and "packages" in one and "source" in one for one in results)


def read(doc: Document) -> list[Reading]:
    found = []
    for place, result in take.mappings(doc, take.mapping(doc, doc.value, "").get("results"), "results"):
        for here, entry in take.mappings(doc, result.get("packages"), f"{place}.packages", optional=True):
            found += _package(doc, entry, here)
    return [vulnerabilities.reading(found, tool="OSV-Scanner")]


def _package(doc: Document, entry: dict[str, Any], place: str) -> list[Vulnerability]:
    package = take.mapping(doc, entry.get("package"), f"{place}.package")
    name, version, ecosystem = (take.text(doc, package.get(key), f"{place}.package.{key}", optional=True) for key in ("name", "version", "ecosystem"))
    advisories = {}
    for here, one in take.mappings(doc, entry.get("vulnerabilities"), f"{place}.vulnerabilities", optional=True):
        advisories[take.text(doc, one.get("id"), f"{here}.id")] = (here, one)
    groups = list(take.mappings(doc, entry.get("groups"), f"{place}.groups", optional=True))
    grouped = {one for _here, group in groups for one in take.listing(doc, group.get("ids"), f"{place}.groups") if isinstance(one, str)}
    groups += [(advisories[one][0], {"ids": [one]}) for one in advisories if one not in grouped]
    found = []
    for here, group in groups:
        ids = [take.text(doc, one, f"{here}.ids") for one in take.listing(doc, group.get("ids"), f"{here}.ids")]
        if not ids:
            doc.refuse(f"{here}.ids", found="an empty list", allowed="at least one id")
        members = [advisories[one] for one in ids if one in advisories]
        aliases = [alias for where, one in members for alias in take.listing(doc, one.get("aliases"), f"{where}.aliases", optional=True)]
        every = dict.fromkeys([*ids, *(alias for alias in aliases if isinstance(alias, str))])
        found.append(
            Vulnerability(
                tuple(every),
                name,
                version,
                vulnerabilities.purl_of(ecosystem, name, version),
                _severity(doc, group, here, members),
                _fixed(members),
            )
        )
    return found


def _severity(doc: Document, group: dict[str, Any], place: str, members: list[tuple[str, dict[str, Any]]]) -> str:
    if group.get("max_severity"):
        return vulnerabilities.of_score(take.number(doc, group["max_severity"], f"{place}.max_severity"))
    scores = []
    for here, one in members:
        for where, rating in take.mappings(doc, one.get("severity"), f"{here}.severity", optional=True):
            score = vulnerabilities.of_vector(take.text(doc, rating.get("score"), f"{where}.score"))
            scores += [score] if score is not None else []
    if scores:
        return vulnerabilities.of_score(max(scores))
    words = [one["database_specific"].get("severity") for _here, one in members if isinstance(one.get("database_specific"), dict)]
    return vulnerabilities.severity(next((word for word in words if word), ""))


def _fixed(members: list[tuple[str, dict[str, Any]]]) -> str:
    """The versions that the advisories name as fixed, for people and for `fixable`."""
    found = []
    for _here, one in members:
        for affected in _lists(one, "affected"):
            for span in _lists(affected, "ranges"):
                found += [str(event["fixed"]) for event in _lists(span, "events") if event.get("fixed")]
    return short(", ".join(dict.fromkeys(found)))


def _lists(owner: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """What is of another form is left out: no number of ours depends on it but whether there is a fix."""
    value = owner.get(key)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
