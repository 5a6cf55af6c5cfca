# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rehearsed rollback proves, and for how long."""

from __future__ import annotations

from copy import deepcopy

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve import rehearsal
from ansible_collections.evenkeel.release.plugins.plugin_utils._preserve.errors import PreservationError
from hypothesis import given
from hypothesis import strategies as st

NOW = "2026-06-30T12:00:00+00:00"
MANIFEST = {"version": "1.1.0", "components": {"shop": {"sha256": "A" * 64}, "blog": {"variants": [{"sha256": "c" * 64}, {"sha256": "b" * 64}]}}}
SERVICES = {"database": {"engine": "postgresql"}, "shop": {"engine": "application", "component": "shop"}, "blog": {"engine": "application"}}
STAGING = {"name": "staging", "tier": "staging"}
SUBJECT = {"kind": "validation", "subject": "rollback_rehearsal", "phase": "fact", "release": "1.1.0", "environment": "staging"}


def entry(number, **fields):
    base = {"id": f"e{number}", "time": f"2026-06-30T{number:02d}:00:00Z", "kind": "", "subject": "", "phase": "outcome", "environment": "staging"}
    return {**base, "release": "", "body": {}, "actor": {"name": "x"}, **fields}


def deployed(number, release, services=("shop", "blog")):
    body = {"verdict": "passed", "services": dict.fromkeys(services, release), "intent": "i"}
    verified = {"verdict": "passed"}
    return [
        entry(number, kind="deployment", release=release, body=body),
        entry(number + 1, kind="verification", phase="fact", release=release, body=verified),
    ]


def begun(number, **body):
    return entry(number, **SUBJECT, body={"state": "begun", "from": "1.0.0", "artifacts": rehearsal.pins(MANIFEST), **body})


def ended(number, of, verdict="passed", expires="2026-07-07T00:00:00Z", findings=()):
    return entry(number, **SUBJECT, body={"state": "ended", "rehearsal": f"e{of}", "verdict": verdict, "expires": expires, "findings": list(findings)})


BAD = rehearsal.finding("data", "orders", "lost")


@pytest.mark.parametrize(
    ("entries", "now", "verdict"),
    [
        ([], NOW, "none"),
        ([begun(1)], NOW, "errored"),
        ([begun(1), ended(2, 1)], NOW, "passed"),
        ([begun(1), ended(2, 1)], "2026-07-07T00:00:00+00:00", "expired"),
        ([begun(1), ended(2, 1)], "2026-07-06T23:59:59+00:00", "passed"),
        ([begun(1), ended(2, 1, expires="")], NOW, "expired"),
        ([begun(1), ended(2, 1, "failed", findings=[BAD])], NOW, "failed"),
        ([begun(1), ended(2, 1, "inconclusive", findings=[BAD])], NOW, "inconclusive"),
        # the newest one counts, also when it has not ended
        ([begun(1), ended(2, 1, "failed", findings=[BAD]), begun(3), ended(4, 3)], NOW, "passed"),
        ([begun(1), ended(2, 1), begun(3), ended(4, 3, "failed", findings=[BAD])], NOW, "failed"),
        ([begun(1), ended(2, 1), begun(3)], NOW, "errored"),
        # an end that belongs to another rehearsal is none
        ([begun(1), begun(2), ended(3, 1)], NOW, "errored"),
        # other bytes under the same version
        ([begun(1, artifacts=[{"component": "shop", "sha256": ["d" * 64]}]), ended(2, 1)], NOW, "other_artifacts"),
        ([{**begun(1), "release": "1.0.9"}, {**ended(2, 1), "release": "1.0.9"}], NOW, "none"),
        # a verification is no rehearsal
        ([{**begun(1), "kind": "verification"}, {**ended(2, 1), "kind": "verification"}], NOW, "none"),
        ([begun(1), entry(2, kind="rollback", release="1.0.0", body={"verdict": "failed", "problems": [{"host": "w", "reason": "not ready"}]})], NOW, "failed"),
        ([begun(1), entry(2, kind="rollback", environment="development", body={"verdict": "failed"})], NOW, "errored"),
    ],
)
def test_what_the_newest_rehearsal_is_worth(entries, now, verdict):
    found = rehearsal.rehearsals(entries, MANIFEST, now=now)
    assert found["verdict"] == verdict
    assert found["passed"] is (verdict == "passed")
    assert rehearsal.rehearsed(entries, MANIFEST, now=now) is (verdict == "passed")
    assert bool(found["reasons"]) is (verdict != "passed")


def test_a_rehearsal_counts_for_the_release_that_it_went_back_to():
    entries = [begun(1), ended(2, 1)]
    assert rehearsal.rehearsed(entries, MANIFEST, now=NOW, from_release="1.0.0")
    assert not rehearsal.rehearsed(entries, MANIFEST, now=NOW, from_release="0.9.0")


