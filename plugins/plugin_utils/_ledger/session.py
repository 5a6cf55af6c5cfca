# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plugins share: a store for this run, its actor and the secrets it must not write."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, process, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry, check, clean
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import Redactor, known_secrets
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store


def open_for(url: str | None, variables: Mapping[str, Any]) -> Store:
    """`variables` are those of the task, templated where they matter here."""
    return open_store(
        url or settings.ledger_url(variables.get),
        actor=actor.detect(os.environ, variables),
        secrets=known_secrets({}, variables),
    )


def record(store: Store, entry: NewEntry) -> dict[str, Any]:
    """An outcome must answer an intent of this ledger: a mistyped id would leave the act open for ever."""
    if entry.phase == "outcome":
        check(entry)
        intent = store.find(str(entry.body["intent"]))
        if intent is None or intent.phase != "intent":
            found = "no entry of the ledger" if intent is None else f"a {intent.phase} of kind {intent.kind}"
            raise LedgerError(
                f"Recording the outcome of {entry.body['intent']!r} was refused, nothing was written: it is {found}."
                " Next: pass the id that recording the intent returned."
            )
    return store.append([entry])[0].as_dict()


def preview(entry: NewEntry, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What record() would write, without a store."""
    check(entry)
    redact = Redactor(known_secrets(os.environ, variables))
    return clean(entry, actor=redact(actor.detect(os.environ, variables)), redact=redact)


def own_lease(store: Store, name: str) -> dict[str, Any] | None:
    """The lease when this very run of ansible-playbook holds it."""
    lease, pid = store.lease(name), process.main_pid()
    mine = lease and lease["pid"] == pid and lease["host"] == process.host_name() and not lease["stale"]
    return lease if mine else None
