# SPDX-License-Identifier: GPL-3.0-or-later
"""What text must look like where a pattern alone can't say it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import jmespath
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import recurrence
from jsonschema import FormatChecker

SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
)
ALLOWED = {
    "evenkeel-duration": "a number with s, m, h or d, more than 0, such as 30s, 15m, 8h or 7d",
    "evenkeel-semver": "a quoted semantic version such as 1.2.3 or 1.2.3-rc.1",
    "evenkeel-timezone": "an IANA time zone such as Europe/Berlin or UTC",
    "evenkeel-timestamp": "an RFC 3339 time with its zone such as 2027-12-20T00:00:00Z",
    "evenkeel-moment": "a date such as 2027-12-20, a local time such as 2027-12-20T18:00 or an RFC 3339 time such as 2027-12-20T17:00:00Z",
    "evenkeel-expiry": "a date that is today or later, such as 2027-06-30",
    "evenkeel-date": "a day such as 2027-06-30",
    "evenkeel-range": "a range of semantic versions as npm writes it, such as ^1.2.0, >=1.2 <3, 1.x or 1.2.0 || ^2.0.0",
    "evenkeel-clock": 'a quoted time of day such as "09:00"',
    "evenkeel-local-time": "a time such as 2027-03-01T22:00, with its zone (2027-03-01T22:00:00Z) or with timezone beside it",
    "evenkeel-recurrence": (
        "an RFC 5545 rule such as FREQ=WEEKLY;BYDAY=MO;COUNT=10, with FREQ=DAILY, WEEKLY, MONTHLY or YEARLY"
        " and INTERVAL, COUNT, UNTIL, WKST, BYDAY or BYMONTH, monthly and yearly also BYMONTHDAY or BYSETPOS, yearly also BYYEARDAY or BYWEEKNO"
    ),
    "evenkeel-jmespath": "a JMESPath expression",
    "evenkeel-artifact": "a path, or an http, https, oci, oci+http or s3 address without user and password",
}


def checker(today: date) -> FormatChecker:
    """`today` decides whether a date has passed."""
    made = FormatChecker(formats=())
    predicates: dict[str, Callable[[str], bool]] = {
        "evenkeel-duration": lambda text: bool(re.fullmatch(r"[1-9]\d*[smhd]", text)),
        "evenkeel-semver": lambda text: bool(SEMVER.fullmatch(text)),
        "evenkeel-timezone": lambda text: text in available_timezones(),
        "evenkeel-timestamp": lambda text: timestamp(text) is not None,
        "evenkeel-moment": _is_moment,
        "evenkeel-expiry": lambda text: _not_past(text, today),
        "evenkeel-date": _is_day,
        "evenkeel-range": _is_range,
        "evenkeel-clock": lambda text: bool(re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text)),
        "evenkeel-local-time": lambda text: moment(text) is not None,
        "evenkeel-recurrence": recurrence.is_rule,
        "evenkeel-jmespath": _compiles,
        "evenkeel-artifact": _is_artifact,
    }
    for name, predicate in predicates.items():
        made.checks(name)(_strings_only(predicate))
    return made


def timestamp(text: str) -> datetime | None:
    """The moment, or None when the text is not RFC 3339 with a zone."""
    if not re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d", text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def moment(text: str) -> datetime | None:
    """A date with a time of day, with a zone or without; None when it is neither."""
    if not re.match(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _strings_only(predicate: Callable[[str], bool]) -> Callable[[object], bool]:
    # A value of another type is already a fault of its own.
    return lambda value: not isinstance(value, str) or predicate(value)


def _not_past(text: str, today: date) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and date.fromisoformat(text) >= today
    except ValueError:
        return False


def _is_day(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _is_range(text: str) -> bool:
    from semantic_version import NpmSpec  # only documents with ranges need it

    try:
        return bool(text.strip()) and len(text) <= 200 and bool(NpmSpec(text))
    except ValueError:
        return False


def _is_moment(text: str) -> bool:
    if _is_day(text) or timestamp(text) is not None:
        return True
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", text)) and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _compiles(text: str) -> bool:
    try:
        jmespath.compile(text)
    except jmespath.exceptions.JMESPathError:
        return False
    return True


def _is_artifact(text: str) -> bool:
    if "://" not in text:
        return bool(text.strip())
    url = urlsplit(text)
    return url.scheme in ("http", "https", "oci", "oci+http", "s3") and bool(url.hostname) and "@" not in url.netloc
