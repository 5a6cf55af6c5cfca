# SPDX-License-Identifier: GPL-3.0-or-later
"""A release never changes once it was used: the digest of its whole manifest, and what a changed file changed.

A fact of kind `release` and subject `manifest` has the body {sha256, manifest, items}: the first one of a version says for ever what that version is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import dotted, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

Data = Mapping[str, Any]
KIND, SUBJECT = "release", "manifest"
# An entry of the ledger is no place for a novel.
MOST_BYTES = 1_000_000
MOST_SHOWN = 20
_GONE = object()


def digest(manifest: Data) -> str:
    """SHA-256 of the RFC 8785 form of the manifest as it is written in its file, as plain data."""
    return hashlib.sha256(_bytes(manifest)).hexdigest()


def body(manifest: Data) -> dict[str, Any]:
    """What is recorded at the first use of a version."""
    content = _bytes(manifest)
    if len(content) > MOST_BYTES:
        raise ManifestError(f"The manifest of {manifest.get('version')} has {len(content)} bytes; allowed are {MOST_BYTES}. Shorten its history.")
    return {"sha256": hashlib.sha256(content).hexdigest(), "manifest": dict(manifest)}


def first(entries: Iterable[Data], version: str) -> Data | None:
    """The entry that says what the version is; None when it was never used."""
    return next((entry for entry in entries if entry["kind"] == KIND and entry["subject"] == SUBJECT and entry["release"] == version), None)


def compare(entries: Iterable[Data], manifest: Data) -> dict[str, Any]:
    """Whether the manifest is the one that was recorded for its version.

    {verdict, sha256, recorded: {sha256, time, by} or None, changed: [{path, was, now}]}: passed when it is the same or nothing is recorded yet, failed
    when it is another one. Values of keys that look like secrets are not shown.
    """
    found = first(entries, str(manifest.get("version")))
    mine = digest(manifest)
    if found is None:
        return {"verdict": "passed", "sha256": mine, "recorded": None, "changed": []}
    known = found["body"]
    recorded = {"sha256": known["sha256"], "time": found["time"], "by": found["actor"]["name"]}
    if known["sha256"] == mine:
        return {"verdict": "passed", "sha256": mine, "recorded": recorded, "changed": []}
    changed = list(differences(known.get("manifest") or {}, manifest))
    return {"verdict": "failed", "sha256": mine, "recorded": recorded, "changed": changed}


def refuse_changed(entries: Iterable[Data], manifest: Data) -> None:
    """Raises when another manifest was recorded for the version."""
    answer = compare(entries, manifest)
    if answer["verdict"] == "passed":
        return
    recorded, changed = answer["recorded"], answer["changed"]
    lines = [f"  {each['path']}: was {each['was']}, is {each['now']}" for each in changed[:MOST_SHOWN]]
    more = [f"  and {len(changed) - MOST_SHOWN} more"] if len(changed) > MOST_SHOWN else []
    raise ManifestError(
        "\n".join(
            [
                f"Release {manifest.get('version')} was recorded by {recorded['by']} at {recorded['time']} with the digest {recorded['sha256']};"
                f" its manifest now has {answer['sha256']}. A version never changes its content: give what is new a new version, or put the old file back.",
                *lines,
                *more,
            ]
        )
    )


def differences(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> Iterator[dict[str, str]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key, _GONE), after.get(key, _GONE), (*path, key))
    elif isinstance(before, list) and isinstance(after, list):
        for number in range(max(len(before), len(after))):
            left, right = (side[number] if number < len(side) else _GONE for side in (before, after))
            yield from differences(left, right, (*path, number))
    elif before != after or isinstance(before, bool) != isinstance(after, bool):
        yield {"path": dotted(path) or "(document)", "was": _said(before, path), "now": _said(after, path)}


def _said(value: Any, path: tuple[str | int, ...]) -> str:
    return "nothing" if value is _GONE else shown(value, path)


def _bytes(manifest: Data) -> bytes:
    return canonical.dumps(manifest)
