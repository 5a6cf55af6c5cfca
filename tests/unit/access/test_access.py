# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._access import drift, exports, grants, review
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.may import may
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.statement import stamp
from ansible_collections.evenkeel.release.tests.unit.approval.kit import PEOPLE

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
ROSTER = Roster(PEOPLE)
ENVIRONMENT = {"name": "production", "tier": "production", "access_roles": {"deployer": ["team-shop"], "reader": ["auditors"]}}
DOCUMENT: dict[str, Any] = {
    "name": "shop",
    "description": "The shop.",
    "roles": {"deployer": {"acts": ["deploy", "rollback"], "tiers": ["production"]}, "reader": {"acts": ["status"]}},
    "teams": {"team-shop": ["person:ann", "awx_team:Shop", "machine:awx:robot"], "auditors": ["group:dba", "signer:dave@example.com"]},
    "grants": {"longest": "4h", "acts": ["deploy"], "by": ["release"], "tiers": ["production"]},
    "review": {"every": "90d", "stale_after": "90d", "by": ["dba"]},
}
SHOP = {"awx_team:Shop": ["bob", "stranger"]}


def ask(name: str, act: str = "deploy", *, source: str = "awx", members: Any = SHOP, environment: Any = ENVIRONMENT, given: Any = ()) -> dict[str, Any]:
    return may({"name": name, "source": source}, act, environment, [DOCUMENT], given, NOW, roster=ROSTER, memberships=members)


@pytest.mark.parametrize(
    ("name", "act", "verdict", "rule"),
    [
        ("ann", "deploy", "passed", "access/shop: role deployer, team team-shop (person:ann)"),
        ("bob", "deploy", "passed", "access/shop: role deployer, team team-shop (awx_team:Shop)"),
        ("robot", "rollback", "passed", "access/shop: role deployer, team team-shop (machine:awx:robot)"),
        ("cleo", "status", "passed", "access/shop: role reader, team auditors (group:dba)"),
        ("dave", "status", "passed", "access/shop: role reader, team auditors (signer:dave@example.com)"),
        ("ann", "teardown", "failed", None),
        ("dave", "deploy", "failed", None),
        ("nobody", "deploy", "errored", None),
        ("stranger", "deploy", "errored", None),
        ("*", "deploy", "errored", None),
        ("ANN", "deploy", "errored", None),  # another account than ann
        ("\uff41nn", "deploy", "errored", None),
        ("", "deploy", "errored", None),
    ],
)
def test_who_may(name, act, verdict, rule):
    answer = ask(name, act)
    assert (answer["verdict"], answer["rules"]) == (verdict, [rule] if rule else [])
    assert bool(answer["remedy"]) == (verdict != "passed")


def test_a_name_of_another_source_is_another_name():
    assert ask("bob", source="os")["person"] == "bob"  # the id itself
    assert ask("a.nn@corp.example", source="gitlab")["person"] == "ann"
    assert ask("robot", source="os")["verdict"] == "errored"  # declared as awx:robot only


def test_without_an_export_nobody_is_taken_for_a_member():
    assert ask("bob", members={})["verdict"] == "errored"
    assert "awx_team:Shop is not known" in ask("bob", members={})["reason"]
    assert ask("ann", members={})["verdict"] == "passed"


@pytest.mark.parametrize(
    "change", [{"tier": "staging"}, {"access_roles": {}}, {"access_roles": {"deployer": ["others"]}}, {"access_roles": {"unknown": ["team-shop"]}}]
)
def test_everything_has_to_fit(change):
    assert ask("ann", environment={**ENVIRONMENT, **change})["verdict"] == "failed"


