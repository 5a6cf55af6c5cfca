# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may act where: the table, the texts, and what can't be told."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.standing import standing

from .parts import ENVIRONMENTS, NOW, Book, at, documents, made_world, wish

KEYS = {"environment", "allowed", "why", "message", "required", "holders", "mine", "waiting", "ask", "until", "free_from", "next"}


def asked(book, *, actor="ann", act="deploy", now=None, release="1.4.0", place="staging", **rules):
    found = standing(documents(**rules), book.entries, place, at(1.5) if now is None else now, actor, act, release)
    assert set(found) == KEYS
    return found


def holding(*wishes):
    book = Book(made_world(conflicts="plutora"))  # lets two in
    for each in wishes:
        book.book(each)
    return book


@pytest.mark.parametrize(
    ("wishes", "actor", "act", "allowed", "why"),
    [
        ([], "ann", "deploy", True, "free"),
        ([{}], "ann", "deploy", True, "own"),
        ([{}], "bob", "promote", True, "own"),  # the team's
        ([{}], "cid", "deploy", False, "held"),
        ([{}], "eve", "deploy", False, "held"),  # owning it is no booking
        ([{}], "", "deploy", False, "unknown"),
        ([{}], "cid", "rollback", True, "way_back"),
        ([{}], "cid", "recover", True, "way_back"),
        ([{}], "cid", "drift", True, "looks"),
        ([{"mode": "code_change"}], "ann", "data_sync", True, "own"),
        ([{"mode": "regression"}], "ann", "deploy", False, "mode"),
        ([{"mode": "regression"}], "ann", "drift", True, "own"),
        ([{"mode": "regression"}, {"mode": "regression", "by": "cid", "team": "pay"}], "ann", "deploy", False, "shared"),
        ([{"mode": "regression"}], "cid", "deploy", False, "held"),
        ([{"release": "1.4.0"}], "ann", "deploy", True, "own"),
        ([{"release": "1.3.0"}], "ann", "deploy", False, "release"),
        ([{"places": ("qa",)}], "ann", "deploy", True, "free"),
        ([{"places": ("qa", "staging")}], "cid", "deploy", False, "held"),
    ],
)
def test_the_table(wishes, actor, act, allowed, why):
    book = holding(*(wish(f"w{number}", 1, 3, **each) for number, each in enumerate(wishes)))
    found = asked(book, actor=actor, act=act)
    assert (found["allowed"], found["why"]) == (allowed, why), found["message"]


@pytest.mark.parametrize(("hours", "why"), [(0.8, "free"), (0.9, "held"), (1, "held"), (2.99, "held"), (3.1, "held"), (3.25, "free")])
def test_setup_and_teardown_belong_to_the_booking(hours, why):
    book = holding(wish("w", 1, 3, setup=600, teardown=900))
    assert asked(book, actor="cid", now=at(hours))["why"] == why
    assert asked(book, actor="ann", now=at(hours))["allowed"]


@pytest.mark.parametrize("rule", [{}, {"tiers": ["staging"]}, {"environments": ["staging"], "acts": ["deploy"]}, {"tiers": []}])
def test_where_a_booking_is_demanded(rule):
    book = holding()
    assert asked(book, required=[rule])["why"] == "required"
    assert asked(book, act="rollback", required=[rule])["why"] == "way_back"
    book.book(wish("w", 1, 3))
    assert asked(book, required=[rule])["why"] == "own"


@pytest.mark.parametrize("rule", [{"tiers": ["production"]}, {"acts": ["promote"]}, {"environments": ["qa"]}])
def test_where_it_is_not_demanded(rule):
    assert asked(holding(), required=[rule])["why"] == "free"


def test_a_pending_booking_holds_nothing():
    book = Book(made_world(auto_approve=[]))
    book.book(wish("w", 1, 3))
    assert asked(book, actor="cid")["why"] == "free"


def test_the_refusal_says_who_until_when_whom_to_ask_and_when_it_is_free():
    book = holding(wish("w", 1, 3, teardown=600))
    book.book(wish("next", 3.5, 5, by="cid", team="pay"))
    found = asked(book, actor="dan")
    for part in (
        "staging is held by w of ann (shop) for test (exclusive) from 2027-03-01T09:00:00Z to 2027-03-01T11:00:00Z: a reason",
        "deploy by dan is refused: dan is not of that booking.",
        "It is free for an hour from 2027-03-01T13:00:00Z.",
        "ask ann (shop); platform, owner of staging",
    ):
        assert part in found["message"]
    assert (found["until"], found["free_from"], found["next"]["id"]) == ("2027-03-01T11:10:00Z", "2027-03-01T13:00:00Z", "next")


