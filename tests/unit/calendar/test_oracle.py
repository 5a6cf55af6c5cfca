# SPDX-License-Identifier: GPL-3.0-or-later
"""Against brute force: each minute of some days is decided by the standard library alone, and everything has to agree with it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import evidence, limits, slots, verdict
from ansible_collections.evenkeel.release.tests.unit.calendar.support import PRODUCTION, build, calendar, freeze, window
from hypothesis import given, settings
from hypothesis import strategies as st

# Everything begins and ends on a quarter of an hour, also after a change of half an hour.
STEP = 15 * 60
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Changes of the clock in those zones, the leap day, the year's end, and a day like any other.
STARTS = (
    date(2027, 3, 27),
    date(2027, 10, 30),
    date(2027, 3, 13),
    date(2027, 11, 6),
    date(2027, 4, 3),
    date(2028, 2, 28),
    date(2027, 12, 31),
    date(2027, 6, 1),
)


class Weekly(NamedTuple):
    days: tuple[str, ...]
    begin: time
    end: time
    zone: str


class Once(NamedTuple):
    begin: datetime  # local and naive
    hours: int
    zone: str


clocks = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
weekly = st.builds(Weekly, st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple), clocks, clocks, st.sampled_from(ZONES))


def once(start: date) -> st.SearchStrategy[Once]:
    begins = st.builds(lambda day, at: datetime.combine(start + timedelta(days=day), at), st.integers(-1, 3), clocks)
    return st.builds(Once, begins, st.integers(1, 30), st.sampled_from(ZONES))


def seconds(day: date, at: time, zone: str) -> int:
    return int(datetime.combine(day, at, tzinfo=ZoneInfo(zone)).timestamp())


def opened(entry: Weekly, moment: int) -> bool:
    around = datetime.fromtimestamp(moment, ZoneInfo(entry.zone)).date()
    for day in (around - timedelta(days=2), around - timedelta(days=1), around, around + timedelta(days=1)):
        last = day if entry.end > entry.begin else day + timedelta(days=1)
        if DAYS[day.weekday()] in entry.days and seconds(day, entry.begin, entry.zone) <= moment < seconds(last, entry.end, entry.zone):
            return True
    return False


def frozen(entry: Once, moment: int) -> bool:
    end = entry.begin + timedelta(hours=entry.hours)
    bounds = seconds(entry.begin.date(), entry.begin.time(), entry.zone), seconds(end.date(), end.time(), entry.zone)
    return min(bounds) <= moment < max(bounds)


def document(windows: list[Weekly], freezes: list[Once]) -> Any:
    return calendar(
        windows=[
            window(name=f"w{number}", days=list(each.days), **{"from": f"{each.begin:%H:%M}", "to": f"{each.end:%H:%M}"}, timezone=each.zone)
            for number, each in enumerate(windows)
        ],
        freezes=[
            freeze(
                name=f"f{number}",
                begins=f"{each.begin:%Y-%m-%dT%H:%M}",
                ends=f"{each.begin + timedelta(hours=each.hours):%Y-%m-%dT%H:%M}",
                timezone=each.zone,
            )
            for number, each in enumerate(freezes)
        ],
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[date, list[Weekly], list[Once]]:
    start = draw(st.sampled_from(STARTS))
    freezes = draw(st.lists(once(start), max_size=3))
    # A freeze that the gap swallows whole is no period at all.
    usable = [one for one in freezes if frozen_length(one) > 0]
    return start, draw(st.lists(weekly, max_size=3)), usable


def frozen_length(one: Once) -> int:
    end = one.begin + timedelta(hours=one.hours)
    return seconds(end.date(), end.time(), one.zone) - seconds(one.begin.date(), one.begin.time(), one.zone)


@settings(max_examples=60)
@given(cases())
def test_each_minute_is_decided_as_brute_force_does(case: tuple[date, list[Weekly], list[Once]]) -> None:
    start, windows, freezes = case
    begin = datetime.combine(start, time(), tzinfo=timezone.utc)
    built = build(document(windows, freezes), begin=begin.isoformat(), days=4)
    for moment in range(built.begin, built.begin + 3 * 86400, STEP):
        wanted = (not windows or any(opened(each, moment) for each in windows)) and not any(frozen(each, moment) for each in freezes)
        for inside in (moment, moment + STEP - 1):
            assert (verdict.go(built, inside) is None) is wanted, datetime.fromtimestamp(inside, timezone.utc)
        assert verdict.ask(built, moment)["allowed"] is wanted


@settings(max_examples=60)
@given(cases(), st.integers(1, 20), st.lists(st.tuples(st.integers(0, 200), st.integers(1, 40)), max_size=3), st.integers(0, 100), st.integers(100, 400))
def test_slots_are_those_of_brute_force(
    case: tuple[date, list[Weekly], list[Once]], quarters: int, busy: list[tuple[int, int]], soak: int, expiry: int
) -> None:
    """Every minute of a slot is allowed, none is missed, and none that is shorter than the deployment is offered."""
    start, windows, freezes = case
    begin = datetime.combine(start, time(), tzinfo=timezone.utc)
    built = build(document(windows, freezes), begin=begin.isoformat(), days=4)
    lasting = quarters * STEP
    taken = [(built.begin + since * STEP, built.begin + (since + length) * STEP) for since, length in busy]
    soaked, expires = built.begin + soak * STEP, built.begin + expiry * STEP
    found = slots.next_slots(built, at=built.begin, lasting=lasting, busy=taken, soak_ends=soaked, approvals_expire=expires)

    free = []
    for moment in range(built.begin, built.end, STEP):
        allowed = (not windows or any(opened(each, moment) for each in windows)) and not any(frozen(each, moment) for each in freezes)
        free.append(allowed and soaked <= moment < expires and not any(one <= moment < other for one, other in taken))
    runs, number = [], 0
    while number < len(free):
        length = next((count for count, each in enumerate(free[number:]) if not each), len(free) - number)
        if length >= quarters:
            runs.append((built.begin + number * STEP, built.begin + (number + length) * STEP))
        number += max(length, 1)
    told = [(unix(one["from"]), unix(one["to"])) for one in found]
    assert told == runs[:3]
    for one, (first, last) in zip(found, told):
        assert unix(one["latest_start"]) + lasting == last
        for moment in range(first, last, STEP):
            assert verdict.ask(built, moment)["allowed"]
        assert first + lasting <= last


@settings(max_examples=40)
@given(cases(), st.integers(1, 20))
def test_it_finishes_inside_and_next_is_the_first_time_that_does(case: tuple[date, list[Weekly], list[Once]], quarters: int) -> None:
    start, windows, freezes = case
    begin = datetime.combine(start, time(), tzinfo=timezone.utc)
    built = build(document(windows, freezes), begin=begin.isoformat(), days=4)
    lasting = quarters * STEP

    def fits(moment: int) -> bool:
        return moment + lasting <= built.end and all(verdict.go(built, each) is None for each in range(moment, moment + lasting, STEP))

    for moment in range(built.begin, built.begin + 86400, 4 * STEP):
        answer = verdict.ask(built, moment, lasting=lasting)
        assert bool(answer["will_finish"]) is fits(moment)
        following = next((each for each in range(moment, built.end, STEP) if fits(each)), None)
        if not answer["will_finish"]:
            assert (unix(answer["next"]["at"]) if answer["next"] else None) == following


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@settings(max_examples=40, deadline=None)
@given(cases(), st.integers(1, 20), st.integers(0, 6000), st.integers(0, 60))
def test_the_near_weeks_say_what_the_year_says(case: tuple[date, list[Weekly], list[Once]], quarters: int, soak: int, far: int) -> None:
    """Also where a freeze holds for weeks, and where nothing ever closes."""
    start, windows, freezes = case
    at = int(datetime.combine(start, time(), tzinfo=timezone.utc).timestamp())
    long = freeze(begins=str(start + timedelta(days=far // 2)), ends=str(start + timedelta(days=far)), name="long") if far > 1 else None
    known = [document(windows, freezes), *([calendar("UTC", "other", freezes=[long])] if long else [])]
    asked: dict[str, Any] = {"environment": PRODUCTION, "services": ["shop"], "release": "1.0.0", "at": at, "entries": [], "deployer": "ann"}
    asked.update(lasting=quarters * STEP, soak_ends=at + soak * STEP)
    near = evidence.evidence(known, **asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "NEAR_DAYS", limits.HORIZON_DAYS)
        assert near == evidence.evidence(known, **asked)
