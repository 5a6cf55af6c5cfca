# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations, clocks, trains, exports and conflicts."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Any

import icalendar
import pytest
import recurring_ical_events
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import conflicts, evidence, export, grants, history, scope, skew, slots, table
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import trains as of_trains
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import verdict as verdicts
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar
from ansible_collections.evenkeel.release.tests.unit.calendar.support import PRODUCTION, at, build, calendar, freeze, read, window
from hypothesis import given
from hypothesis import strategies as st

SECOND = 1_000_000


def runs(*seconds: float, services: tuple[str, ...] = ("shop",), environment: str = "production", verdict: str = "passed", paused: tuple[int, ...] = ()) -> Any:
    entries = []
    for number, length in enumerate(seconds):
        begin = datetime(2027, 1, 1, tzinfo=timezone.utc) + timedelta(days=number)
        base = {"kind": "deployment", "environment": environment, "release": "1", "subject": "", "actor": {"name": "ada"}}
        plan = {"services": [{"service": name} for name in services]}
        entries.append({**base, "id": f"i{number}", "phase": "intent", "time": stamp(begin), "body": {"plan": plan}})
        if number in paused:
            said = {"deployment": f"i{number}", "verb": "pause"}
            entries.append({**base, "kind": "directive", "id": f"d{number}", "phase": "fact", "time": stamp(begin), "body": said})
        ended = {"intent": f"i{number}", "verdict": verdict}
        entries.append({**base, "id": f"o{number}", "phase": "outcome", "time": stamp(begin + timedelta(seconds=length)), "body": ended})
    return entries


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


P90 = {
    "none": ([], 14400, False, 0),
    "few": (runs(60, 120, 90), 240, False, 3),
    "enough": (runs(10, 20, 30, 40, 50, 60, 70, 80, 90, 100), 90, True, 10),
    "parts of a second count": (runs(10.1, 10.1, 10.1, 10.1, 10.1), 11, True, 5),
    "other services": (runs(*[60] * 9, services=("shop", "pay")), 14400, False, 0),
    "another environment": (runs(*[60] * 9, environment="staging"), 14400, False, 0),
    "failed ones": (runs(*[60] * 9, verdict="failed"), 14400, False, 0),
    "paused ones say nothing": (runs(60, 60, 60, 60, 60, 90000, paused=(5,)), 60, True, 5),
    "only the newest thirty": (runs(*[9999] * 20, *[60] * 30), 60, True, 30),
    "still running": (runs(60, 60, 60, 60, 60, 60)[:-1], 60, True, 5),
}


@pytest.mark.parametrize("name", P90)
def test_p90(name: str) -> None:
    entries, seconds, known, count = P90[name]
    found = history.p90(entries, environment="production", services=["shop"])
    assert (found["seconds"], found["known"], found["runs"]) == (seconds, known, count)
    assert found["rule"]


@given(st.lists(st.integers(1, 100_000), min_size=5, max_size=50))
def test_p90_is_the_nearest_rank(lengths: list[int]) -> None:
    found = history.p90(runs(*lengths), environment="production", services=["shop"])["seconds"]
    assert sum(length <= found for length in lengths) >= 0.9 * len(lengths)
    assert sum(length < found for length in lengths) < 0.9 * len(lengths)


NOW = at("2027-03-01T12:00:00Z") * SECOND


@pytest.mark.parametrize(
    ("ledger", "runner", "newest", "said"),
    [
        (NOW, NOW, None, ""),
        (NOW, NOW + 29 * SECOND, NOW, ""),
        (NOW, NOW + 31 * SECOND, NOW, "31 s ahead of the ledger's"),
        (NOW, NOW - 3600 * SECOND, NOW, "3600 s behind the ledger's"),
        # Two runners, one file: the clock of the one that wrote last was ahead of ours.
        (NOW, NOW, NOW + 29 * SECOND, ""),
        (NOW, NOW, NOW + 90 * SECOND, "90 s after the clock of"),
        (NOW, NOW, NOW - 86400 * SECOND, ""),
    ],
)
def test_clocks_that_differ_are_refused(ledger: int, runner: int, newest: int | None, said: str) -> None:
    if not said:
        skew.check(ledger=ledger, runner=runner, newest=newest)
        return
    with pytest.raises(CalendarError, match=said) as caught:
        skew.check(ledger=ledger, runner=runner, newest=newest, host="runner7")
    assert "runner7" in str(caught.value)
    assert "Nothing was decided" in str(caught.value)


