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


@dataclass
class Scanned:
    """`text` has the calendar's own lines and its events; `lines` are the lines of the file where the events begin."""

    text: str = ""
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def scan(text: str, file: str) -> Scanned:
    found = Scanned()

    def fault(line: int, path: str, what: str, allowed: str, hint: str = "") -> None:
        found.faults.append(Fault(file, line, path, what, allowed, hint))

    if len(text) > MAX_BYTES:
        fault(0, "(file)", f"{len(text)} characters", f"at most {MAX_BYTES}", "split the calendar")
        return found
    events = len(re.findall(r"^BEGIN:VEVENT\s*$", text, re.MULTILINE | re.IGNORECASE))
    if events > MAX_EVENTS:
        fault(0, "(file)", f"{events} events", f"at most {MAX_EVENTS}", "split the calendar")
        return found
    kept: list[str] = []
    stack: list[str] = []
    for number, line in unfolded(text):
        name, _colon, value = line.partition(":")
        key, value = name.split(";", 1)[0].upper().strip(), value.strip()
        if key == "BEGIN":
            stack.append(value.upper())
            if len(stack) > MAX_DEPTH:
                fault(number, "(file)", f"{len(stack)} components in each other", f"at most {MAX_DEPTH}", "export the calendar again")
                return found
            if stack == ["VCALENDAR", "VEVENT"]:
                found.lines.append(number)
        keep = stack in (["VCALENDAR"], ["VCALENDAR", "VEVENT"])
        if key == "END":
            if not stack or stack.pop() != value.upper():
                fault(number, "(file)", f"END:{value[:40]} that nothing begins", "BEGIN and END in pairs", "export the calendar again")
                return found
        elif keep and len(stack) == 2 and key != "BEGIN":
            _property(number, key, line, value, f"VEVENT[{len(found.lines) - 1}].{key}", fault)
            keep = key in _READ or key.startswith("X-EVENKEEL-")
        if keep:
            kept.append(line)
    if stack or not kept or kept[0].upper().strip() != "BEGIN:VCALENDAR":
        what = f"{stack[-1]} without an end" if stack else "no VCALENDAR"
        fault(0, "(file)", what, "one VCALENDAR from BEGIN to END", "export the calendar again")
    elif sum(line.upper().strip() == "BEGIN:VCALENDAR" for line in kept) > 1:
        fault(0, "(file)", "several VCALENDARs", "one", "split the file")
    found.text = "\r\n".join(kept) + "\r\n"
    return found


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


def _property(number: int, key: str, line: str, value: str, path: str, fault: Callable[..., None]) -> None:
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
