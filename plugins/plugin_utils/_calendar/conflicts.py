# SPDX-License-Identifier: GPL-3.0-or-later
"""What the calendars say against each other, before somebody stands in front of it at night."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import intervals, scope, timeline, trains, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar, Departure, Train
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.timeline import Timeline

DAY = 86400
MOST_CLOSED_DAYS = 14
Conflict = dict[str, str]


def find(
    calendars: Iterable[Calendar], environments: Sequence[Mapping[str, Any]], *, begin: int, days: int, closed_days: int = MOST_CLOSED_DAYS
) -> list[Conflict]:
    """[{kind, calendar, environment, when, what, next}], sorted by time, from `begin` (seconds since 1970) on.

    kinds: train-in-freeze, cab-after-departure, closed-too-long (no window of the environment for more than `closed_days`, or never again
    in this time), window-never-open (freezes and closed days take each of its occurrences), train-without-environment.
    """
    known = list(calendars)
    found: list[tuple[int, Conflict]] = []
    built = {str(each["name"]): timeline.build(known, scope.target(each), begin=begin, days=days) for each in environments}
    for calendar in known:
        for train in calendar.trains:
            found += _train(train, built, begin, begin + days * DAY)
    for name, one in built.items():
        found += [*_closed(name, one, closed_days), *_never(name, one)]
    return [conflict for _at, conflict in sorted(found, key=lambda each: (each[0], sorted(each[1].items())))]


def _train(train: Train, built: Mapping[str, Timeline], begin: int, end: int) -> Iterator[tuple[int, Conflict]]:
    fitting = {name: one for name, one in built.items() if scope.parts(train.scope, one.of, generous=True)}
    if built and not fitting:
        what = f"The train {train.name} goes to none of the environments {', '.join(sorted(built))}."
        yield begin, _conflict("train-without-environment", train, "", begin, what, "Correct the scope of the train.")
    for one in trains.departures(train, begin, end):
        if one.cab is not None and one.cab[1] > one.begin:
            met = wall.shown(one.cab[0], train.zone)
            what = f"The CAB of the train {train.name} meets {met}, after the departure of {one.day} began."
            yield one.begin, _conflict("cab-after-departure", train, "", one.begin, what, "Have the CAB meet before the departure.")
        for name, timeline_of in fitting.items():
            yield from _in_freeze(train, one, name, timeline_of)


def _in_freeze(train: Train, one: Departure, name: str, built: Timeline) -> Iterator[tuple[int, Conflict]]:
    for track in built.deny:
        for span in track.spans:
            if span.begin < one.end and span.end > one.begin:
                until = wall.shown(span.end, span.event.zone)
                what = f"The train {train.name} departs {wall.shown(one.begin, train.zone)} within the {span.event.kind} {span.name} (until {until})."
                yield one.begin, _conflict("train-in-freeze", train, name, one.begin, what, "Move the departure with changes, or leave it out with except.")
                return


def _closed(name: str, built: Timeline, closed_days: int) -> Iterator[tuple[int, Conflict]]:
    at = built.begin
    for begin, end in [*built.allowed(), (built.end, built.end)]:
        if begin - at > closed_days * DAY:
            why = _why(built, at, begin)
            last = "until the end of what was looked at" if begin == built.end else f"until {wall.text(begin)}"
            what = f"Nothing may be deployed to {name} from {wall.text(at)} {last}: {(begin - at) // DAY} days{why}."
            advice = "Open a window in between, or shorten what closes it."
            yield at, {"kind": "closed-too-long", "calendar": "", "environment": name, "when": wall.text(at), "what": what, "next": advice}
        at = end


def _why(built: Timeline, begin: int, end: int) -> str:
    """What closes most of that time."""
    found: dict[str, int] = {}
    for track in (*built.deny, *built.close):
        for span in track.spans:
            taken = min(span.end, end) - max(span.begin, begin)
            if taken > 0:
                found[span.name] = found.get(span.name, 0) + taken
    longest = sorted(found, key=lambda name: (-found[name], name))[:3]
    return f", because of {', '.join(longest)}" if longest else ", since there is no window"


def _never(name: str, built: Timeline) -> Iterator[tuple[int, Conflict]]:
    allowed = built.allowed()
    for track in built.allow:
        if track.event.kind == "window" and not intervals.intersect(intervals.union((span.begin, span.end) for span in track.spans), allowed):
            begin = track.spans[0].begin
            what = f"The window {track.event.name} never opens {name} in this time: freezes and closed days take all of its {len(track.spans)} occurrences."
            conflict = {"kind": "window-never-open", "calendar": track.event.calendar, "environment": name, "when": wall.text(begin), "what": what}
            yield begin, {**conflict, "next": "Move the window, or shorten what takes it."}


def _conflict(kind: str, train: Train, environment: str, at: int, what: str, advice: str) -> Conflict:
    return {"kind": kind, "calendar": train.calendar, "environment": environment, "when": wall.text(at), "what": what, "next": advice}