def test_a_failed_rollback_says_why_although_the_rehearsal_could_not():
    problems = [{"host": "web1", "reason": "not healthy within 60 s"}]
    entries = [begun(1), entry(2, kind="rollback", release="1.0.0", body={"verdict": "failed", "problems": problems})]
    assert rehearsal.rehearsals(entries, MANIFEST, now=NOW)["reasons"] == ["the rollback of 1.0.0 did not pass: web1: not healthy within 60 s"]


def test_pins_are_of_all_variants_and_know_no_case():
    assert rehearsal.pins(MANIFEST) == [{"component": "blog", "sha256": ["b" * 64, "c" * 64]}, {"component": "shop", "sha256": ["a" * 64]}]


@pytest.mark.parametrize(
    ("environment", "entries", "said"),
    [
        (
            {"name": "production", "tier": "production", "promotes_from": "staging"},
            deployed(1, "1.0.0"),
            "never rehearsed. Rehearse 1.1.0 where it goes out before",
        ),
        (STAGING, [], "blog on no release, shop on no release"),
        (STAGING, deployed(1, "1.1.0"), "runs 1.1.0 already"),
        (STAGING, deployed(1, "1.0.0", ["shop"]) + deployed(3, "0.9.0", ["blog"]), "blog on 0.9.0, shop on 1.0.0"),
        (STAGING, deployed(1, "1.0.0")[:1], "never verified there"),
    ],
)
def test_a_rehearsal_without_a_way_back_is_refused(environment, entries, said):
    with pytest.raises(PreservationError, match=said):
        rehearsal.begin(environment=environment, services=SERVICES, manifest=MANIFEST, entries=entries)


def test_a_rehearsal_begins_with_what_runs():
    found = rehearsal.begin(environment=STAGING, services=SERVICES, manifest=MANIFEST, entries=deployed(1, "1.0.0"))
    assert (found["from"], found["services"]) == ("1.0.0", ["blog", "shop"])


def seen(**shop):
    service = {"release": "1.0.0", "artifact": "a", "colour": "blue", "config": {"shop.ini": "d"}, **shop}
    return {"preserved": {"services": {"shop": service}, "files": {"/etc/x": "d"}, "flags": {"/f": {"pay": {"digest": "1"}}}}}


def changed(what):
    other = deepcopy(seen())
    what(other["preserved"])
    return other


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (seen(), None),
        (seen(colour="green"), None),
        (seen(release="1.1.0"), "release"),
        (seen(artifact="b"), "artifact"),
        (seen(config={"shop.ini": "e"}), "configuration"),
        (seen(config={}), "configuration"),
        (seen(config={"shop.ini": "d", "new.ini": "d"}), "configuration"),
        (changed(lambda one: one["files"].update({"/etc/x": "absent"})), "files"),
        (changed(lambda one: one["flags"]["/f"].update(pay={"digest": "2"})), "flags"),
        (changed(lambda one: one["services"].clear()), "release"),
        ({}, "host"),
        ({"failed": True, **seen()}, "host"),
        (False, "host"),
    ],
)
def test_every_difference_is_a_finding(after, what):
    found = rehearsal.compare(before={"web1": seen()}, after={"web1": after})
    assert [one["what"] for one in found] == ([what] if what else [])


@pytest.mark.parametrize(
    ("heads", "verdict"),
    [
        ((["1"], ["1", "2"], ["2", "1"]), None),
        ((["1"], ["1", "2"], ["1"]), None),
        ((["1"], ["1", "2", "3"], ["1", "2"]), "failed"),
        ((["1"], ["1", "2"], []), "failed"),
        ((["1"], ["1", "2"], None), "errored"),
        ((None, ["1"], ["1"]), "errored"),
    ],
)
def test_a_schema_stands_where_a_release_was_tested(heads, verdict):
    found = rehearsal.schema(heads={"shop": dict(zip(("before", "written", "after"), heads))})
    assert [one["verdict"] for one in found] == ([verdict] if verdict else [])


def values(before, written, after):
    return {"before": {"orders": before}, "written": {"orders": written}, "after": {"orders": after}}


@pytest.mark.parametrize(
    ("expect", "row", "verdicts"),
    [
        ("kept", (1, 2, 2), []),
        ("kept", (1, 2, 1), ["failed"]),
        ("grown", (1, 2, 2), []),
        ("grown", ("1.50", "2.75", "2.75"), []),
        ("grown", (9, 10, 10), []),
        ("grown", (2, 1, 1), ["inconclusive"]),
        ("same", (1, 2, 1), []),
        ("same", (1, 2, 2), ["failed"]),
        # a write that nobody sees proves nothing
        ("kept", (1, 1, 1), ["inconclusive"]),
        ("grown", (1, 1, 1), ["inconclusive", "inconclusive"]),
        ("kept", (1, 1, 0), ["failed", "inconclusive"]),
    ],
)
def test_data_is_kept(expect, row, verdicts):
    checks = [{"name": "orders", "sql": "x", "expect": expect}, {"name": "page", "probe": {}}]
    assert [one["verdict"] for one in rehearsal.data(checks=checks, values=values(*row), wrote=True)] == verdicts


