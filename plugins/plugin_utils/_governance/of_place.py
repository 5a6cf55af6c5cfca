# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of the place and the time: bookings, handoffs, calendars."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import evidence, session, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import of_release
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Data, Question
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff import read as handoffs
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff import standing as handed


def reservation(asked: Question, _known: Data) -> dict[str, Any]:
    return {"reservation": asked.booked.standing(who=str(asked.actor.get("name") or ""), act=asked.act, release=asked.release)}


def handoff(asked: Question, _known: Data) -> dict[str, Any]:
    documents = handoffs.documents(asked.settings.places("handoffs"), teams=asked.settings.teams, today=asked.now.date())
    entries = handoffs.entries(asked.store) if asked.store and documents else []
    return {"handoff": handed.standing(documents, entries, asked.environment, asked.act, asked.release, asked.settings.teams)}


def calendar(asked: Question, known: Data) -> dict[str, Any]:
    """Whether it may go now, and the next times at which it may: when nobody else holds the place, what soaks has soaked, and approvals still hold."""
    mine = (known.get("reservation") or {}).get("mine") or {}
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
        busy=session.busy(asked.booked.of_others(mine.get("id"))),
        soak_ends=of_release.soak_ends(asked, known),
        approvals_expire=wall.seconds(datetime.fromisoformat(expire), "UTC") if expire else None,
    )
    return {"calendar": found}
