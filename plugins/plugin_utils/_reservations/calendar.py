# SPDX-License-Identifier: GPL-3.0-or-later
"""Busy times as an iCalendar file (RFC 5545)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments


def ics(intervals: Iterable[Mapping[str, Any]], *, name: str) -> str:
    """One event per booking, as slots.busy() gives them. The UID is that of the booking, so a calendar updates what it has; the same input gives the
    same bytes, since DTSTAMP is the start."""
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//evenkeel//release//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", name)
    for each in intervals:
        event = Event()
        event.add("uid", f"{each['id']}@{name}.evenkeel")
        event.add("dtstamp", moments.utc(each["start"]))
        event.add("dtstart", moments.utc(each["start"]))
        event.add("dtend", moments.utc(each["end"]))
        event.add("summary", f"{', '.join(each['environments'])}: {each['purpose']} ({each['mode']}), {each['team'] or each['by']}")
        event.add("description", f"{each['reason']}\nblocked from {each['from']} to {each['to']} with setup and teardown")
        event.add("status", "CONFIRMED" if each["state"] == "approved" else "TENTATIVE")
        event.add("transp", "OPAQUE")
        calendar.add_component(event)
    return str(calendar.to_ical().decode("utf-8"))
