# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes from opening to review, each step through the ledger's entries; what is refused at each of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import emergency, past, records, standard, steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.tests.unit.change.test_opening import TEMPLATE, template
from ansible_collections.evenkeel.release.tests.unit.change.world import NOW, Ledger, facts
from ansible_collections.evenkeel.release.tests.unit.change.world import scope as plan

REVIEW = {"summary": "It went on", "root_cause": "a missing index", "actions": [{"what": "add an index", "owner": "ann", "due": "2027-04-01"}]}
URGENT = {"reason": "the basket loses orders", "incident": "INC1"}


def through(ledger: Ledger, number: str, verdict: str = "passed", **more: Any) -> str:
    ledger.schedule(number)
    deployment = ledger.deploy("")
    ledger.implement(number, deployment, **more)
    if verdict:
        ledger.write("deployment", "outcome", intent=deployment, verdict=verdict, problems=[{"host": "s1", "reason": "it is broken"}])
    return deployment


def outcome(ledger: Ledger, number: str) -> Any:
    move = ledger.change(number).last("Implement")
    return past.outcome(ledger.entries, str(move.details["deployment"])) if move else None


def review(ledger: Ledger, number: str, given: Any = None) -> None:
    ledger.add(steps.reviewed(ledger.change(number), outcome=outcome(ledger, number), given=given))


def close(ledger: Ledger, number: str, code: str = "successful") -> None:
    ledger.add(steps.closed(ledger.change(number), code=code, notes="", outcome=outcome(ledger, number)))


def test_a_normal_change_passes_all_states() -> None:
    ledger = Ledger()
    number = ledger.open()["change"]
    through(ledger, number)
    review(ledger, number)
    close(ledger, number)
    change = ledger.change(number).as_dict()
    assert [one["state"] for one in change["history"]] == ["Assess", "Authorize", "Scheduled", "Implement", "Review", "Closed"]
    assert (change["close_code"], change["state_value"], change["next"], change["ignored"]) == ("successful", 3, [], [])
    assert change["authorized"] == {"by": "approvals", "needed": 1, "approvers": ["p0", "p1", "p2"], "meeting": None, "rule": ""}


def test_a_standard_change_bypasses_assess_and_authorize() -> None:
    ledger = Ledger()
    number = ledger.open(templates=[TEMPLATE])["change"]
    through(ledger, number, templates=[TEMPLATE])
    change = ledger.change(number).as_dict()
    assert [one["state"] for one in change["history"]] == ["Scheduled", "Implement"]
    assert change["authorized"]["rule"] == "the template shop-patch of cab"
    with pytest.raises(ChangeError, match="it can go to Review, Canceled"):
        steps.assessed(ledger.change(number))


def test_low_risk_is_approved_by_policy_where_level_and_tier_are_listed_and_recorded_as_such() -> None:
    ledger = Ledger()
    number = ledger.open()["change"]
    with pytest.raises(ChangeError, match="0 of 1 approvals are there"):
        ledger.schedule(number, approvers=0, declared={"auto_approve": {"levels": ["low"], "tiers": ["staging"]}})
    ledger = Ledger()
    number = ledger.open()["change"]
    ledger.schedule(number, approvers=0, declared={"auto_approve": {"levels": ["low"], "tiers": ["production"]}})
    assert ledger.change(number).as_dict()["authorized"] == {
        "by": "policy", "needed": 0, "approvers": [], "meeting": None, "rule": "auto_approve: risk low in the tier production"
    }  # fmt: skip


@pytest.mark.parametrize(("approvers", "granted"), [(2, False), (3, True)])
def test_high_risk_needs_three(approvers: int, granted: bool) -> None:
    ledger = Ledger()
    number = ledger.open(facts=facts(incidents=[{"id": "I", "priority": 1}]))["change"]
    if granted:
        ledger.schedule(number, approvers=approvers)
    else:
        with pytest.raises(ChangeError, match="2 of 3 approvals"):
            ledger.schedule(number, approvers=approvers)


@pytest.mark.parametrize("names", [["a\nb"], ["x" * 201], ["\u202eann"], [f"p{number}" for number in range(51)]])
def test_names_of_approvers_are_bounded_lines(names: list[str]) -> None:
    ledger = Ledger()
    number = ledger.open()["change"]
    ledger.add(steps.assessed(ledger.change(number)))
    granted = {"granted": True, "by": "approvals", "needed": 1, "approvers": names, "meeting": None, "rule": "", "missing": []}
    with pytest.raises(ChangeError, match="approvers"):
        steps.scheduled(ledger.change(number), planned={"start": NOW, "end": "2027-03-10T12:00:00Z"}, authorized=granted)


