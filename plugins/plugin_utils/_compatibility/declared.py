# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents `compatibility/<component>.yml` as components, with what their lock files pin; and the faults that a schema can't see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import ranges
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.locks import Lock
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Component, Facts, Library, Need, Step
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

Data = Mapping[str, Any]


def component(document: Data, locks: Mapping[str, Lock] | None = None) -> Component:
    """locks: {path as the document writes it: Lock}. The document is one without faults."""
    return Component(
        name=document["component"],
        versions=tuple((row["range"], _facts(row, (locks or {}).get(row.get("lock", "")))) for row in document["versions"]),
        mixed=document.get("mixed", True),
        stays=document.get("rollback", "back") == "stays",
        process=document.get("process", ""),
        vendor=document.get("vendor", ""),
        known=tuple(document.get("known", ())),
        upgrades=tuple(Step(step["from"], step["to"], step.get("note", "")) for step in document.get("upgrades", ())),
    )


def faults(document: Data, source: Source, locks: Mapping[str, Lock]) -> Iterator[Fault]:
    """Of a document that its schema found right; a lock file that can't be read has a fault of its own."""
    yield from _overlaps(document, source)
    for place, row in enumerate(document["versions"]):
        lock = locks.get(row.get("lock", ""))
        for name, library in row.get("libraries", {}).items():
            path = ("versions", place, "libraries", name)
            yield from _library_faults(name, library, row, lock, path, source, document)


def _facts(row: Data, lock: Lock | None) -> Facts:
    return Facts(
        provides={contract: tuple(versions) for contract, versions in row.get("provides", {}).items()},
        needs=tuple(_need(contract, need) for contract, need in sorted(row.get("requires", {}).items())),
        libraries=tuple(_library(name, library, lock) for name, library in sorted(row.get("libraries", {}).items())),
        support_until=str(row.get("support_until", "")),
        torn=lock.torn if lock else (),
    )


def _need(contract: str, need: str | Data) -> Need:
    if isinstance(need, str):
        return Need(contract, need)
    return Need(contract, need["range"], need.get("from", ""), bool(need.get("optional")))


def _library(name: str, library: Data, lock: Lock | None) -> Library:
    ecosystem = library.get("ecosystem", "npm")
    pinned = lock.version(name) if lock else ""
    asked = [("", library["accepts"])] if library.get("accepts") else list(lock.asked(name)) if lock else []
    return Library(name, library["shared"], library.get("version") or pinned, tuple(asked), ecosystem)


def _overlaps(document: Data, source: Source) -> Iterator[Fault]:
    """Two ranges for one version: seen at the versions that the document itself names."""
    named = {*document.get("known", ())}
    for version in sorted(named):
        rows = [place for place, row in enumerate(document["versions"]) if ranges.contains(row["range"], version)]
        if len(rows) > 1:
            yield source.fault(
                ("versions", rows[1], "range"),
                found=f"{shown(document['versions'][rows[1]]['range'])}, which holds {version} as {shown(document['versions'][rows[0]]['range'])} does",
                allowed="one range for each version",
            )
    seen: dict[str, int] = {}
    for place, row in enumerate(document["versions"]):
        first = seen.setdefault(row["range"], place)
        if first != place:
            yield source.fault(("versions", place, "range"), found=f"{shown(row['range'])} again", allowed="one entry for each range")


def _library_faults(name: str, library: Data, row: Data, lock: Lock | None, path: tuple[str | int, ...], source: Source, document: Data) -> Iterator[Fault]:
    ecosystem = library.get("ecosystem", "npm")
    if library["shared"] == "process" and not document.get("process"):
        yield source.fault((*path, "shared"), found="process", allowed="process only where the document names its process", hint="add process")
    version = library.get("version") or (lock.version(name) if lock else "")
    if not version:
        if not row.get("lock") or lock:
            where = f", and {row['lock']} does not pin it once" if row.get("lock") else ""
            yield source.fault((*path, "version"), found=f"nothing{where}", allowed="the version that it brings", hint="add version, or a lock that pins it")
        return
    for key, check, text in (("version", ranges.check, version), ("accepts", ranges.check_range, library.get("accepts"))):
        try:
            if text:
                check(text, ecosystem=ecosystem)
        except CompatibilityError as exc:
            yield source.fault((*path, key), found=shown(text), allowed=str(exc).partition("; allowed is ")[2].rstrip("."))
