# SPDX-License-Identifier: GPL-3.0-or-later
"""Events of an .ics file (RFC 5545). What can't be understood is a fault: an event that is left out could be the freeze."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import expand, rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.limits import FIRST_YEAR, LAST_YEAR, MAX_FAULTS, Budget
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import EFFECTS, KINDS, Event, Scope
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.prescan import scan
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, did_you_mean, listed
from icalendar import Calendar as VCalendar
from icalendar import vDDDLists, vDDDTypes

CATEGORIES = {
    **{kind.upper(): kind for kind in KINDS},
    **dict.fromkeys(("EMBARGO", "BLACKOUT", "CODE FREEZE", "CHANGE FREEZE"), "freeze"),
    **dict.fromkeys(("MAINTENANCE", "MAINTENANCE WINDOW", "CHANGE WINDOW"), "window"),
}
SCOPES = {"X-EVENKEEL-PROJECTS": "projects", "X-EVENKEEL-ENVIRONMENTS": "environments", "X-EVENKEEL-SERVICES": "services", "X-EVENKEEL-TIERS": "tiers"}
OWN = (*SCOPES, "X-EVENKEEL-KIND", "X-EVENKEEL-EFFECT", "X-EVENKEEL-ZONE", "X-EVENKEEL-REASON")
_ONCE = ("UID", "DTSTART", "DTEND", "DURATION", "RECURRENCE-ID", "SEQUENCE", "STATUS", "SUMMARY", "DESCRIPTION", *OWN)
_TIMES = ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE")


def read(
    text: str,
    *,
    calendar: str,
    file: str,
    budget: Budget,
    kind: str = "",
    zone: str = "",
    scope: Scope | None = None,
    reason: str = "",
) -> tuple[list[Event], list[Fault]]:
    """(events, faults). kind, zone, scope and reason are for events that don't say it themselves; without them that is a fault."""
    scanned = scan(text, file)
    if scanned.faults:
        return [], _few(scanned.faults, file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a guessed zone is looked at below
            parsed = VCalendar.from_ical(scanned.text)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as exc:
        return [], [Fault(file, 0, "(file)", " ".join(str(exc).split())[:160] or type(exc).__name__, "a calendar of RFC 5545", "export the calendar again")]
    reader = _Reader(calendar, file, scanned.lines, kind, zone or _zone_of(parsed), scope, reason)
    if str(parsed.get("METHOD", "PUBLISH")).upper() not in ("PUBLISH", "REQUEST", "ADD"):
        reader.fault(0, "METHOD", str(parsed["METHOD"])[:40], "PUBLISH", "export the calendar, not a message about it")
    groups: dict[str, list[tuple[int, Any]]] = {}
    broken: set[str] = set()
    for number, component in enumerate(parsed.walk("VEVENT")):
        budget.spend(f"Reading the calendar {file}")
        before = len(reader.faults)
        reader.check(number, component)
        uid = str(component.get("UID", ""))
        groups.setdefault(uid, []).append((number, component))
        if len(reader.faults) > before or component.errors:
            broken.add(uid)
        if len(reader.faults) > MAX_FAULTS:
            return [], _few(reader.faults, file)
    events = [event for uid, group in groups.items() if uid not in broken for event in reader.event(uid, group)]
    return events, _few(reader.faults, file)


def _few(faults: list[Fault], file: str) -> list[Fault]:
    if len(faults) <= MAX_FAULTS:
        return faults
    return [*faults[:MAX_FAULTS], Fault(file, 0, "(file)", f"{len(faults) - MAX_FAULTS} or more faults like these", "a calendar without them")]


def _zone_of(parsed: Any) -> str:
    return str(parsed.get("X-WR-TIMEZONE", "")).strip()


class _Reader:
    def __init__(self, calendar: str, file: str, lines: list[int], kind: str, zone: str, scope: Scope | None, reason: str) -> None:
        self.calendar, self.file, self.lines, self.kind, self.zone, self.scope, self.reason = calendar, file, lines, kind, zone, scope or Scope(), reason
        self.faults: list[Fault] = []
        if zone and zone not in available_timezones():
            self.fault(0, "X-WR-TIMEZONE", zone[:60], "an IANA time zone such as Europe/Berlin")
            self.zone = ""

    def fault(self, line: int, path: str, found: str, allowed: str, hint: str = "") -> None:
        self.faults.append(Fault(self.file, line, path, found, allowed, hint))

    def check(self, number: int, component: Any) -> None:
        """Faults of one VEVENT; its times become local ones of an IANA zone."""
        line, where = self.lines[number], f"VEVENT[{number}]"
        for name, problem in component.errors:
            self.fault(line, f"{where}.{name}", " ".join(str(problem).split())[:120], "a value of RFC 5545")
        for name in (key for key in component if str(key).upper().startswith("X-EVENKEEL-") and str(key).upper() not in OWN):
            self.fault(line, f"{where}.{name}", f"the unknown property {name}", listed(OWN), did_you_mean(name, OWN) or "remove it")
        twice = [name for name in _ONCE if isinstance(component.get(name), list)]
        for name in twice:
            self.fault(line, f"{where}.{name}", f"{name} {len(component[name])} times", "once")
            component[name] = component[name][0]
        if not str(component.get("UID", "")).strip():
            self.fault(line, f"{where}.UID", "nothing", "a UID")
        if "DTSTART" not in component:
            self.fault(line, f"{where}.DTSTART", "nothing", "when it begins")
            return
        before = len(self.faults)
        for name in _TIMES:
            self._place(component, name, line, f"{where}.{name}")
        if len(self.faults) == before and not component.errors:
            self._order(component, line, where)
            self._rules(component, line, where)

    def _place(self, component: Any, name: str, line: int, path: str) -> None:
        """Floating times get the zone of the calendar; a zone that nobody knows is a fault, not UTC."""
        for value in _listed(component.get(name)):
            for one in value.dts if isinstance(value, vDDDLists) else [value]:
                try:
                    one.dt = self._local(one.dt, str(getattr(value, "params", {}).get("TZID", "")))
                except ValueError as exc:
                    self.fault(line, path, str(exc), "a time in UTC, or with TZID of an IANA time zone; or a calendar with X-WR-TIMEZONE")

    def _local(self, at: Any, tzid: str) -> Any:
        if isinstance(at, tuple):
            begin, end = self._local(at[0], tzid), at[1] if isinstance(at[1], timedelta) else self._local(at[1], tzid)
            if (end if isinstance(end, timedelta) else end - begin) <= timedelta(0):
                raise ValueError(f"a period from {begin} to {end}")
            return begin, end
        if not FIRST_YEAR <= at.year <= LAST_YEAR:
            raise ValueError(f"the year {at.year}")
        if not isinstance(at, datetime):
            return at
        if at.tzinfo is None:
            if tzid:
                raise ValueError(f"the time zone {tzid[:60]}, which is none of IANA's")
            if not self.zone:
                raise ValueError("a time without a zone")
            return at.replace(tzinfo=ZoneInfo(self.zone))
        return at

    def _order(self, component: Any, line: int, where: str) -> None:
        start = component["DTSTART"].dt
        if "DTEND" in component and "DURATION" in component:
            self.fault(line, f"{where}.DURATION", "DURATION beside DTEND", "one of them")
        end = expand.plain_end(component)
        if isinstance(start, datetime) != isinstance(end, datetime):
            self.fault(line, f"{where}.DTEND", "a day beside a time", "DTSTART and DTEND of one kind")
            return
        if not FIRST_YEAR <= end.year <= LAST_YEAR:
            self.fault(line, f"{where}.DTEND", f"the year {end.year}", f"a year from {FIRST_YEAR} to {LAST_YEAR}")
        if isinstance(start, datetime) and "DTEND" in component:
            # Its length is told by the clocks of the zone in which it begins.
            component["DTEND"].dt = end = end.astimezone(start.tzinfo)
        late = end < start if self._tells(component) else end <= start
        if late:
            self.fault(line, f"{where}.DTEND", str(end), f"after DTSTART, {start}")

    def _rules(self, component: Any, line: int, where: str) -> None:
        start = component["DTSTART"].dt
        for rule in _listed(component.get("RRULE")):
            text = rule.to_ical().decode()
            plain = start.replace(tzinfo=None) if isinstance(start, datetime) else datetime.combine(start, datetime.min.time())
            try:
                if rules.never(text, plain):
                    self.fault(line, f"{where}.RRULE", f"{text[:80]}, which never comes true", "a rule that has a date")
            except (ValueError, TypeError, OverflowError) as exc:
                self.fault(line, f"{where}.RRULE", f"{text[:80]}: {exc}", rules.ALLOWED)

    def _tells(self, component: Any) -> bool:
        kind = self._kind(component)
        return KINDS.get(kind) == "tell"

    def _kind(self, component: Any) -> str:
        said = _text(component, "X-EVENKEEL-KIND")
        found = [CATEGORIES[word] for word in _categories(component) if word in CATEGORIES]
        return said or self.kind or (found[0] if found else "")

    def event(self, uid: str, group: list[tuple[int, Any]]) -> Iterator[Event]:
        mains = [(number, one) for number, one in group if "RECURRENCE-ID" not in one]
        number, main = mains[0] if mains else group[0]
        line, where = self.lines[number], f"VEVENT[{number}]"
        for other, component in group:
            if "RECURRENCE-ID" in component and _whole(component["RECURRENCE-ID"]) != _whole(main["DTSTART"]):
                allowed = "a day when the series has days, a time when it has times: else the date that it changes stays as it was"
                self.fault(self.lines[other], f"VEVENT[{other}].RECURRENCE-ID", str(component["RECURRENCE-ID"].dt), allowed)
        for other, _component in mains[1:]:
            self.fault(self.lines[other], f"VEVENT[{other}].UID", f"{uid[:80]} again, as in line {line}", "a UID of its own")
        kind = self._kind(main)
        if kind not in KINDS:
            found = kind[:40] or "an event of which nobody says what it does"
            hint = did_you_mean(kind, KINDS) or "add CATEGORIES:FREEZE or such, or name the file under imports of a calendar, with its kind"
            self.fault(line, f"{where}.CATEGORIES", found, listed(KINDS), hint)
            return
        effect = _text(main, "X-EVENKEEL-EFFECT") or KINDS[kind]
        zone = _text(main, "X-EVENKEEL-ZONE") or self.zone or _zone_of_time(main)
        if effect not in EFFECTS:
            self.fault(line, f"{where}.X-EVENKEEL-EFFECT", effect[:40], listed(EFFECTS))
        if zone not in available_timezones():
            allowed = "X-WR-TIMEZONE of the calendar, or timezone where it is imported"
            self.fault(line, f"{where}.DTSTART", f"the zone {zone[:60]}" if zone else "a day without a zone", allowed)
        scope = Scope(**{key: _globs(main, name) for name, key in SCOPES.items()})
        yield Event(
            uid=uid,
            kind=kind,
            effect=effect,
            name=str(main.get("SUMMARY", "")).strip()[:200] or uid[:80],
            reason=str(main.get("DESCRIPTION", "")).strip()[:1000] or self.reason or str(main.get("SUMMARY", "")).strip()[:200],
            calendar=self.calendar,
            zone=zone,
            scope=scope if scope != Scope() else self.scope,
            components=tuple(component for _number, component in group),
            source=f"{self.file}:{line}",
        )


def _listed(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _whole(value: Any) -> bool:
    return not isinstance(value.dt, datetime)


def _text(component: Mapping[str, Any], name: str) -> str:
    return str(component.get(name, "")).strip()


def _globs(component: Mapping[str, Any], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in _text(component, name).replace("\\,", ",").split(",") if part.strip())


def _categories(component: Any) -> list[str]:
    found = [word for value in _listed(component.get("CATEGORIES")) for word in getattr(value, "cats", [value])]
    return [str(word).strip().upper() for word in found]


def _zone_of_time(component: Any) -> str:
    start: date = component["DTSTART"].dt if isinstance(component.get("DTSTART"), vDDDTypes) else date.min
    if isinstance(start, datetime):
        return str(getattr(start.tzinfo, "key", "")) or "UTC"
    return ""
