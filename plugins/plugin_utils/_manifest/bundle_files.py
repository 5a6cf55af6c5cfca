# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundles and the manifests that they pin, which may lie in folders or checkouts of several teams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import bundle, rules


class Bundle(NamedTuple):
    """manifests: {name in the bundle: manifest as its file says}."""

    document: Mapping[str, Any]
    manifests: dict[str, Mapping[str, Any]]


def read(places: Iterable[str], *, today: date) -> tuple[list[Bundle], list[Fault]]:
    """(bundles without a fault, faults of all, those of their manifests included)."""
    documents, faults = files.read("bundle", places, today=today)
    broken = {fault.file for fault in faults}
    found = []
    for document in documents:
        if document.source.file in broken:
            continue
        manifests, own = _manifests(document.value, Path(document.source.file).parent, today)
        own += bundle.faults(document.value, document.source, manifests=manifests)
        faults += own
        if not own:
            found.append(Bundle(document.value, {name: manifest for name, manifest in manifests.items() if manifest is not None}))
    return found, faults


def _manifests(document: Mapping[str, Any], folder: Path, today: date) -> tuple[dict[str, Mapping[str, Any] | None], list[Fault]]:
    found: dict[str, Mapping[str, Any] | None] = {}
    faults: list[Fault] = []
    for name, pinned in document["releases"].items():
        read_, own = files.read("release", [str(folder / pinned["manifest"])], today=today)
        own += [fault for each in read_ if not own for fault in rules.faults(each.value, each.source)]
        faults += own
        found[name] = read_[0].value if read_ and not own else None
    return found, faults
