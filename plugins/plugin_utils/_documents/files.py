# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents that are files of their own: releases, policies, masking policies."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Document, name_fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import parse

NAME_KEYS = {
    "release": "version",
    "policy": "name",
    "compatibility": "component",
    "bundle": "name",
    "standard_change": "name",
    "policy_waiver": "name",
    "policy_test": "name",
    "handoff": "name",
}


def expand(places: Iterable[str]) -> tuple[list[Path], list[Fault]]:
    """The files; of a folder all its *.yml. A place that isn't there is a fault."""
    found: list[Path] = []
    faults: list[Fault] = []
    for place in map(Path, places):
        if place.is_dir():
            found += sorted(place.glob("*.yml"))
        elif place.is_file():
            found.append(place)
        else:
            faults.append(Fault(str(place), 0, "(file)", "nothing", "a readable file or folder", "correct the path"))
    return list(dict.fromkeys(found)), faults


def read(kind: str, places: Iterable[str], *, today: date) -> tuple[list[Document], list[Fault]]:
    """(documents that could be read, faults of all)."""
    paths, faults = expand(places)
    documents: list[Document] = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "bytes that are not UTF-8"
            faults.append(Fault(str(path), 0, "(file)", str(reason), "a readable text file", "correct the file"))
            continue
        value, source, own = parse(text, str(path))
        faults += own
        if source.node is None and own:
            continue
        document = Document(path.stem, value, source)
        documents.append(document)
        faults += _content_faults(kind, document, broken=bool(own) and value is None, today=today)
    return documents, faults


def _content_faults(kind: str, document: Document, *, broken: bool, today: date) -> list[Fault]:
    if broken:
        return []
    faults = check(kind, document.value, today=today, source=document.source)
    return faults + name_fault(document, NAME_KEYS[kind]) if kind in NAME_KEYS else faults
