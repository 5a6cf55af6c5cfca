# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import authorize, cab, past, records, rules, steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.tests.unit.change.world import SERVICES, Ledger, facts, scope

ROSTER: dict[str, Any] = {
    "calendar": "cab@example.com",
    "roles": {
        "manager": {"members": ["ann"], "deputies": ["dan"]},
        "operations": {"members": ["bob", "eve"]},
        "security": {"members": ["sam"], "deputies": ["dan"]},
    },
    "boards": {
        "medium": {"must": ["manager"], "may": ["operations"], "quorum": 2},
        "critical": {"must": ["manager", "security"], "may": ["operations"], "quorum": 3},
    },
}


def present(*who: str) -> list[dict[str, str]]:
    return [{"role": role, "person": person} for role, person in (one.split("/") for one in who)]


@pytest.mark.parametrize(
    ("criticality", "who", "why"),
    [
        ("medium", ("manager/ann", "operations/bob"), ""),
        ("low", ("manager/ann", "operations/bob"), ""),  # a board that is not listed is the next above
        ("medium", ("manager/dan", "operations/bob"), ""),  # a deputy
        ("medium", ("manager/ann",), "1 of 2 members"),
        ("medium", ("operations/bob", "operations/eve"), "nobody was there for manager: ann, dan (deputy)"),
        ("medium", ("manager/mallory", "operations/bob"), "nobody was there for manager"),
        ("medium", ("manager/bob", "operations/bob"), "nobody was there for manager"),
        ("medium", ("manager/ann", "manager/ann"), "1 of 2"),  # one person is one person
        ("critical", ("manager/ann", "security/sam", "operations/bob"), ""),
        ("critical", ("manager/dan", "security/dan", "operations/bob"), "nobody was there for security"),  # one person, two roles
        ("critical", ("manager/ann", "operations/bob", "operations/eve"), "nobody was there for security"),
        (None, ("manager/ann", "operations/bob"), "nobody was there for security"),  # nobody declared it, so it is critical
        ("high", ("manager/ann", "security/sam"), "2 of 3 members of the board for critical services"),
    ],
)
def test_whether_a_meeting_counts(criticality: Any, who: tuple[str, ...], why: str) -> None:
    found = cab.validity(ROSTER, criticality, present(*who))
    assert (why in "; ".join(found)) if why else found == []


def test_a_roster_without_a_board_for_it_decides_nothing() -> None:
    with pytest.raises(ChangeError, match="no board for criticality critical"):
        cab.board({"roles": ROSTER["roles"], "boards": {"medium": ROSTER["boards"]["medium"]}}, "critical")


def risky() -> tuple[Ledger, str]:
    ledger = Ledger()
    number = ledger.open(facts=facts(incidents=[{"id": "INC1", "priority": 1}]), summary="New basket")["change"]
    ledger.add(steps.assessed(ledger.change(number)))
    return ledger, number


def hold(ledger: Ledger, number: str, decision: str, *who: str, meeting: str = "2027-03-10") -> None:
    known = records.changes(ledger.entries)
    decisions = [{"change": number, "decision": decision, "note": "after the backup"}]
    body = cab.minutes(ROSTER, meeting=meeting, present=present(*who), decisions=decisions, known=known)
    ledger.add([{"environment": "", "release": "", "subject": f"cab/{meeting}", "body": body}])


def granted(ledger: Ledger, number: str, since: str = "", criticality: str = "medium") -> dict[str, Any]:
    decided = cab.decision(ledger.entries, number, roster=ROSTER, criticality=criticality, since=since)
    given = [{"approver": name} for name in ("p1", "p2", "p3")]
    return authorize.answer(ledger.change(number), rules=rules.complete({}), tier="production", approvals=given, decided=decided)


FULL = ("manager/ann", "operations/bob", "security/sam")


@pytest.mark.parametrize(
    ("decision", "who", "criticality", "missing"),
    [
        ("approved", FULL, "critical", ""),
        ("rejected", FULL, "critical", "the board said rejected in the meeting 2027-03-10"),
        ("deferred", FULL, "critical", "the board said deferred"),
        ("approved", FULL[:2], "critical", "the meeting 2027-03-10 was not valid: nobody was there for security"),
        ("approved", FULL[:2], "medium", ""),
    ],
)
def test_moderate_and_high_risk_need_a_valid_yes_of_the_board(decision: str, who: tuple[str, ...], criticality: str, missing: str) -> None:
    ledger, number = risky()
    assert granted(ledger, number)["missing"] == ["the board has not decided about it"]
    hold(ledger, number, decision, *who)
    found = granted(ledger, number, criticality=criticality)
    assert found["granted"] is (not missing)
    assert missing in "; ".join(found["missing"])


