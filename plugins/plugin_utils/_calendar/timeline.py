# SPDX-License-Identifier: GPL-3.0-or-later
"""All the calendars, expanded once for one target and asked often."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import expand, intervals, public, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.intervals import Intervals
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.limits import HORIZON_DAYS, MAX_HORIZON_DAYS, Budget
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar, Event, Span, Train
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.scope import Target, parts

DAY = 86400


class Track(NamedTuple):
    """The occurrences of one event, sorted; `longest` is the length of the longest."""

    event: Event
    begins: Sequence[int]
    spans: Sequence[Span]
    longest: int

    def at(self, moment: int) -> list[Span]:
        found = []
        for number in range(bisect_right(self.begins, moment) - 1, -1, -1):
            span = self.spans[number]
            if span.begin + self.longest <= moment:
                break
            if span.end > moment:
                found.append(span)
        return found


class Timeline(NamedTuple):
    """What holds for one target from `begin` to `end`, in seconds since 1970.

    deny, allow, close, tell: occurrences by effect. open: when windows are open for all of the services, None when none of them has a window.
    free: when everything allows, without overrides.
    """

    of: Target
    begin: int
    end: int
    deny: Sequence[Track]
    allow: Sequence[Track]
    close: Sequence[Track]
    tell: Sequence[Track]
    open: Intervals | None
    free: Intervals
    trains: Sequence[Train]

    def check(self, at: int) -> None:
        if not self.begin <= at < self.end:
            raise CalendarError(
                f"The calendars were expanded from {wall.text(self.begin)} to {wall.text(self.end)} and asked about {wall.text(at)}."
                " Next: expand them again for that time."
            )

    def allowed(self, *, but: Sequence[tuple[str, int, int]] = ()) -> Intervals:
        """When everything allows. `but`: (UID, from, to) of overrides."""
        if not but:
            return self.free
        granted: dict[str, list[tuple[int, int]]] = {}
        for uid, begin, end in but:
            granted.setdefault(uid, []).append((begin, end))
        return _free(self.deny, self.open, (self.begin, self.end), granted)


def build(calendars: Iterable[Calendar], of: Target, *, begin: int, release: str = "", days: int = HORIZON_DAYS, budget: Budget | None = None) -> Timeline:
    """From `begin` (seconds since 1970) on for so many days, for a release that may go with a train. Raises CalendarError."""
    if not 1 <= days <= MAX_HORIZON_DAYS:
        raise CalendarError(f"The calendars were to be expanded for {days} days, allowed are 1 to {MAX_HORIZON_DAYS}.")
    end = begin + days * DAY
    known = list(calendars)
    events = [event for one in known for event in (*one.events, *_departures(one, release))]
    found = expand.spans([event for event in events if _covers(event, of)], begin, end, budget=budget)
    found += [span for one in known for span in public.spans(one.holidays, begin, end) if _covers(span.event, of)]
    tracks = _tracks(found)
    by_effect = {effect: [track for track in tracks if track.event.effect == effect] for effect in ("deny", "allow", "close", "tell")}
    opened = _open([event for event in events if event.effect == "allow"], by_effect, of)
    return Timeline(
        of=of,
        begin=begin,
        end=end,
        deny=by_effect["deny"],
        allow=by_effect["allow"],
        close=by_effect["close"],
        tell=by_effect["tell"],
        open=opened,
        free=_free(by_effect["deny"], opened, (begin, end), {}),
        trains=[train for one in known for train in one.trains],
    )


def _free(deny: Sequence[Track], opened: Intervals | None, whole: intervals.Interval, granted: Mapping[str, Sequence[intervals.Interval]]) -> Intervals:
    refused: list[intervals.Interval] = []
    for track in deny:
        times = [(span.begin, span.end) for span in track.spans]
        but = granted.get(track.event.uid)
        refused += intervals.subtract(intervals.union(times), intervals.union(but)) if but else times
    return intervals.subtract([whole] if opened is None else intervals.intersect(opened, [whole]), intervals.union(refused))


def _departures(one: Calendar, release: str) -> Iterator[Event]:
    for train in one.trains:
        mine = release and any(fnmatchcase(release, glob) for glob, _day in train.releases)
        yield replace(train.departures, effect="allow") if mine else train.departures


def _covers(event: Event, of: Target) -> tuple[str, ...]:
    return parts(event.scope, of, generous=event.effect != "allow")


def _open(windows: Sequence[Event], tracks: Mapping[str, Sequence[Track]], of: Target) -> Intervals | None:
    """A service that windows are written for needs one of them; what several services need together is what all of them have.

    Where it is not known whether a window is meant for it (its tier is not known, say), the service needs one and does not have that one."""
    times = {id(track.event): [(span.begin, span.end) for span in track.spans] for track in tracks["allow"]}
    closed: dict[str, list[tuple[int, int]]] = {}
    for track in tracks["close"]:
        for service in _covers(track.event, of):
            closed.setdefault(service, []).extend((span.begin, span.end) for span in track.spans)
    covers = [(event, parts(event.scope, of, generous=True), parts(event.scope, of, generous=False)) for event in windows]
    opened: Intervals | None = None
    for service in of.services or ("",):
        if not any(service in needed for _event, needed, _had in covers):
            continue
        here = intervals.union(time for event, _needed, had in covers if service in had for time in times.get(id(event), []))
        here = intervals.subtract(here, intervals.union(closed.get(service, [])))
        opened = here if opened is None else intervals.intersect(opened, here)
    return opened


def _tracks(found: Iterable[Span]) -> list[Track]:
    by_event: dict[int, list[Span]] = {}
    for span in found:
        by_event.setdefault(id(span.event), []).append(span)
    tracks = []
    for spans in by_event.values():
        ordered = sorted(spans, key=lambda span: (span.begin, span.end))
        tracks.append(Track(ordered[0].event, [span.begin for span in ordered], ordered, max(span.end - span.begin for span in ordered)))
    return tracks
