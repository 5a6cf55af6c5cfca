# SPDX-License-Identifier: GPL-3.0-or-later
"""Take out of the cache what no rollback needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import retention
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Cache
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render

KINDS = retention.KINDS
# A download that is under way holds its lock; this long nobody waits for one.
LOCK_SECONDS = 5.0


def run(cache: Cache, entries: Sequence[Mapping[str, Any]], releases_dir: str, *, keep: int, before: float, today: date, check: bool) -> dict[str, Any]:
    """{removed, freed, kept, releases}; with `check` nothing is removed."""
    if keep < 1:
        raise ArtifactError(f"keep is {keep}, allowed: 1 or more: a rollback needs at least one release.")
    manifests = _manifests(releases_dir, today)
    releases = retention.needed_releases(entries, keep=keep)
    needed = retention.needed_digests(releases, manifests)
    held = cache.held()
    gone = retention.surplus(held, needed, before=before)
    parts = [] if check else cache.remove_parts(before=before)
    if not check:
        gone = [each for each in gone if _removed(cache, each.sha256, before)]
    return {
        "removed": [each.sha256 for each in gone],
        "removed_parts": parts,
        "freed": sum(each.size for each in gone),
        "kept": len(held) - len(gone),
        "releases": releases,
    }


def _removed(cache: Cache, sha256: str, before: float) -> bool:
    """Unless somebody took it up in the meantime."""
    with cache.lock(sha256, seconds=LOCK_SECONDS):
        path = cache.object(sha256)
        if not path.is_file() or path.stat().st_mtime >= before:
            return False
        cache.remove(sha256)
    return True


def _manifests(folder: str, today: date) -> dict[str, Mapping[str, Any]]:
    documents, faults = files.read("release", [folder], today=today)
    if faults:
        raise ArtifactError("Nothing was removed: what the releases need is not known. " + render(faults, {"releases": len(documents)}))
    return {str(document.value["version"]): document.value for document in documents}
