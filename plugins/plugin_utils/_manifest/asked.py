# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plugins of a release gather before they ask: documents of the inventory, the manifest, the ledger's entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import evidence, inventory, stages
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists, open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import status

# Beside what the sections read, what the evidence of a deployment is made of.
KINDS = tuple(dict.fromkeys([*status.READS, "drift", "data_sync", "validation", "approval", "migration"]))


class Asked(NamedTuple):
    """documents: {environment: its document}."""

    groups: Mapping[str, Sequence[str]]
    hostvars: Any
    documents: Mapping[str, Mapping[str, Any]]
    stages: Mapping[str, stages.Stage]
    entries: list[dict[str, Any]]
    now: str


def gather(task_vars: Mapping[str, Any], url: str, now: datetime) -> Asked:
    """Raises DeploymentError and LedgerError. Reading does not create a ledger."""
    groups = inventory.plain(task_vars["groups"])
    hostvars = inventory.HostsOnce(task_vars["hostvars"])
    documents = inventory.plain(stages.documents(groups, hostvars))
    entries = [entry.as_dict() for entry in open_store(url).entries(kind=KINDS)] if exists(url) else []
    return Asked(groups, hostvars, documents, stages.of(documents.values()), entries, now.isoformat(timespec="seconds"))


def document(asked: Asked, manifest: Mapping[str, Any], environment: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """The evidence document of a deployment to the environment as far as the ledger tells it; `more` comes on top. Without an environment only now."""
    if not environment:
        return {"now": asked.now, **more}
    if environment not in asked.documents:
        raise DeploymentError(f"The environment {environment!r} is not in the inventory; it has {', '.join(sorted(asked.documents)) or 'none'}.")
    here = asked.documents[environment]
    deployed = views.deployed(asked.entries)
    found = evidence.assemble(
        now=asked.now,
        act="deploy",
        environment=here,
        upstream=asked.documents.get(here.get("promotes_from", "")),
        manifest=manifest,
        entries=asked.entries,
        deployed=deployed,
        open_intents=[entry for entry in views.open_intents(asked.entries) if entry["environment"] == environment],
    )
    return {**found, **more}
