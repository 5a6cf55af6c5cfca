# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entries of the ledger a change asks for: bounded, so that asking costs the same however long the ledger is. All oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import emergency, past, records, standard
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

Answer = dict[str, Any]
# What is known of one release, wherever it went.
OF_RELEASE = ("validation", "migration", *past.READS)
# A deployment has a beginning and an end.
ENTRIES_PER_DEPLOYMENT = 2
# A template whose use failed is not used until somebody looked at it, so what counts is among its newest.
USES = 200


def history(store: Store, environment: str, *, services: int, last: int) -> list[Answer]:
    """The newest deployments and rollbacks: enough for the last ones of every service."""
    limit = ENTRIES_PER_DEPLOYMENT * last * max(services, 1)
    return _plain(entry for kind in past.READS for entry in store.entries(kind=kind, environment=environment, newest_first=True, limit=limit))


def outcome(store: Store, environment: str, deployment: str) -> list[Answer]:
    """The deployment and what came after it."""
    begun = store.find(deployment)
    if begun is None or begun.environment != environment:
        return []
    return _plain([begun, *store.entries(kind=past.READS, environment=environment, after=deployment)])


def of_release(store: Store, release: str, kinds: Sequence[str] = OF_RELEASE) -> list[Answer]:
    return _plain(recent.of_release(store, release, kinds))


def drift(store: Store, environment: str) -> list[Answer]:
    return _plain(recent.of_ids(store, recent.newest_ids(store, kind="drift", environment=environment)))


def deployed(store: Store, environment: str) -> list[Answer]:
    return _plain(recent.deployed(store, environment))


def changes(store: Store, environment: str, *, release: str, services: Iterable[str], templates: Iterable[str]) -> list[Answer]:
    """Those of the release, the reviews that are owed for the services, and how the templates were used last."""
    mine = [entry for entry in recent.of_release(store, release, (records.KIND,)) if entry.environment == environment]
    owed = recent.newest(store, kind=records.KIND, environment="", subjects=[emergency.SUBJECT + name for name in services])
    uses = ([standard.SUBJECT + name] for name in templates)
    used = [entry for subject in uses for entry in recent.newest(store, kind=records.KIND, environment="", subjects=subject, limit=USES)]
    return _plain([*mine, *owed, *used])


def every_change(store: Store, environment: str) -> list[Answer]:
    """The whole register: those of the environment, and what is of none: reviews, uses of templates, minutes."""
    return _plain([*store.entries(kind=records.KIND, environment=environment), *store.entries(kind=records.KIND, environment="")])


def _plain(found: Iterable[Entry]) -> list[Answer]:
    return [entry.as_dict() for entry in recent.ordered(found)]