def train(**more: Any) -> Calendar:
    timetable = {"rule": "FREQ=MONTHLY;BYDAY=3WE", "since": "2027-01-01", "from": "20:00", "to": "23:00"}
    milestones = {"feature_freeze_days": 14, "code_freeze_days": 7, "cab": {"days": 2, "at": "10:00"}}
    return calendar(trains=[{"name": "monthly", **timetable, **milestones, "releases": [{"release": "2.*"}], **more}])


def ride(known: Calendar, moment: str, *, cut: str | None, release: str = "2.0.0", feature: bool = True, exceptions: tuple[str, ...] = ()) -> Any:
    of = scope.target(PRODUCTION, ["shop"])
    cut_at = at(cut) if cut else None
    return of_trains.verdict(known.trains, of=of, release=release, at=at(moment), cut_at=cut_at, feature=feature, exceptions=exceptions)


def test_a_train_has_its_milestones() -> None:
    found = ride(train(), "2027-03-02T12:00Z", cut="2027-03-01T12:00Z")
    assert (found["departs"], found["until"]) == ("2027-03-17T19:00:00Z", "2027-03-17T22:00:00Z")
    assert (found["feature_freeze"], found["code_freeze"]) == ("2027-03-02T23:00:00Z", "2027-03-09T23:00:00Z")
    assert found["cab"] == {"from": "2027-03-15T09:00:00Z", "to": "2027-03-15T10:00:00Z"}


# (moment, cut, feature, aboard, departing, day of the departure)
RIDES = [
    ("2027-03-17T20:00+01:00", "2027-03-02T12:00Z", True, True, True, "2027-03-17"),
    ("2027-03-17T22:59+01:00", "2027-03-02T12:00Z", True, True, True, "2027-03-17"),
    ("2027-03-17T23:00+01:00", "2027-03-02T12:00Z", True, True, False, "2027-04-21"),  # it has left
    ("2027-03-16T20:00+01:00", "2027-03-02T12:00Z", True, True, False, "2027-03-17"),
    ("2027-03-17T20:00+01:00", "2027-03-05T12:00Z", True, True, False, "2027-04-21"),  # after the feature freeze: the next one
    ("2027-03-17T20:00+01:00", "2027-03-05T12:00Z", False, True, True, "2027-03-17"),  # a fix may come until the code freeze
    ("2027-03-17T20:00+01:00", "2027-03-10T12:00Z", False, True, False, "2027-04-21"),
    ("2027-03-17T20:00+01:00", None, True, False, False, "2027-04-21"),  # nobody knows when it was cut
]


@pytest.mark.parametrize(("moment", "cut", "feature", "aboard", "departing", "day"), RIDES)
def test_rides(moment: str, cut: str | None, feature: bool, aboard: bool, departing: bool, day: str) -> None:
    found = ride(train(), moment, cut=cut, feature=feature)
    assert (found["aboard"], found["departing"], found["allowed"]) == (aboard, departing, aboard and departing)
    assert found["departs"][:10] == day
    assert bool(found["reason"]) is not found["allowed"]


def test_a_release_that_names_its_departure_and_is_late_is_refused_or_excepted() -> None:
    known = train(releases=[{"release": "2.0.*", "departs": "2027-03-17"}])
    late = ride(known, "2027-03-17T20:00+01:00", cut="2027-03-16T12:00Z")
    assert not late["allowed"]
    assert "feature freeze of the train monthly of 2027-03-17" in late["reason"]
    excepted = ride(known, "2027-03-17T20:00+01:00", cut="2027-03-16T12:00Z", exceptions=(known.trains[0].uid,))
    assert excepted["allowed"]
    assert excepted["excepted"]
    assert ride(known, "2027-03-17T20:00+01:00", cut=None, release="3.0.0") is None
    lost = ride(train(releases=[{"release": "2.*", "departs": "2027-03-18"}]), "2027-03-10T12:00Z", cut="2027-03-01T12:00Z")
    assert "no departure on 2027-03-18" in lost["reason"]


def ask(known: Any, moment: str, **more: Any) -> Any:
    given: dict[str, Any] = {"environment": PRODUCTION, "services": ["shop"], "release": "2.0.0", "entries": [], "deployer": "ada", "lasting": 3600, **more}
    return evidence.evidence(known, at=at(moment), **given)


