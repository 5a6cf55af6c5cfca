# SPDX-License-Identifier: GPL-3.0-or-later
"""ServiceNow's reasons, one by one ("Conflict detection"): {item, parent or child} x {scheduled, not in maintenance, in blackout}, and the person."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import conflicts
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.tests.unit.change.world import ENVIRONMENT, SERVICES

Document = dict[str, Any]
# mail -> shop -> database, balancer; search stands alone
PARENT, ITEM, CHILD, STRANGER = "mail", "shop", "database", "search"


def change(services: list[str], start: str = "10:00", end: str = "12:00", *, number: str = "OTHER", **more: Any) -> Document:
    known = {"id": number, "environment": "production", "services": services, "start": f"2027-03-10T{start}:00Z", "end": f"2027-03-10T{end}:00Z"}
    return {**known, "assigned_to": "", "state": "Scheduled", **more}


def calendar(services: list[str], start: str, end: str, **more: Any) -> Document:
    return {"name": "cal", "environment": "production", "services": services, "from": f"2027-03-10T{start}:00Z", "to": f"2027-03-10T{end}:00Z", **more}


def reasons(*others: Document, mine: Document | None = None, **calendars: Any) -> set[tuple[str, str]]:
    found = conflicts.detect(mine or change([ITEM], number="MINE", assigned_to="ann"), others, SERVICES, **calendars)
    return {(one["reason"], one["service"]) for one in found}


ALL_BLACK = {("ci_in_blackout", ITEM), *(("related_in_blackout", name) for name in (PARENT, CHILD, "balancer"))}


@pytest.mark.parametrize(
    ("others", "calendars", "expected"),
    [
        ([], {}, set()),
        # 1. the item is already scheduled
        ([change([ITEM])], {}, {("ci_scheduled", ITEM)}),
        # 2. a parent or child of it is already scheduled
        ([change([PARENT])], {}, {("related_scheduled", PARENT)}),
        ([change([CHILD])], {}, {("related_scheduled", CHILD)}),
        ([change([STRANGER])], {}, set()),
        # 3. the item is not in its maintenance window
        ([], {"maintenance": [calendar([ITEM], "09:00", "12:00")]}, set()),
        ([], {"maintenance": [calendar([ITEM], "09:00", "11:59")]}, {("ci_not_in_maintenance", ITEM)}),
        ([], {"maintenance": [calendar([ITEM], "09:00", "11:00"), calendar([ITEM], "11:00", "13:00")]}, set()),
        # 4. a parent or child of it is not in its maintenance window
        ([], {"maintenance": [calendar([PARENT], "20:00", "22:00")]}, {("related_not_in_maintenance", PARENT)}),
        ([], {"maintenance": [calendar([CHILD], "20:00", "22:00")]}, {("related_not_in_maintenance", CHILD)}),
        ([], {"maintenance": [calendar([STRANGER], "20:00", "22:00")]}, set()),
        # 5. the item is in a blackout window
        ([], {"blackout": [calendar([ITEM], "11:59", "13:00")]}, {("ci_in_blackout", ITEM)}),
        ([], {"blackout": [calendar([ITEM], "12:00", "13:00")]}, set()),
        # 6. a parent or child of it is in a blackout window
        ([], {"blackout": [calendar([PARENT], "11:00", "13:00")]}, {("related_in_blackout", PARENT)}),
        ([], {"blackout": [calendar([CHILD], "11:00", "13:00")]}, {("related_in_blackout", CHILD)}),
        # and the person that it is assigned to is already scheduled, wherever
        ([change([STRANGER], assigned_to="ann")], {}, {("assigned_scheduled", "ann")}),
        ([change([STRANGER], assigned_to="ann", environment="staging")], {}, {("assigned_scheduled", "ann")}),
        ([change([STRANGER], assigned_to="bob")], {}, set()),
        # those that touch do not conflict; what is over or never will be does not count; another environment has other items
        ([change([ITEM], "08:00", "10:00"), change([ITEM], "12:00", "13:00")], {}, set()),
        ([change([ITEM], state=state) for state in ("Review", "Closed", "Canceled")], {}, set()),
        ([change([ITEM], environment="staging")], {}, set()),
        ([change([ITEM], start="11:59", end="13:00", state="New")], {}, {("ci_scheduled", ITEM)}),
        ([{**change([ITEM]), "start": None}], {}, set()),
        ([change([ITEM], number="MINE")], {}, set()),
        ([], {"blackout": [calendar([], "11:00", "13:00")]}, ALL_BLACK),
        ([], {"blackout": [calendar([], "11:00", "13:00", environment="staging")]}, set()),
    ],
)  # fmt: skip
def test_reasons(others: list[Document], calendars: Document, expected: set[tuple[str, str]]) -> None:
    assert reasons(*others, **calendars) == expected


def test_all_reasons_have_words_and_come_in_one_order() -> None:
    others = [change([PARENT, ITEM], assigned_to="ann")]
    calendars = {
        "maintenance": [calendar([ITEM, PARENT], "20:00", "22:00")],
        "blackout": [calendar([ITEM, PARENT], "09:00", "22:00")],
    }
    mine = change([ITEM], number="MINE", assigned_to="ann")
    found = conflicts.detect(mine, others, SERVICES, **calendars)
    assert {one["reason"] for one in found} == set(conflicts.REASONS)
    assert all(one["says"] == conflicts.REASONS[one["reason"]] for one in found)
    assert found == conflicts.detect(mine, [*others, *others], SERVICES, **calendars)


def test_windows_and_freezes_of_the_environment_are_calendars() -> None:
    freeze = {"name": "stop", "from": "2027-01-01T00:00:00Z", "to": "2027-06-01T00:00:00Z", "reason": "year end"}
    environment = {**ENVIRONMENT, "freezes": [freeze]}
    windows, freezes = conflicts.of_environment(environment, "2027-03-10T10:00:00Z", "2027-03-10T12:00:00Z")
    assert reasons(maintenance=windows) == set()
    assert ("ci_in_blackout", ITEM) in reasons(blackout=freezes)
    night, _freezes = conflicts.of_environment(environment, "2027-03-11T10:00:00Z", "2027-03-11T12:00:00Z")
    moved = {**change([ITEM], number="MINE"), "start": "2027-03-11T10:00:00Z", "end": "2027-03-11T12:00:00Z"}
    assert ("ci_not_in_maintenance", ITEM) in reasons(mine=moved, maintenance=night)


@pytest.mark.parametrize(
    ("start", "end"), [("2027-03-10T12:00:00Z", "2027-03-10T10:00:00Z"), ("soon", "2027-03-10T10:00:00Z"), ("2027-01-01T00:00:00Z", "2027-12-01T00:00:00Z")]
)
def test_a_time_that_is_none_is_refused(start: str, end: str) -> None:
    with pytest.raises(ChangeError):
        conflicts.detect({**change([ITEM], number="MINE"), "start": start, "end": end}, [], SERVICES)


@pytest.mark.parametrize("day", ["2027-03-28", "2027-10-31"])  # one hour less, one hour more
def test_windows_follow_the_clock_of_their_zone(day: str) -> None:
    window = {"name": "night", "days": ["sat"], "from": "22:00", "to": "06:00", "timezone": "Europe/Berlin"}
    (found, _none) = conflicts.of_environment({"name": "production", "windows": [window]}, f"{day}T02:00:00Z", f"{day}T03:00:00Z")
    summer = day == "2027-03-28"
    assert (found[0]["from"][11:16], found[0]["to"][11:16]) == (("21:00", "04:00") if summer else ("20:00", "05:00"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": None}, "calendars[0].name is nothing"),
        ({"name": "a\nb"}, "U+000A"),
        ({"service": ["shop"]}, "calendars[0] has service; needed are name, from and to"),
        ({"services": "shop"}, "calendars[0].services is a str"),
        ({"to": "2027-03-10T08:00:00Z"}, "not after its start"),
        ({"to": "{{ now() }}"}, "allowed is an RFC 3339 time"),
    ],
)
def test_a_calendar_that_protects_nothing_is_refused(change: Document, words: str) -> None:
    conflicts.check_calendars([calendar(["shop"], "09:00", "11:00")], name="calendars")
    with pytest.raises(ChangeError) as refused:
        conflicts.check_calendars([{**calendar(["shop"], "09:00", "11:00"), **change}], name="calendars")
    assert words in str(refused.value)
    with pytest.raises(ChangeError, match="has only name"):
        conflicts.check_calendars([{"name": "x"}], name="calendars")