def said(**more: Any) -> dict[str, Any]:
    words = {"statement": "evenkeel/1", "decision": "grant", "by": "bob", "ledger": "l", "holder": "dave", "environment": "production", "acts": ["deploy"]}
    return {**words, "digest": "0" * 64, "reason": "x", "from": stamp(NOW - timedelta(hours=1)), "to": stamp(NOW + timedelta(hours=1)), **more}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, ""),
        ({"holder": "bob"}, "a second person has to"),
        ({"by": "cleo"}, "cleo is in none of release"),
        ({"acts": ["deploy", "teardown"]}, "teardown can't be granted"),
        ({"to": stamp(NOW + timedelta(hours=4))}, "longer than 4h"),
        ({"holder": "nobody"}, "nobody in people.yml is nobody"),
        ({"ledger": "other"}, "of other"),
        ({"environment": "staging"}, "for staging"),
        ({"decision": "approve"}, "it says approve"),
    ],
)
def test_who_grants_what(change, why):
    given = said(**change)
    found = grants.unfit(given, by=given["by"], ledger="l", environment=ENVIRONMENT, documents=[DOCUMENT], roster=ROSTER)
    assert why in found
    assert bool(found) == bool(why)


def entry(number: int, subject: str, **body: Any) -> dict[str, Any]:
    return {"id": str(number), "subject": subject, "time": f"2026-11-22T11:00:0{number}.000000Z", "body": body}


ASKED = grants.request(ledger="l", holder="dave", environment="production", acts=["deploy"], reason="x", at="t")
D = ASKED["digest"]
GRANTED = said(digest=D)


@pytest.mark.parametrize(
    ("entries", "proved", "state"),
    [
        ([entry(1, f"requested/{D}", request=ASKED)], {}, "requested"),
        ([entry(1, f"requested/{D}", request=ASKED), entry(2, f"granted/{D}", granted=GRANTED)], {"2": ""}, "active"),
        ([entry(1, f"requested/{D}", request=ASKED), entry(2, f"granted/{D}", granted=GRANTED)], {}, "refused"),
        ([entry(1, f"granted/{D}", granted=GRANTED), entry(2, f"revoked/{D}", reason="done")], {"1": ""}, "revoked"),
        ([entry(1, f"granted/{D}", granted=GRANTED), entry(2, f"revoked/{D}"), entry(3, f"granted/{D}", granted=GRANTED)], {"1": "", "3": ""}, "revoked"),
        ([entry(1, f"granted/{D}", granted=GRANTED), entry(2, f"granted/{D}", granted={**GRANTED, "holder": "eve"})], {"1": "", "2": "forged"}, "active"),
        ([entry(1, f"granted/{D}", granted={**GRANTED, "to": stamp(NOW)})], {"1": ""}, "expired"),
        ([entry(1, f"granted/{D}", granted={**GRANTED, "from": stamp(NOW + timedelta(minutes=1))})], {"1": ""}, "early"),
    ],
)
def test_what_became_of_a_grant(entries, proved, state):
    (found,) = grants.standing(entries, proved, NOW)
    assert found["state"] == state
    answer = ask("dave", given=[found])
    assert answer["verdict"] == ("passed" if state == "active" else "failed")


def test_a_grant_is_for_its_holder_act_and_environment():
    (found,) = grants.standing([entry(1, f"granted/{D}", granted=GRANTED)], {"1": ""}, NOW)
    assert ask("dave", given=[found])["grant"] == D
    assert ask("eve", given=[found])["verdict"] == "failed"
    assert ask("dave", "rollback", given=[found])["verdict"] == "failed"
    assert ask("dave", given=[found], environment={**ENVIRONMENT, "name": "other"})["verdict"] == "failed"


def test_a_request_that_is_not_what_its_digest_says_is_none():
    assert grants.standing([entry(1, f"requested/{D}", request={**ASKED, "holder": "eve"})], {}, NOW) == []


