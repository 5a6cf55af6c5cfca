# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the release itself: its manifest, where it stands, what was proved of it, what it works together with."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._acts import WAY_BACK
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility import files, request
from ansible_collections.evenkeel.release.plugins.plugin_utils._compatibility.errors import CompatibilityError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import stages
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Data, Question
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import evidence, identity, manifest_files
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.asked import Asked
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import record
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.standing import standing as proved


def manifest(asked: Question, known: Data) -> dict[str, Any]:
    """manifest, scope, milestones, boundaries, complete, standing, promotion. Raises ManifestError when another manifest was recorded for the version."""
    if asked.act not in WAY_BACK:
        identity.refuse_changed(asked.entries, asked.written)
    components = {name: str(each.get("component", name)) for name, each in asked.services.items() if each.get("engine") == "application"}
    return evidence.release(
        asked.manifest,
        raw=asked.written,
        entries=asked.entries,
        evidence=known,
        stages=stages.of(stages.documents(asked.groups, asked.hostvars).values()),
        components=components,
    )


def unrecorded(asked: Question) -> dict[str, Any]:
    """The body of the entry that says what the version is; empty when it was recorded before."""
    if asked.act in WAY_BACK or identity.first(asked.entries, asked.release) is not None:
        return {}
    return identity.body(asked.written)


def quality(asked: Question, _known: Data) -> dict[str, Any]:
    faults = check("quality", asked.settings.quality, today=asked.now.date(), source=Source("evenkeel_quality")) if asked.settings.quality else []
    if faults:
        raise DeploymentError(render(faults, {"variables": 1}))
    entries = record.entries(asked.store, asked.manifest) if asked.store else []
    return {"quality": proved(entries, asked.manifest, asked.now, asked.settings.quality)}


def compatibility(asked: Question, _known: Data) -> dict[str, Any]:
    """None where no folder of declarations is named."""
    places = asked.settings.places("compatibility")
    if not places:
        return {"compatibility": None}
    today = asked.now.date()
    declared, faults = files.read(places, today=today)
    if faults:
        raise CompatibilityError(render(faults, {"compatibility": len(declared)}))
    documents = stages.documents(asked.groups, asked.hostvars)
    entries = [*map(dict, asked.entries), *_recorded(asked)]
    held = Asked(asked.groups, asked.hostvars, documents, stages.of(documents.values()), entries, asked.now.isoformat(timespec="seconds"))
    args = {"environment": asked.name, "version": asked.release, "running": {}, "wanted": {}, "order": _order(asked), "before": {}, "rollback": True}
    question = request.make(args, held, declared, [asked.manifest, *_files(asked)])
    return {"compatibility": request.answer(question, today=today.isoformat())}


def soak_ends(asked: Question, known: Data) -> int | None:
    """Seconds since 1970 at which the last environment before has soaked; None when no soak runs."""
    left = [
        float(each["soak_needed"]) - float(each["soaked_for"])
        for each in ((known.get("standing") or {}).get("upstreams") or {}).values()
        if each["verified_at"] and each["soaked_for"] < each["soak_needed"]
    ]
    return int((asked.now + timedelta(seconds=max(left))).timestamp()) + 1 if left else None


def _order(asked: Question) -> list[str]:
    """Of the components, as the plan moves their services."""
    return list(dict.fromkeys(str(asked.services[name].get("component", name)) for name in asked.moved if name in asked.services)) if asked.plan else []


def _running(asked: Question) -> list[str]:
    """Releases that run in the environment beside the one that is asked about."""
    return sorted({str(each) for each in views.deployed(asked.entries).get(asked.name, {}).values()} - {asked.release})


def _files(asked: Question) -> list[dict[str, Any]]:
    """Manifests of what runs now; of a release whose file is gone the ledger may know it, else nobody can tell its versions."""
    found = []
    for release in _running(asked):
        with suppress(ManifestError):
            found.append(manifest_files.find(asked.releases_dir, release, today=asked.now.date()))
    return found


def _recorded(asked: Question) -> list[dict[str, Any]]:
    return [entry.as_dict() for release in _running(asked) for entry in recent.of_release(asked.store, release, ("release",))] if asked.store else []
