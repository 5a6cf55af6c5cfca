# SPDX-License-Identifier: GPL-3.0-or-later
"""The occurrences of events in a bounded time. What repeats when is recurring_ical_events' work; moments are made of it here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import recurring_ical_events
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.limits import MAX_SPANS, Budget
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Event, Span
from icalendar import Calendar as VCalendar
from recurring_ical_events.adapters.event import EventAdapter

_REPEATS = ("RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")
# Days are local and a zone may be fourteen hours away: ask for more, keep what is inside.
_MARGIN = timedelta(days=2)


class _Adapter(EventAdapter):  # type: ignore[misc]  # the library has no types
    @property
    def component(self) -> Any:
        return self._component


class _Bare(recurring_ical_events.Occurrence):  # type: ignore[misc]  # as above
    """Without a copy of the component for each occurrence, which takes most of the time."""

    def __init__(self, adapter: Any, start: Any = None, end: Any = None, sequence: int = -1) -> None:
        super().__init__(adapter, start, end, sequence)
        self.component = adapter.component
        # RDATE may name a period of another length than the event's.
        self.usual = self.end - self.start == adapter.duration

    def as_component(self, keep_recurrence_attributes: bool) -> Any:  # noqa: ARG002  the signature is the library's
        return self


def spans(events: Iterable[Event], begin: int, end: int, *, budget: Budget | None = None) -> list[Span]:
    """Occurrences that overlap [begin, end), seconds since 1970, sorted. Raises CalendarError when there are too many."""
    found: list[Span] = []
    for event in events:
        if budget is not None:
            budget.spend(f"Expanding the calendar {event.calendar}")
        try:
            found += [span for span in of_event(event, begin, end) if span.begin < end and span.end > begin]
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as exc:
            where = event.source or event.calendar
            raise CalendarError(f"The event {event.name} ({where}) can't be expanded: {exc}. Nothing was decided. Next: correct its dates and rules.") from exc
        if len(found) > MAX_SPANS:
            raise CalendarError(f"The calendars have more than {MAX_SPANS} occurrences from {wall.text(begin)} to {wall.text(end)}. Next: ask for less time.")
    return sorted(found, key=lambda span: (span.begin, span.end, span.event.uid))


def of_event(event: Event, begin: int, end: int) -> Iterator[Span]:
    if len(event.components) == 1 and not any(key in event.components[0] for key in _REPEATS):
        component = event.components[0]
        yield from _span(event, component, component["DTSTART"].dt, plain_end(component))
        return
    calendar = VCalendar()
    calendar.subcomponents = list(event.components)
    chosen = recurring_ical_events.ComponentsWithName("VEVENT", adapter=_Adapter, occurrence=_Bare)
    query = recurring_ical_events.CalendarQuery(calendar, components=[chosen])
    since, until = wall.utc(begin) - _MARGIN, wall.utc(end) + _MARGIN
    if not isinstance(event.components[0]["DTSTART"].dt, datetime):
        since, until = since.date(), until.date()  # type: ignore[assignment]  # whole days are compared with days
    for occurrence in query.between(since, until):
        yield from _span(event, occurrence.component, occurrence.start, _end(occurrence))


def plain_end(component: Any) -> Any:
    if "DTEND" in component:
        return component["DTEND"].dt
    start = component["DTSTART"].dt
    if "DURATION" in component:
        return later(start, component["DURATION"].dt)
    return start if isinstance(start, datetime) else start + timedelta(days=1)


def _end(occurrence: _Bare) -> Any:
    if "DURATION" in occurrence.component and occurrence.usual:
        return later(occurrence.start, occurrence.component["DURATION"].dt)
    return occurrence.end


def later(start: date, lasting: timedelta) -> date:
    """RFC 5545 section 3.3.6: days are days of the calendar, hours have sixty minutes also in the night of a change."""
    if not isinstance(start, datetime) or not lasting.seconds:
        return start + lasting
    return (start.astimezone(wall.EPOCH.tzinfo) + lasting).astimezone(start.tzinfo)


def _span(event: Event, component: Any, start: date, end: date) -> Iterator[Span]:
    if str(component.get("STATUS", "")).upper() == "CANCELLED":
        return
    if str(component.get("STATUS", "")).upper() == "TENTATIVE" and event.effect == "allow":
        return  # a window that nobody confirmed permits nothing; a freeze that may come refuses
    first, last = _seconds(start, event.zone), _seconds(end, event.zone)
    if last < first and event.effect in ("deny", "close"):
        first, last = last, first  # the gap swallowed its end: what refuses covers what is left, what permits is not there
    if last > first or event.effect == "tell":
        name = str(component.get("SUMMARY", "")) or event.name
        yield Span(first, max(last, first), event, name[:200], str(component.get("DESCRIPTION", "") or event.reason)[:1000])


def _seconds(at: date, zone: str) -> int:
    return wall.seconds(at, zone) if isinstance(at, datetime) else wall.midnight(at, zone)
