# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a deployment is allowed at a moment, by which event, until when, and what comes next: a pure function of calendars and a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import intervals, scope, timeline, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar, Span
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.overrides import Override, granted
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.timeline import Timeline, Track

Answer = dict[str, Any]


def verdict(
    calendars: Iterable[Calendar],
    *,
    environment: Mapping[str, Any] | str,
    services: Sequence[str] = (),
    project: str = "",
    release: str = "",
    at: int,
    lasting: int | None = None,
    overrides: Sequence[Override] = (),
) -> Answer:
    """at: seconds since 1970; lasting: how long the deployment takes. See `ask` for the answer. Raises CalendarError."""
    built = timeline.build(calendars, scope.target(environment, services, project), begin=at, release=release)
    return ask(built, at, lasting=lasting, overrides=overrides)


def ask(built: Timeline, at: int, *, lasting: int | None = None, overrides: Sequence[Override] = ()) -> Answer:
    """{allowed, at, reason, by, window, freezes, overridden, closed, notices, closes, will_finish, next, overrides}.

    by: the event that decided, null when no event did. closes: when what is allowed now ends, with the event that ends it, null when nothing does
    before the end of the timeline. will_finish: whether `lasting` seconds fit before that, null when it was not asked or nothing is allowed now.
    next: when it will be allowed (for `lasting` seconds), null when not before the end of the timeline.
    """
    built.check(at)
    but = granted(overrides)
    refusing, passed = _freezes(built, at, but)
    open_now = built.open is None or intervals.around(built.open, at) is not None
    window = _first(built.allow, at) if built.open is not None and open_now else None
    closed = [span for track in built.close for span in track.at(at)]
    allowed = open_now and not refusing
    answer: Answer = {
        "allowed": allowed,
        "at": wall.text(at),
        "by": told(refusing[0] if refusing else window or (closed[0] if closed and not open_now else None)),
        "reason": _reason(built, refusing, window, closed, open_now=open_now, passed=passed),
        "window": told(window),
        "freezes": [told(span) for span in refusing],
        "overridden": [told(span) for span in passed],
        "closed": [told(span) for span in closed],
        "notices": [told(span) for track in built.tell for span in track.at(at)],
        "closes": None,
        "will_finish": None,
        "next": None,
        "overrides": [one.as_dict() for one in overrides],
    }
    times = built.allowed(but=but)
    if allowed:
        now = intervals.around(times, at)
        end = now[1] if now else at
        answer["closes"] = _closing(built, end, but) if end < built.end else None
        if answer["closes"] and answer["closes"]["by"] and answer["closes"]["by"]["uid"] != (window.event.uid if window else ""):
            answer["reason"] += f" It ends {wall.shown(end, _zone(built, window))}, with {answer['closes']['by']['name']}."
        answer["will_finish"] = None if lasting is None else at + lasting <= end
    if not allowed or answer["will_finish"] is False:
        answer["next"] = _next(built, times, at if not allowed else at + 1, lasting or 0)
    return answer


def go(built: Timeline, at: int, overrides: Sequence[Override] = ()) -> list[Span] | None:
    """What refuses, first of all: None when nothing does, [] when no window is open. The cheap half of `ask`."""
    built.check(at)
    refusing, _passed = _freezes(built, at, granted(overrides))
    if refusing:
        return refusing
    return None if built.open is None or intervals.around(built.open, at) is not None else []


def told(span: Span | None) -> dict[str, Any] | None:
    """An occurrence as plain data: its times in UTC and in its own zone."""
    if span is None:
        return None
    event = span.event
    return {
        "uid": event.uid,
        "kind": event.kind,
        "name": span.name,
        "reason": span.reason,
        "calendar": event.calendar,
        "from": wall.text(span.begin),
        "to": wall.text(span.end),
        "timezone": event.zone,
        "local_from": wall.text(span.begin, event.zone),
        "local_to": wall.text(span.end, event.zone),
        "scope": event.scope.as_dict(),
    }


def _freezes(built: Timeline, at: int, but: Sequence[tuple[str, int, int]]) -> tuple[list[Span], list[Span]]:
    """(those that refuse, those that an override lets pass), the one that ends last first."""
    active = sorted((span for track in built.deny for span in track.at(at)), key=lambda span: -span.end)
    passed = {uid for uid, begin, end in but if begin <= at < end}
    return [span for span in active if span.event.uid not in passed], [span for span in active if span.event.uid in passed]


def _first(tracks: Sequence[Track], at: int) -> Span | None:
    found = [span for track in tracks for span in track.at(at)]
    return max(found, key=lambda span: span.end, default=None)


def _reason(built: Timeline, refusing: Sequence[Span], window: Span | None, closed: Sequence[Span], *, open_now: bool, passed: Sequence[Span]) -> str:
    if refusing:
        span = refusing[0]
        more = f" So do {', '.join(other.name for other in refusing[1:])}." if len(refusing) > 1 else ""
        why = f": {span.reason}" if span.reason else ""
        return f"The {span.event.kind} {span.name} holds until {wall.shown(span.end, span.event.zone)}{why}.{more}"
    if not open_now:
        names = ", ".join(dict.fromkeys(track.event.name for track in built.allow)) or "none in this time"
        shut = f", since {closed[0].name} keeps them shut" if closed else ""
        return f"No window is open{shut}. Windows: {names}."
    beside = f", by override of {', '.join(span.name for span in passed)}" if passed else ""
    if window is not None:
        return f"The window {window.name} is open until {wall.shown(window.end, window.event.zone)}{beside}."
    return f"No window is asked for and no freeze holds{beside}."


def _zone(built: Timeline, window: Span | None) -> str:
    return window.event.zone if window is not None else next((track.event.zone for track in built.deny), "UTC")


def _closing(built: Timeline, end: int, but: Sequence[tuple[str, int, int]]) -> dict[str, Any]:
    refusing, _passed = _freezes(built, end, but)
    by = refusing[0] if refusing else next((span for track in built.close for span in track.at(end)), None)
    ending = next((span for track in built.allow for span in track.spans if span.end == end), None)
    return {"at": wall.text(end), "by": told(by or ending)}


def _next(built: Timeline, times: Sequence[tuple[int, int]], at: int, lasting: int) -> dict[str, Any] | None:
    for begin, end in intervals.after(times, at):
        start = max(begin, at)
        if end - start >= max(lasting, 1):
            return {"at": wall.text(start), "until": wall.text(end), "window": told(_first(built.allow, start)) if built.open is not None else None}
    return None
