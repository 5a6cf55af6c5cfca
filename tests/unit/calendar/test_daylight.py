# SPDX-License-Identifier: GPL-3.0-or-later
"""Summer time both ways, leap days, midnight, other zones: the table names each minute by its offset."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import documents, verdict
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.functions import open_window
from ansible_collections.evenkeel.release.tests.unit.calendar.support import PRODUCTION, at, build, calendar, freeze, read, vcalendar, window

ALL = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def hours(days: list[str], begin: str, end: str, zone: str = "Europe/Berlin") -> dict[str, Any]:
    return {"days": days, "from": begin, "to": end, "timezone": zone}


# (weekly window, moment, open). In Berlin 2027-03-28 02:00-03:00 does not exist, 2027-10-31 02:00-03:00 exists twice.
WEEKLY = [
    # begins before the gap, ends after it: three hours on the wall are two
    (hours(["sun"], "01:00", "04:00"), "2027-03-28T01:00+01:00", True),
    (hours(["sun"], "01:00", "04:00"), "2027-03-28T03:59+02:00", True),
    (hours(["sun"], "01:00", "04:00"), "2027-03-28T04:00+02:00", False),
    # begins in the gap: RFC 5545 reads 02:30 with the offset before it, which is 03:30
    (hours(["sun"], "02:30", "05:00"), "2027-03-28T03:29+02:00", False),
    (hours(["sun"], "02:30", "05:00"), "2027-03-28T03:30+02:00", True),
    # ends in the gap
    (hours(["sun"], "01:00", "02:30"), "2027-03-28T03:29+02:00", True),
    (hours(["sun"], "01:00", "02:30"), "2027-03-28T03:30+02:00", False),
    # the gap swallows its end: it never opens
    (hours(["sun"], "02:30", "03:15"), "2027-03-28T03:20+02:00", False),
    (hours(["sun"], "02:30", "03:15"), "2027-03-28T03:10+02:00", False),
    # begins in the overlap: the first of the two
    (hours(["sun"], "02:30", "04:00"), "2027-10-31T02:29+02:00", False),
    (hours(["sun"], "02:30", "04:00"), "2027-10-31T02:30+02:00", True),
    (hours(["sun"], "02:30", "04:00"), "2027-10-31T02:00+01:00", True),
    (hours(["sun"], "02:30", "04:00"), "2027-10-31T03:59+01:00", True),
    # ends in the overlap: the first of the two
    (hours(["sun"], "01:00", "02:30"), "2027-10-31T02:29+02:00", True),
    (hours(["sun"], "01:00", "02:30"), "2027-10-31T02:10+01:00", False),
    # across midnight into the changed day, and across both days' middle
    (hours(["sat"], "22:00", "02:00"), "2027-03-28T01:59+01:00", True),
    (hours(["sat"], "22:00", "02:00"), "2027-03-28T03:00+02:00", False),
    (hours(["sat"], "22:00", "03:00"), "2027-10-31T02:59+01:00", True),
    (hours(["sat"], "22:00", "03:00"), "2027-10-31T03:00+01:00", False),
    # from midnight to midnight: 23 and 25 hours
    (hours(["sun"], "00:00", "00:00"), "2027-03-28T23:59+02:00", True),
    (hours(["sun"], "00:00", "00:00"), "2027-10-31T23:59+01:00", True),
    (hours(["sun"], "00:00", "00:00"), "2027-10-31T00:00+02:00", True),
    # leap day, and the same in a year without one
    (hours(["tue"], "09:00", "10:00"), "2028-02-29T09:30+01:00", True),
    (hours(["mon"], "23:00", "01:00"), "2028-02-29T00:30+01:00", True),
    # another zone than the asker's: Tuesday morning in Auckland is Monday in Berlin
    (hours(["tue"], "08:00", "10:00", "Pacific/Auckland"), "2027-01-11T20:30+01:00", True),
    (hours(["tue"], "08:00", "10:00", "Pacific/Auckland"), "2027-01-12T08:30+01:00", False),
    # half an hour of summer time: Lord Howe, 2027-04-04 02:00 becomes 01:30
    (hours(["sun"], "01:30", "02:00", "Australia/Lord_Howe"), "2027-04-04T01:45+11:00", True),
    (hours(["sun"], "01:30", "02:00", "Australia/Lord_Howe"), "2027-04-04T01:45+10:30", True),
    (hours(["sun"], "01:30", "02:00", "Australia/Lord_Howe"), "2027-04-04T02:00+10:30", False),
]


@pytest.mark.parametrize(("entry", "moment", "is_open"), WEEKLY)
def test_a_weekly_window_of_a_calendar_an_environment_and_a_condition_are_one(entry: dict[str, Any], moment: str, is_open: bool) -> None:
    of_calendar = calendar(windows=[window(**entry)])
    of_environment = documents.of_environment({**PRODUCTION, "windows": [{"name": "w", **entry}]})
    for known in (of_calendar, of_environment):
        built = build(known, begin="2027-01-01T00:00Z", days=500)
        assert verdict.ask(built, at(moment))["allowed"] is is_open
    assert (open_window([{"name": "w", **entry}], datetime.fromisoformat(moment)) == "w") is is_open


def test_a_freeze_whose_end_the_gap_swallows_still_refuses() -> None:
    known = calendar(freezes=[freeze(days=["sun"], **{"from": "02:30", "to": "03:15"})])
    built = build(known, begin="2027-03-27T00:00Z")
    assert not verdict.ask(built, at("2027-03-28T03:20+02:00"))["allowed"]


def test_hours_are_hours_in_the_night_of_a_change() -> None:
    """lasts is time that passes; to is a clock on the wall."""
    known = calendar(windows=[window(days=["sat"], **{"from": "23:00", "lasts": "6h"})])
    built = build(known, begin="2027-03-20T00:00Z", days=250)
    assert verdict.ask(built, at("2027-03-28T05:59+02:00"))["allowed"]
    assert not verdict.ask(built, at("2027-03-28T06:00+02:00"))["allowed"]
    assert verdict.ask(built, at("2027-10-31T03:59+01:00"))["allowed"]
    assert not verdict.ask(built, at("2027-10-31T04:00+01:00"))["allowed"]


@pytest.mark.parametrize(
    ("rule", "first", "moment", "holds"),
    [
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2024-01-01", "2028-02-29T12:00+01:00", True),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "2024-01-01", "2027-03-01T12:00+01:00", False),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2024-01-01", "2028-02-29T12:00+01:00", True),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "2024-01-01", "2027-02-28T23:59+01:00", True),
        ("FREQ=MONTHLY;BYDAY=2TU", "2024-01-01", "2027-03-09T00:00+01:00", True),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2024-01-01", "2027-01-29T00:00+01:00", True),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", "2027-01-06", "2027-01-20T10:00+01:00", True),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=WE", "2027-01-06", "2027-01-13T10:00+01:00", False),
        # the first day is not one of the series: it does not become one
        ("FREQ=WEEKLY;BYDAY=WE", "2027-01-05", "2027-01-05T10:00+01:00", False),
        # the second Wednesday week counts from the week of `since`, whatever its day
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "2027-01-06", "2027-01-18T10:00+01:00", True),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO", "2027-01-06", "2027-01-11T10:00+01:00", False),
    ],
)
def test_rules_of_whole_days(rule: str, first: str, moment: str, holds: bool) -> None:
    known = calendar(freezes=[freeze(rule=rule, since=first)])
    built = build(known, begin="2027-01-01T00:00+01:00", days=500)
    assert verdict.ask(built, at(moment))["allowed"] is not holds


def test_exceptions_of_a_series() -> None:
    entry = window(
        days=["mon", "wed"],
        **{"from": "20:00", "to": "22:00"},
        since="2027-01-01",
        until="2027-01-27",
        **{"except": ["2027-01-06"], "also": ["2027-01-07"]},
        changes=[
            {"day": "2027-01-11", "from": "23:00", "to": "01:00", "name": "late"},
            {"day": "2027-01-13", "on": "2027-01-14"},
        ],
    )
    built = build(calendar(windows=[entry]), begin="2027-01-01T00:00Z")
    table = {
        "2027-01-04T20:30+01:00": True,
        "2027-01-06T20:30+01:00": False,  # excepted
        "2027-01-07T20:30+01:00": True,  # also
        "2027-01-11T20:30+01:00": False,  # changed: later
        "2027-01-12T00:59+01:00": True,
        "2027-01-13T20:30+01:00": False,  # moved
        "2027-01-14T20:30+01:00": True,
        "2027-01-27T21:59+01:00": True,  # the last day is in it
        "2027-02-01T20:30+01:00": False,  # after it
    }
    assert {moment: verdict.ask(built, at(moment))["allowed"] for moment in table} == table
    assert verdict.ask(built, at("2027-01-11T23:30+01:00"))["window"]["name"] == "late"


def test_recurrence_exceptions_of_an_ics_file() -> None:
    text = vcalendar(
        """UID:series@example.org
