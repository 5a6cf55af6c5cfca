# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at an .ics file as text, before a parser sees it: what would make it endless or huge is refused here, what isn't needed is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.limits import FIRST_YEAR, LAST_YEAR, MAX_BYTES, MAX_DATES, MAX_DEPTH, MAX_EVENTS
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault

_TIMES = ("DTSTART", "DTEND", "EXDATE", "RDATE", "RECURRENCE-ID")
_YEAR = re.compile(r"(?:^|[,:/])(\d{4})\d{4}(?:T\d{6}Z?)?")
# Of an event: alarms, attachments and the like say nothing about time, and zones come from the IANA database.
_READ = (*_TIMES, "UID", "DURATION", "RRULE", "EXRULE", "SUMMARY", "DESCRIPTION", "CATEGORIES", "STATUS", "SEQUENCE", "DTSTAMP")


EVENT = ["VCALENDAR", "VEVENT"]
AGAIN = "export the calendar again"


@dataclass
class Scanned:
    """`text` has the calendar's own lines and its events; `lines` are the lines of the file where the events begin."""

    text: str = ""
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class _Refused(Exception):
    """There is no use in reading on."""


def scan(text: str, file: str) -> Scanned:
    scanner = _Scanner(file)
    try:
        if len(text) > MAX_BYTES:
            scanner.refuse(0, f"{len(text)} characters", f"at most {MAX_BYTES}", "split the calendar")
        kept = [line for number, line in unfolded(text) if scanner.keeps(number, line)]
        scanner.end(kept)
        scanner.found.text = "\r\n".join(kept) + "\r\n"
    except _Refused:
        pass
    return scanner.found


class _Scanner:
    def __init__(self, file: str) -> None:
        self.file = file
        self.found = Scanned()
        self.stack: list[str] = []

    def fault(self, line: int, path: str, what: str, allowed: str, hint: str = "") -> None:
        self.found.faults.append(Fault(self.file, line, path, what, allowed, hint))

    def refuse(self, line: int, what: str, allowed: str, hint: str) -> None:
        self.fault(line, "(file)", what, allowed, hint)
        raise _Refused

    def keeps(self, number: int, line: str) -> bool:
        name, _colon, value = line.partition(":")
        key, value = name.split(";", 1)[0].upper().strip(), value.strip()
        if key == "BEGIN":
            return self._begin(number, value.upper())
        keep = self.stack in (["VCALENDAR"], EVENT)
        if key == "END":
            if not self.stack or self.stack.pop() != value.upper():
                self.refuse(number, f"END:{value[:40]} that nothing begins", "BEGIN and END in pairs", AGAIN)
        elif keep and self.stack == EVENT:
            _property(number, key, value, f"VEVENT[{len(self.found.lines) - 1}].{key}", self.fault)
            return key in _READ or key.startswith("X-EVENKEEL-")
        return keep

    def _begin(self, number: int, name: str) -> bool:
        self.stack.append(name)
        if len(self.stack) > MAX_DEPTH:
            self.refuse(number, f"{len(self.stack)} components in each other", f"at most {MAX_DEPTH}", AGAIN)
        if name == "VEVENT" and self.stack != EVENT:
            self.refuse(number, f"an event in a {self.stack[-2] if len(self.stack) > 1 else 'file without a calendar'}", "events of the VCALENDAR", AGAIN)
        if name == "VEVENT":
            self.found.lines.append(number)
        if len(self.found.lines) > MAX_EVENTS:
            self.refuse(number, f"more than {MAX_EVENTS} events", f"at most {MAX_EVENTS}", "split the calendar")
        return self.stack in (["VCALENDAR"], EVENT)

    def end(self, kept: list[str]) -> None:
        calendars = sum(line.upper().strip() == "BEGIN:VCALENDAR" for line in kept)
        if self.stack or not kept or calendars != 1 or kept[0].upper().strip() != "BEGIN:VCALENDAR":
            what = f"{self.stack[-1][:40]} without an end" if self.stack else f"{calendars} VCALENDARs"
            self.refuse(0, what, "one VCALENDAR from BEGIN to END", AGAIN)


def unfolded(text: str) -> Iterator[tuple[int, str]]:
    """(line of the file, content line) by RFC 5545 section 3.1; empty lines are left out."""
    begun, parts = 0, list[str]()
    for number, line in enumerate(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        if line[:1] in (" ", "\t") and parts:
            parts.append(line[1:])
            continue
        if parts:
            yield begun, "".join(parts)
        begun, parts = (number, [line]) if line.strip() else (0, [])
    if parts:
        yield begun, "".join(parts)


def _property(number: int, key: str, value: str, path: str, fault: Callable[..., None]) -> None:
    if key == "RRULE":
        unread = rules.fault(value)
        if unread:
            fault(number, path, unread, rules.ALLOWED)
    elif key == "EXRULE":
        fault(number, path, "EXRULE, which RFC 5545 took out", "EXDATE", "write the exceptions as dates")
    elif key in _TIMES:
        if value.count(",") >= MAX_DATES:
            fault(number, path, f"{value.count(',') + 1} dates", f"at most {MAX_DATES}")
        elif bad := next((year for year in _YEAR.findall(value) if not FIRST_YEAR <= int(year) <= LAST_YEAR), ""):
            fault(number, path, f"the year {bad}", f"a year from {FIRST_YEAR} to {LAST_YEAR}")
    elif key == "DURATION" and len(value) > 20:
        fault(number, path, f"a duration of {len(value)} characters", "a duration such as PT4H")
