# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator says to a deployment that is under way, read from the ledger whenever the deployment can obey."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import progress
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store


def word(store: Store, environment: str, deployment: str) -> progress.Word:
    """Raises LedgerError."""
    said = [entry.as_dict() for entry in store.entries(environment=environment, kind=("directive",))]
    return progress.may_go_on(said, deployment)