def test_conflicts_need_a_reason_and_an_emergency_only_records_them() -> None:
    conflict = {"reason": "ci_scheduled", "service": "shop", "with": "CHG-1", "says": "the service is already scheduled at that time"}
    ledger = Ledger()
    number = ledger.open()["change"]
    with pytest.raises(ChangeError, match=r"1 conflicts: shop: the service is already scheduled at that time \(CHG-1\)"):
        ledger.schedule(number, conflicts=[conflict])
    ledger = Ledger()
    number = ledger.open()["change"]
    ledger.schedule(number, conflicts=[conflict], accepted="both teams agree")
    assert ledger.stands()["conflicts"] == [conflict]
    ledger = Ledger()
    number = ledger.open(emergency=URGENT)["change"]
    ledger.schedule(number, approvers=1, conflicts=[conflict])


@pytest.mark.parametrize(
    ("now", "why"),
    [
        ("2027-03-10T08:59:00Z", "it is planned from"),
        ("2027-03-10T12:00:00Z", "it is planned from"),
        ("2027-03-10T09:00:00Z", ""),
        ("2027-03-10T11:59:59Z", ""),
    ],
)
def test_a_change_is_good_for_its_time_only(now: str, why: str) -> None:
    ledger = Ledger("2027-03-10T08:00:00Z")
    ledger.schedule(ledger.open()["change"])
    found = ledger.stands(now=now)
    assert found["implementable"] is (not why)
    assert why in "; ".join(found["why_not"])


@pytest.mark.parametrize("state", ["New", "Authorize", "Implement", "Review", "Closed", "Canceled"])
def test_only_a_scheduled_change_lets_a_deployment_go(state: str) -> None:
    ledger = Ledger()
    number = ledger.open()["change"]
    if state == "Authorize":
        ledger.add(steps.assessed(ledger.change(number)))
    if state in ("Implement", "Review", "Closed"):
        through(ledger, number)
    if state in ("Review", "Closed"):
        review(ledger, number)
    if state == "Closed":
        close(ledger, number)
    if state == "Canceled":
        ledger.add(steps.canceled(ledger.change(number), reason="no"))
    found = ledger.stands()
    assert found["implementable"] is False
    assert found["why_not"][0] == ("no change is open for it" if state in ("Closed", "Canceled") else f"{number} is in state {state}, not Scheduled")


def test_a_deployment_that_goes_beyond_its_change_is_refused() -> None:
    ledger = Ledger()
    number = ledger.open()["change"]
    ledger.schedule(number)
    wider = plan()
    wider["services"][0]["hosts"] = ["s1", "s2", "s3"]
    found = ledger.stands(wider)
    assert (found["id"], found["implementable"], found["outside"]) == (number, False, ["shop goes to s3, which the change does not name"])
    with pytest.raises(ChangeError, match="shop goes to s3"):
        steps.implementing(ledger.change(number), deployment="1", standing=found, days=5, tier="production", now=NOW)


def test_a_risk_that_rose_since_is_told_and_voids_what_nobody_approved() -> None:
    ledger = Ledger()
    number = ledger.open()["change"]
    ledger.schedule(number, approvers=0, declared={"auto_approve": {"levels": ["low"], "tiers": ["production"]}})
    risen = ledger.stands(assessment={"level": "high"})
    assert (risen["risk_rose"], risen["implementable"]) == (True, False)
    assert ledger.stands(assessment={"level": "low"})["implementable"] is True


def test_going_back_to_new_voids_the_authorization() -> None:
    ledger = Ledger()
    number = ledger.open()["change"]
    ledger.add(steps.assessed(ledger.change(number)))
    ledger.add(steps.reverted(ledger.change(number), reason="rejected"))
    assert ledger.change(number).as_dict()["authorized"] is None
    with pytest.raises(ChangeError, match="state New and can't go to Scheduled; from there it can go to Assess, Canceled"):
        steps.scheduled(ledger.change(number), planned={}, authorized={"granted": True, "missing": []})


