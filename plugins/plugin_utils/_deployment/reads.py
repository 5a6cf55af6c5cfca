# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decision reads of the ledger: the few entries from which its evidence is made, however long the ledger is.

Whoever adds a section to the evidence adds here how its entries are found: by the release, or the newest of each subject in the environment.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.data import resets
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.sections import artifact_names
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve import rehearsal

# Everything that is recorded about one release; there is no more of it when other releases come.
OF_RELEASE = ("verification", "approval", "hold", "mark", "validation", "evidence", "gate", "release")
# What tells when a release ran where.
OCCUPIES = ("deployment", "rollback", "recovery", "teardown")
# Of each subject in an environment the newest one counts: {kind: how its subjects begin}.
NEWEST = {"drift": "", "evidence": "", "report": "parity/"}
# Read whole: where a flag stands follows from all that was done to it.
WHOLE = ("flag",)


class Ledger:
    """What a plan reads, as dictionaries: as little as its act needs. Without a store there is nothing. Only entries of `kinds` are given."""

    def __init__(self, store: Store | None, kinds: Sequence[str]) -> None:
        self.store, self._kinds = store, tuple(kinds)

    @functools.cached_property
    def every(self) -> list[dict[str, Any]]:
        """The whole history, which a way back is chosen from."""
        return self._read(lambda store: store.entries(kind=self._kinds))

    def open_intents(self, environment: str) -> list[dict[str, Any]]:
        return self._read(lambda store: recent.open_intents(store, environment))

    def deployed(self) -> dict[str, dict[str, str]]:
        return views.deployed(self._read(recent.deployed))

    def for_decision(self, *, environment: str, upstream: str, manifest: Mapping[str, Any], before: Sequence[str] = ()) -> list[dict[str, Any]]:
        return self._read(lambda store: for_decision(store, environment=environment, upstream=upstream, manifest=manifest, before=before))

    def _read(self, read: Callable[[Store], list[Entry]]) -> list[dict[str, Any]]:
        return [entry.as_dict() for entry in read(self.store) if entry.kind in self._kinds] if self.store else []


def for_decision(store: Store, *, environment: str, upstream: str = "", manifest: Mapping[str, Any], before: Sequence[str] = ()) -> list[Entry]:
    """Oldest first. evidence.assemble says of these entries what it would say of all of them. before: every environment before this one."""
    release = str(manifest["version"])
    with store.together():
        found = [*recent.open_intents(store, environment), *recent.of_release(store, release, OF_RELEASE)]
        ids = _artifacts(store, manifest)
        for place in filter(None, (environment, upstream)):
            found += recent.deployed(store, place)
            for kind, prefix in NEWEST.items():
                ids += recent.newest_ids(store, kind=kind, environment=place, prefix=prefix)
            found += recent.until(store, kind="data_sync", environment=place, enough=resets)
            # After a teardown nothing is there any more, whatever was refreshed before.
            found += recent.until(store, kind="teardown", environment=place, enough=_passed)
        for kind in WHOLE:
            found += store.entries(kind=kind, environment=environment)
        found += _occupied(store, release, dict.fromkeys([environment, *before]))
        found += recent.of_ids(store, ids)
        return recent.ordered([*found, *_since_rehearsal(store, found, release)])


def _occupied(store: Store, release: str, places: Iterable[str]) -> list[Entry]:
    """All that was brought to the places since the release first came there: so many entries as there were deployments after it."""
    first: dict[str, Entry] = {}
    for entry in recent.of_release(store, release, OCCUPIES):
        first.setdefault(entry.environment, entry)
    known = [place for place in places if place in first]
    later = [entry for place in known for entry in store.entries(kind=OCCUPIES, environment=place, after=first[place].id)]
    return [*(first[place] for place in known), *later]


def _artifacts(store: Store, manifest: Mapping[str, Any]) -> list[str]:
    """Ids of what was fetched and verified under the names of the components; the environment is that of whoever fetched first."""
    names = [name for component in manifest.get("components") or {} for name in artifact_names(manifest, component)]
    places = recent.environments(store, kind="validation")
    return [each for place in places for name in names for each in recent.newest_ids(store, kind="validation", environment=place, prefix=name)]


def _since_rehearsal(store: Store, found: list[Entry], release: str) -> list[Entry]:
    """How the deployments of a rehearsal ended that did not say it itself."""
    begun = [entry for entry in found if entry.kind == rehearsal.KIND and entry.subject == rehearsal.SUBJECT and entry.release == release]
    newest = max((entry for entry in begun if entry.body.get("state") == "begun"), key=lambda entry: entry.id, default=None)
    if newest is None or any(entry.body.get("rehearsal") == newest.id for entry in begun):
        return []
    return store.entries(kind=("deployment", "rollback"), environment=newest.environment, phase="outcome", after=newest.id)


def _passed(entry: Entry) -> bool:
    return entry.phase == "outcome" and entry.body.get("verdict") == "passed"
