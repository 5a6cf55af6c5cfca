# SPDX-License-Identifier: GPL-3.0-or-later
"""What the calendars say to a deployment before its next batch, with everything read anew: a freeze that was written meanwhile counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import batch, overrides, scope, session, skew, timeline, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.progress import Word
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

# Enough to decide about now; what comes next is asked elsewhere.
DAYS = 2


def word(
    store: Store,
    *,
    places: Sequence[str],
    environment: Mapping[str, Any],
    services: Sequence[str],
    release: str,
    deployer: str,
    project: str = "",
    step: str = "switching",
    limit: float = skew.LIMIT_SECONDS,
) -> Word:
    """As `batch.word`. places: files and folders of calendars; deployer: the actor's name of the deployment's intent.

    Calendars that can't be read and a clock that is off make it wait: what can't be told is not permitted. Raises LedgerError.
    """
    if step == batch.BACK:
        return Word("go", "")
    try:
        at = session.now(store, limit=limit)
        known = session.calendars(places, [environment], today=wall.utc(at).date())
        built = timeline.build(known, scope.target(environment, services, project), begin=at, release=release, days=DAYS)
        entries = [entry.as_dict() for entry in store.entries(environment=str(environment["name"]), kind=overrides.KIND)]
        passing = overrides.standing(entries, environment=str(environment["name"]), release=release, deployer=deployer, at=at)
        return batch.word(built, at, step=step, overrides=passing)
    except CalendarError as exc:
        return Word("wait", str(exc))