DTSTART;TZID=America/New_York:20270301T220000
DTEND;TZID=America/New_York:20270302T020000
RRULE:FREQ=DAILY;UNTIL=20270320T035959Z
EXDATE;TZID=America/New_York:20270303T220000,20270304T220000
RDATE;TZID=America/New_York:20270325T220000
CATEGORIES:MAINTENANCE WINDOW
SUMMARY:nights""",
        """UID:series@example.org
RECURRENCE-ID;TZID=America/New_York:20270305T220000
DTSTART;TZID=America/New_York:20270306T120000
DTEND;TZID=America/New_York:20270306T130000
SUMMARY:moved""",
        """UID:series@example.org
RECURRENCE-ID;TZID=America/New_York:20270308T220000
DTSTART;TZID=America/New_York:20270308T220000
DTEND;TZID=America/New_York:20270309T020000
STATUS:CANCELLED
SUMMARY:off""",
    )
    events, faults = read(text)
    assert not faults
    assert [(event.kind, event.effect, len(event.components)) for event in events] == [("window", "allow", 3)]
    from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar

    built = build(Calendar("imported", tuple(events)), begin="2027-03-01T00:00Z")
    table = {
        "2027-03-02T01:00-05:00": True,
        "2027-03-03T23:00-05:00": False,  # EXDATE
        "2027-03-04T23:00-05:00": False,
        "2027-03-05T23:00-05:00": False,  # moved
        "2027-03-06T12:30-05:00": True,
        "2027-03-08T23:00-05:00": False,  # cancelled
        "2027-03-14T01:59-05:00": True,  # the night of the change, 02:00 does not exist
        "2027-03-14T03:00-04:00": False,
        "2027-03-19T23:30-04:00": True,  # the last one
        "2027-03-20T23:30-04:00": False,
        "2027-03-25T23:30-04:00": True,  # RDATE
    }
    assert {moment: verdict.ask(built, at(moment))["allowed"] for moment in table} == table


def test_a_local_time_once_and_one_with_its_offset() -> None:
    local = calendar(freezes=[freeze(begins="2027-10-30T18:00", ends="2027-11-01T06:00")])
    offset = calendar(freezes=[freeze(begins="2027-10-30T16:00:00Z", ends="2027-11-01T06:00:00+01:00")])
    for known in (local, offset):
        built = build(known, begin="2027-10-01T00:00Z")
        assert [verdict.ask(built, at(each))["allowed"] for each in ("2027-10-30T17:59+02:00", "2027-10-30T18:00+02:00")] == [True, False]
        assert [verdict.ask(built, at(each))["allowed"] for each in ("2027-11-01T05:59+01:00", "2027-11-01T06:00+01:00")] == [False, True]


def test_whole_days_are_days_of_their_zone_and_the_last_is_in_it() -> None:
    built = build(calendar("America/New_York", freezes=[freeze(begins="2027-12-24", ends="2027-12-26")]), begin="2027-12-01T00:00Z")
    table = {
        "2027-12-23T23:59-05:00": True,
        "2027-12-24T00:00-05:00": False,
        "2027-12-26T23:59-05:00": False,
        "2027-12-27T00:00-05:00": True,
        "2027-12-24T01:00+01:00": True,  # still the 23rd in New York
    }
    assert {moment: verdict.ask(built, at(moment))["allowed"] for moment in table} == table


def test_whole_days_of_a_series_end_and_an_added_day_can_be_changed() -> None:
    entry = freeze(
        days=["mon"],
        since="2027-01-01",
        until="2027-01-11",
        also=["2027-01-07"],
        changes=[{"day": "2027-01-07", "on": "2027-01-08"}],
    )
    built = build(calendar(freezes=[entry]), begin="2027-01-01T00:00+01:00")
    table = {
        "2027-01-04T12:00+01:00": False,
        "2027-01-07T12:00+01:00": True,
        "2027-01-08T12:00+01:00": False,
        "2027-01-11T23:59+01:00": False,
        "2027-01-18T12:00+01:00": True,
    }
    assert {moment: verdict.ask(built, at(moment))["allowed"] for moment in table} == table
