# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of a release manifest that its schema can't see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import commits, scope

Data = Mapping[str, Any]


def faults(manifest: Any, source: Source) -> list[Fault]:
    """Of a manifest that its schema found right; a broken one has faults enough."""
    return [*_names(manifest, source), *scope.faults(manifest, source), *_schedule(manifest, source), *_size(manifest, source)]


def _names(manifest: Data, source: Source) -> Iterator[Fault]:
    lists: list[tuple[tuple[str | int, ...], list[Data]]] = [((key,), manifest.get(key, [])) for key in ("milestones", "exit_checks")]
    lists += [(("milestones", place, "criteria"), each["criteria"]) for place, each in enumerate(manifest.get("milestones", []))]
    lists += [(("boundaries", name), each) for name, each in manifest.get("boundaries", {}).items()]
    for path, found in lists:
        names = [each["name"] for each in found]
        for place, name in enumerate(names):
            if name in names[:place]:
                yield source.fault((*path, place, "name"), found=f"{shown(name)} again", allowed="a name that none before it has")


def _schedule(manifest: Data, source: Source) -> Iterator[Fault]:
    schedule = manifest.get("schedule") or {}
    if schedule.get("kind") == "feature-complete" and not manifest.get("scope"):
        yield source.fault(("schedule", "kind"), found="feature-complete without a scope", allowed="a scope that says what complete means", hint="add scope")
    for place, each in enumerate(manifest.get("milestones", [])):
        if schedule.get("kind") == "calendar" and str(each["due"]) > str(schedule["date"]):
            yield source.fault(("milestones", place, "due"), found=str(each["due"]), allowed=f"a day that is not after that of the release, {schedule['date']}")


def _size(manifest: Data, source: Source) -> Iterator[Fault]:
    """A release that says that it is smaller than its commits say."""
    asked = commits.suggested((manifest.get("history") or {}).get("changes", []))
    if asked == "major" and manifest["type"] in ("minor", "patch", "hotfix"):
        breaking = [each for each in manifest["history"]["changes"] if each.get("breaking") and not each.get("reverted_by")]
        first = breaking[0]
        yield source.fault(
            ("type",),
            found=f"{manifest['type']}, and commit {first['commit'][:8]} breaks something: {first['breaking'][0]}",
            allowed="major",
            hint="make it a major release, or take the commit back",
        )
    if asked == "minor" and manifest["type"] in ("patch", "hotfix"):
        yield source.fault(("type",), found=f"{manifest['type']}, and its commits have features", allowed="minor or major")
