# SPDX-License-Identifier: GPL-3.0-or-later
"""Release manifests from their files, and the bytes that they pin: the one file here that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.subject import file_digest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

Data = Mapping[str, Any]


def read(path: Path, *, today: date) -> dict[str, Any]:
    """The manifest as its file says. ManifestError with every fault of it."""
    documents, faults = files.read("release", [str(path)], today=today)
    if not faults:
        faults = [fault for each in documents for fault in rules.faults(each.value, each.source)]
    if faults:
        raise ManifestError(render(faults, {"releases": len(documents)}))
    return dict(documents[0].value)


def find(folder: str, version: str, *, today: date) -> dict[str, Any]:
    """The manifest of a version; the version is never taken for a path."""
    path = Path(folder) / f"{version}.yml"
    if not version or path.parent != Path(folder) or not path.is_file():
        known = sorted(each.stem for each in Path(folder).glob("*.yml")) if Path(folder).is_dir() else []
        raise ManifestError(f"Release {version!r} has no manifest in {folder}; releases there are {', '.join(known) or 'none'}.")
    return read(path, today=today)


def checked(manifest: Data, path: Path, *, today: date) -> None:
    """Raises ManifestError with every fault of a manifest that is about to be written there."""
    source = Source(str(path))
    faults = check("release", manifest, today=today, source=source)
    faults = faults or rules.faults(manifest, source)
    if not faults and manifest["version"] != path.stem:
        faults = [source.fault(("version",), found=str(manifest["version"]), allowed=f"the name of the file, {path.stem}")]
    if faults:
        raise ManifestError(render(faults, {"releases": 1}))


def digests(components: Mapping[str, Data], *, folder: Path, cache: Cache) -> dict[str, dict[str, Any]]:
    """{component: {sha256, size}} computed from the bytes of each artifact: a file, or what the cache of the controller holds under the given digest.

    Variants are looked at and not returned. Raises ManifestError with all that can't be told: a digest that nobody proved is no digest.
    """
    found: dict[str, dict[str, Any]] = {}
    faults: list[Fault] = []
    for name, component in components.items():
        entries = [((name,), component), *(((name, "variants", place), each) for place, each in enumerate(component.get("variants", [])))]
        for path, entry in entries:
            if "artifact" not in entry:
                continue
            try:
                known = _measured(entry, folder, cache)
            except ManifestError as exc:
                faults.append(Source("components").fault(path, found=str(exc), allowed="bytes whose digest can be computed"))
                continue
            if entry is component:
                found[name] = known
            elif any(key in entry and str(entry[key]) != str(known[key]) for key in ("sha256", "size")):
                faults.append(
                    Source("components").fault((*path, "sha256"), found=str(entry.get("sha256")), allowed=f"the digest of its bytes, {known['sha256']}")
                )
    if faults:
        raise ManifestError(render(faults, {"components": len(components)}))
    return found


def _measured(entry: Data, folder: Path, cache: Cache) -> dict[str, Any]:
    artifact = str(entry["artifact"])
    if "://" in artifact:
        path = _cached(artifact, str(entry.get("sha256") or ""), cache)
    else:
        path = folder / artifact
        if not path.is_file():
            raise ManifestError(f"{artifact}: no such file")
    return {"sha256": file_digest(path).hex(), "size": path.stat().st_size}


def _cached(artifact: str, sha256: str, cache: Cache) -> Path:
    shown = artifact.partition("?")[0]
    try:
        path = cache.object(sha256)
    except ArtifactError:
        raise ManifestError(f"{shown}: no sha256; fetch it with evenkeel.release.artifact and give the digest that was published") from None
    if not path.is_file():
        raise ManifestError(f"{shown}: the cache of the controller has no such bytes; fetch them with evenkeel.release.artifact")
    return path