def test_the_list_with_what_was_used():
    intent = {"phase": "intent", "environment": "production", "body": {}}
    used = review.last_used(
        [
            {**intent, "kind": "deployment", "time": "2026-11-01T00:00:00.000000Z", "actor": {"name": "a.nn@corp.example", "source": "gitlab"}},
            {**intent, "kind": "rollback", "time": "2026-01-01T00:00:00.000000Z", "actor": {"name": "ann", "source": "awx"}},
        ],
        ROSTER,
    )
    rows = review.rows(environments=[ENVIRONMENT], documents=[DOCUMENT], roster=ROSTER, memberships=SHOP, grants=[], used=used, now=NOW, stale_days=90)
    by = {(row["person"], row["act"]): row for row in rows}
    assert not by["ann", "deploy"]["stale"]
    assert by["ann", "rollback"]["stale"]
    assert by["bob", "deploy"] == {**by["bob", "deploy"], "last_used": "", "stale": True}
    assert ("? stranger", "deploy") in by
    assert {who for who, act in by if act == "status"} == {"ann", "cleo", "dave"}
    # Everybody on the list may, and nobody else: the list and the decision agree.
    for person in ROSTER.people:
        for act in ("deploy", "rollback", "status"):
            assert ((person, act) in by) == (ask(person, act)["verdict"] == "passed"), (person, act)


def test_a_spreadsheet_runs_nothing():
    row = {"person": "=cmd()", "environment": "+1", "act": "@x", "rule": 'a,"b"\nc', "until": "-1", "last_used": "", "stale": False}
    (_head, cells) = csv.reader(io.StringIO(review.as_csv([row])))
    assert cells == ["'=cmd()", "'+1", "'@x", 'a,"b"?c', "'-1", "", "no"]


def test_a_review_is_overdue():
    assert review.overdue([DOCUMENT], None, NOW) == ["shop"]
    assert review.overdue([DOCUMENT], stamp(NOW - timedelta(days=89)), NOW) == []
    assert review.overdue([DOCUMENT], stamp(NOW - timedelta(days=91)), NOW) == ["shop"]


def test_drift():
    document = {**DOCUMENT, "teams": {"team-shop": ["person:ann", "person:bob", "awx_team:Shop", "ldap_group:cn=shop"]}}
    found = {(one["who"], one["kind"]) for one in drift.findings([document], ROSTER, {"awx_team:Shop": ["bob", "eve", "ghost"], "awx_team:Other": ["eve"]})}
    assert found == {("ann", "missing"), ("eve", "extra"), ("ghost", "unknown"), ("", "untold"), ("", "undeclared")}
    same = {"awx_team:Shop": ["ann", "bob"], "ldap_group:cn=shop": ["ann", "bob"]}
    assert drift.findings([document], ROSTER, same) == []


LDIF = """version: 1

# a comment
dn: cn=shop,ou=groups,dc=example,dc=com
cn: shop
member: uid=ann,ou=people,dc=example,dc=com
member: uid=bob,ou=people,dc=exam
 ple,dc=com
member:: dWlkPWNsZW8sb3U9cGVvcGxlLGRjPWV4YW1wbGUsZGM9Y29t

dn: cn=posix,dc=example
memberUid: dave
"""


def test_exports_as_systems_write_them():
    assert exports.read(LDIF.encode()) == {"ldap_group:cn=shop,ou=groups,dc=example,dc=com": ["ann", "bob", "cleo"], "ldap_group:cn=posix,dc=example": ["dave"]}
    assert exports.read(b'{"awx_team:Shop": ["bob", "ann"]}') == {"awx_team:Shop": ["ann", "bob"]}
    page = b'{"awx_team:Shop": {"count": 1, "next": null, "previous": null, "results": [{"id": 3, "username": "ann"}]}}'
    assert exports.read(page) == {"awx_team:Shop": ["ann"]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"garbage",
        b"[]",
        b'{"awx_team:": []}',
        b'{"people:ann": []}',
        b'{"awx_team:Shop": "ann"}',
        b'{"awx_team:Shop": {"count": 30, "next": "/api/v2/teams/1/users/?page=2", "results": [{"username": "ann"}]}}',
        b'{"awx_team:Shop": {"count": 2, "results": [{"username": "ann"}]}}',
        b"dn: cn=x\nmember;range=0-1499: uid=ann,dc=x\n",
        b"member: uid=ann\n",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_exports_that_say_nothing_sure(data):
    if data in (b"",):
        assert exports.read(data) == {}
        return
    with pytest.raises(ValueError, match=r"."):
        exports.read(data)
