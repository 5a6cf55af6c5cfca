# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of the place and the time: bookings, handoffs, calendars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import evidence, session, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import of_release
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Data, Question
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff import read as handoffs
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff import standing as handed
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import places, read, slots
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import standing as booked
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import world

AHEAD = timedelta(days=60)
Held = tuple[dict[str, Any], Sequence[Any], datetime]


def reservation(asked: Question, _known: Data) -> dict[str, Any]:
    documents, entries, now = _bookings(asked)
    return {"reservation": booked.standing(documents, entries, asked.name, now, str(asked.actor.get("name") or ""), asked.act, asked.release)}


def handoff(asked: Question, _known: Data) -> dict[str, Any]:
    documents = handoffs.documents(asked.settings.places("handoffs"), teams=asked.settings.teams, today=asked.now.date())
    entries = handoffs.entries(asked.store) if asked.store and documents else []
    return {"handoff": handed.standing(documents, entries, asked.environment, asked.act, asked.release, asked.settings.teams)}


def calendar(asked: Question, known: Data) -> dict[str, Any]:
    """Whether it may go now, and the next times at which it may: when nobody else holds the place, what soaks has soaked, and approvals still hold."""
    calendars = session.calendars(asked.settings.places("calendars"), [asked.environment], today=asked.now.date())
    expire = (known.get("approvals") or {}).get("until")
    found = evidence.evidence(
        calendars,
        environment=asked.environment,
        services=asked.moved,
        release=asked.release,
        at=session.now(asked.store),
        entries=session.entries(asked.store, asked.name),
        deployer=str(asked.actor.get("name") or ""),
        project=asked.settings.project,
        busy=_busy(asked, known),
        soak_ends=of_release.soak_ends(asked, known),
        approvals_expire=wall.seconds(datetime.fromisoformat(expire), "UTC") if expire else None,
    )
    return {"calendar": found}


def _busy(asked: Question, known: Data) -> list[tuple[int, int]]:
    """Bookings of others: with one of its own it may go whenever that holds."""
    mine = ((known.get("reservation") or {}).get("mine") or {}).get("id")
    documents, entries, now = _bookings(asked)
    held = slots.busy(documents, entries, asked.name, now, now + AHEAD, now)
    return session.busy([{"from": each["from"], "to": each["to"]} for each in held if each["id"] != mine and each["state"] == "approved"])


def _bookings(asked: Question) -> Held:
    documents = places.documents(
        asked.settings.places("reservations"),
        environments=places.environments(asked.groups, lambda host: asked.hostvars[host].get("evenkeel_environment")),
        teams=asked.settings.teams,
        today=asked.now.date(),
    )
    entries, now = read.entries(asked.store, world(documents), [asked.name]) if asked.store else ([], asked.now)
    return documents, entries, now