def test_the_newest_word_counts_and_none_from_before_it_was_sent_back() -> None:
    ledger, number = risky()
    hold(ledger, number, "approved", *FULL)
    hold(ledger, number, "rejected", *FULL, meeting="2027-03-11")
    assert not granted(ledger, number)["granted"]
    assert granted(ledger, number, since=ledger.entries[-1]["time"])["missing"] == ["the board has not decided about it"]


def test_an_emergency_and_low_risk_do_not_wait_for_a_meeting() -> None:
    ruled = rules.complete({})
    for more, wanted in (({"emergency": {"reason": "x"}}, False), ({}, False), ({"facts": facts(incidents=[{"priority": 1}])}, True)):
        ledger = Ledger()
        change = ledger.change(ledger.open(**more)["change"])
        assert authorize.wants_board(change, "production", ruled) is wanted
        assert authorize.wants_board(change, "staging", ruled) is False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"meeting": "../2027"}, "meeting is '../2027'"),
        ({"meeting": "a\nb"}, "meeting is"),
        ({"present": [{"role": "manager"}]}, "present[0].person is nothing"),
        ({"present": [{"role": "manager", "person": "ann", "vote": "yes"}]}, "present[0] has other keys"),
        ({"present": present("king/ann")}, "the role king is not in the roster"),
        ({"present": present("manager/ann\x00")}, "U+0000"),
        ({"present": present("manager/ann") * 101}, "at most 100 people"),
        ({"decisions": [{"change": "CHG-000000000009", "decision": "approved"}]}, "which the ledger does not know"),
        ({"decisions": [{"change": "mine", "decision": "sure"}]}, "decision is 'sure', allowed are approved, rejected, deferred"),
        ({"decisions": [{"change": "mine", "decision": "approved", "note": "a\nb"}]}, "U+000A"),
        ({"decisions": [{"change": "mine", "decision": "approved"}] * 2}, "two decisions about"),
    ],
)
def test_minutes_are_checked(change: dict[str, Any], words: str) -> None:
    ledger, number = risky()
    given: dict[str, Any] = {"meeting": "2027-03-10", "present": present(*FULL), "decisions": [], **change}
    given["decisions"] = [{**one, "change": number if one["change"] == "mine" else one["change"]} for one in given["decisions"]]
    with pytest.raises(ChangeError) as refused:
        cab.minutes(ROSTER, **given, known=records.changes(ledger.entries))
    assert words in str(refused.value)


def test_nothing_is_decided_about_what_does_not_wait() -> None:
    ledger, number = risky()
    ledger.add(steps.canceled(ledger.change(number), reason="no"))
    with pytest.raises(ChangeError, match="is in state Canceled, nothing waits"):
        hold(ledger, number, "approved", *FULL)


def test_the_agenda_has_the_riskiest_first_and_says_who_must_be_there() -> None:
    ledger, number = risky()
    other = ledger.open({**ledger.change(number).opening["scope"], "release": "1.2.1"}, summary="A <b>patch</b> | of it")["change"]
    known = list(records.changes(ledger.entries).values())
    paper = cab.agenda(known, ROSTER, SERVICES, meeting="2027-03-11", wants=[number])
    assert paper == cab.agenda(known[::-1], ROSTER, SERVICES, meeting="2027-03-11", wants=[number])
    decide, inform = paper.split("## For information")
    assert number in decide
    assert other in inform
    assert "must be there: manager" in decide
    assert "quorum 2" in decide
    assert "A &lt;b&gt;patch&lt;/b&gt; \\| of it" in inform
    assert "success score, as ServiceNow counts it: 0 from 0 closed changes" in paper
    assert "Nothing." in cab.agenda([], ROSTER, SERVICES, meeting="x", wants=[])


def test_the_agenda_tells_how_closed_changes_went() -> None:
    ledger = Ledger()
    for release, verdict, code in (("1.2.0", "passed", "successful"), ("1.2.1", "passed", "successful_issues")):
        number = ledger.open(scope(release=release))["change"]
        ledger.schedule(number)
        deployment = ledger.deploy(verdict, release=release)
        stands = ledger.stands(scope(release=release), change=number)
        ledger.add(steps.implementing(ledger.change(number), deployment=deployment, standing=stands, days=5, tier="production", now=ledger.now))
        done = past.outcome(ledger.entries, deployment)
        ledger.add(steps.reviewed(ledger.change(number), outcome=done, given=None))
        ledger.add(steps.closed(ledger.change(number), code=code, notes="", outcome=done))
    paper = cab.agenda(list(records.changes(ledger.entries).values()), ROSTER, SERVICES, meeting="x", wants=[])
    assert "success score, as ServiceNow counts it: 1 from 2 closed changes" in paper