def test_time_alone_gives_back_what_nobody_used_without_an_entry():
    book = Book(made_world(no_show="30m"))
    book.book(wish("w", 1, 5))
    before = asked(book, actor="cid", now=at(1.4), no_show="30m")
    after = asked(book, actor="cid", now=at(1.5), no_show="30m")
    assert (before["why"], after["why"]) == ("held", "free")


class TestFilesThatMeet:
    """Nobody checked the merge: the more urgent one has it, or nobody."""

    @staticmethod
    def found(purposes, actor):
        bookings = [
            {
                "id": f"f{number}",
                "environments": ["staging"],
                "mode": "exclusive",
                "purpose": purpose,
                "team": team,
                "from": "2027-03-01T09:00:00Z",
                "length": "2h",
                "reason": "why",
            }
            for number, (purpose, team) in enumerate(zip(purposes, ("shop", "pay")))
        ]
        return standing(documents(bookings=bookings), [], "staging", at(1.5), actor, "deploy")

    def test_alike(self):
        assert [self.found(("test", "test"), who)["why"] for who in ("ann", "cid")] == ["clash", "clash"]

    def test_one_is_more_urgent(self):
        assert [self.found(("test", "release"), who)["why"] for who in ("ann", "cid")] == ["clash", "own"]


@pytest.mark.parametrize(
    ("documents_", "entries", "said"),
    [
        ({"reservations": [{"rules": {"setup": "soon"}}], "environments": ENVIRONMENTS, "teams": {}}, [], "'soon' is not a length"),
        ({"reservations": [{"rules": {}}, {"rules": {}}], "environments": ENVIRONMENTS, "teams": {}}, [], "2 documents have rules"),
        ({"reservations": [{"bookings": [{"id": "x"}]}], "environments": ENVIRONMENTS, "teams": {}}, [], "from"),
        ({"reservations": [], "environments": {}, "teams": {}}, [], "no environment that is declared"),
        ({"reservations": [], "environments": ENVIRONMENTS, "teams": {}}, [{"id": "e1", "kind": "reservation", "body": {}}], "has no booking"),
        (
            {"reservations": [], "environments": ENVIRONMENTS, "teams": {}},
            [{"id": "e1", "kind": "reservation", "body": {"booking": {"id": 1}}}],
            "can't be read",
        ),
        ({"reservations": ["text"], "environments": ENVIRONMENTS, "teams": {}}, [], ""),
        ({"reservations": 7, "environments": ENVIRONMENTS, "teams": []}, [], ""),
    ],
)
def test_what_cannot_be_told_is_refused(documents_, entries, said):
    found = standing(documents_, entries, "staging", NOW, "ann", "deploy")
    assert set(found) == KEYS
    assert (found["allowed"], found["why"]) == (False, "unknown")
    assert said in found["message"]


class TestStarterPolicy:
    """extensions/policies/reservation.yml by the engine of the gate."""

    @staticmethod
    def decision(section, *, act="deploy"):
        from pathlib import Path

        import yaml

        policy = yaml.safe_load((Path(__file__).parents[3] / "extensions/policies/reservation.yml").read_text())
        evidence = {"now": NOW.isoformat(), "act": act, "environment": ENVIRONMENTS["staging"]}
        return decide([policy], evidence | ({"reservation": section} if section is not None else {}), act=act, environment=ENVIRONMENTS["staging"])

    @pytest.mark.parametrize(("actor", "verdict"), [("ann", "passed"), ("cid", "failed")])
    def test_it_permits_the_holder_and_refuses_others(self, actor, verdict):
        book = holding(wish("w", 1, 3))
        found = self.decision(asked(book, actor=actor))
        assert found.verdict == verdict
        [rule] = [each for each in found.rules if each.policy == "reservation"]
        assert "w of ann" in rule.values["reservation.message"]

    def test_nothing_known_is_refused(self):
        assert self.decision(None).verdict == "errored"
        assert self.decision(standing({}, [], "staging", NOW, "ann", "deploy")).verdict == "failed"

    def test_the_way_back_is_open(self):
        assert self.decision(asked(holding(wish("w", 1, 3)), actor="cid", act="rollback"), act="rollback").verdict == "passed"

    def test_it_is_a_policy(self):
        from datetime import date
        from pathlib import Path

        from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files

        found, faults = files.read("policy", [str(Path(__file__).parents[3] / "extensions/policies/reservation.yml")], today=date(2027, 1, 1))
        assert (len(found), faults) == (1, [])
