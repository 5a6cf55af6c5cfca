# SPDX-License-Identifier: GPL-3.0-or-later
"""Which recurrence rules (RFC 5545 section 3.3.10) are read: those that repeat by the day or slower, and that ever come true."""

from __future__ import annotations

import re
from datetime import datetime

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.limits import LAST_YEAR
from dateutil.rrule import rrulestr

FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
PARTS = (
    *("FREQ", "UNTIL", "COUNT", "INTERVAL", "WKST", "BYDAY", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"),
    *("BYHOUR", "BYMINUTE", "BYSECOND"),
)
ALLOWED = f"a rule of RFC 5545 with FREQ {', '.join(FREQUENCIES)} and parts of {', '.join(PARTS[1:])}"
# These always come true, so they need no trial.
_PLAIN = re.compile(r"FREQ=(?:DAILY|WEEKLY|MONTHLY|YEARLY)(?:;WKST=[A-Z]{2})?(?:;COUNT=\d+|;UNTIL=[0-9TZ]+)?|FREQ=WEEKLY;BYDAY=[A-Z]{2}(?:,[A-Z]{2})*")
_MOST = {"INTERVAL": 1000, "COUNT": 20_000}
_MOST_A_DAY = 24
_CYCLE = 400  # years after which weekdays and leap days come round


def parts(rule: str) -> dict[str, str]:
    return dict(part.split("=", 1) for part in rule.upper().split(";") if "=" in part)


def fault(rule: str) -> str:
    """Why the rule is not read, "" when it is."""
    pieces = [piece for piece in rule.upper().split(";") if piece]
    names = [piece.split("=", 1)[0] for piece in pieces]
    unknown = [piece for piece, name in zip(pieces, names) if name not in PARTS or "=" not in piece]
    if unknown:
        return f"the part {unknown[0][:40]}"
    if len(set(names)) < len(names):
        return "a part twice"
    found = parts(rule)
    if found.get("FREQ") not in FREQUENCIES:
        return f"FREQ={found.get('FREQ', '')[:20]}"
    if "COUNT" in found and "UNTIL" in found:
        return "COUNT beside UNTIL"
    for name, most in _MOST.items():
        if name in found and not (found[name].isascii() and found[name].isdigit() and 1 <= int(found[name][:9]) <= most):
            return f"{name}={found[name][:20]} (1 to {most})"
    a_day = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        a_day *= len(set(found[name].split(","))) if name in found else 1
    return f"{a_day} times a day, at most {_MOST_A_DAY}" if a_day > _MOST_A_DAY else ""


def first(rule: str, start: datetime) -> datetime | None:
    """The first time at or after the naive start, without UNTIL; None when the rule never comes true. Raises ValueError.

    A rule without an answer would be tried until the year 9999. The calendar repeats every 400 years, so the trial is made in the last 400.
    """
    plain = ";".join(piece for piece in rule.upper().split(";") if not piece.startswith("UNTIL="))
    years = _CYCLE * ((9999 - start.year) // _CYCLE)
    found = next(iter(rrulestr(plain, dtstart=start.replace(year=start.year + years))), None)
    return found.replace(year=found.year - years) if found is not None else None


def never(rule: str, start: datetime) -> bool:
    """Whether it has no date. Raises ValueError when it can't be read."""
    if _PLAIN.fullmatch(rule.upper()):
        return False
    found = first(rule, start)
    return found is None or found.year > LAST_YEAR
