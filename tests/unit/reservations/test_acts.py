# SPDX-License-Identifier: GPL-3.0-or-later
"""Booking, approving, displacing, waiting, extending, giving back."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.acts import Refusal
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.turn import told, turn

from .parts import EVERYBODY, NOW, Book, at, made_world, wish


@pytest.fixture
def book():
    return Book(made_world())


def test_one_gets_it_and_the_other_is_told_who_until_when_whom_to_ask_and_what_fits(book):
    assert book.book(wish("first", 1, 3)) == ["first booked"]
    with pytest.raises(Refusal) as caught:
        book.book(wish("second", 2, 4, by="cid", team="pay"))
    for part in (
        "staging is taken by first of ann (shop)",
        "to 2027-03-01T11:00:00Z",
        "ask ann (shop); platform, owner of staging",
        "from 2027-03-01T11:00:00Z",
    ):
        assert part in str(caught.value)
    assert caught.value.free == (at(3), at(5))
    assert book.states() == {"first": "approved"}


def test_asking_again_changes_nothing_and_another_wish_of_that_name_is_refused(book):
    book.book(wish("first", 1, 3))
    assert book.book(wish("first", 1, 3)) == []
    with pytest.raises(Refusal, match="another end"):
        book.book(wish("first", 1, 4))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"places": ("nowhere",)}, "nowhere is no environment"),
        ({"places": ()}, "names no environment"),
        ({"mode": "party"}, "mode 'party' is unknown"),
        ({"purpose": "fun"}, "purpose 'fun' is unknown"),
        ({"team": "pay"}, "ann is not in the team pay"),
        ({"by": "", "team": ""}, "nobody knows who asks"),
        ({"start": 3, "end": 3}, "not after its start"),
        ({"start": 0, "end": 24 * 15}, "allowed is 14 d"),
        ({"start": 24 * 181, "end": 24 * 181 + 1}, "allowed is 180 d ahead"),
        ({"start": -3, "end": -1}, "it is over since"),
        ({"setup": 86401}, "more than 1 d"),
    ],
)
def test_faults_of_a_wish(book, wrong, said):
    with pytest.raises(Refusal, match=said):
        book.book(wish("w", wrong.pop("start", 1), wrong.pop("end", 2), **wrong))
    assert book.entries == []


def test_all_faults_come_at_once(book):
    with pytest.raises(Refusal) as caught:
        book.book(wish("w", 3, 2, mode="party", purpose="fun", places=("nowhere",)))
    assert all(part in str(caught.value) for part in ("nowhere", "party", "fun", "not after"))


@pytest.mark.parametrize(
    ("loser", "winner", "started", "gives_way"),
    [
        ("training", "test", False, True),
        ("test", "release", False, True),
        ("release", "incident", False, True),
        ("test", "test", False, False),
        ("release", "test", False, False),
        ("test", "training", False, False),
        ("training", "release", True, False),  # it runs: only an incident may do that
        ("release", "incident", True, True),
        ("incident", "incident", True, False),
    ],
)
def test_who_gives_way(book, loser, winner, started, gives_way):
    book.book(wish("old", 1, 5, purpose=loser))
    now = at(2) if started else NOW
    new = wish("new", 3, 4, by="cid", team="pay", purpose=winner)
    if not gives_way:
        with pytest.raises(Refusal):
            book.book(new, now)
        assert book.states(now)["old"] == "approved"
        return
    assert book.book(new, now) == ["old displaced", "new booked"]
    assert book.states(now) == {"old": "waiting", "new": "approved"}


def test_the_loser_is_told_and_comes_back_when_the_time_is_free_again(book):
    book.book(wish("old", 1, 5, purpose="training"))
    from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import acts

    new = wish("new", 3, 4, by="cid", team="pay", purpose="release")
    changes = turn(book.world, book.entries, NOW, lambda present: acts.book(book.world, present, new, actor="cid", now=NOW))
    [said] = told(changes, actor="cid")
    assert (said["id"], said["who"], said["team"], said["event"]) == ("old", "ann", "shop", "displaced")
    assert "displaced by new of cid (pay) for release" in said["text"]
    book.add(changes, NOW)
    assert book.release("new", "cid") == ["new cancelled", "old placed"]
    assert book.states()["old"] == "approved"


def test_a_weaker_one_in_the_way_stays_while_a_stronger_one_is(book):
    book.book(wish("weak", 1, 2, purpose="training"))
    book.book(wish("strong", 2, 3, purpose="release"))
    with pytest.raises(Refusal, match="strong of ann"):
        book.book(wish("new", 1, 3, by="cid", team="pay", purpose="test"))
    assert book.states()["weak"] == "approved"


def test_the_waiting_list_is_by_purpose_and_then_by_time(book):
    book.book(wish("holder", 1, 5, purpose="incident"))
    for hours, (name, purpose) in enumerate([("late_test", "test"), ("early_test", "test"), ("training", "training"), ("release", "release")]):
        now = at(-0.5 + hours / 10 if name != "early_test" else -0.9)
        assert book.book(wish(name, 1, 5, by="cid", team="pay", purpose=purpose), now, wait=True) == [f"{name} booked"]
    assert book.release("holder", "ann") == ["holder cancelled", "release placed"]
    assert book.release("release", "cid") == ["release cancelled", "early_test placed"]
    assert book.release("early_test", "cid") == ["early_test cancelled", "late_test placed"]
    assert book.release("late_test", "cid") == ["late_test cancelled", "training placed"]


def test_who_waits_goes_before_who_comes_later(book):
    book.book(wish("holder", 1, 5))
    book.book(wish("waiter", 1, 5, by="cid", team="pay"), wait=True)
    book.add([], NOW)
    assert book.release("holder", "ann") == ["holder cancelled", "waiter placed"]
    with pytest.raises(Refusal):
        book.book(wish("newcomer", 1, 5))


def test_who_waited_in_vain_is_told(book):
    book.book(wish("holder", 1, 5))
    book.book(wish("waiter", 1, 2, by="cid", team="pay"), wait=True)
    assert book.settle(at(3)) == ["waiter expired"]


class TestApproval:
    @pytest.fixture
    def book(self):
        return Book(made_world(auto_approve=[{"teams": ["pay"], "tiers": ["test"], "max_length": "2h", "min_lead": "1h"}], approval_within="24h"))

    @pytest.mark.parametrize(
        ("more", "state"),
        [
            ({}, "approved"),
            ({"start": 0.5, "end": 2}, "pending"),  # too late
            ({"end": 4.1}, "pending"),  # too long
            ({"places": ("staging",)}, "pending"),
            ({"by": "ann", "team": "shop"}, "pending"),
        ],
    )
    def test_what_a_rule_approves(self, book, more, state):
        options = {"by": "cid", "team": "pay", "places": ("qa",), **more}
        book.book(wish("w", options.pop("start", 2), options.pop("end", 4), **options))
        assert book.states()["w"] == state

    def test_the_owner_approves_and_nobody_else_and_never_their_own(self, book):
        book.book(wish("w", 1, 2))
        with pytest.raises(Refusal, match="owners of its environments: platform"):
            book.approve("w", "cid")
        with pytest.raises(Refusal, match="owners of its environments"):
            book.approve("w", "mallory")
        assert book.approve("w", "eve") == ["w approved"]
        assert book.approve("w", "eve") == []
        book.book(wish("own", 3, 4, by="eve", team="platform"))
        with pytest.raises(Refusal, match="may not approve it"):
            book.approve("own", "eve")
        assert book.approve("own", "fay") == ["own approved"]

    def test_a_lane_needs_the_owner_of_each(self, book):
        book.book(wish("lane", 1, 2, places=("qa", "staging")))
        book.approve("lane", "eve")
        assert book.states()["lane"] == "pending"
        book.approve("lane", "gil")
        assert book.states()["lane"] == "approved"

    def test_a_booking_that_nobody_approved_expires_and_makes_room(self, book):
        book.book(wish("w", 30, 32))
        book.book(wish("next", 30, 32, by="cid", team="pay", places=("staging",)), at(1), wait=True)
        assert book.states(at(23)) == {"next": "waiting", "w": "pending"}
        assert book.settle(at(24)) == ["w expired", "next placed"]

    def test_a_pending_one_displaces_nobody_until_it_is_approved(self):
        book = Book(made_world(auto_approve=[{"purposes": ["training"]}]))
        book.book(wish("training", 1, 3, purpose="training"))
        assert book.book(wish("release", 1, 3, by="cid", team="pay", purpose="release")) == ["release booked"]
        assert book.states() == {"release": "pending", "training": "approved"}
        assert book.approve("release", "eve") == ["training displaced", "release approved"]

    def test_refused_is_refused(self, book):
        from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import acts

        book.book(wish("w", 1, 2))
        with pytest.raises(Refusal, match="may not refuse"):
            book.do(lambda present: acts.refuse(book.world, present, "w", actor="cid", now=NOW, reason="no"))
        book.do(lambda present: acts.refuse(book.world, present, "w", actor="eve", now=NOW, reason="not today"))
        assert book.states()["w"] == "refused"
        with pytest.raises(Refusal, match="refused \\(not today\\)"):
            book.approve("w", "eve")


class TestExtension:
    def test_while_nobody_waits(self, book):
        book.book(wish("w", 1, 3))
        assert book.extend("w", at(4), "bob", at(2)) == ["w extended"]
        assert book.extend("w", at(4), "bob", at(2)) == []
        with pytest.raises(Refusal, match="not before"):
            book.extend("w", at(3.5), "bob", at(2))
        with pytest.raises(Refusal, match="may not extend"):
            book.extend("w", at(5), "cid", at(2))
        with pytest.raises(Refusal, match="ended at"):
            book.extend("w", at(6), "ann", at(5))

    def test_not_over_a_booking_and_not_before_who_waits_but_for_the_owner(self, book):
        book.book(wish("w", 1, 3))
        book.book(wish("waiter", 2.5, 4, by="cid", team="pay"), wait=True)
        with pytest.raises(Refusal, match=r"1 booking waits for that time, first waiter of cid"):
            book.extend("w", at(3.5), "ann", at(2))
        assert book.extend("w", at(3.5), "eve", at(2)) == ["w extended"]
        book.book(wish("next", 4, 5, by="dan", team="pay"), at(2))
        with pytest.raises(Refusal, match="next of dan"):
            book.extend("w", at(4.5), "eve", at(2))

    def test_not_longer_than_allowed(self, book):
        book.book(wish("w", 1, 3))
        with pytest.raises(Refusal, match="allowed is 14 d"):
            book.extend("w", at(24 * 15), "ann", at(2))


def test_given_back_while_it_runs_and_cancelled_before(book):
    book.book(wish("w", 1, 3))
    with pytest.raises(Refusal, match="may not release"):
        book.release("w", "cid")
    assert book.release("w", "bob", at(2)) == ["w released"]
    assert book.release("w", "bob", at(2)) == []
    book.book(wish("next", 2, 3, by="cid", team="pay"), at(2))
    assert book.states(at(2)) == {"next": "approved", "w": "released"}


class TestNoShow:
    @pytest.fixture
    def book(self):
        made = Book(made_world(no_show="30m", setup="10m"))
        made.book(wish("w", 1, 5, setup=600))
        made.book(wish("waiter", 1, 5, by="cid", team="pay"), wait=True)
        return made

    def test_nobody_came_and_who_waits_gets_it_with_time_of_its_own(self, book):
        assert book.settle(at(1.49)) == []
        assert book.settle(at(1.5)) == ["w given_back", "waiter placed"]
        assert book.settle(at(1.9)) == []
        assert book.settle(at(2)) == ["waiter given_back"]

    @pytest.mark.parametrize(
        ("kind", "environment", "who", "hours", "kept"),
        [
            ("deployment", "staging", "bob", 1.2, True),
            ("data_sync", "staging", "ann", 0.9, True),  # while setting up
            ("deployment", "staging", "cid", 1.2, False),  # somebody else
            ("deployment", "qa", "ann", 1.2, False),  # somewhere else
            ("gate", "staging", "ann", 1.2, False),  # asking is no use
            ("deployment", "staging", "ann", 0.5, False),  # before it
        ],
    )
    def test_what_counts_as_use(self, book, kind, environment, who, hours, kept):
        book.note(kind, environment, who, at(hours))
        assert (book.settle(at(1.6)) == []) == kept

    def test_somebody_may_say_so(self, book):
        from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import acts

        with pytest.raises(Refusal, match="is not one of"):
            book.do(lambda present: acts.use(book.world, present, "w", actor="cid", now=at(1.2)), at(1.2))
        with pytest.raises(Refusal, match="can't be used now"):
            book.do(lambda present: acts.use(book.world, present, "w", actor="ann", now=NOW))
        assert book.do(lambda present: acts.use(book.world, present, "w", actor="ann", now=at(1.2)), at(1.2)) == ["w used"]
        assert book.settle(at(4)) == []


class TestPlutora:
    @pytest.fixture
    def book(self):
        return Book(made_world(conflicts="plutora", auto_approve=[{"purposes": ["release"]}]))

    def test_nobody_is_kept_out_and_who_approves_decides(self, book):
        book.book(wish("first", 1, 3))
        assert book.book(wish("second", 1, 3, by="cid", team="pay")) == ["second booked"]
        book.approve("first", "eve")
        book.approve("second", "eve")
        assert book.states() == {"first": "approved", "second": "approved"}

    def test_nobody_gives_way_either(self, book):
        book.book(wish("first", 1, 3, purpose="training"))
        assert book.book(wish("second", 1, 3, by="cid", team="pay", purpose="release")) == ["second booked"]


def test_everybody_is_a_rule_of_the_test():
    assert {"shop", "pay", "platform", "quality"} == set(EVERYBODY[0]["teams"])
