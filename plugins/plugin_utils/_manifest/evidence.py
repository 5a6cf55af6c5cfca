# SPDX-License-Identifier: GPL-3.0-or-later
"""What the manifest adds to the evidence document that policies are asked about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import same_bytes, standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.stages import Stage
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import completion, criteria, identity, scope

Data = Mapping[str, Any]


# What release() reads of a ledger.
READS = (*standing.READS, "release")


def release(
    manifest: Data,
    *,
    raw: Data,
    entries: Sequence[Data],
    evidence: Data,
    stages: Mapping[str, Stage],
    components: Mapping[str, str],
    observed: Mapping[str, Mapping[str, Mapping[str, Any]]] | None = None,
    approved_for: Collection[str] = (),
) -> dict[str, Any]:
    """Every section of a release: standing, promotion and those of sections(). The one call for whoever assembles the evidence of an act.

    manifest, raw, evidence: as for sections(). stages: of every environment, by stages.of(); components: {service: component} of the environment's
    applications; observed: {host: digests} of the environment before, by release_digests, null when nobody looked; approved_for: as for standing().
    standing and promotion are null where the environment has no stage, or nothing before it.
    """
    document = evidence.get("environment") or {}
    name, upstream = document.get("name", ""), document.get("promotes_from")
    known = {
        "standing": standing.standing(entries, manifest["version"], stages, str(evidence["now"]), approved_for=approved_for).get(name),
        "promotion": same_bytes.promotion(upstream=upstream, entries=entries, manifest=manifest, components=components, observed=observed)
        if upstream
        else None,
    }
    return {**known, **sections(manifest, raw=raw, entries=entries, evidence={**evidence, **known})}


def sections(manifest: Data, *, raw: Data, entries: Sequence[Data], evidence: Data) -> dict[str, Any]:
    """The sections manifest, scope, milestones, boundaries and complete; what the manifest does not have is null.

    manifest: as the deployment reads it; raw: as its file says, which the digest is of. evidence: the document so far, with now and environment; criteria
    see it with the sections scope and manifest. Pure: entries are those of kind release, deployment, rollback, recovery and teardown.
    """
    name = (evidence.get("environment") or {}).get("name", "")
    known = {"manifest": identity.compare(entries, raw), "scope": scope.view(manifest, str(evidence["now"]))}
    document = {**evidence, **known}
    return {
        **known,
        "milestones": criteria.milestones(manifest, document),
        "boundaries": criteria.boundaries(manifest, document),
        "complete": completion.view(entries, raw, name),
    }
