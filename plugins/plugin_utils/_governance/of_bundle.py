# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release waits for that goes together with those of other teams."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.reads import OCCUPIES, OF_RELEASE
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Data, Question
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import bundle as bundles
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import bundle_files, identity
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.bundle_files import Bundle
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError


def bundle(asked: Question, _known: Data) -> dict[str, Any]:
    """None where no folder of bundles is named, or none of them has the release."""
    places = asked.settings.places("bundles")
    found, faults = bundle_files.read(places, today=asked.now.date())
    if faults:
        raise ManifestError(render(faults, {"bundles": len(found)}))
    mine = [(each, name) for each in found for name, pinned in each.document["releases"].items() if pinned["version"] == asked.release]
    if len(mine) > 1:
        names = ", ".join(sorted(str(each.document["name"]) for each, _name in mine))
        raise ManifestError(f"Release {asked.release} is in the bundles {names}; a release goes with one. Remove the bundles that are done.")
    return {"bundle": _told(asked, *mine[0]) if mine else None}


def _told(asked: Question, found: Bundle, name: str) -> dict[str, Any]:
    known: dict[str, Any] = {"manifests": found.manifests, "entries": _entries(asked, found), "environment": asked.name}
    why = bundles.why_not(found.document, name, **known)
    if identity.digest(asked.written) != found.document["releases"][name]["sha256"]:
        why.append(f"the bundle pins another manifest of {asked.release} than the one in {asked.releases_dir}")
    return {**bundles.view(found.document, **known), "release": name, "may_go": not why, "why_not": why}


def _entries(asked: Question, found: Bundle) -> list[dict[str, Any]]:
    """What its releases did, and what runs where they are asked for: no more of it when the ledger grows."""
    if asked.store is None:
        return []
    places = {asked.name, *(rule["in"] for rule in found.document.get("before", []) if "in" in rule)}
    read = [entry for place in sorted(places) for entry in recent.deployed(asked.store, place)]
    for pinned in found.document["releases"].values():
        read += recent.of_release(asked.store, pinned["version"], (*OF_RELEASE, *OCCUPIES))
    return [entry.as_dict() for entry in recent.ordered(read)]