@pytest.mark.parametrize(("verdict", "rolled_back"), [("failed", False), ("errored", False), ("", False), ("passed", True)])
def test_success_is_what_the_ledger_says(verdict: str, rolled_back: bool) -> None:
    ledger = Ledger()
    number = ledger.open()["change"]
    through(ledger, number, verdict)
    if rolled_back:
        ledger.write("rollback", "intent", plan={"services": [{"service": "shop"}]})
    review(ledger, number)
    for code in ("successful", "successful_issues"):
        with pytest.raises(ChangeError, match=f"{code} is not what the ledger says of its deployment"):
            close(ledger, number, code)
    with pytest.raises(ChangeError, match="its post-implementation review is not recorded"):
        close(ledger, number, "unsuccessful")
    review(ledger, number, REVIEW)
    close(ledger, number, "unsuccessful")
    assert ledger.change(number).as_dict()["review"]["actions"][0]["owner"] == "ann"


class TestTemplates:
    def test_a_failure_suspends_the_template_until_it_is_reviewed(self) -> None:
        ledger = Ledger()
        number = ledger.open(templates=[TEMPLATE])["change"]
        through(ledger, number, "failed", templates=[TEMPLATE])
        assert standard.suspended(ledger.entries, "shop-patch", now=NOW) == "", "nobody knows yet"
        review(ledger, number)
        held = standard.suspended(ledger.entries, "shop-patch", now=NOW)
        assert held == f"it is suspended: {number} failed and was not reviewed"
        again = ledger.open(plan(release="1.2.1"), templates=[TEMPLATE])
        assert (again["type"], again["gaps"]) == ("normal", {"shop-patch": [held]})
        review(ledger, number, REVIEW)
        assert standard.suspended(ledger.entries, "shop-patch", now=NOW) == ""
        assert ledger.open(plan(release="1.2.2"), templates=[TEMPLATE])["type"] == "standard"

    def test_a_use_that_never_ended_suspends_it_after_a_day(self) -> None:
        ledger = Ledger()
        through(ledger, ledger.open(templates=[TEMPLATE])["change"], "", templates=[TEMPLATE])
        assert standard.suspended(ledger.entries, "shop-patch", now="2027-03-11T09:00:00Z") == ""
        assert "has not ended" in standard.suspended(ledger.entries, "shop-patch", now="2027-03-11T10:00:01Z")

    def test_a_success_does_not_undo_a_failure(self) -> None:
        ledger = Ledger()
        for verb in ("used", "failed", "succeeded"):
            ledger.add([{"environment": "", "release": "", "subject": "template/shop-patch", "body": {"verb": verb, "change": "CHG-1"}}])
        assert "CHG-1 failed" in standard.suspended(ledger.entries, "shop-patch", now=NOW)

    def test_a_template_that_is_suspended_edited_or_withdrawn_after_opening_covers_nothing(self) -> None:
        ledger = Ledger()
        number = ledger.open(templates=[TEMPLATE])["change"]
        ledger.schedule(number)
        assert ledger.stands(templates=[TEMPLATE])["implementable"] is True
        assert ledger.stands(templates=[template(max_risk="moderate")])["why_not"] == [
            "the template shop-patch was edited since the change was opened; cancel it and open it again"
        ]
        assert ledger.stands()["why_not"] == ["the template shop-patch is not in the catalogue"]
        risen = ledger.stands(templates=[TEMPLATE], assessment={"level": "moderate"})
        assert risen["why_not"] == ["the template shop-patch does not cover it: it covers risk up to low, the risk is moderate"]

    def test_canceling_half_way_is_a_failure(self) -> None:
        ledger = Ledger()
        number = ledger.open(templates=[TEMPLATE])["change"]
        through(ledger, number, "", templates=[TEMPLATE])
        ledger.add(steps.canceled(ledger.change(number), reason="no"))
        assert "failed" in standard.suspended(ledger.entries, "shop-patch", now=NOW)


