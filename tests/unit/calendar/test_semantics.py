# SPDX-License-Identifier: GPL-3.0-or-later
"""The semantics that peers have, as tables: freezes as in Octopus Deploy, maintenance and blackout schedules as in ServiceNow."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import batch, documents, overrides, scope, timeline, verdict
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.scope import Target
from ansible_collections.evenkeel.release.tests.unit.calendar.support import PRODUCTION, at, build, calendar, freeze, window

NOON = "2027-12-24T12:00:00Z"
FREEZE = {"begins": "2027-12-20T00:00:00Z", "ends": "2028-01-02T00:00:00Z"}


def ask(known: Any, moment: str = NOON, *, environment: Any = PRODUCTION, services: tuple[str, ...] = ("shop",), project: str = "", **more: Any) -> Any:
    return verdict.verdict([known], environment=environment, services=services, project=project, at=at(moment), **more)


def override(known: Any, **how: str) -> Any:
    given = {"release": "1.1.1", "by": "bea", "deployer": "ada", "until": "2027-12-24T16:00:00Z", "reason": "orders are lost", **how}
    entry = {
        "id": "e1",
        "kind": "freeze_override",
        "phase": "fact",
        "time": "2027-12-24T11:00:00.000000Z",
        "actor": {"name": given["by"], "source": "os"},
        "environment": "production",
        "release": "1.1.1",
        "subject": "granted",
        "body": {"freeze": known.events[0].uid, "name": "f", "reason": given["reason"], "until": given["until"]},
    }
    return overrides.standing([entry], environment="production", release=given["release"], deployer=given["deployer"], at=at(NOON))


# Octopus: (name, scope of the freeze, what is deployed, moment, allowed). octopus.com/docs/deployments/deployment-freezes
OCTOPUS = [
    ("new deployments are prevented", {"projects": ["car-rental"], "environments": ["production"]}, "car-rental", "production", NOON, False),
    ("another project still deploys", {"projects": ["car-rental"], "environments": ["production"]}, "hotel", "production", NOON, True),
    ("another environment still deploys", {"projects": ["car-rental"], "environments": ["production"]}, "car-rental", "staging", NOON, True),
    ("all projects of one environment", {"environments": ["production"]}, "hotel", "production", NOON, False),
    ("a project in all environments", {"projects": ["car-*"]}, "car-rental", "staging", NOON, False),
    ("nothing named is everything", {}, "hotel", "staging", NOON, False),
    ("before it begins", {}, "hotel", "staging", "2027-12-19T23:59:59Z", True),
    ("from its first moment", {}, "hotel", "staging", "2027-12-20T00:00:00Z", False),
    ("until its last moment", {}, "hotel", "staging", "2028-01-01T23:59:59Z", False),
    ("when it has ended", {}, "hotel", "staging", "2028-01-02T00:00:00Z", True),
]


@pytest.mark.parametrize(("name", "where", "project", "environment", "moment", "allowed"), OCTOPUS, ids=[row[0] for row in OCTOPUS])
def test_freezes_as_in_octopus(name: str, where: dict[str, Any], project: str, environment: str, moment: str, allowed: bool) -> None:
    known = calendar(freezes=[freeze(**FREEZE, scope=where)] if where else [freeze(**FREEZE)])
    answer = ask(known, moment, environment={"name": environment, "tier": "production"}, project=project)
    assert answer["allowed"] is allowed
    if not allowed:
        assert (answer["by"]["name"], answer["by"]["reason"], answer["by"]["uid"]) == ("f", "busy", known.events[0].uid)
        assert (answer["by"]["from"], answer["by"]["to"]) == (FREEZE["begins"], FREEZE["ends"])
        assert answer["by"]["local_from"] == "2027-12-20T01:00:00+01:00"
        assert "f holds until Sun 2028-01-02 01:00 CET: busy" in answer["reason"]


def test_a_deployment_that_starts_executing_during_a_freeze_is_refused_whenever_it_was_created() -> None:
    """Octopus evaluates at execution. So does every batch here: what was begun ends, nothing more begins."""
    built = build(calendar(freezes=[freeze(**FREEZE)]), begin="2027-12-19T20:00:00Z")
    assert batch.word(built, at("2027-12-19T23:59:59Z")) == ("go", "")
    said = batch.word(built, at("2027-12-20T00:00:00Z"))
    assert said.word == "wait"
    assert said.why == "the freeze f of the calendar test, until Sun 2028-01-02 01:00 CET: busy"
    assert batch.word(built, at("2027-12-20T00:00:00Z"), step="rolling_back") == ("go", "")
    with pytest.raises(CalendarError, match="expand them again"):
        batch.word(built, at("2029-01-01T00:00:00Z"))


def test_a_batch_waits_when_its_window_closes() -> None:
    built = build(calendar(windows=[window(days=["mon"], **{"from": "20:00", "to": "22:00"})]), begin="2027-03-01T00:00Z")
    assert batch.word(built, at("2027-03-01T21:59+01:00")).word == "go"
    said = batch.word(built, at("2027-03-01T22:00+01:00"))
    assert said.word == "wait"
    assert said.why.startswith("the calendar: No window is open")


# Override: it needs a right (a second person) and a reason, it is for one release, and the freeze remains.
OVERRIDES = [
    ("a second person with a reason", {}, True, ""),
    ("the deployer", {"by": "ada"}, False, "a second person has to grant it"),
    ("the deployer under another name", {"by": "CORP\\Ada"}, False, "a second person has to grant it"),
    ("the deployer by mail", {"by": "ada@example.org"}, False, "a second person has to grant it"),
    ("without a reason", {"reason": "  "}, False, "it lacks"),
    ("expired", {"until": "2027-12-24T12:00:00Z"}, False, "it expired"),
    ("for ever", {"until": "2099-01-01T00:00:00Z"}, False, "longer than 7 days"),
    ("no end", {"until": ""}, False, "it lacks"),
    ("an end that is none", {"until": "soon"}, False, "it lacks"),
    ("nobody knows who deploys", {"deployer": ""}, False, "nobody knows who deploys"),
    ("another release", {"release": "1.2.0"}, False, None),
]


@pytest.mark.parametrize(("name", "how", "allowed", "why"), OVERRIDES, ids=[row[0] for row in OVERRIDES])
def test_overrides(name: str, how: dict[str, Any], allowed: bool, why: str | None) -> None:
    known = calendar(freezes=[freeze(**FREEZE)])
    given = override(known, **how)
    answer = ask(known, overrides=given)
    assert answer["allowed"] is allowed
    # The freeze stays, and every answer shows the override.
    assert len(answer["freezes"]) + len(answer["overridden"]) == 1
    if why is None:
        assert answer["overrides"] == []
    else:
        assert why in answer["overrides"][0]["why_not"]
        assert answer["overrides"][0]["counts"] is allowed
    if allowed:
        assert answer["closes"]["at"] == "2027-12-24T16:00:00Z"
        assert answer["closes"]["by"]["name"] == "f"
        built = build(known, begin="2027-12-24T12:00:00Z")
        assert batch.word(built, at("2027-12-24T15:59:59Z"), overrides=given).word == "go"
        assert batch.word(built, at("2027-12-24T16:00:00Z"), overrides=given).word == "wait"


def test_an_override_of_one_freeze_does_not_pass_another() -> None:
    known = calendar(freezes=[freeze(**FREEZE), freeze(**FREEZE | {"name": "other"})])
    answer = ask(known, overrides=override(known))
    assert not answer["allowed"]
    assert [each["name"] for each in answer["freezes"]] == ["other"]
    assert [each["name"] for each in answer["overridden"]] == ["f"]


def test_it_ends_when_it_is_withdrawn_and_can_be_granted_again() -> None:
    known = calendar(freezes=[freeze(**FREEZE)])
    actor = {"name": "bea", "source": "os"}
    body = {"freeze": known.events[0].uid, "name": "f", "reason": "r", "until": "2027-12-24T16:00:00Z"}
    base = {"kind": "freeze_override", "phase": "fact", "actor": actor, "environment": "production", "release": "1.1.1", "body": body}
    entries = [
        {**base, "id": "1", "subject": "granted", "time": "2027-12-24T09:00:00.000000Z"},
        {**base, "id": "2", "subject": "withdrawn", "time": "2027-12-24T10:00:00.000000Z"},
    ]
    asked = {"environment": "production", "release": "1.1.1", "deployer": "ada", "at": at(NOON)}
    assert [(one.counts, one.why_not) for one in overrides.standing(entries, **asked)] == [(False, "bea withdrew it")]
    entries.append({**base, "id": "3", "subject": "granted", "time": "2027-12-24T11:00:00.000000Z"})
    assert [one.counts for one in overrides.standing(entries, **asked)] == [False, True]
    assert overrides.standing(entries, **{**asked, "environment": "staging"}) == []


# ServiceNow: a maintenance window permits, a blackout refuses and beats it; without any window there is no such conflict.
SERVICENOW = [
    ("no schedule at all", [], [], True),
    ("inside the maintenance window", [("09:00", "17:00")], [], True),
    ("not in a maintenance window", [("20:00", "22:00")], [], False),
    ("in one of two", [("20:00", "22:00"), ("12:00", "14:00")], [], True),
    ("in a blackout window", [], [("12:00", "14:00")], False),
    ("a blackout beats a maintenance window", [("09:00", "17:00")], [("12:00", "14:00")], False),
    ("a blackout at another time", [("09:00", "17:00")], [("20:00", "22:00")], True),
]


@pytest.mark.parametrize(("name", "maintenance", "blackout", "allowed"), SERVICENOW, ids=[row[0] for row in SERVICENOW])
def test_schedules_as_in_servicenow(name: str, maintenance: list[Any], blackout: list[Any], allowed: bool) -> None:
    every = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
    known = calendar(
        windows=[window(name=f"m{number}", **every, **{"from": begin, "to": end}) for number, (begin, end) in enumerate(maintenance)],
        freezes=[freeze(name=f"b{number}", **every, **{"from": begin, "to": end}) for number, (begin, end) in enumerate(blackout)],
    )
    assert ask(known, "2027-06-01T12:30+02:00")["allowed"] is allowed


# (scope, target, parts when it refuses, parts when it permits)
SCOPES = [
    ({}, Target("production", "production", "p", ("a", "b")), ("a", "b"), ("a", "b")),
    ({"services": ["a"]}, Target("production", "production", "p", ("a", "b")), ("a",), ("a",)),
    ({"services": ["x*"]}, Target("production", "production", "p", ("a", "b")), (), ()),
    ({"services": ["a*"]}, Target("production", "production", "p", ()), ("",), ()),
    ({"services": ["*"]}, Target("production", "production", "p", ()), ("",), ("",)),
    ({"projects": ["p?"]}, Target("production", "production", "p1", ("a",)), ("a",), ("a",)),
    # What is not known is refused and not permitted.
    ({"projects": ["p"]}, Target("production", "production", "", ("a",)), ("a",), ()),
    ({"tiers": ["production"]}, Target("production", "", "p", ("a",)), ("a",), ()),
    ({"tiers": ["staging"]}, Target("production", "production", "p", ("a",)), (), ()),
    ({"environments": ["prod*"]}, Target("production", "production", "p", ("a",)), ("a",), ("a",)),
    ({"environments": ["PROD*"]}, Target("production", "production", "p", ("a",)), (), ()),
]


@pytest.mark.parametrize(("where", "of", "refuses", "permits"), SCOPES)
def test_scopes(where: dict[str, Any], of: Target, refuses: tuple[str, ...], permits: tuple[str, ...]) -> None:
    found = documents.scope_of({"scope": where})
    assert scope.parts(found, of, generous=True) == refuses
    assert scope.parts(found, of, generous=False) == permits


def test_services_together_need_a_window_each() -> None:
    known = calendar(
        windows=[
            window(name="shop", days=["mon"], **{"from": "20:00", "to": "23:00"}, scope={"services": ["shop"]}),
            window(name="pay", days=["mon"], **{"from": "22:00", "to": "23:30"}, scope={"services": ["pay"]}),
        ]
    )
    hours = ("20:30", "22:30", "23:15")
    table = {
        ("shop",): {"20:30", "22:30"},
        ("pay",): {"22:30", "23:15"},
        ("shop", "pay"): {"22:30"},
        ("shop", "free"): {"20:30", "22:30"},  # nobody wrote a window for it
        ("free",): set(hours),
    }
    for services, wanted in table.items():
        assert {hour for hour in hours if ask(known, f"2027-03-01T{hour}+01:00", services=services)["allowed"]} == wanted, services


def test_what_is_not_known_needs_a_window_and_has_none() -> None:
    every = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "00:00"}
    for where in ({"tiers": ["production"]}, {"projects": ["p"]}, {"services": ["shop"]}):
        known = calendar(windows=[window(**every, scope=where)])
        assert not ask(known, environment="production", services=())["allowed"]
        assert ask(known, project="p")["allowed"]
    # Somewhere else it is known not to be meant.
    assert ask(known, services=("pay",))["allowed"]


def test_a_freeze_of_one_service_holds_back_those_that_go_with_it() -> None:
    known = calendar(freezes=[freeze(**FREEZE, scope={"services": ["pay"]})])
    assert not ask(known, services=("shop", "pay"))["allowed"]
    assert ask(known, services=("shop",))["allowed"]
    assert not ask(known, services=())["allowed"]


def test_holidays_shut_windows_or_refuse() -> None:
    every = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "from": "00:00", "to": "00:00"}
    shut = calendar(windows=[window(**every)], holidays=[{"country": "DE", "subdivision": "BY", "as": "no_window"}])
    assert not ask(shut, "2027-01-06T12:00+01:00")["allowed"]
    assert ask(shut, "2027-01-06T12:00+01:00")["closed"][0]["name"] == "Epiphany (DE-BY)"
    assert ask(shut, "2027-01-07T12:00+01:00")["allowed"]
    berlin = calendar(windows=[window(**every)], holidays=[{"country": "DE", "subdivision": "BE", "as": "no_window"}])
    assert ask(berlin, "2027-01-06T12:00+01:00")["allowed"]
    # Where no window is asked for, a holiday without windows shuts nothing; one that is a freeze refuses.
    assert ask(calendar(holidays=[{"country": "DE", "as": "no_window"}]), "2027-01-01T12:00+01:00")["allowed"]
    frozen = calendar(holidays=[{"country": "US", "as": "freeze", "names": ["Independence*"], "timezone": "America/New_York"}])
    assert not ask(frozen, "2027-07-04T23:59-04:00")["allowed"]
    # It is a Sunday, so the Monday after it is kept as well.
    assert ask(frozen, "2027-07-05T23:59-04:00")["by"]["name"] == "Independence Day (observed) (US)"
    assert ask(frozen, "2027-07-06T00:00-04:00")["allowed"]
    assert ask(frozen, "2027-12-25T12:00-05:00")["allowed"]
    assert ask(frozen, "2027-07-04T12:00-04:00")["by"]["kind"] == "holiday"


def test_a_peak_refuses_or_only_tells() -> None:
    month_end = {"rule": "FREQ=MONTHLY;BYMONTHDAY=-1", "since": "2027-01-01", "name": "close", "reason": "financial close"}
    assert not ask(calendar(peaks=[month_end]), "2027-02-28T12:00+01:00")["allowed"]
    told = ask(calendar(peaks=[{**month_end, "as": "notice"}]), "2027-02-28T12:00+01:00")
    assert told["allowed"]
    assert [each["name"] for each in told["notices"]] == ["close"]


def test_environments_and_calendars_are_one_answer() -> None:
    """A calendar adds a window, and its freeze beats the environment's window."""
    declared = {
        **PRODUCTION,
        "windows": [{"name": "own", "days": ["mon"], "from": "20:00", "to": "22:00", "timezone": "UTC"}],
        "freezes": [{"name": "own freeze", "from": "2027-03-15T00:00:00Z", "to": "2027-03-16T00:00:00Z", "reason": "audit"}],
    }
    added = calendar(
        windows=[window(name="more", days=["tue"], **{"from": "20:00", "to": "22:00"}, timezone="UTC")],
        freezes=[freeze(begins="2027-03-08", ends="2027-03-08", timezone="UTC")],
    )
    built = timeline.build([documents.of_environment(declared), added], scope.target(declared, ["shop"]), begin=at("2027-03-01T00:00Z"), days=30)
    table = {"2027-03-01T21:00Z": True, "2027-03-02T21:00Z": True, "2027-03-03T21:00Z": False, "2027-03-08T21:00Z": False, "2027-03-15T21:00Z": False}
    assert {moment: verdict.ask(built, at(moment))["allowed"] for moment in table} == table
    assert verdict.ask(built, at("2027-03-15T21:00Z"))["by"]["name"] == "own freeze"
    # An environment without any allows at any time.
    assert ask(documents.of_environment(PRODUCTION))["allowed"]


def test_what_opens_next() -> None:
    known = calendar(
        windows=[window(days=["mon", "wed"], **{"from": "20:00", "to": "22:00"})],
        freezes=[freeze(begins="2027-03-03T19:00", ends="2027-03-03T21:30")],
    )
    answer = ask(known, "2027-03-02T12:00Z", lasting=3600)
    assert not answer["allowed"]
    assert answer["will_finish"] is None
    # On Wednesday only half an hour is left of the window.
    assert answer["next"]["at"] == "2027-03-08T19:00:00Z"
    assert ask(known, "2027-03-02T12:00Z", lasting=1800)["next"]["at"] == "2027-03-03T20:30:00Z"
    running = ask(known, "2027-03-01T20:30:00Z", lasting=3600)
    assert running["allowed"]
    assert running["will_finish"] is False
    assert running["closes"]["at"] == "2027-03-01T21:00:00Z"
