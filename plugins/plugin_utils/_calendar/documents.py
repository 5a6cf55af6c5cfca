# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of a calendar document, and of the windows and freezes that an environment document has."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import public, timing
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import KINDS, Calendar, Event, HolidayRule, Scope, Train
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source

# Key of the document -> kind of its events.
SECTIONS = {"windows": "window", "freezes": "freeze", "peaks": "peak", "cab": "cab", "notices": "notice"}
HOLIDAYS = {"freeze": "deny", "no_window": "close", "notice": "tell"}


def calendar(document: Mapping[str, Any], source: Source) -> tuple[Calendar, list[Fault]]:
    """Of a document that its schema has accepted, without its imports: (calendar, faults)."""
    reader = _Reader(document, source)
    events = [event for section, kind in SECTIONS.items() for event in reader.section(section, kind)]
    trains = list(reader.trains())
    holidays = list(reader.holidays())
    return Calendar(str(document["name"]), tuple(events), tuple(trains), tuple(holidays), source.file), reader.faults


def of_environment(document: Mapping[str, Any]) -> Calendar:
    """Raises CalendarError: the document of an environment is checked before, so a fault here has no place in it to name."""
    name, zone = str(document.get("name", "")), "UTC"
    renamed = {
        "name": f"environment {name}",
        "timezone": zone,
        "windows": [dict(window) for window in document.get("windows") or []],
        "freezes": [{"begins": freeze["from"], "ends": freeze["to"], **_without(freeze, "from", "to")} for freeze in document.get("freezes") or []],
        "scope": {"environments": [name]},
    }
    found, faults = calendar(renamed, Source(f"evenkeel_environment of {name}"))
    if faults:
        told = "; ".join(f"{fault.path}: found {fault.found}, allowed {fault.allowed}" for fault in faults)
        raise CalendarError(f"The windows and freezes of {name} can't be read: {told}. Next: correct evenkeel_environment.")
    return found


def uid(calendar_name: str, kind: str, name: str) -> str:
    """The same for ever: a client that imports the file again finds the events that it has."""
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "event"
    digest = hashlib.sha256("\0".join((calendar_name, kind, name)).encode()).hexdigest()[:12]
    return f"{kind}-{readable}-{digest}@evenkeel.release"


def scope_of(document: Mapping[str, Any], outer: Scope | None = None) -> Scope:
    """What an entry says of its scope, and the calendar's where it says nothing."""
    said = document.get("scope") or {}
    around = outer or Scope()
    return Scope(**{key: tuple(said[key]) if key in said else getattr(around, key) for key in ("projects", "environments", "services", "tiers")})


class _Reader:
    def __init__(self, document: Mapping[str, Any], source: Source) -> None:
        self.document, self.source = document, source
        self.name, self.zone = str(document["name"]), str(document["timezone"])
        self.scope = scope_of(document)
        self.faults: list[Fault] = []
        self.uids: set[str] = set()

    def section(self, section: str, kind: str) -> Iterator[Event]:
        for number, entry in enumerate(self.document.get(section) or []):
            event = self._event(entry, kind, (section, number))
            if event is not None:
                yield event

    def _event(self, entry: Mapping[str, Any], kind: str, path: tuple[str | int, ...]) -> Event | None:
        zone, name = str(entry.get("timezone", self.zone)), str(entry["name"])
        own = uid(self.name, kind, name)
        if own in self.uids:
            self.faults.append(self.source.fault((*path, "name"), found=f"{name} again", allowed="a name that none before it has", hint="rename it"))
        self.uids.add(own)

        def tell(problem: timing.Problem) -> None:
            below, found, allowed = problem
            self.faults.append(self.source.fault((*path, *below), found=found, allowed=allowed))

        found = timing.components(entry, zone=zone, uid=own, tell=tell)
        if not found:
            return None
        return Event(
            uid=own,
            kind=kind,
            effect="tell" if entry.get("as") == "notice" else KINDS[kind],
            name=name,
            reason=str(entry.get("reason", "")),
            calendar=self.name,
            zone=zone,
            scope=scope_of(entry, self.scope),
            components=found,
            source=f"{self.source.file}:{self.source.line(path)}" if self.source.node is not None else self.source.file,
        )

    def holidays(self) -> Iterator[HolidayRule]:
        for number, entry in enumerate(self.document.get("holidays") or []):
            country, subdivision = str(entry["country"]), str(entry.get("subdivision", ""))
            categories = tuple(entry.get("categories", ("public",)))
            problem = public.fault(country, subdivision, categories)
            if problem:
                key, found, allowed, hint = problem
                self.faults.append(self.source.fault(("holidays", number, key), found=found, allowed=allowed, hint=hint))
                continue
            yield HolidayRule(
                calendar=self.name,
                country=country,
                subdivision=subdivision,
                effect=HOLIDAYS[entry["as"]],
                zone=str(entry.get("timezone", self.zone)),
                scope=scope_of(entry, self.scope),
                reason=str(entry.get("reason", "")),
                names=tuple(entry.get("names", ())),
                categories=categories,
            )

    def trains(self) -> Iterator[Train]:
        for number, entry in enumerate(self.document.get("trains") or []):
            path = ("trains", number)
            departures = self._event(entry, "train", path)
            features, code = entry.get("feature_freeze_days"), entry.get("code_freeze_days")
            if features is not None and code is not None and features < code:
                allowed = f"at least code_freeze_days, {code}: features stop before the rest does"
                self.faults.append(self.source.fault((*path, "feature_freeze_days"), found=str(features), allowed=allowed))
            if departures is None:
                continue
            cab = entry.get("cab") or {}
            yield Train(
                name=str(entry["name"]),
                calendar=self.name,
                zone=departures.zone,
                scope=departures.scope,
                departures=departures,
                feature_freeze_days=features,
                code_freeze_days=code,
                cab_days=cab.get("days"),
                cab_at=str(cab.get("at", "10:00")),
                cab_minutes=int(cab.get("minutes", 60)),
                releases=tuple((str(one["release"]), date.fromisoformat(one["departs"]) if "departs" in one else None) for one in entry.get("releases") or []),
            )


def _without(mapping: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key not in names}
