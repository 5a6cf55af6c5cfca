# SPDX-License-Identifier: GPL-3.0-or-later
"""The pure parts: seats against brute force, texts, subjects, duties, delegation."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import delegation, duties, roster, rules, seats, statement, subject, text, variables
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Identity, Roster
from ansible_collections.evenkeel.release.tests.unit.approval.kit import ENVIRONMENT, LEDGER, NOW, PEOPLE, about, said
from hypothesis import given
from hypothesis import strategies as st

ROSTER = Roster(PEOPLE)


def most_seats(wanted: list[str], people: dict[str, set[str]]) -> int:
    """Every way to put people on seats, one each."""
    names = [*people, *[None] * len(wanted)]
    best = 0
    for order in itertools.permutations(names, len(wanted)):
        best = max(best, sum(1 for seat, who in zip(wanted, order, strict=True) if who is not None and seat in people[who]))
    return best


@given(
    st.lists(st.sampled_from(["a", "b", "c", seats.ANY]), max_size=4),
    st.dictionaries(st.sampled_from("pqrs"), st.sets(st.sampled_from(["a", "b", "c", seats.ANY])), max_size=4),
)
def test_as_many_seats_are_filled_as_can_be(wanted, people):
    filled = seats.fill(wanted, people)
    assert len(filled) == most_seats(wanted, people)
    assert len(set(filled.values())) == len(filled)
    assert all(wanted[number] in people[who] for number, who in filled.items())


@pytest.mark.parametrize(
    ("groups", "people", "wanted"), [({}, 2, ["", ""]), ({"b": 1, "a": 2}, 4, ["a", "a", "b", ""]), ({"a": 2}, 1, ["a", "a"]), ({}, 0, [])]
)
def test_seats_of_a_rule(groups, people, wanted):
    assert seats.needed(groups, people) == wanted


FREE = st.text(max_size=40)


@given(st.dictionaries(st.sampled_from(["aa", "bb", "cc"]), st.one_of(FREE, st.lists(FREE, min_size=1), st.dictionaries(FREE, FREE, min_size=1)), min_size=1))
def test_a_text_is_read_as_it_was_written_or_not_at_all(data):
    written = text.render(data).encode("utf-8", "surrogatepass")
    try:
        assert text.parse(written) == data
    except ValueError as exc:
        assert "not seen" in str(exc) or "UTF-8" in str(exc)  # noqa: PT017


@given(st.data())
def test_one_byte_more_less_or_other_is_another_text(data):
    written = statement.write(said(about(), "ann", reason="fine"))
    at = data.draw(st.integers(0, len(written) - 1))
    changed = data.draw(st.sampled_from([written[:at] + written[at + 1 :], written[:at] + b" " + written[at:], written[:at] + b"\n" + written[at:]]))
    try:
        found = statement.read(changed)
    except ValueError:
        return
    assert statement.write(found) == changed


def test_a_statement_that_could_not_be_read_is_not_written():
    with pytest.raises(ApprovalError, match="decision is 'maybe'"):
        statement.write({**said(about(), "ann"), "decision": "maybe"})
    with pytest.raises(ApprovalError, match="by is 'Ann Example'"):
        statement.write(said(about(), "Ann Example"))
    with pytest.raises(ApprovalError, match="holder does not belong"):
        statement.write({**said(about(), "ann"), "holder": "bob"})
    with pytest.raises(ApprovalError, match="reason is"):
        statement.write(said(about(), "ann", reason="a\nb"))
    with pytest.raises(ApprovalError, match="no moment"):
        statement.write({**said(about(), "ann"), "to": "2026-13-40T00:00:00Z"})


def test_a_subject_does_not_depend_on_the_order_of_things():
    assert subject.digest(about()) == subject.digest(about(hosts=["web2", "web1"]))
    with pytest.raises(ApprovalError, match="evenkeel_ledger_name"):
        about(ledger="")


@pytest.mark.parametrize("name", ["schema", "ledger", "environment", "release", "act", "parts"])
def test_everything_that_a_subject_says_is_in_its_digest(name):
    changed = {**about(), name: {"other": "x"}}
    assert subject.digest(changed) != subject.digest(about())


def test_many_hosts_are_told_in_part_and_bound_all():
    hosts = [f"web{number:04}" for number in range(500)]
    shown = subject.shows(about(hosts=hosts))["hosts"]
    assert (len(shown), shown[-1]) == (201, "and 300 more, see request.json")
    assert subject.digest(about(hosts=hosts)) != subject.digest(about(hosts=[*hosts[:-1], "other"]))
    statement.write(said(about(hosts=hosts), "ann"))


def test_secrets_are_bound_by_a_fingerprint():
    hosts = lambda secret: {"web1": {"shop_port": 1, "shop": {"db": {"password": secret}}}}  # noqa: E731
    bare = variables.bind(hosts("one"))
    assert bare.unbound == ["shop.db.password"]
    assert bare == variables.bind(hosts("two"))
    keyed = variables.bind(hosts("one"), key=b"k" * 32)
    assert keyed.unbound == []
    assert keyed != variables.bind(hosts("two"), key=b"k" * 32)
    assert keyed != variables.bind(hosts("one"), key=b"x" * 32)
    assert variables.bind({"web1": {"shop_port": 1}}) != variables.bind({"web1": {"shop_port": "1"}})


@pytest.mark.parametrize(
    ("name", "source", "mail", "person", "machine"),
    [
        ("ann", "awx", "", "ann", ""),
        ("ANN", "os", "", "ann", ""),
        ("x", "git", "A.NN@corp.example", "ann", ""),
        ("\uff41nn", "os", "", "ann", ""),  # a full-width a
        ("ann", "os", "eve@mail", "", ""),  # two persons at once
        ("robot", "awx", "", "", "awx:robot"),
        ("robot", "os", "", "", ""),
        ("", "", "", "", ""),
        ("ann ", "os", "", "ann", ""),
        ("*", "", "", "", ""),
    ],
)
def test_who_is_who(name, source, mail, person, machine):
    assert ROSTER.who(Identity(name, source, mail)) == (person, machine)


@pytest.mark.parametrize(
    ("name", "source", "person"),
    [
        ("ann", "awx", "ann"),
        ("bob", "awx", "bob"),
        ("Ann", "awx", ""),
        ("\uff41nn", "awx", ""),
        ("ann ", "awx", ""),
        ("ann", "os", "ann"),
        ("robot", "awx", ""),
    ],
)
def test_whom_somebody_may_act_as(name, source, person):
    assert ROSTER.known(Identity(name, source)).person == person
    assert ROSTER.attested(source, name) == (person if source == "awx" else "")


def test_no_name_is_of_two():
    claims = {"people": {"ann": {"aliases": ["x"], "principals": ["awx.example.com"]}, "bob": {"aliases": ["ANN", "X"]}}, "machines": ["x", "y"]}
    claims["attestors"] = {"awx": {"principals": ["awx.example.com"]}}
    assert {(name, other) for _place, name, other in roster.doubles(claims)} == {
        ("ann", "ann"),
        ("x", "ann"),
        ("awx.example.com", "an attestor"),
    }


def held(*people: str, machines: tuple[str, ...] = (), unknown: tuple[str, ...] = ()) -> duties.Held:
    return duties.Held(frozenset(people), frozenset(machines), unknown)


@pytest.mark.parametrize(
    ("author", "approver", "more", "verdict"),
    [
        (held("eve"), held("ann"), {}, "passed"),
        (held("eve", "ann"), held("ann"), {}, "failed"),
        (held("eve"), held(), {}, "errored"),
        (held("eve"), held(), {"may_be_empty": ["approver"]}, "passed"),
        (held("eve", unknown=("git:who",)), held("ann"), {}, "errored"),
        (held("ann", unknown=("git:who",)), held("ann"), {}, "failed"),
        (held(machines=("robot",)), held("ann"), {}, "failed"),
        (held(machines=("robot",)), held("ann"), {"machines": ["author"]}, "passed"),
        (held(), held("ann"), {}, "errored"),
    ],
)
def test_duties(author, approver, more, verdict):
    rule = {"name": "r", "differ": ["author", "approver"], "reason": "x", **more}
    answer = duties.judge([rule], {"author": author, "approver": approver}, document={}, deployer=None)
    assert answer["verdict"] == verdict
    assert bool(answer["rules"][0]["remedy"]) == (verdict != "passed")


def test_what_forbids_approving_ones_own_work_needs_no_document():
    names = {rule["name"] for rule in duties.applying({"rules": []}, environment=ENVIRONMENT, act="deploy")}
    assert names == {"no-self-approval-author", "no-self-approval-deployer"}
    assert duties.applying({"rules": []}, environment={"name": "s", "tier": "staging"}, act="deploy") == []


def test_the_chain_out_of_the_ledger():
    actor = lambda name: {"name": name, "source": "awx"}  # noqa: E731
    entries = [
        {"kind": "verification", "release": "1.2.0", "body": {"verdict": "passed"}, "actor": actor("cleo")},
        {"kind": "verification", "release": "1.1.0", "body": {"verdict": "passed"}, "actor": actor("bob")},
        {"kind": "verification", "release": "1.2.0", "body": {"verdict": "failed"}, "actor": actor("bob")},
        {"kind": "approval", "release": "1.2.0", "body": {"state": "requested", "digest": "d"}, "actor": actor("dave")},
        {"kind": "approval", "release": "1.2.0", "body": {"state": "requested", "digest": "other"}, "actor": actor("ann")},
    ]
    found = duties.chain(authors=[{"mail": "m", "login": "l"}], entries=entries, release="1.2.0", deployer=actor("eve"), digest="d")
    assert {duty: [one.name for one in people] for duty, people in found.items()} == {
        "author": ["l", "m"],
        "requester": ["dave"],
        "deployer": ["eve"],
        "verifier": ["cleo"],
    }


def lent(giver: str, receiver: str, **more: Any) -> dict[str, Any]:
    times = {"from": statement.stamp(NOW - timedelta(hours=1)), "to": statement.stamp(NOW + timedelta(hours=1))}
    return {"by": giver, "delegate": receiver, "ledger": LEDGER, "environments": ["production"], "again": "no", **times, **more}


@pytest.mark.parametrize(
    ("given_to", "delegate", "groups", "why"),
    [
        ([lent("ann", "dave")], "dave", None, ""),
        ([lent("ann", "dave", groups=["dba"])], "dave", {"dba"}, ""),
        ([lent("bob", "dave")], "dave", None, "ann delegated nothing to dave"),
        ([lent("ann", "dave", environments=["staging"])], "dave", None, "is for staging, not for production"),
        ([lent("ann", "dave", acts=["rollback"])], "dave", None, "is for rollback, not for deploy"),
        ([lent("ann", "dave", ledger="other")], "dave", None, "is for other"),
        ([lent("ann", "dave", to=statement.stamp(NOW))], "dave", None, "is valid from"),
        ([lent("ann", "dave", **{"from": statement.stamp(NOW + timedelta(seconds=1))})], "dave", None, "is valid from"),
        ([lent("ann", "bob"), lent("bob", "dave")], "dave", None, "may not be passed on"),
        ([lent("ann", "bob", again="yes", groups=["dba", "x"]), lent("bob", "dave", groups=["dba"])], "dave", {"dba"}, ""),
        ([lent("ann", "bob", again="yes"), lent("bob", "cleo", again="yes"), lent("cleo", "dave")], "dave", None, ""),
        (
            [lent("ann", "eve", again="yes"), lent("eve", "bob", again="yes"), lent("bob", "cleo", again="yes"), lent("cleo", "dave")],
            "dave",
            None,
            "ann delegated nothing to dave",
        ),
        ([lent("bob", "dave", again="yes"), lent("dave", "bob", again="yes")], "dave", None, "ann delegated nothing to dave"),
        ([lent("dave", "dave")], "dave", None, "ann delegated nothing"),
    ],
)
def test_delegation(given_to, delegate, groups, why):
    by = lambda person: [one for one in given_to if one["delegate"] == person]  # noqa: E731
    try:
        found = delegation.find("ann", delegate, given=by, ledger=LEDGER, environment="production", act="deploy", at=NOW)
    except ValueError as exc:
        assert why
        assert why in str(exc)  # noqa: PT017
    else:
        assert not why
        assert found.groups == (frozenset(groups) if groups else None)


@pytest.mark.parametrize(
    ("risk", "names", "why"), [("low", ["all"], ""), ("high", ["all", "high"], ""), (None, [], "the risk is None"), ("High", [], "the risk is 'High'")]
)
def test_rules_by_risk(risk, names, why):
    known = [{"name": "all", "people": 1}, {"name": "high", "applies_to": {"risks": ["high", "critical"]}, "people": 2}]
    found, said_why = rules.applying(known, environment=ENVIRONMENT, act="deploy", risk=risk)
    assert [rule["name"] for rule in found] == names
    assert why in said_why
