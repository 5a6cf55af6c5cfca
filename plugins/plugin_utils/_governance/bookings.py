# SPDX-License-Identifier: GPL-3.0-or-later
"""The bookings of an environment, read once: for the evidence, and again before every batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.settings import Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import places, slots
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import read as ledger
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import standing as booked
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import world

AHEAD = timedelta(days=60)


class Bookings(NamedTuple):
    """now: by the clock of the ledger, where there is one."""

    environment: str
    documents: dict[str, Any]
    entries: Sequence[Any]
    now: datetime

    def standing(self, *, who: str, act: str, release: str) -> dict[str, Any]:
        return booked.standing(self.documents, self.entries, self.environment, self.now, who, act, release)

    def of_others(self, mine: str | None) -> list[dict[str, Any]]:
        """[{from, to}] of the days to come: with a booking of one's own one may go whenever that holds."""
        held = slots.busy(self.documents, self.entries, self.environment, self.now, self.now + AHEAD, self.now)
        return [{"from": each["from"], "to": each["to"]} for each in held if each["id"] != mine and each["state"] == "approved"]


def read(store: Store | None, environment: str, *, settings: Settings, groups: Mapping[str, Sequence[str]], hostvars: Any, now: datetime) -> Bookings:
    """now: where there is no ledger to ask for it. Raises the errors of FAULTS."""
    environments = places.environments(groups, lambda host: hostvars[host].get("evenkeel_environment"))
    documents = places.documents(settings.places("reservations"), environments=environments, teams=settings.teams, today=now.date())
    if store is None:
        return Bookings(environment, documents, [], now)
    return Bookings(environment, documents, *ledger.entries(store, world(documents), [environment]))
