# SPDX-License-Identifier: GPL-3.0-or-later
"""When an entry of a calendar document is, as VEVENTs of RFC 5545: everything is expanded by the same code, wherever it was written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import rules, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.limits import FIRST_YEAR, LAST_YEAR
from dateutil.rrule import rrulestr
from icalendar import Event as VEvent
from icalendar import vRecur

# A series that names no first day has had all of them; the day itself doesn't matter, but it must never change.
ALWAYS = date(2025, 1, 1)
STAMP = datetime(2020, 1, 1, tzinfo=wall.EPOCH.tzinfo)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ONCE, _SERIES = ("begins", "ends"), ("days", "rule", "from", "to", "lasts", "for_days", "since", "until", "except", "also", "changes")
# (key path below the entry, found, allowed)
Problem = tuple[tuple[str | int, ...], str, str]
Tell = Callable[[Problem], None]
Entry = Mapping[str, Any]


def components(entry: Entry, *, zone: str, uid: str, tell: Tell) -> tuple[VEvent, ...]:
    """The VEVENTs; none when something was told. Values have the types and formats of the schema."""
    problems: list[Problem] = []
    try:
        found = _once(entry, zone, uid, problems) if any(key in entry for key in _ONCE) else _series(entry, zone, uid, problems)
    except ValueError as exc:
        problems.append(((), str(exc).splitlines()[0][:120], "a time that exists"))
    for problem in problems:
        tell(problem)
    return () if problems else tuple(found)


def clock(text: str) -> time:
    return time.fromisoformat(text)


def _once(entry: Entry, zone: str, uid: str, problems: list[Problem]) -> list[VEvent]:
    problems += [((key,), f"{key} beside begins", "begins and ends, or a series with days or rule") for key in _SERIES if key in entry]
    if "begins" not in entry:
        problems.append((("begins",), "nothing", "the first moment or day"))
        return []
    begins = moment(entry["begins"], zone)
    last = moment(entry["ends"], zone) if "ends" in entry else None
    whole = not isinstance(begins, datetime)
    if last is None and not whole:
        problems.append((("ends",), "nothing", "the first moment after it"))
        return []
    if last is not None and isinstance(last, datetime) == whole:
        problems.append((("ends",), str(entry["ends"]), "a day when begins is a day, a time when it is a time"))
        return []
    ends = (last or begins) + timedelta(days=1 if whole else 0)
    problems += _bounds("begins", begins) + _bounds("ends", ends)
    if not problems and _seconds(ends, zone) <= _seconds(begins, zone):
        problems.append((("ends",), str(entry["ends"]), f"after begins, {entry['begins']}"))
    return [] if problems else [_event(entry, uid, begins, ends)]


def _series(entry: Entry, zone: str, uid: str, problems: list[Problem]) -> list[VEvent]:
    if ("days" in entry) == ("rule" in entry):
        found = "days beside rule" if "days" in entry else "neither begins nor days nor rule"
        problems.append(((), found, "begins and ends for once; days or rule for a series"))
        return []
    if "rule" in entry and "since" not in entry:
        problems.append((("since",), "nothing", "the day from which a rule counts"))
    if ("from" in entry) != (("to" in entry) or ("lasts" in entry)) or ("to" in entry and "lasts" in entry):
        problems.append((("to",), "from, to and lasts that don't fit", "from with one of to and lasts; without from it is whole days"))
    if "for_days" in entry and "from" in entry:
        problems.append((("for_days",), "for_days beside from", "for_days only with whole days"))
    rule = entry["rule"].upper() if "rule" in entry else f"FREQ=WEEKLY;BYDAY={','.join(day[:2].upper() for day in entry['days'])}"
    unread = rules.fault(rule) or ("UNTIL, which is written as until" if "UNTIL=" in rule else "")
    if unread:
        problems.append((("rule",), unread, rules.ALLOWED))
    if problems:
        return []
    begin = clock(entry["from"]) if "from" in entry else time()
    since = date.fromisoformat(entry["since"]) if "since" in entry else ALWAYS
    problems += _bounds("since", since)
    start = None if problems else rules.first(rule, datetime.combine(since, begin))
    if start is None:
        problems.append((("rule",), "a rule that never comes true", "a rule that has a date"))
        return []
    problems += _named_days(entry, rule, start)
    return [] if problems else _repeated(entry, rule, start, zone, uid)


def _repeated(entry: Entry, rule: str, start: datetime, zone: str, uid: str) -> list[VEvent]:
    whole, tz = "from" not in entry, ZoneInfo(zone)

    def begins(day: date) -> date:
        return day if whole else datetime.combine(day, start.time(), tzinfo=tz)

    def ends(day: date, change: Entry) -> date | timedelta:
        known = {**entry, **change}
        if whole:
            return day + timedelta(days=int(known.get("for_days", 1)))
        if "lasts" in known and "to" not in change:
            return length(known["lasts"])
        to = clock(known["to"])
        return datetime.combine(day if to > clock(known["from"]) else day + timedelta(days=1), to, tzinfo=tz)

    core = _event(entry, uid, begins(start.date()), ends(start.date(), {}))
    if "until" in entry:
        last = date.fromisoformat(entry["until"])
        end = last if whole else wall.utc(wall.midnight(last + timedelta(days=1), zone) - 1)
        rule += f";UNTIL={end:%Y%m%d}" if whole else f";UNTIL={end:%Y%m%dT%H%M%SZ}"
    core.add("rrule", vRecur.from_ical(rule))
    for key, name in (("except", "exdate"), ("also", "rdate")):
        if entry.get(key):
            core.add(name, [begins(date.fromisoformat(day)) for day in entry[key]], parameters={"VALUE": "DATE"} if whole else {})
    found = [core]
    for change in entry.get("changes", []):
        day = date.fromisoformat(change.get("on", change["day"]))
        moved = day if whole else datetime.combine(day, clock(change.get("from", entry["from"])), tzinfo=tz)
        other = _event({**entry, **change}, uid, moved, ends(day, change))
        other.add("recurrence-id", begins(date.fromisoformat(change["day"])))
        found.append(other)
    return found


def _named_days(entry: Entry, rule: str, start: datetime) -> list[Problem]:
    """A day that is excepted or changed has to be one of the series: else somebody mistyped it, and it goes on as it was."""
    named: list[tuple[tuple[str | int, ...], str]] = [(("except", number), day) for number, day in enumerate(entry.get("except", []))]
    named += [(("changes", number, "day"), change["day"]) for number, change in enumerate(entry.get("changes", []))]
    problems = [problem for path, day in named for problem in _bounds(path, date.fromisoformat(day))]
    if problems or not named:
        return problems
    last = max(date.fromisoformat(day) for _path, day in named)
    days = {one.date() for one in rrulestr(rule, dtstart=start).between(start, datetime.combine(last, time.max), inc=True)}
    days |= {date.fromisoformat(day) for day in entry.get("also", [])}
    until = date.fromisoformat(entry.get("until", f"{LAST_YEAR}-12-31"))
    allowed = "a day of the series"
    return [(path, day, allowed) for path, day in named if date.fromisoformat(day) not in days or date.fromisoformat(day) > until]


def _event(entry: Entry, uid: str, begins: date, ends: date | timedelta) -> VEvent:
    event = VEvent()
    event.add("uid", uid)
    event.add("dtstamp", STAMP)
    event.add("summary", str(entry.get("name", "")))
    if entry.get("reason"):
        event.add("description", str(entry["reason"]))
    event.add("dtstart", begins)
    event.add("duration" if isinstance(ends, timedelta) else "dtend", ends)
    return event


def moment(text: str, zone: str) -> date:
    """A day; a local time, in the zone; or a time with its offset, in UTC. Raises ValueError."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        return date.fromisoformat(text)
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=ZoneInfo(zone)) if found.tzinfo is None else found.astimezone(wall.EPOCH.tzinfo)


def length(text: str) -> timedelta:
    """15m, 8h, 2d."""
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _seconds(at: date, zone: str) -> int:
    return wall.seconds(at, zone) if isinstance(at, datetime) else wall.midnight(at, zone)


def _bounds(key: str | tuple[str | int, ...], at: date | None) -> list[Problem]:
    if at is None or FIRST_YEAR <= at.year <= LAST_YEAR:
        return []
    path = (key,) if isinstance(key, str) else key
    return [(path, f"the year {at.year}", f"a year from {FIRST_YEAR} to {LAST_YEAR}")]