class TestEmergencies:
    def test_it_needs_fewer_approvals_and_is_valid_for_a_while(self) -> None:
        ledger = Ledger()
        number = ledger.open(emergency=URGENT, facts=facts(incidents=[{"id": "INC1", "priority": 1}]))["change"]
        ledger.schedule(number, approvers=1, planned={"start": "2027-03-10T10:00:00Z", "end": "2027-03-10T20:00:00Z"})
        assert ledger.stands(now="2027-03-10T13:59:59Z")["implementable"] is True
        late = ledger.stands(now="2027-03-10T14:00:00Z")
        assert late["why_not"] == ["the emergency was valid until 2027-03-10T14:00:00Z; open it again when it still is one"]

    def test_its_review_is_owed_and_blocks_the_next_normal_release_when_it_is_overdue(self) -> None:
        ledger = Ledger()
        number = ledger.open(emergency=URGENT)["change"]
        through(ledger, number)
        (owed,) = emergency.owed(ledger.entries)
        assert (owed["change"], owed["service"], owed["due"], owed["tier"]) == (number, "shop", "2027-03-15T10:00:00Z", "production")
        ask = {"plan": plan(release="1.2.1"), "now": "2027-03-15T10:00:00Z"}
        assert ledger.stands(ask["plan"], now="2027-03-15T09:59:59Z")["blocked"] == ""
        assert ledger.stands(**ask)["blocked"] == f"the review after an emergency is overdue: {number} of shop was due on 2027-03-15"
        for act in ("rollback", "recover"):
            assert ledger.stands(**ask, act=act)["blocked"] == ""
        for tier, blocked in (("production", True), ("staging", False), (None, True)):
            there = {**ask["plan"], "environment": "elsewhere"}
            assert bool(ledger.stands(there, now=ask["now"], tier=tier)["blocked"]) is blocked
        other = plan(services=[{**plan()["services"][0], "service": "search"}])
        assert ledger.stands(other, now=ask["now"])["overdue_reviews"] == []
        review(ledger, number)
        assert ledger.stands(**ask)["blocked"], "moving on to Review is no review"
        review(ledger, number, REVIEW)
        assert ledger.stands(**ask)["blocked"] == ""

    def test_the_next_emergency_does_not_wait_for_the_review_of_the_last(self) -> None:
        ledger = Ledger()
        through(ledger, ledger.open(emergency=URGENT)["change"])
        ledger.at("2027-03-17T10:00:00Z")
        second = plan(release="1.2.1")
        number = ledger.open(second, emergency=URGENT)["change"]
        ledger.schedule(number, approvers=1, planned={"start": "2027-03-17T10:00:00Z", "end": "2027-03-17T12:00:00Z"})
        found = ledger.stands(second)
        assert (found["implementable"], len(found["overdue_reviews"])) == (True, 1)

    def test_it_is_not_closed_without_its_review_and_canceling_does_not_spare_it(self) -> None:
        ledger = Ledger()
        number = ledger.open(emergency=URGENT)["change"]
        through(ledger, number)
        review(ledger, number)
        with pytest.raises(ChangeError, match="review is not recorded"):
            close(ledger, number)
        ledger = Ledger()
        number = ledger.open(emergency=URGENT)["change"]
        through(ledger, number, "")
        ledger.add(steps.canceled(ledger.change(number), reason="went away"))
        assert emergency.owed(ledger.entries)
        review(ledger, number, REVIEW)
        assert emergency.owed(ledger.entries) == []

    def test_one_that_was_never_begun_owes_nothing(self) -> None:
        ledger = Ledger()
        number = ledger.open(emergency=URGENT)["change"]
        ledger.add(steps.canceled(ledger.change(number), reason="it went away"))
        assert emergency.owed(ledger.entries) == []

    @pytest.mark.parametrize(
        ("due", "tier", "environment"), [("never", "production", "production"), (None, "production", "production"), ("2027-01-01T00:00:00Z", None, "x")]
    )
    def test_what_can_not_be_read_is_not_forgotten(self, due: Any, tier: Any, environment: str) -> None:
        body = {"verb": "owed", "change": "CHG-1", "environment": environment, "tier": tier, "due": due}
        entries = [{"kind": "change", "subject": "review/shop", "body": body}]
        assert emergency.overdue(entries, ["shop"], environment="production", tier="production", now=NOW)


