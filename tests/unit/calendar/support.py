# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from datetime import date, datetime, timezone
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import documents, ics, limits, scope, timeline
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.timeline import Timeline
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import parse

TODAY = date(2027, 1, 1)
PRODUCTION = {"name": "production", "tier": "production"}


def at(text: str) -> int:
    """2027-03-28T01:30Z or with an offset."""
    found = datetime.fromisoformat(text)
    assert found.tzinfo is not None
    return int(found.astimezone(timezone.utc).timestamp())


def load(document: Any) -> tuple[Calendar | None, list[Fault]]:
    """As a file is read: text, schema, meaning."""
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    value, source, faults = parse(text, "calendars/test.yml")
    faults = faults or check("calendar", value, today=TODAY, source=source)
    if faults:
        return None, faults
    return documents.calendar(value, source)


def calendar(zone: str = "Europe/Berlin", name: str = "test", **sections: Any) -> Calendar:
    found, faults = load({"name": name, "timezone": zone, **sections})
    assert found is not None, faults
    assert not faults, faults
    return found


def window(**entry: Any) -> dict[str, Any]:
    return {"name": "w", **entry}


def freeze(**entry: Any) -> dict[str, Any]:
    return {"name": "f", "reason": "busy", **entry}


def build(*calendars: Calendar, begin: str, days: int = 60, services: tuple[str, ...] = ("shop",), environment: Any = PRODUCTION, **more: Any) -> Timeline:
    return timeline.build(calendars, scope.target(environment, services, more.pop("project", "")), begin=at(begin), days=days, **more)


def vcalendar(*events: str, head: str = "", zone: str = "") -> str:
    """Lines of events, each without BEGIN and END."""
    body = "\n".join(f"BEGIN:VEVENT\n{event.strip()}\nEND:VEVENT" for event in events)
    floating = f"X-WR-TIMEZONE:{zone}\n" if zone else ""
    return f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//test//EN\n{floating}{head}{body}\nEND:VCALENDAR\n".replace("\n", "\r\n")


def read(text: str, **options: Any) -> tuple[list[Any], list[Fault]]:
    return ics.read(text, calendar="imported", file="imported.ics", budget=limits.Budget(time.monotonic), **options)