def test_the_departure_is_a_window_for_its_releases_only() -> None:
    known = [train()]
    departing = ask(known, "2027-03-17T20:00+01:00", cut_at=at("2027-03-01T12:00Z"))
    assert (departing["allowed"], departing["window"]["name"], departing["needs_window"]) == (True, "monthly", True)
    other = ask(known, "2027-03-10T20:00+01:00", release="1.9.9")
    assert (other["allowed"], other["train"], other["needs_window"]) == (True, None, False)
    early = ask(known, "2027-03-10T20:00+01:00", cut_at=at("2027-03-01T12:00Z"))
    assert not early["allowed"]
    assert [slot["from"] for slot in early["next_slots"]] == ["2027-03-17T19:00:00Z"]
    assert early["next_cab"]["from"] == "2027-03-15T09:00:00Z"


def test_the_evidence_is_plain_and_complete() -> None:
    known = [
        calendar(windows=[window(days=["mon"], **{"from": "20:00", "to": "22:00"})], cab=[{"name": "cab", "days": ["thu"], "from": "10:00", "to": "11:00"}])
    ]
    found = ask(known, "2027-03-01T21:30+01:00")
    assert (found["open"], found["allowed"], found["will_finish"]) == (True, False, False)
    assert found["next_cab"]["name"] == "cab"
    assert len(found["next_slots"]) == 3
    import json

    assert json.loads(json.dumps(found)) == found
    text = table.why(found, subject="2.0.0 in production")
    for part in ("do not allow", "would not finish before that", "Next times at which it may go", "2027-03-08T19:00:00Z"):
        assert part in text


def whole() -> Calendar:
    return calendar(
        windows=[
            window(
                name="nights",
                days=["mon", "wed"],
                **{"from": "22:00", "to": "03:00", "except": ["2027-03-24"]},
                changes=[{"day": "2027-03-29", "from": "23:00"}],
            ),
            window(name="long", days=["sat"], **{"from": "20:00", "lasts": "10h"}, timezone="America/New_York", scope={"services": ["sh*", "pay"]}),
            window(name="second", rule="FREQ=MONTHLY;BYDAY=2TU", since="2027-01-01", until="2027-12-31", **{"from": "09:00", "to": "11:00"}),
        ],
        freezes=[
            freeze(name="year end", begins="2027-12-20", ends="2028-01-02"),
            freeze(name="launch", begins="2027-03-29T23:30:00Z", ends="2027-03-30T01:00:00Z", scope={"tiers": ["production"], "environments": ["prod*"]}),
            freeze(name="weekly", days=["wed"], **{"from": "23:00", "to": "23:30"}, timezone="Australia/Lord_Howe"),
        ],
        peaks=[
            {"name": "close", "reason": "books", "rule": "FREQ=MONTHLY;BYMONTHDAY=-1", "since": "2027-01-01"},
            {"name": "sale", "reason": "x", "days": ["fri"], "as": "notice"},
        ],
        cab=[{"name": "cab", "days": ["thu"], "from": "10:00", "to": "11:00"}],
        holidays=[{"country": "DE", "subdivision": "BY", "as": "no_window"}, {"country": "US", "as": "freeze", "scope": {"services": ["pay"]}}],
        trains=train_document(),
    )


def train_document() -> list[dict[str, Any]]:
    return [{"name": "monthly", "rule": "FREQ=MONTHLY;BYDAY=3WE", "since": "2027-01-01", "from": "20:00", "to": "23:00", "code_freeze_days": 7}]


BEGIN = "2027-01-01T00:00Z"


def test_what_was_exported_gives_the_same_verdicts_when_it_is_read_again() -> None:
    known = whole()
    text = export.ics([known], name="all", begin=at(BEGIN), end=at(BEGIN) + 420 * 86400)
    events, faults = read(text)
    assert not faults
    back = Calendar("back", tuple(events))
    for services in (("shop",), ("pay",), ("shop", "pay"), ()):
        for environment in (PRODUCTION, {"name": "staging", "tier": "staging"}):
            one, other = (build(each, begin=BEGIN, days=400, services=services, environment=environment) for each in (known, back))
            assert one.allowed() == other.allowed()
            assert one.open == other.open
            assert verdicts.ask(one, at("2027-12-24T12:00Z"))["by"]["uid"] == verdicts.ask(other, at("2027-12-24T12:00Z"))["by"]["uid"]
    assert len(build(known, begin=BEGIN, days=400).allowed()) > 100
    again = export.ics([back], name="all", begin=at(BEGIN), end=at(BEGIN) + 420 * 86400)
    uids = lambda source: {str(each["UID"]) for each in icalendar.Calendar.from_ical(source).walk("VEVENT")}  # noqa: E731
    assert uids(again) == uids(text)


