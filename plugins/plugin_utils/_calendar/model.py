# SPDX-License-Identifier: GPL-3.0-or-later
"""What a calendar is made of. An event holds the VEVENTs of one UID: the one that repeats and those that change one of its dates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

# What an event does to a deployment: a window permits, a freeze refuses, a closed day keeps windows shut, the others only tell.
# The departure of a train is a window for the releases that go with it, and for nobody else.
EFFECTS = ("allow", "deny", "close", "tell")
KINDS = {"window": "allow", "freeze": "deny", "peak": "deny", "holiday": "close", "train": "tell", "cab": "tell", "milestone": "tell", "notice": "tell"}


@dataclass(frozen=True)
class Scope:
    """Globs. An empty one means all."""

    projects: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, list[str]]:
        return {key: list(value) for key, value in vars(self).items() if value}


@dataclass(frozen=True)
class Event:
    """`zone` is the IANA name of the zone that whole days are days of; `components` are icalendar Events of one UID."""

    uid: str
    kind: str
    effect: str
    name: str
    reason: str
    calendar: str
    zone: str
    scope: Scope
    components: tuple[Any, ...]
    source: str = ""

    def key(self) -> tuple[str, str]:
        return self.calendar, self.uid


class Span(NamedTuple):
    """One occurrence: seconds since 1970, the end is outside. An occurrence that was changed may have another name and reason."""

    begin: int
    end: int
    event: Event
    name: str
    reason: str


@dataclass(frozen=True)
class Departure:
    """One run of a train: seconds since 1970. The milestones are None where the train has none."""

    train: str
    day: date
    begin: int
    end: int
    feature_freeze: int | None = None
    code_freeze: int | None = None
    cab: tuple[int, int] | None = None


@dataclass(frozen=True)
class Train:
    """`releases` are (glob over versions, day of the departure or None for the next one that can still be reached)."""

    name: str
    calendar: str
    zone: str
    scope: Scope
    departures: Event
    feature_freeze_days: int | None = None
    code_freeze_days: int | None = None
    cab_days: int | None = None
    cab_at: str = "10:00"
    cab_minutes: int = 60
    releases: tuple[tuple[str, date | None], ...] = ()

    @property
    def uid(self) -> str:
        return self.departures.uid


@dataclass(frozen=True)
class HolidayRule:
    """Public holidays of a country; names are globs, empty means all of them."""

    calendar: str
    country: str
    subdivision: str
    effect: str
    zone: str
    scope: Scope
    reason: str
    names: tuple[str, ...] = ()
    categories: tuple[str, ...] = field(default=("public",))


@dataclass(frozen=True)
class Calendar:
    name: str
    events: tuple[Event, ...] = ()
    trains: tuple[Train, ...] = ()
    holidays: tuple[HolidayRule, ...] = ()
    source: str = ""