class TestForgeries:
    """Whoever can write to the ledger can write an entry of kind change: it must lead nowhere."""

    def forge(self, ledger: Ledger, number: str, **body: Any) -> None:
        ledger.add([{"environment": "production", "release": "1.2.0", "subject": number, "body": body}], by="mallory")

    def test_a_jump_is_ignored_and_told(self) -> None:
        ledger = Ledger()
        number = ledger.open()["change"]
        authorized = {"by": "approvals", "approvers": ["everybody"]}
        times = {"start": "2027-03-10T09:00:00Z", "end": "2027-03-10T12:00:00Z"}
        for before in ("New", "Authorize"):
            self.forge(ledger, number, verb="moved", **{"from": before}, to="Scheduled", authorized=authorized, **times)
        change = ledger.change(number)
        assert change.state == "New"
        assert len(change.ignored) == 2
        assert "no step of a change in state New" in change.ignored[0]
        assert ledger.stands()["implementable"] is False
        assert len(ledger.stands()["ignored"]) == 2

    def test_a_step_from_a_state_that_is_over_does_not_count(self) -> None:
        """Two runs at once: what the slower one read is true no more when it writes."""
        ledger = Ledger()
        number = ledger.open()["change"]
        slower = steps.canceled(ledger.change(number), reason="no")
        ledger.add(steps.assessed(ledger.change(number)))
        ledger.add(slower)
        assert ledger.change(number).state == "Authorize"
        assert "from New to Canceled is no step of a change in state Authorize" in ledger.change(number).ignored[0]

    @pytest.mark.parametrize(("key", "value"), [("environment", "staging"), ("release", "9.9.9")])
    def test_an_entry_about_something_else_does_not_count(self, key: str, value: str) -> None:
        ledger = Ledger()
        number = ledger.open()["change"]
        ledger.add([{**one, key: value} for one in steps.canceled(ledger.change(number), reason="no")])
        assert ledger.change(number).state == "New"
        assert f"it is about {'9.9.9' if key == 'release' else '1.2.0'} in" in ledger.change(number).ignored[0]

    @pytest.mark.parametrize(
        "body",
        [
            {"verb": "moved", "from": "Authorize", "to": "Scheduled"},
            {"verb": "moved", "from": "Authorize", "to": "Scheduled", "start": "x", "end": "y", "authorized": {}},
            {"verb": "moved", "from": ["Authorize"], "to": {"a": 1}},
            {"verb": "reviewed"},
            {"verb": None},
            {},
        ],
    )
    def test_nonsense_neither_counts_nor_breaks_anything(self, body: dict[str, Any]) -> None:
        ledger = Ledger()
        number = ledger.open()["change"]
        ledger.add(steps.assessed(ledger.change(number)))
        self.forge(ledger, number, **body)
        assert ledger.change(number).state == "Authorize"
        assert ledger.stands()["why_not"] == [f"{number} is in state Authorize, not Scheduled"]

    @pytest.mark.parametrize(
        ("subject", "body"),
        [
            ("CHG-000000000001", {"verb": "opened"}),
            ("CHG-000000000001", {"verb": "opened", "type": "normal", "scope": [], "assessment": {}}),
            ("CHG-000000000001", {"verb": "opened", "type": "free", "scope": {"services": []}, "assessment": {"level": "low", "score": 1}}),
            ("CHG-1; drop table", {"verb": "opened", "type": "normal", "scope": plan(), "assessment": {"level": "low", "score": 1}}),
            ("CHG-000000000001", {"verb": "opened", "type": "normal", "scope": plan(release="9.9.9"), "assessment": {"level": "low", "score": 1}}),
            ("CHG-000000000001", {"verb": "opened", "type": "normal", "scope": {**plan(), "services": ["shop"]}, "assessment": {"level": "low", "score": 1}}),
            (
                "CHG-000000000001",
                {"verb": "opened", "type": "normal", "scope": plan(), "assessment": {"level": "low", "score": 1}, "planned": {"start": "x"}},
            ),
        ],
    )
    def test_what_is_no_opening_opens_nothing(self, subject: str, body: dict[str, Any]) -> None:
        ledger = Ledger()
        self.forge(ledger, subject, **body)
        assert records.changes(ledger.entries) == {}
        assert ledger.stands()["why_not"] == ["no change is open for it"]

    def test_a_change_has_only_so_many_entries_and_can_still_be_ended(self) -> None:
        ledger = Ledger()
        number = ledger.open()["change"]
        for _each in range(records.MOST_ENTRIES - steps.SPARE):
            self.forge(ledger, number, verb="noise")
        with pytest.raises(ChangeError, match="as many as a change may have"):
            steps.assessed(ledger.change(number))
        ledger.add(steps.canceled(ledger.change(number), reason="flooded"))
        assert ledger.change(number).state == "Canceled"
        assert len(ledger.change(number).ignored) == 10

    def test_an_unknown_number_is_refused(self) -> None:
        for number in ("CHG-000000000001", "../../etc/passwd", "CHG-1' or '1'='1", ""):
            with pytest.raises(ChangeError):
                records.find([], number)
