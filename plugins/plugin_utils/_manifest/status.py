# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a release is: everything that its manifest asks for and the ledger knows, as plain data. A pure function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.stages import Stage
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import completion, evidence, items

Data = Mapping[str, Any]
# What status() reads of a ledger.
READS = (*standing.READS, "release")
ACTS = ("deployment", "rollback")


def status(manifest: Data, *, entries: Sequence[Data], stages: Mapping[str, Stage], document: Data) -> dict[str, Any]:
    """{release, manifest, scope, milestones, boundaries, standing, complete, promotions, configuration_items}.

    document: the evidence so far, with now; criteria see it with the sections standing, manifest and scope. complete: {environment: view}.
    """
    version = manifest["version"]
    places = standing.standing(entries, version, stages, str(document["now"]))
    here = (document.get("environment") or {}).get("name", "")
    known = {**document, "release": dict(manifest), "standing": document.get("standing") or places.get(here)}
    found = evidence.sections(manifest, raw=manifest, entries=entries, evidence=known)
    return {
        "release": {
            key: manifest.get(key) for key in ("version", "type", "owner", "summary", "change", "teams", "links", "risks", "compliance", "schedule", "vendor")
        },
        **{key: found[key] for key in ("manifest", "scope", "milestones", "boundaries")},
        "standing": places,
        "complete": {name: completion.view(entries, manifest, name) for name in places},
        "promotions": [_act(row) for row in views.history(entries) if row["kind"] in ACTS and row["release"] == version],
        "configuration_items": items.rows(manifest),
    }


def _act(row: Data) -> dict[str, Any]:
    kind = str(row["body"].get("act") or row["kind"])
    return {"kind": kind, "environment": row["environment"], "by": row["by"], "began": row["began"], "ended": row["ended"], "verdict": row["verdict"]}
