# SPDX-License-Identifier: GPL-3.0-or-later
"""Which artifacts a rollback may still need. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.cache import Held
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact.errors import ArtifactError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

KINDS = ("deployment", "rollback", "recovery", "verification", "teardown")


def needed_releases(entries: Sequence[Mapping[str, Any]], *, keep: int) -> dict[str, list[str]]:
    """{environment: releases}: what runs there, what is under way, and the last `keep` that were deployed and that were verified."""
    running = views.deployed(entries)
    found: dict[str, list[str]] = {}
    for environment in sorted({str(entry["environment"]) for entry in entries if entry["environment"]}):
        verified = views.verified_releases(entries, environment)
        deployed = _deployed_in_order(entries, environment)
        under_way = [entry["release"] for entry in views.open_intents(entries) if entry["environment"] == environment and entry["kind"] in views.DEPLOYING]
        wanted = [*running.get(environment, {}).values(), *under_way, *_last(verified, keep), *_last(deployed, keep)]
        found[environment] = sorted({release for release in wanted if release})
    return found


def needed_digests(releases: Mapping[str, Iterable[str]], manifests: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """All variants of all components. What a release needs must be known, or nothing is removed."""
    wanted = {release: environment for environment, names in releases.items() for release in names}
    missing = sorted(release for release in wanted if release not in manifests)
    if missing:
        raise ArtifactError(
            f"Nothing was removed: there is no manifest of {', '.join(missing)}, which {wanted[missing[0]]} may have to go back to,"
            " so what it needs is not known. Give releases_dir the folder with all manifests."
        )
    return {digest for release in wanted for digest in digests_of(manifests[release])}


def digests_of(manifest: Mapping[str, Any]) -> set[str]:
    found = set()
    for component in (manifest.get("components") or {}).values():
        for each in (component, *(component.get("variants") or ())):
            if each.get("sha256"):
                found.add(str(each["sha256"]).lower())
    return found


def surplus(held: Iterable[Held], needed: Iterable[str], *, before: float) -> list[Held]:
    """What nobody needs and nobody has used since then."""
    spared = set(needed)
    return [each for each in held if each.sha256 not in spared and each.used < before]


def _deployed_in_order(entries: Iterable[Mapping[str, Any]], environment: str) -> list[str]:
    """Each release once, at its last deployment."""
    order: dict[str, None] = {}
    for entry in entries:
        ended_well = entry["phase"] == "outcome" and entry["body"].get("verdict") == "passed"
        if entry["environment"] == environment and entry["kind"] in views.DEPLOYING and ended_well:
            release = str(entry["body"].get("to") or entry["release"])
            order.pop(release, None)
            order[release] = None
    return list(order)


def _last(items: Sequence[str], number: int) -> Sequence[str]:
    return items[-number:] if number > 0 else ()
