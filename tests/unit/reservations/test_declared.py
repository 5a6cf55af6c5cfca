# SPDX-License-Identifier: GPL-3.0-or-later
"""Bookings as code: what they mean on the clock, and their faults."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.check import conflicts, report
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.declared import bookings
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.faults import document_faults

from .parts import ENVIRONMENTS, NOW, TEAMS, Book, at, documents, made_world, wish

SERIES = {
    "id": "nightly",
    "environments": ["staging"],
    "mode": "regression",
    "purpose": "test",
    "team": "shop",
    "from": "2027-03-01T22:00",
    "to": "2027-03-02T02:00",
    "timezone": "Europe/Berlin",
    "recurrence": "FREQ=WEEKLY;BYDAY=MO",
    "reason": "regression",
}


@pytest.mark.parametrize(
    ("booking", "first", "last", "expected"),
    [
        # Europe/Berlin springs forward on 2027-03-28 and falls back on 2027-10-31.
        ({}, "2027-03-20T00:00:00+00:00", "2027-04-03T00:00:00+00:00", ["03-22T21:00 03-23T01:00", "03-29T20:00 03-30T00:00"]),
        (
            {"from": "2027-03-28T01:30", "to": "2027-03-28T04:00", "recurrence": "FREQ=YEARLY"},
            "2027-03-27T00:00:00+00:00",
            "2027-03-29T00:00:00+00:00",
            ["03-28T00:30 03-28T02:00"],
        ),
        # 02:30 does not exist on that day: as if the clock had not been changed
        (
            {"from": "2027-03-28T02:30", "to": "2027-03-28T05:00", "recurrence": "FREQ=YEARLY"},
            "2027-03-27T00:00:00+00:00",
            "2027-03-29T00:00:00+00:00",
            ["03-28T01:30 03-28T03:00"],
        ),
        # 02:30 comes twice: the first; to is a time of day, length passes
        (
            {"from": "2027-10-31T02:30", "to": "2027-10-31T04:30", "recurrence": "FREQ=YEARLY"},
            "2027-10-30T00:00:00+00:00",
            "2027-11-01T00:00:00+00:00",
            ["10-31T00:30 10-31T03:30"],
        ),
        (
            {"from": "2027-10-31T02:30", "to": None, "length": "2h", "recurrence": "FREQ=YEARLY"},
            "2027-10-30T00:00:00+00:00",
            "2027-11-01T00:00:00+00:00",
            ["10-31T00:30 10-31T02:30"],
        ),
        # leap day
        (
            {"from": "2028-02-29T10:00", "to": "2028-02-29T11:00", "timezone": "UTC", "recurrence": "FREQ=YEARLY"},
            "2029-01-01T00:00:00+00:00",
            "2033-01-01T00:00:00+00:00",
            ["02-29T10:00 02-29T11:00"],
        ),
        # exceptions, an end, the last Friday
        (
            {"except": ["2027-03-08"], "recurrence": "FREQ=WEEKLY;BYDAY=MO;COUNT=3"},
            "2027-03-01T00:00:00+00:00",
            "2027-12-01T00:00:00+00:00",
            ["03-01T21:00 03-02T01:00", "03-15T21:00 03-16T01:00"],
        ),
        (
            {"recurrence": "FREQ=WEEKLY;UNTIL=20270308T210000Z"},
            "2027-03-01T00:00:00+00:00",
            "2027-12-01T00:00:00+00:00",
            ["03-01T21:00 03-02T01:00", "03-08T21:00 03-09T01:00"],
        ),
        ({"recurrence": "FREQ=WEEKLY;UNTIL=20270308T205959Z"}, "2027-03-01T00:00:00+00:00", "2027-12-01T00:00:00+00:00", ["03-01T21:00 03-02T01:00"]),
        (
            {"from": "2027-03-26T22:00", "to": "2027-03-26T23:00", "timezone": "UTC", "recurrence": "FREQ=MONTHLY;BYDAY=-1FR;COUNT=2"},
            "2027-03-01T00:00:00+00:00",
            "2027-12-01T00:00:00+00:00",
            ["03-26T22:00 03-26T23:00", "04-30T22:00 04-30T23:00"],
        ),
        # one that began before what is looked at, across midnight
        ({}, "2027-03-09T00:30:00+00:00", "2027-03-09T00:31:00+00:00", ["03-08T21:00 03-09T01:00"]),
        ({}, "2027-03-09T01:00:00+00:00", "2027-03-09T01:01:00+00:00", []),
        # a zone ahead of UTC by 14 h
        (
            {"timezone": "Pacific/Kiritimati", "recurrence": "FREQ=DAILY;COUNT=1"},
            "2027-03-01T00:00:00+00:00",
            "2027-03-02T00:00:00+00:00",
            ["03-01T08:00 03-01T12:00"],
        ),
    ],
)
def test_on_the_clock(booking, first, last, expected):
    wanted = {key: value for key, value in {**SERIES, **booking}.items() if value is not None}
    found = bookings(made_world(bookings=[wanted]), datetime.fromisoformat(first), datetime.fromisoformat(last))
    assert [f"{each.start:%m-%dT%H:%M} {each.end:%m-%dT%H:%M}" for each in found] == expected


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=WEEKLY;BYDAY=MO,WE;INTERVAL=2",
        "FREQ=MONTHLY;BYDAY=-1MO",
        "FREQ=YEARLY;BYMONTH=3,10;BYDAY=1MO",
        "FREQ=DAILY;INTERVAL=3;COUNT=40",
        "FREQ=MONTHLY;BYMONTHDAY=1,15,-1",
        "FREQ=WEEKLY;UNTIL=20280601T120000Z",
    ],
)
def test_another_library_finds_the_same_times(rule):
    """recurring-ical-events reads it as a calendar event."""
    recurring = pytest.importorskip("recurring_ical_events")
    import icalendar

    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", "BEGIN:VEVENT", "UID:1", "DTSTART;TZID=Europe/Berlin:20270301T220000", "DURATION:PT1H"]
    text = "\n".join([*lines, f"RRULE:{rule}", "END:VEVENT", "END:VCALENDAR", ""])
    first, last = datetime(2027, 3, 1, tzinfo=timezone.utc), datetime(2029, 3, 1, tzinfo=timezone.utc)
    theirs = {event["DTSTART"].dt.astimezone(timezone.utc) for event in recurring.of(icalendar.Calendar.from_ical(text)).between(first, last)}
    one = {key: value for key, value in SERIES.items() if key != "to"} | {"recurrence": rule, "length": "1h"}
    ours = {each.start for each in bookings(made_world(bookings=[one]), first, last)}
    start = datetime(2027, 3, 1, 21, tzinfo=timezone.utc)
    # They count DTSTART even where the rule does not give it; here that is a fault of the document.
    assert ours - {start} == theirs - {start}
    assert len(ours) > 3


def faults(tmp_path, **files_):
    folder = tmp_path / "reservations"
    folder.mkdir()
    for name, text in files_.items():
        (folder / f"{name}.yml").write_text(text)
    found, wrong = files.read("reservations", [str(folder)], today=date(2027, 3, 1))
    return [f"{fault.path}: {fault.found} / {fault.allowed}" for fault in wrong or document_faults(found, environments=ENVIRONMENTS, teams=TEAMS)]


BASE = "id: {id}, mode: exclusive, purpose: test, team: shop, reason: why"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z, length: 2h}}]", []),
        ("bookings: [{{{base}, environments: [nowhere], from: 2027-03-01T08:00:00Z, length: 2h}}]", ['bookings[0].environments: "nowhere"']),
        ("bookings: [{{{base}, lane: l, from: 2027-03-01T08:00:00Z, length: 2h}}]", ['bookings[0].lane: "l" / none']),
        ("bookings: [{{{base}, from: 2027-03-01T08:00:00Z, length: 2h}}]", ["neither lane nor environments"]),
        ("bookings: [{{{base}, environments: [staging], from: '2027-03-01T08:00', length: 2h}}]", ["has no zone"]),
        ("bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z}}]", ["neither to nor length"]),
        ("bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z, to: 2027-03-01T08:00:00Z}}]", ["a time after from"]),
        ("bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z, length: 20d}}]", ["at most 14 d"]),
        (
            "bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z, length: 2h, recurrence: FREQ=DAILY}}]",
            ["the time zone in which it recurs"],
        ),
        ("bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z, length: 2h, timezone: UTC, recurrence: FREQ=SECONDLY}}]", ["RFC 5545"]),
        (
            "bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z, length: 2h, timezone: UTC, recurrence: FREQ=WEEKLY;BYDAY=TU}}]",
            ["a day of the recurrence"],
        ),
        ("bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z, length: 2h, recurence: x}}]", ["the unknown key recurence"]),
        ('bookings: [{{{base}, environments: ["x\'; drop table"], from: 2027-03-01T08:00:00Z, length: 2h}}]', ["drop table"]),
        (
            "bookings: [{{id: ../x, mode: m, purpose: test, team: nobody, reason: why, environments: [staging], from: 2027-03-01T08:00:00Z, length: 2h}}]",
            ["../x"],
        ),
        (
            "rules: {{max_length: 40d, modes: {{a: {{shares_with: [b], changes: true}}, b: {{shares_with: [], changes: true}}}}}}",
            ["40d is more than 31 d", "b does not share with a"],
        ),
        ("rules: {{auto_approve: [{{modes: [party], purposes: [fun]}}]}}", ["party is unknown", "fun is unknown"]),
        ("rules: {{setup: 2d}}", ["2d is more than 1 d"]),
        ("bookings: [{{{base}, environments: [staging], from: 2027-03-01T08:00:00Z, length: 2h, teardown: 25h}}]", ["at most 1 d"]),
        ("lanes: {{l: [nowhere]}}", ["nowhere"]),
    ],
)
def test_faults(tmp_path, text, said):
    found = faults(tmp_path, a=text.format(base=BASE.format(id="x")))
    assert len(found) >= len(said)
    assert not found or said
    for part in said:
        assert any(part in fault for fault in found), found


def test_the_same_name_in_two_files_and_rules_twice(tmp_path):
    one = f"bookings: [{{{BASE.format(id='x')}, environments: [staging], from: 2027-03-01T08:00:00Z, length: 2h}}]\nrules: {{}}\n"
    found = faults(tmp_path, a=one, b=one)
    assert len(found) == 2
    assert "a second booking x" in found[0]
    assert "a.yml:1" in found[0]


class TestCheck:
    """What CI says before a merge."""

    ONE = {
        "id": "one",
        "environments": ["staging"],
        "mode": "exclusive",
        "purpose": "test",
        "team": "shop",
        "from": "2027-03-01T10:00:00Z",
        "length": "2h",
        "reason": "r",
    }

    def rows(self, *bookings_, entries=(), **rules):
        return conflicts(documents(bookings=list(bookings_), **rules), entries, NOW, at(24 * 90))

    def test_nothing(self):
        assert self.rows(self.ONE) == []
        assert "1 bookings as code fit" in report([], counted=1, until="x")

    def test_two_files(self):
        [row] = self.rows(self.ONE, {**self.ONE, "id": "two", "from": "2027-03-01T11:00:00Z", "team": "pay"})
        assert (row["booking"], row["with"], row["from"], row["to"]) == ("two", "one", "2027-03-01T11:00:00Z", "2027-03-01T12:00:00Z")
        assert row["instead"] == {"from": "2027-03-01T12:00:00Z", "to": "2027-03-01T14:00:00Z"}
        text = report([row], counted=2, until="x")
        assert "1 conflicts" in text
        assert "2027-03-01T12:00:00Z to 2027-03-01T14:00:00Z" in text

    def test_the_less_urgent_one_moves(self):
        [row] = self.rows(self.ONE, {**self.ONE, "id": "two", "from": "2027-03-01T09:00:00Z", "purpose": "training"})
        assert row["booking"] == "two"
        [row] = self.rows(self.ONE, {**self.ONE, "id": "two", "from": "2027-03-01T11:00:00Z", "purpose": "release"})
        assert row["booking"] == "one"

    def test_the_file_moves_and_not_what_the_ledger_has(self):
        book = Book(made_world())
        book.book(wish("held", 1, 3, by="cid", team="pay", purpose="training"))
        [row] = self.rows(self.ONE, entries=book.entries)
        assert (row["booking"], row["with"]) == ("one", "held")

    def test_a_series_meets_another_each_time_and_those_that_share_never(self):
        other = {**SERIES, "id": "other", "from": "2027-03-01T23:00", "to": "2027-03-02T00:00"}
        assert self.rows(SERIES, other) == []
        assert len(self.rows(SERIES, {**other, "mode": "code_change"})) == 13  # Mondays in 90 days
        assert len(self.rows(SERIES, {**other, "mode": "code_change", "except": ["2027-03-08"]})) == 12

    def test_two_of_the_ledger_are_not_the_files_fault(self):
        book = Book(made_world(conflicts="plutora"))
        book.book(wish("a", 1, 3))
        book.book(wish("b", 1, 3))
        assert self.rows(entries=book.entries) == []


class TestLedgerAndFile:
    ONE = TestCheck.ONE

    def test_an_occurrence_can_be_given_back_and_a_changed_file_voids_that(self):
        book = Book(made_world(bookings=[self.ONE]))
        assert book.states() == {"one": "approved"}
        book.release("one", "bob")
        assert book.states() == {"one": "cancelled"}
        moved = Book(made_world(bookings=[{**self.ONE, "from": "2027-03-01T12:00:00Z"}]))
        moved.entries = book.entries
        assert moved.states() == {"one": "approved"}

    def test_what_the_file_no_longer_has_is_gone(self):
        book = Book(made_world(bookings=[{**self.ONE, "purpose": "training"}]))
        assert book.book(wish("r", 2, 4, by="cid", team="pay", purpose="release")) == ["one displaced", "r booked"]
        book.world = made_world()
        assert book.states() == {"r": "approved"}

    def test_a_booking_at_run_time_may_not_have_the_name_of_one_in_a_file(self):
        from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.acts import Refusal

        book = Book(made_world(bookings=[self.ONE]))
        with pytest.raises(Refusal, match="already"):
            book.book(wish("one", 10, 12))
