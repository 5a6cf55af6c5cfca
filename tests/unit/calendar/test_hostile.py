# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that want to keep the reader busy for ever, or to hide something from it: refused in a bounded time, with the place and the fault."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import expand, files, ics, limits, timeline
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar
from ansible_collections.evenkeel.release.tests.unit.calendar.support import TODAY, at, build, calendar, load, read, vcalendar, window
from hypothesis import given, settings
from hypothesis import strategies as st

EVENT = "UID:1\nDTSTART:20270301T100000Z\nDTEND:20270301T110000Z\nCATEGORIES:FREEZE\n"


def one(more: str = "", *, start: str = "DTSTART:20270301T100000Z", end: str = "DTEND:20270301T110000Z") -> str:
    return vcalendar(f"UID:1\n{start}\n{end}\nCATEGORIES:FREEZE\nSUMMARY:f\n{more}")


# name: (text, what the only fault says)
REFUSED: dict[str, tuple[str, str]] = {
    "each second": (one("RRULE:FREQ=SECONDLY"), "FREQ=SECONDLY"),
    "each minute": (one("RRULE:FREQ=MINUTELY;INTERVAL=1"), "FREQ=MINUTELY"),
    "each hour": (one("RRULE:FREQ=HOURLY"), "FREQ=HOURLY"),
    "folded": (one("RRULE:FREQ=SECO\n NDLY"), "FREQ=SECONDLY"),
    "behind a parameter": (one('RRULE;X="a:b":FREQ=SECONDLY'), 'the part B"'),
    "86400 times a day": (one("RRULE:FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))) + ";BYMINUTE=" + ",".join(map(str, range(60)))), "1440 times a day"),
    "never": (one("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "never comes true"),
    "never, day by day": (one("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "never comes true"),
    "never by its interval": (one("RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=TU"), "never comes true"),
    "a huge interval": (one("RRULE:FREQ=DAILY;INTERVAL=99999999999999999999"), "INTERVAL=99999999999999999999"),
    "a huge count": (one("RRULE:FREQ=DAILY;COUNT=100000000"), "COUNT=100000000"),
    "no frequency": (one("RRULE:BYDAY=MO"), "FREQ="),
    "an unknown part": (one("RRULE:FREQ=DAILY;BYEASTER=1"), "BYEASTER=1"),
    "a part twice": (one("RRULE:FREQ=DAILY;FREQ=SECONDLY"), "a part twice"),
    "EXRULE": (one("EXRULE:FREQ=DAILY"), "EXRULE"),
    "the year 9999": (one(end="DTEND:99991231T000000Z"), "the year 9999"),
    "the year 0001": (one(start="DTSTART:00010101T000000Z"), "the year 0001"),
    "an end before its beginning": (one(end="DTEND:20270201T000000Z"), "2027-02-01"),
    "no end": (one(end="X-A:b"), "2027-03-01"),
    "no beginning": (one(start="X-A:b"), "nothing"),
    "no UID": (one().replace("UID:1\r\n", ""), "nothing"),
    "a UID twice": (vcalendar(EVENT, EVENT), "1 again"),
    "no kind": (one().replace("CATEGORIES:FREEZE\r\n", ""), "nobody says what it does"),
    "an own property misspelled": (one("X-EVENKEEL-ENVIROMENTS:production"), "X-EVENKEEL-ENVIROMENTS"),
    "an unknown zone": (one(start="DTSTART;TZID=Mars/Base:20270301T100000", end="DURATION:PT1H"), "the time zone Mars/Base"),
    "no zone": (one(start="DTSTART:20270301T100000", end="DURATION:PT1H"), "a time without a zone"),
    "a day without a zone": (one(start="DTSTART;VALUE=DATE:20270301", end="X-A:b"), "a day without a zone"),
    "a bad calendar zone": (one().replace("VERSION", "X-WR-TIMEZONE:Mars/Base\r\nVERSION"), "Mars/Base"),
    "two kinds of times": (one(end="DTEND;VALUE=DATE:20270302"), "a day beside a time"),
    "an event in an alarm": (one("BEGIN:VALARM\nBEGIN:VEVENT\nEND:VEVENT\nEND:VALARM"), "an event in a VALARM"),
    "an event in an event": (one("BEGIN:VEVENT\n" + EVENT + "END:VEVENT"), "an event in a VEVENT"),
    "nested a thousand times": (one("BEGIN:X\n" * 1000 + "END:X\n" * 1000), "components in each other"),
    "no end of the calendar": ("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "VCALENDAR without an end"),
    "an end too many": ("BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", "END:VEVENT that nothing begins"),
    "two calendars": (one() + one(), "2 VCALENDARs"),
    "nothing": ("", "0 VCALENDARs"),
    "no calendar": ("hello", "0 VCALENDARs"),
    "a message": (one().replace("VERSION", "METHOD:CANCEL\r\nVERSION"), "CANCEL"),
    "too many dates": (one("EXDATE:" + ",".join(["20270301T100000Z"] * 2001)), "2001 dates"),
    "a beginning twice": (one("DTSTART:20270302T100000Z"), "2 times"),
    "a broken date": (one(start="DTSTART:20270230T100000Z"), ""),
    "a broken rule": (one("RRULE:FREQ=DAILY;BYDAY=XX"), ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_its_fault(name: str) -> None:
    text, said = REFUSED[name]
    began = time.monotonic()
    _events, faults = read(text)
    assert time.monotonic() - began < 3
    assert len(faults) >= 1
    assert any(said in fault.found for fault in faults), faults
    assert all(fault.file == "imported.ics" and fault.allowed for fault in faults)


def test_a_million_events_end_at_once() -> None:
    text = "BEGIN:VCALENDAR\r\n" + "BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 1_000_000 + "END:VCALENDAR\r\n"
    began = time.monotonic()
    _events, faults = read(text)
    assert time.monotonic() - began < 1
    assert [fault.found for fault in faults] == [f"{len(text)} characters"]


def test_too_many_small_events_are_one_fault() -> None:
    _events, faults = read("BEGIN:VCALENDAR\r\n" + "BEGIN:\r\n VEVENT\r\nEND:VEVENT\r\n" * 5001 + "END:VCALENDAR\r\n")
    assert [fault.found for fault in faults] == ["more than 5000 events"]


def test_many_faults_are_a_short_report() -> None:
    _events, faults = read(vcalendar(*(f"UID:{number}\nDTSTART:20270301T100000\nDURATION:PT1H\nCATEGORIES:FREEZE" for number in range(500))))
    assert len(faults) == limits.MAX_FAULTS + 1
    assert "more faults like these" in faults[-1].found


def test_events_that_take_long_end_by_the_clock() -> None:
    ticks = iter(range(0, 100_000, 5))
    text = vcalendar(*(f"UID:{number}\nDTSTART:20270301T100000Z\nDURATION:PT1H\nCATEGORIES:FREEZE" for number in range(10)))
    with pytest.raises(CalendarError, match="took longer than 20 s"):
        ics.read(text, calendar="slow", file="slow.ics", budget=limits.Budget(lambda: float(next(ticks))))


def test_too_many_occurrences_are_refused() -> None:
    hours = ",".join(str(hour) for hour in range(24))
    events, faults = read(
        vcalendar(*(f"UID:{number}\nDTSTART:20270101T000000Z\nDURATION:PT1M\nCATEGORIES:FREEZE\nRRULE:FREQ=DAILY;BYHOUR={hours}" for number in range(22)))
    )
    assert not faults
    with pytest.raises(CalendarError, match="more than 200000 occurrences"):
        expand.spans(events, at("2027-01-01T00:00Z"), at("2028-02-01T00:00Z"))


def test_no_answer_outside_of_what_was_expanded() -> None:
    built = build(calendar(windows=[window(days=["mon"])]), begin="2027-01-01T00:00Z", days=10)
    with pytest.raises(CalendarError, match="expand them again"):
        built.check(at("2027-01-11T00:00Z"))
    with pytest.raises(CalendarError, match="allowed are 1 to 800"):
        timeline.build([], built.of, begin=0, days=801)


def test_what_is_not_an_event_is_left_out_and_a_missing_vtimezone_is_none_too_few() -> None:
    """A zone that the file defines otherwise, or endlessly, is not even read: IANA's is meant."""
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+1200\nTZOFFSETTO:+1200\n"
        "RRULE:FREQ=SECONDLY\nEND:STANDARD\nEND:VTIMEZONE\n"
    )
    event = "UID:1\nDTSTART;TZID=Europe/Berlin:20270301T100000\nDURATION:PT1H\nCATEGORIES:FREEZE\nBEGIN:VALARM\nTRIGGER:-PT1M\nEND:VALARM"
    for head in (zone, ""):
        events, faults = read(vcalendar(event, head=head.replace("\n", "\r\n")))
        assert not faults
        assert [span.begin for span in expand.spans(events, at("2027-03-01T00:00Z"), at("2027-03-02T00:00Z"))] == [at("2027-03-01T10:00+01:00")]


@pytest.mark.parametrize("name", ["W. Europe Standard Time", "/freeassociation.sourceforge.net/Europe/Berlin"])
def test_names_that_other_programs_have_for_a_zone(name: str) -> None:
    events, faults = read(vcalendar(f"UID:1\nDTSTART;TZID={name}:20270701T100000\nDURATION:PT1H\nCATEGORIES:FREEZE"))
    assert not faults
    assert expand.spans(events, 0, at("2028-01-01T00:00Z"))[0].begin == at("2027-07-01T10:00+02:00")


def test_floating_times_have_the_zone_of_their_calendar() -> None:
    """X-WR-TIMEZONE says how times without a zone and whole days are meant; UTC stays UTC."""
    events, faults = read(
        vcalendar(
            "UID:1\nDTSTART:20270701T100000\nDURATION:PT1H\nCATEGORIES:FREEZE",
            "UID:2\nDTSTART:20270702T100000Z\nDURATION:PT1H\nCATEGORIES:FREEZE",
            "UID:3\nDTSTART;VALUE=DATE:20270703\nCATEGORIES:FREEZE",
            zone="America/New_York",
        )
    )
    assert not faults
    found = [span.begin for span in expand.spans(events, 0, at("2028-01-01T00:00Z"))]
    assert found == [at("2027-07-01T10:00-04:00"), at("2027-07-02T10:00Z"), at("2027-07-03T00:00-04:00")]


def test_a_tentative_window_permits_nothing_and_a_tentative_freeze_refuses() -> None:
    for kind, wanted in (("WINDOW", 0), ("FREEZE", 1)):
        events, faults = read(vcalendar(f"UID:1\nDTSTART:20270701T100000Z\nDURATION:PT1H\nSTATUS:TENTATIVE\nCATEGORIES:{kind}"))
        assert not faults
        assert len(expand.spans(events, 0, at("2028-01-01T00:00Z"))) == wanted


LINES = st.sampled_from(
    [
        *("BEGIN:VEVENT", "END:VEVENT", "BEGIN:VALARM", "END:VALARM", "BEGIN:VTIMEZONE", "END:VTIMEZONE", "UID:1", "UID:2", "CATEGORIES:FREEZE"),
        *("DTSTART:20270301T100000Z", "DTSTART;VALUE=DATE:20270301", "DTSTART;TZID=Europe/Berlin:20270328T023000", "DTSTART:garbage"),
        *("DTEND:20270301T110000Z", "DTEND;VALUE=DATE:20270305", "DURATION:PT1H", "DURATION:-P1D", "DURATION:P99999D", "DURATION:PT99999999999H"),
        *("RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY;BYDAY=MO,XX", "RRULE:FREQ=MONTHLY;BYDAY=5FR;COUNT=3", "RRULE:FREQ=SECONDLY", "RRULE:FREQ=YEARLY;UNTIL=2027"),
        *("RRULE:FREQ=DAILY;UNTIL=20270401T000000Z", "RRULE:FREQ=DAILY;BYMONTHDAY=0", "RRULE:FREQ=YEARLY;BYWEEKNO=54", "RRULE:FREQ=DAILY;BYSETPOS=400"),
        *("EXDATE:20270302T100000Z", "EXDATE;VALUE=DATE:20270302", "RDATE;VALUE=PERIOD:20270302T100000Z/PT5H", "RDATE:1,2,3", "SEQUENCE:x"),
        *("RECURRENCE-ID:20270302T100000Z", "RECURRENCE-ID;RANGE=THISANDFUTURE:20270302T100000Z", "RECURRENCE-ID;VALUE=DATE:20270302"),
        *("STATUS:CANCELLED", "X-EVENKEEL-ZONE:Nowhere", "X-EVENKEEL-EFFECT:allow", "X-EVENKEEL-TIERS:production", ":", ";;;:::", "\x00", " folded"),
    ]
)


@settings(max_examples=300)
@given(st.lists(st.lists(LINES, min_size=1, max_size=9), min_size=1, max_size=4))
def test_any_mixture_of_lines_is_read_or_refused_and_never_raises(events: list[list[str]]) -> None:
    text = vcalendar(*("\n".join(["UID:u", "CATEGORIES:FREEZE", *lines]) for lines in events), zone="Europe/Berlin")
    found, faults = read(text)
    if not faults:
        expand.spans(found, at("2027-01-01T00:00Z"), at("2028-01-01T00:00Z"))


@settings(max_examples=200)
@given(st.text(max_size=300))
def test_any_text_is_refused(text: str) -> None:
    assert read(text)[1]


def test_a_document_has_all_its_faults_in_one_report() -> None:
    found, faults = load(
        """
name: test
timezone: Europe/Berlin
windows:
  - {name: a, days: [mon], rule: FREQ=DAILY, from: "20:00", to: "22:00"}
  - {name: b, rule: FREQ=SECONDLY, since: 2027-01-01}
  - {name: c, days: [mon], from: "20:00"}
  - {name: d, begins: 2027-01-01, ends: 2026-01-01}
  - {name: e, days: [mon], from: "20:00", to: "22:00", except: [2027-01-05]}
  - {name: e, days: [tue]}
freezes:
  - {name: f, reason: r, begins: 2027-01-01T10:00, ends: 2027-01-02}
  - {name: g, reason: r, rule: FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30, since: 2027-01-01}
  - {name: h, reason: r, begins: 2027-01-01T10:00}
holidays:
  - {country: QQ, as: freeze}
  - {country: DE, subdivision: ZZ, as: freeze}
trains:
  - {name: t, days: [wed], from: "20:00", to: "22:00", feature_freeze_days: 2, code_freeze_days: 5}
"""
    )
    assert found is not None
    told = {(fault.path, fault.found) for fault in faults}
    assert told == {
        ("windows[0]", "days beside rule"),
        ("windows[1].rule", "FREQ=SECONDLY"),
        ("windows[2].to", "from, to and lasts that don't fit"),
        ("windows[3].ends", "2026-01-01"),
        ("windows[4].except[0]", "2027-01-05"),
        ("windows[5].name", "e again"),
        ("freezes[0].ends", "2027-01-02"),
        ("freezes[1].rule", "a rule that never comes true"),
        ("freezes[2].ends", "nothing"),
        ("holidays[0].country", "QQ"),
        ("holidays[1].subdivision", "ZZ"),
        ("trains[0].feature_freeze_days", "2"),
    }
    assert all(fault.line > 1 and fault.file == "calendars/test.yml" for fault in faults)


def test_the_schema_knows_each_key() -> None:
    _found, faults = load("{name: test, timezone: Mars/Base, windoes: [], freezes: [{name: f, begins: '2027-13-01', ends: 20:00, reson: x}]}")
    assert {fault.path for fault in faults} == {
        "timezone",
        "windoes",
        "freezes[0].reason",
        "freezes[0].reson",
        "freezes[0].begins",
        "freezes[0].ends",
    }
    assert next(fault.hint for fault in faults if fault.path == "windoes") == "did you mean windows?"


def test_files(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text("{name: good, timezone: UTC, imports: [{file: deep/team.ics, as: freeze, reason: closing}]}")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "team.ics").write_text(vcalendar("UID:1\nDTSTART;VALUE=DATE:20270301\nSUMMARY:close"))
    (tmp_path / "own.ics").write_text(one())
    found, faults = files.read([str(tmp_path)], today=TODAY)
    assert not faults
    assert [(each.name, [(event.kind, event.reason) for event in each.events]) for each in found] == [
        ("good", []),
        ("good/team", [("freeze", "closing")]),
        ("own", [("freeze", "f")]),
    ]


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("{name: other, timezone: UTC}", "name", '"other"'),
        ("{name: bad, timezone: UTC, imports: [{file: ../../etc/passwd.ics, as: freeze}]}", "imports[0].file", "a path out of the folder"),
        ("{name: bad, timezone: UTC, imports: [{file: /etc/passwd, as: freeze}]}", "imports[0].file", "a path out of the folder"),
        ("{name: bad, timezone: UTC, imports: [{file: gone.ics, as: freeze}]}", "imports[0].file", "gone.ics"),
        ("[1", "(document)", ""),
        ("", "(document)", ""),
        ("{name: bad, timezone: UTC, name: bad}", "name", "the key twice"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, path: str, said: str) -> None:
    (tmp_path / "bad.yml").write_text(text)
    found, faults = files.read([str(tmp_path)], today=TODAY)
    assert [(fault.path, said in fault.found) for fault in faults] == [(path, True)]
    assert isinstance(found, list)


def test_places_that_are_not_there_and_names_twice(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.yml").write_text("{name: x, timezone: UTC}")
    (tmp_path / "x.ics").write_text(one())
    (tmp_path / "b.ics").write_bytes(b"\xff\xfe")
    found, faults = files.read([str(tmp_path / "gone"), str(tmp_path / "a"), str(tmp_path / "x.ics"), str(tmp_path / "b.ics")], today=TODAY)
    assert isinstance(found[0], Calendar)
    assert sorted(fault.found for fault in faults) == ["bytes that are not UTF-8", "nothing", "x, as in " + str(tmp_path / "a" / "x.yml")]
