# SPDX-License-Identifier: GPL-3.0-or-later
"""What the manifest adds to the evidence document that policies are asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import completion, criteria, identity, scope

Data = Mapping[str, Any]


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
