# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendars as one .ics file: for people's clients, and to read it here again with the same verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import public, timing, trains, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.ics import SCOPES
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar, Event, Scope, Span, Train
from icalendar import Calendar as VCalendar
from icalendar import Event as VEvent
from icalendar import vText

PRODUCT = "-//Evenkeel//evenkeel.release calendar//EN"


def ics(calendars: Iterable[Calendar], *, name: str, begin: int, end: int) -> str:
    """The text, the same for the same input. Series go out as they are; holidays and milestones of trains as days from begin to end."""
    whole = VCalendar()
    whole.add("prodid", PRODUCT)
    whole.add("version", "2.0")
    whole.add("calscale", "GREGORIAN")
    whole["X-WR-CALNAME"] = vText(name)
    taken: dict[str, int] = {}
    for calendar in sorted(calendars, key=lambda one: one.name):
        for event in (*calendar.events, *(train.departures for train in calendar.trains)):
            for component in event.components:
                whole.add_component(_component(event, component, _uid(event, taken)))
        found = [*public.spans(calendar.holidays, begin, end), *(span for train in calendar.trains for span in milestones(train, begin, end))]
        for span in found:
            whole.add_component(_component(span.event, _single(span), _uid(span.event, taken)))
    whole.add_missing_timezones(first_date=wall.utc(begin).date() - timedelta(days=400), last_date=wall.utc(end).date() + timedelta(days=400))
    return str(whole.to_ical(sorted=False).decode())


def milestones(train: Train, begin: int, end: int) -> Iterator[Span]:
    """Freezes of features and code as points in time, and the CAB; they only tell: the train decides what may come aboard."""
    for one in trains.departures(train, begin, end):
        for key, title, at in (("features", "feature freeze", one.feature_freeze), ("code", "code freeze", one.code_freeze)):
            if at is not None:
                yield Span(at, at + trains.DAY, _milestone(train, f"{one.day}-{key}", "milestone", f"{title} of {train.name} {one.day}"), "", "")
        if one.cab is not None:
            yield Span(*one.cab, _milestone(train, f"{one.day}-cab", "cab", f"CAB of {train.name} {one.day}"), "", "")


def _milestone(train: Train, key: str, kind: str, name: str) -> Event:
    own = train.uid.replace("@", f"-{key}@", 1)
    return Event(own, kind, "tell", name, f"release train {train.name}", train.calendar, train.zone, train.scope, ())


def _uid(event: Event, taken: dict[str, int]) -> str:
    """Two calendars may have the same holiday, or two imported files one UID: the one from the other calendar gets its name."""
    owner = taken.setdefault(event.uid, id(event))
    return event.uid if owner == id(event) else f"{event.uid}-{event.calendar}"


def _single(span: Span) -> VEvent:
    zone = ZoneInfo(span.event.zone)
    event = VEvent()
    event.add("uid", span.event.uid)
    event.add("dtstamp", timing.STAMP)
    local = [wall.utc(at).astimezone(zone) for at in (span.begin, span.end)]
    whole = span.event.kind in ("holiday", "milestone")
    for key, at in zip(("dtstart", "dtend"), local):
        event.add(key, at.date() if whole else at)
    return event


def _component(event: Event, component: Any, uid: str) -> VEvent:
    """What a client shows, and what is needed to read it again."""
    out = VEvent()
    for key, value in component.items():
        if not str(key).upper().startswith("X-EVENKEEL-"):
            out[key] = value
    out["UID"] = vText(uid)
    out.pop("CATEGORIES", None)
    out.add("categories", [event.kind.upper()])
    for key, text in (("SUMMARY", event.name), ("DESCRIPTION", event.reason)):
        if not str(out.get(key, "")) and text:
            out[key] = vText(text)
    if "DTSTAMP" not in out:
        out.add("dtstamp", timing.STAMP)
    # Nobody's own calendar is busy because of it.
    out["TRANSP"] = vText("TRANSPARENT")
    out["X-EVENKEEL-KIND"] = vText(event.kind)
    out["X-EVENKEEL-EFFECT"] = vText(event.effect)
    out["X-EVENKEEL-ZONE"] = vText(event.zone)
    _scope(out, event.scope)
    return out


def _scope(out: VEvent, scope: Scope) -> None:
    for name, key in SCOPES.items():
        if globs := getattr(scope, key):
            out[name] = vText(",".join(globs))
