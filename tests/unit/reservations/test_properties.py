# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever people do in whatever order."""

from __future__ import annotations

import itertools
from datetime import timedelta

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.acts import Refusal
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.calendar import ics
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.conflicts import clashes
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import from_dict
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import Rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.slots import busy, interval, next_free
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.turn import present_at
from hypothesis import given, settings
from hypothesis import strategies as st

from .parts import NOW, Book, at, documents, made_world, wish

SHARE = {("regression", "regression")}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["book", "wait", "release", "extend", "approve", "pass"]),
        st.integers(0, 7),  # which booking
        st.integers(0, 10),  # start
        st.integers(1, 4),  # length
        st.sampled_from(["exclusive", "regression"]),
        st.sampled_from(["incident", "release", "test", "training"]),
        st.sampled_from([("staging",), ("qa",), ("qa", "staging")]),
        st.sampled_from([("ann", "shop"), ("cid", "pay")]),
    ),
    max_size=25,
)


def played(steps, **rules):
    book, now = Book(made_world(**rules)), NOW
    for verb, number, start, length, mode, purpose, places, (who, team) in steps:
        try:
            if verb == "pass":
                now += timedelta(minutes=10 * length)
                book.settle(now)
            elif verb in ("book", "wait"):
                book.book(wish(f"b{number}", start, start + length, mode=mode, purpose=purpose, places=places, by=who, team=team), now, wait=verb == "wait")
            elif verb == "release":
                book.release(f"b{number}", who, now)
            elif verb == "approve":
                book.approve(f"b{number}", "eve", now)
            else:
                book.extend(f"b{number}", at(start + length), who, now)
        except Refusal:
            pass
    return book, now


@settings(max_examples=150)
@given(STEPS, st.sampled_from([{}, {"no_show": "20m"}, {"setup": "15m"}]))
def test_nobody_has_what_somebody_else_has(steps, rules):
    book, now = played(steps, **rules)
    present, _passed = present_at(book.world, book.entries, now)
    held = [each for each in present.values() if each.state == "approved"]
    for one, other in itertools.combinations(held, 2):
        if set(one.environments) & set(other.environments) and (one.mode, other.mode) not in SHARE:
            assert one.end <= other.start or other.end <= one.start, (one, other)


@settings(max_examples=100)
@given(STEPS, st.sampled_from([{}, {"no_show": "20m"}, {"auto_approve": []}, {"auto_approve": [], "approval_within": "1h"}]))
def test_time_has_done_its_work_once_and_nobody_vanishes(steps, rules):
    book, now = played(steps, **rules)
    book.settle(now)
    assert book.settle(now) == []
    ids = {entry["body"]["booking"]["id"] for entry in book.entries}
    assert set(book.states(now)) == ids
    # Who waits does so for a reason: something with as much right is in the way.
    present, _passed = present_at(book.world, book.entries, now)
    for each in present.values():
        if each.state == "waiting":
            assert clashes(book.world.rules, from_dict({**each.as_dict(), "state": "pending"}, where="here"), present.values())


@settings(max_examples=100)
@given(STEPS, st.integers(1, 5), st.sampled_from(["exclusive", "regression"]))
def test_the_next_free_time_is_free_and_there_is_none_before(steps, length, mode):
    book, now = played(steps)
    present, _passed = present_at(book.world, book.entries, now)
    wanted = wish("x", 0, length, mode=mode, state="approved")
    found = next_free(Rules(), wanted, list(present.values()), after=now)
    assert found is not None
    for minutes in range(0, int((found[0] - now).total_seconds() // 60) + 1, 10):
        start = now + timedelta(minutes=minutes)
        tried = wish("x", 0, length, mode=mode, state="approved")
        moved = from_dict({**tried.as_dict(), "start": start.isoformat(), "end": (start + timedelta(hours=length)).isoformat()}, where="here")
        free = not any(clash.one_in_conflict for clash in clashes(Rules(), moved, present.values()))
        assert free == (start == found[0])


@given(STEPS)
@settings(max_examples=50)
def test_an_entry_says_it_all(steps):
    book, _now = played(steps)
    for entry in book.entries:
        plain = entry["body"]["booking"]
        assert from_dict(plain, where="here").as_dict() == plain


def test_busy_times_and_their_calendar():
    import icalendar

    book = Book(made_world(setup="10m", auto_approve=[{"teams": ["shop"]}]))
    book.book(wish("w", 1, 3, setup=600))
    book.book(wish("asked", 5, 6, by="cid", team="pay"))
    book.book(wish("else", 1, 3, places=("qa",)))
    found = busy(documents(setup="10m", auto_approve=[{"teams": ["shop"]}]), book.entries, "staging", NOW, at(24), NOW)
    assert [(each["id"], each["from"], each["to"], each["state"]) for each in found] == [
        ("w", "2027-03-01T08:50:00Z", "2027-03-01T11:00:00Z", "approved"),
        ("asked", "2027-03-01T13:00:00Z", "2027-03-01T14:00:00Z", "pending"),
    ]
    assert busy(documents(), book.entries, "staging", at(3), at(5), NOW) == []
    text = ics(found, name="staging")
    assert text == ics(found, name="staging")
    events = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert [(str(each["UID"]), str(each["STATUS"]), each["DTSTART"].dt) for each in events] == [
        ("w@staging.evenkeel", "CONFIRMED", at(1)),
        ("asked@staging.evenkeel", "TENTATIVE", at(5)),
    ]
    moved = [{**found[0], "start": "2027-03-02T09:00:00Z", "end": "2027-03-02T11:00:00Z"}]
    assert str(icalendar.Calendar.from_ical(ics(moved, name="staging")).walk("VEVENT")[0]["UID"]) == "w@staging.evenkeel"


def test_what_is_shown_of_a_text_stays_one_line_of_the_calendar():
    evil = "x\r\nEND:VEVENT\r\nATTACH:file:///etc/passwd;,\\"
    import icalendar

    each = interval(wish("w", 1, 3, state="approved"))
    [event] = icalendar.Calendar.from_ical(ics([{**each, "reason": evil, "team": evil}], name="staging")).walk("VEVENT")
    assert "ATTACH" not in event


def test_the_next_free_time_leaves_room_to_clear_up_and_to_set_up():
    others = [wish("a", 0, 2, state="approved", teardown=600, setup=600), wish("b", 3, 4, state="approved", setup=1200)]
    short, long = (wish("x", 0, hours, state="approved", setup=300, teardown=300) for hours in (0.25, 1))
    assert next_free(Rules(), short, others, after=NOW) == (at(2.25), at(2.5))
    assert next_free(Rules(), long, others, after=NOW) == (at(4) + timedelta(minutes=5), at(5) + timedelta(minutes=5))
    endless = wish("c", 0, 24 * 70, state="approved")
    assert next_free(Rules(), long, [endless], after=NOW) is None


def test_what_ended_long_ago_is_not_even_read():
    book = Book(made_world())
    book.book(wish("w", 1, 3))
    book.entries[0]["body"]["booking"]["mode"] = None
    book.entries[0]["body"]["booking"]["made"] = "broken"
    assert book.states(at(24 * 40)) == {}