@pytest.mark.parametrize(("wrote", "verdicts"), [(True, []), ("True", []), (False, ["errored"]), ("False", ["errored"]), ("", ["errored"])])
def test_only_a_write_that_succeeded_counts(wrote, verdicts):
    found = rehearsal.data(checks=[{"name": "orders", "sql": "x"}], values=values(1, 2, 2), wrote=wrote)
    assert [one["verdict"] for one in found] == verdicts


def test_queries_that_fail_and_a_write_that_fails_prove_nothing():
    checks = [{"name": "orders", "sql": "x"}]
    assert [one["verdict"] for one in rehearsal.data(checks=checks, values={**values(1, 2, 2), "after": None}, wrote=True)] == ["errored"]
    assert "errored" in [one["verdict"] for one in rehearsal.data(checks=checks, values=values(1, 2, 2), wrote=False)]


def test_probes_that_do_not_pass_are_findings():
    results = [
        {"name": "a", "verdict": "passed", "reason": ""},
        {"name": "b", "verdict": "failed", "reason": "500"},
        {"name": "c", "verdict": "odd", "reason": "?"},
    ]
    found = rehearsal.probes(results=results, point="write")
    assert [(one["where"], one["verdict"], one["reason"]) for one in found] == [("b", "failed", "write: 500"), ("c", "errored", "write: ?")]


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [([], "passed"), (["inconclusive"], "inconclusive"), (["inconclusive", "errored"], "errored"), (["errored", "failed", "inconclusive"], "failed")],
)
def test_the_verdict_is_the_worst(verdicts, verdict):
    found = rehearsal.judge(findings=[rehearsal.finding("x", "y", "z", one) for one in verdicts], now=NOW, valid="36h")
    assert found["verdict"] == verdict
    assert found["expires"] == "2026-07-02T00:00:00Z"
    assert found["message"].count("\n") == len(verdicts)


@given(st.lists(st.sampled_from(["begun", "passed", "failed", "errored", "inconclusive"]), max_size=8))
def test_only_a_newest_rehearsal_that_ended_well_counts(course):
    entries, last, newest = [], 0, "none"
    for number, what in enumerate(course, start=1):
        if what == "begun":
            entries.append(begun(number))
            last, newest = number, "errored"
        elif last:
            entries.append(ended(number, last, what, findings=[] if what == "passed" else [BAD]))
            newest = what
    assert rehearsal.rehearsals(entries, MANIFEST, now=NOW)["verdict"] == newest


def test_a_place_is_the_balancer_of_the_users():
    services = {"shop": {"engine": "application", "uses": {"balancer": "lb"}}, "worker": {"engine": "application"}}
    endpoints = {
        "shop": {"web2": {"address": "b", "ports": {"blue": 1}}, "web1": {"address": "a", "ports": {"blue": 1}}},
        "worker": {"job1": {"address": "c", "ports": {"main": 7}}},
        "lb": {"lb1": {"address": "l", "ports": {"http": 80}}},
    }
    assert rehearsal.place(services=services, endpoints=endpoints, names=["shop"]) == {"host": "web1", "address": "l", "port": 80}
    assert rehearsal.place(services=services, endpoints=endpoints, names=["worker"], host="x") == {"host": "x", "address": "c", "port": 7}
    with pytest.raises(PreservationError, match="provision"):
        rehearsal.place(services=services, endpoints={}, names=["shop"])


def test_heads_are_what_a_database_has_had():
    results = [
        {"service": "shop", "answer": {"verdict": "failed", "additional": ["1", "2"]}},
        {"service": "blog", "answer": {"verdict": "passed", "additional": []}},
        {"service": "lost", "answer": {"verdict": "errored"}},
        {"service": "down", "answer": {"failed": True}},
    ]
    assert rehearsal.heads(results=results) == {"shop": ["1", "2"], "blog": [], "lost": None, "down": None}
    points = {"before": {"shop": ["1"]}, "written": {"shop": ["1", "2"]}, "after": {}}
    assert rehearsal.joined(points=points) == {"shop": {"before": ["1"], "written": ["1", "2"], "after": None}}


def test_where_the_schemas_are_read():
    schema = {"engine": "postgresql", "host": "{address}", "port": 5432, "dbname": "shop", "user": "shop", "password": "a{b}c", "files": "{release_dir}/m"}
    services = {"shop": {"engine": "application", "schema": schema}, "blog": {"engine": "application"}}
    endpoints = {name: {"web2": {"address": "b", "ports": {}}, "web1": {"address": "a", "ports": {}}} for name in services}
    found = rehearsal.schemas(services=services, endpoints=endpoints, names=["blog", "shop"])
    database = {"host": "a", "port": 5432, "dbname": "shop", "user": "shop", "password": "a{b}c"}
    assert found == [{"service": "shop", "host": "web1", "engine": "postgresql", "python": "", "database": database}]
