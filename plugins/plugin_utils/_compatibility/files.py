# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents `compatibility/*.yml` and the lock files that they name: the one file here that reads files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import declared, locks
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.locks import Lock
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.model import Component
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

KIND = "compatibility"


def read(places: Iterable[str], *, today: date) -> tuple[dict[str, Component], list[Fault]]:
    """({component: what is declared of it}, every fault of every document). Folders of several teams may be given; each component has one document."""
    documents, faults = files.read(KIND, places, today=today)
    broken = {fault.file for fault in faults}
    found: dict[str, Component] = {}
    seen: dict[str, str] = {}
    for document in documents:
        if document.source.file in broken:
            continue
        name = document.value["component"]
        first = seen.setdefault(name, document.source.file)
        if first != document.source.file:
            faults.append(document.source.fault(("component",), found=f"{name}, of which {first} tells already", allowed="one document for each component"))
            continue
        known, own = _locks(document.value, document.source)
        own += declared.faults(document.value, document.source, known)
        faults += own
        if not own:
            found[name] = declared.component(document.value, known)
    return found, faults


def _locks(document: Mapping[str, Any], source: Source) -> tuple[dict[str, Lock], list[Fault]]:
    found: dict[str, Lock] = {}
    faults = []
    for place, row in enumerate(document["versions"]):
        name = row.get("lock")
        if not name or name in found:
            continue
        path = Path(source.file).parent / name
        try:
            if path.stat().st_size > locks.MOST_BYTES:
                raise CompatibilityError(f"it has more than {locks.MOST_BYTES} bytes")
            found[name] = locks.parse(path.name, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, CompatibilityError) as exc:
            said = exc.strerror if isinstance(exc, OSError) else str(exc)
            faults.append(source.fault(("versions", place, "lock"), found=f"{shown(name)}: {said}", allowed="a lock file that its tool wrote"))
    return found, faults
