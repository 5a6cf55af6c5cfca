# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence into the ledger and out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry, NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import document
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.request import Planned

HISTORY = 500  # entries of one place that are looked through for earlier load tests


def new_entry(planned: Planned, release: str) -> NewEntry:
    """The release is a help for people: what the evidence is about is the subject."""
    return NewEntry(kind="evidence", phase="fact", environment=planned.environment, release=release, subject=planned.artifact.sha256, body=planned.body)


def unknown(store: Store, planned: Sequence[Planned]) -> tuple[list[Planned], list[Entry]]:
    """(what is not recorded yet, the entries of what is)."""
    fresh: list[Planned] = []
    there: list[Entry] = []
    before = about(store, {one.artifact.sha256 for one in planned})
    for one in planned:
        found = document.known(before, one.artifact.sha256, one.body, one.environment)
        if found is None:
            fresh.append(one)
        else:
            there.append(found)
    return fresh, there


def about(store: Store, digests: set[str]) -> list[Entry]:
    return [entry for digest in sorted(digests) for entry in recent.of_subject(store, digest, "evidence") if entry.phase == "fact"]


def entries(store: Store, manifest: Mapping[str, Any]) -> list[Entry]:
    """All that `standing` needs for a release: evidence about its digests, and earlier load tests in the places where it was measured.

    How much is read does not grow with the ledger: by subject, and of each place the newest 500 entries.
    """
    digests = {document.digest_of(manifest), *(one.sha256 for one in document.artifacts(manifest))}
    found = about(store, digests)
    places = sorted({entry.environment for entry in found if entry.body.get("kind") == "performance"})
    for place in places:
        found += store.entries(kind="evidence", phase="fact", environment=place, newest_first=True, limit=HISTORY)
    return sorted({entry.id: entry for entry in found}.values(), key=lambda entry: entry.id)