def test_it_is_the_same_text_each_time_and_uids_are_unique() -> None:
    texts = {export.ics([whole()], name="all", begin=at(BEGIN), end=at(BEGIN) + 420 * 86400) for _time in range(2)}
    assert len(texts) == 1
    components = icalendar.Calendar.from_ical(texts.pop()).walk("VEVENT")
    mains = [str(each["UID"]) for each in components if "RECURRENCE-ID" not in each]
    assert len(set(mains)) == len(mains)


def test_a_client_library_reads_it_and_finds_the_same_times() -> None:
    """recurring_ical_events by itself, with the VTIMEZONEs of the file: an oracle that knows nothing of our properties."""
    text = export.ics([whole()], name="all", begin=at(BEGIN), end=at(BEGIN) + 420 * 86400)
    found = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between((2027, 3, 27), (2027, 4, 1))
    nights = sorted((each["DTSTART"].dt, each["DTEND"].dt) for each in found if str(each["SUMMARY"]) == "nights")
    assert [(begin.isoformat(), end.isoformat()) for begin, end in nights] == [
        ("2027-03-29T23:00:00+02:00", "2027-03-30T03:00:00+02:00"),
        ("2027-03-31T22:00:00+02:00", "2027-04-01T03:00:00+02:00"),
    ]
    assert {"BEGIN:VTIMEZONE", "TZID:Europe/Berlin", "TZID:America/New_York"} <= set(text.splitlines())
    assert max(len(line.encode()) for line in text.splitlines()) <= 75


def test_conflicts() -> None:
    known = calendar(
        windows=[
            window(name="nights", days=["mon"], **{"from": "20:00", "to": "22:00"}),
            window(name="never", begins="2027-03-10T10:00", ends="2027-03-10T12:00"),
        ],
        freezes=[freeze(name="spring", begins="2027-03-05", ends="2027-03-31")],
        trains=[
            {"name": "monthly", "rule": "FREQ=MONTHLY;BYDAY=3WE", "since": "2027-01-01", "from": "20:00", "to": "23:00", "cab": {"days": -1, "at": "10:00"}},
            {"name": "lost", "days": ["mon"], "from": "20:00", "to": "21:00", "scope": {"environments": ["gone"]}},
        ],
    )
    found = conflicts.find([known], [PRODUCTION], begin=at("2027-03-01T00:00Z"), days=40)
    assert [(each["kind"], each["when"][:10]) for each in found] == [
        ("train-without-environment", "2027-03-01"),
        ("closed-too-long", "2027-03-01"),
        ("window-never-open", "2027-03-10"),
        ("cab-after-departure", "2027-03-17"),
        ("train-in-freeze", "2027-03-17"),
    ]
    assert "34 days, because of spring" in found[1]["what"]
    text = table.conflicts(found)
    assert text.startswith("5 conflicts:")
    assert all(each["next"] in text for each in found)
    assert conflicts.find([calendar()], [PRODUCTION], begin=at("2027-03-01T00:00Z"), days=40) == []


def test_the_table_shows_a_line_for_each_and_no_control_characters() -> None:
    known = calendar(freezes=[freeze(name="a\x1b[31mred\nline", begins="2027-03-05", ends="2027-03-06")])
    text = table.weeks(table.rows([known], at("2027-03-01T00:00Z"), at("2027-03-10T00:00Z")))
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2
    assert table.weeks([]) == "Nothing is in the calendars for this time."


def grant(**more: Any) -> Any:
    known = [calendar(freezes=[freeze(name="year end", begins="2027-12-20", ends="2028-01-02")])]
    given = {"state": "granted", "release": "1.1.1", "freeze": "year end", "reason": "lost", "until": "4h", "by": "bea", "deployer": "ada", **more}
    return grants.entry(known, PRODUCTION, given.pop("entries", []), at=at("2027-12-24T12:00Z"), **given)


def test_what_a_grant_writes() -> None:
    made = grant()
    assert made == {"freeze": made["freeze"], "name": "year end", "reason": "lost", "until": "2027-12-24T16:00:00Z"}
    assert grant(until="2027-12-25T00:00:00Z")["until"] == "2027-12-25T00:00:00Z"
    assert grant(state="withdrawn") is None
    entry = {"id": "1", "kind": "freeze_override", "phase": "fact", "time": "2027-12-24T11:00:00.000000Z", "actor": {"name": "bea"}, "subject": "granted"}
    standing = [{**entry, "environment": "production", "release": "1.1.1", "body": made}]
    assert grant(entries=standing) is None
    assert grant(entries=standing, until="5h")["until"] == "2027-12-24T17:00:00Z"
    assert grant(entries=standing, state="withdrawn")["freeze"] == made["freeze"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"by": "ada"}, "is one person"),
        ({"reason": " "}, "needs a reason"),
        ({"until": "8d"}, "at most 7 days ahead"),
        ({"until": "2027-12-24T11:00:00Z"}, "after now"),
        ({"until": "tomorrow"}, "allowed: a number with s, m, h or d"),
        ({"until": ""}, "after now"),
        ({"freeze": "summer"}, "Known: year end"),
    ],
)
def test_a_grant_is_refused(how: dict[str, Any], said: str) -> None:
    with pytest.raises(CalendarError, match=said):
        grant(**how)


def test_asking_is_cheap() -> None:
    """Two hundred series, a year: expanded once, then a millisecond at most for each batch."""
    days = ["mon", "tue", "wed", "thu", "fri"]
    known = calendar(
        windows=[window(name=f"w{number}", days=days, **{"from": "20:00", "to": "22:00"}) for number in range(100)],
        freezes=[freeze(name=f"f{number}", days=["sat"], **{"from": f"{number % 20:02d}:00", "to": f"{number % 20:02d}:30"}) for number in range(100)],
    )
    began = time.process_time()
    built = build(known, begin=BEGIN, days=365)
    loaded = time.process_time() - began
    moments = [built.begin + number * 10_007 for number in range(3000)]
    began = time.process_time()
    for moment in moments:
        verdicts.go(built, moment)
    each = (time.process_time() - began) / len(moments)
    assert each < 0.001
    assert loaded < 20


SLOTS: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "nothing more": ({}, [("01T19:00", "01T20:00", "01T21:00"), ("02T19:00", "02T20:00", "02T21:00"), ("03T19:00", "03T20:00", "03T21:00")]),
    "after the soak": ({"soak_ends": "2027-03-02T19:30Z"}, [("02T19:30", "02T20:00", "02T21:00"), ("03T19:00", "03T20:00", "03T21:00")]),
    "too late after the soak": ({"soak_ends": "2027-03-02T20:01Z"}, [("03T19:00", "03T20:00", "03T21:00")]),
    "before approvals expire": ({"approvals_expire": "2027-03-02T20:30Z"}, [("01T19:00", "01T20:00", "01T21:00"), ("02T19:00", "02T19:30", "02T20:30")]),
    "expired": ({"approvals_expire": "2027-03-01T10:00Z"}, []),
    "beside reservations": (
        {"busy": [("2027-03-01T18:00Z", "2027-03-01T19:30Z"), ("2027-03-02T19:30Z", "2027-03-02T20:30Z")]},
        [("01T19:30", "01T20:00", "01T21:00"), ("03T19:00", "03T20:00", "03T21:00")],
    ),
    "with a train": ({"departure": ("2027-03-02T00:00Z", "2027-03-02T20:15Z")}, [("02T19:00", "02T19:15", "02T20:15")]),
    "with a train that it can't reach": ({"departure": ("1970-01-01T00:00Z", "1970-01-01T00:00Z")}, []),
}


@pytest.mark.parametrize("name", SLOTS)
def test_slots(name: str) -> None:
    given, wanted = SLOTS[name]
    built = build(calendar(windows=[window(days=["mon", "tue", "wed"], **{"from": "20:00", "to": "22:00"})]), begin="2027-03-01T00:00Z", days=4)
    times = {key: [(at(one), at(other)) for one, other in value] if key == "busy" else value for key, value in given.items()}
    times = {key: at(value) if isinstance(value, str) else tuple(map(at, value)) if key == "departure" else value for key, value in times.items()}
    found = slots.next_slots(built, at=built.begin, lasting=3600, **times)
    assert [tuple(one[key][8:16] for key in ("from", "latest_start", "to")) for one in found] == wanted
    assert all(one["window"]["name"] == "w" for one in found)
