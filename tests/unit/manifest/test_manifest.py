# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import date
from typing import Any

import pytest
import rfc8785
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.stages import Stage
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import build, completion, criteria, evidence, identity, items, rules, scope
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2027, 1, 15)
NOW = "2027-01-15T10:00:00+00:00"
SHA = "a" * 64
OLD: dict[str, Any] = {
    "version": "1.2.0",
    "type": "minor",
    "owner": "shop",
    "summary": "Gift cards",
    "changelog": ["gift cards"],
    "components": {"web": {"version": "1.2.0", "artifact": "web.tar.gz", "sha256": SHA}},
    "rollback": {"criteria": ["orders fail"], "max_minutes": 10, "migration": "none"},
}
FULL: dict[str, Any] = {
    **OLD,
    "teams": [{"name": "shop", "contact": "#shop", "role": "owns it"}],
    "links": [{"title": "board", "url": "https://tracker.example.com/1.2.0"}],
    "risks": [{"note": "rounding", "level": "low", "owner": "ada", "mitigation": "tests"}],
    "compliance": ["SOX", "PCI-DSS"],
    "schedule": {"kind": "calendar", "date": "2027-02-01"},
    "milestones": [
        {"name": "tested", "owner": "bea", "due": "2027-01-20", "criteria": [{"name": "verified", "condition": "contains(ledger.verified_in, 'staging')"}]}
    ],
    "scope": {
        "frozen_at": "2027-01-10T00:00:00Z",
        "items": [{"id": "S-1", "title": "Gift cards", "kind": "feature", "status": "done", "source": "tracker"}],
    },
    "history": {"from": "1" * 40, "to": "2" * 40, "changes": [{"commit": "2" * 40, "kind": "feat", "subject": "gift cards", "authors": ["Ada"]}]},
    "boundaries": {"debt": [{"name": "no-criticals", "condition": "`0` == `0`"}]},
    "exit_checks": [{"name": "probes", "condition": "probes.verdict == 'passed'", "shows": ["probes.verdict"], "remedy": "look"}],
    "components": {"web": {**OLD["components"]["web"], "configuration_items": [{"id": "shop-web", "class": "cmdb_ci_service", "relation": "is"}]}},
}


def faults(manifest: Any) -> list[str]:
    source = Source("1.2.0.yml")
    found = check("release", manifest, today=TODAY, source=source) or rules.faults(manifest, source)
    return [f"{fault.path}: {fault.found}" for fault in found]


def late(**more: Any) -> dict[str, Any]:
    item = {"id": "S-9", "title": "Late", "kind": "fix", "status": "accepted", "added_at": "2027-01-11T00:00:00Z", **more}
    change = {"at": "2027-01-11T00:00:00Z", "by": "ada", "act": "added", "item": "S-9", "reason": "found in the test"}
    return {**FULL, "scope": {**FULL["scope"], "items": [*FULL["scope"]["items"], item], "changes": [change]}}


def test_old_manifests_stay_valid_and_full_ones_are() -> None:
    assert faults(OLD) == []
    assert faults(FULL) == []
    assert faults({**OLD, "type": "vendor", "vendor": {"name": "ACME", "product": "Bus"}}) == []


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ({**OLD, "type": "vendor"}, "vendor: nothing"),
        ({**OLD, "vendor": {"name": "ACME", "product": "Bus"}}, "vendor: "),
        ({**OLD, "compliance": ["sox"]}, "compliance[0]"),
        ({**OLD, "links": [{"title": "x", "url": "javascript:alert(1)"}]}, "links[0].url"),
        ({**OLD, "links": [{"title": "x", "url": "https://ada:secret@example.com/"}]}, "links[0].url"),
        ({**OLD, "schedule": {"kind": "calendar"}}, "schedule.date"),
        ({**OLD, "schedule": {"kind": "feature-complete"}}, "schedule.kind: feature-complete without a scope"),
        ({**FULL, "schedule": {"kind": "calendar", "date": "2027-01-19"}}, "milestones[0].due: 2027-01-20"),
        ({**FULL, "milestones": [*FULL["milestones"], *FULL["milestones"]]}, 'milestones[1].name: "tested" again'),
        ({**FULL, "milestones": [{**FULL["milestones"][0], "due": "2027-02-30"}]}, "milestones[0].due"),
        ({**FULL, "milestones": [{**FULL["milestones"][0], "criteria": [{"name": "x", "condition": "a =="}]}]}, "criteria[0].condition"),
        (late(), "scope.items[1].exception: nothing"),
        (late(exception={"reason": "now", "approver": "Ada "}), 'exception.approver: "Ada "'),  # who asked can't let it in
        ({**FULL, "scope": {**FULL["scope"], "items": FULL["scope"]["items"] * 2}}, 'scope.items[1].id: "S-1" again'),
        ({**FULL, "scope": {**FULL["scope"], "items": [{**FULL["scope"]["items"][0], "exception": {"reason": "x", "approver": "y"}}]}}, "an exception"),
        ({**FULL, "scope": {**late()["scope"], "items": FULL["scope"]["items"]}}, 'scope.changes[0].item: "S-9"'),
        ({**FULL, "type": "patch"}, "type: patch, and its commits have features"),
        (
            {**FULL, "history": {"to": "2" * 40, "changes": [{"commit": "2" * 40, "kind": "fix", "subject": "x", "breaking": ["the old API is gone"]}]}},
            "type: minor, and commit 22222222 breaks something: the old API is gone",
        ),
        ({**OLD, "milestone": []}, "milestone: the unknown key milestone"),
    ],
)
def test_faults(manifest: Any, words: str) -> None:
    found = faults(manifest)
    assert any(words in text for text in found), found


def test_a_late_item_with_an_exception_is_in() -> None:
    manifest = late(exception={"reason": "it loses cents", "approver": "bea"})
    assert faults(manifest) == []
    view = scope.view(manifest, NOW)
    assert view is not None
    assert (view["frozen"], view["late"], view["unexcused"], view["open"]) == (True, ["S-9"], [], ["S-9"])
    assert scope.view(late(), NOW)["unexcused"] == ["S-9"]  # type: ignore[index]
    assert scope.view(OLD, NOW) is None


def entry(manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "release",
        "phase": "fact",
        "environment": "",
        "id": "m",
        "subject": "manifest",
        "release": manifest["version"],
        "time": NOW,
        "actor": {"name": "ada"},
        "body": identity.body(manifest),
    }


def test_the_digest_is_that_of_rfc_8785() -> None:
    assert identity.digest(FULL) == hashlib.sha256(rfc8785.dumps(FULL)).hexdigest()
    assert identity.digest(dict(reversed(FULL.items()))) == identity.digest(FULL)


def test_a_version_never_changes_and_what_changed_is_told() -> None:
    assert identity.compare([], FULL)["verdict"] == "passed"
    assert identity.compare([entry(FULL)], FULL)["recorded"]["by"] == "ada"
    other = {**FULL, "components": {"web": {**FULL["components"]["web"], "sha256": "b" * 64}}, "summary": "Gift cards!"}
    with pytest.raises(ManifestError) as refused:
        identity.refuse_changed([entry(FULL), entry(other)], other)  # the first word counts, a later one does not mend it
    text = str(refused.value)
    assert f'components.web.sha256: was "{SHA}", is "{"b" * 64}"' in text
    assert 'summary: was "Gift cards", is "Gift cards!"' in text
    assert "A version never changes its content" in text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-100, 100) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3),
        max_leaves=8,
    )
)
def test_there_is_a_difference_exactly_where_the_digest_differs(value: Any) -> None:
    mine, other = {"x": value}, {"x": [value]}
    assert list(identity.differences(mine, mine)) == []
    assert list(identity.differences(mine, other))


def test_criteria_are_judged_as_policies_are() -> None:
    manifest = {**FULL, "milestones": [
        {"name": "a", "owner": "x", "due": "2027-01-14", "criteria": [{"name": "t", "condition": "`1` == `1`"}]},
        {"name": "b", "owner": "x", "due": "2027-01-14", "criteria": [{"name": "f", "condition": "n > `5`", "shows": ["n"]}]},
        {"name": "c", "owner": "x", "due": "2027-01-15", "criteria": [{"name": "e", "condition": "tests.bad == `0`"}, {"name": "t", "condition": "n > `1`"}]},
        {"name": "d", "owner": "x", "due": "2027-01-16", "criteria": [{"name": "text", "condition": "'true'"}]},
    ]}  # fmt: skip
    found = criteria.milestones(manifest, {"now": NOW, "n": 3})
    assert found is not None
    assert [item["verdict"] for item in found["items"]] == ["passed", "failed", "errored", "errored"]
    assert (found["reached"], found["overdue"], found["verdict"]) == (["a"], ["b"], "failed")
    assert found["items"][1]["criteria"][0]["found"] == {"n": 3}
    assert "has no tests" in found["items"][2]["criteria"][0]["problem"]
    assert criteria.milestones(OLD, {"now": NOW}) is None


def deployment(identifier: str, release: str = "1.2.0") -> dict[str, Any]:
    body = {"verdict": "passed", "services": {"shop": release}, "intent": "x"}
    common = {"kind": "deployment", "phase": "outcome", "subject": "", "environment": "production", "release": release, "time": NOW, "actor": {"name": "ada"}}
    return {**common, "id": identifier, "body": body}


def checked(manifest: dict[str, Any], after: str, **document: Any) -> dict[str, Any]:
    body = completion.body(manifest, {"now": NOW, **document}, entry=after)
    return {
        "kind": "release",
        "phase": "fact",
        "subject": "exit",
        "environment": "production",
        "release": "1.2.0",
        "time": NOW,
        "actor": {"name": "a"},
        "id": "z",
        "body": body,
    }


@pytest.mark.parametrize(
    ("entries", "manifest", "state", "words"),
    [
        ([], FULL, "not_deployed", "does not run"),
        ([deployment("1")], FULL, "incomplete", "have not run"),
        ([deployment("1"), checked(FULL, "1", probes={"verdict": "passed"})], FULL, "complete", ""),
        ([deployment("1"), checked(FULL, "1", probes={"verdict": "failed"})], FULL, "incomplete", "did not pass: probes"),
        ([deployment("1"), checked(FULL, "1")], FULL, "incomplete", "did not pass: probes"),  # no evidence is no pass
        ([deployment("1"), checked(FULL, "1", probes={"verdict": "passed"}), deployment("2")], FULL, "incomplete", "have not run since"),
        ([deployment("1"), checked({**FULL, "exit_checks": [{"name": "x", "condition": "`1` == `1`"}]}, "1")], FULL, "incomplete", "another manifest"),
        ([deployment("1"), deployment("2", "1.3.0")], FULL, "not_deployed", "does not run"),
        ([deployment("1")], OLD, "complete", "asks for no exit checks"),
    ],
)
def test_a_release_is_complete_only_after_its_exit_checks(entries: Any, manifest: Any, state: str, words: str) -> None:
    found = completion.view(entries, manifest, "production")
    assert found["state"] == state
    assert words in found["why"]


def test_configuration_items_as_csv_and_json() -> None:
    manifest = {**FULL, "owner": "=cmd|' /C calc'!A1"}
    rows = items.rows(manifest)
    read = list(csv.DictReader(io.StringIO(items.as_csv(rows), newline="")))
    assert read[0]["u_ci"] == "shop-web"
    assert read[0]["u_owner"] == "'=cmd|' /C calc'!A1"  # no formula for a spreadsheet
    assert json.loads(items.as_json(rows))["records"][0]["u_correlation_id"] == "1.2.0/web/cmdb_ci_service/shop-web"
    assert items.rows(OLD) == []


def test_scope_is_negotiated_in_the_open() -> None:
    manifest = build.with_scope(OLD, items=[{"id": "S-1", "title": "A", "kind": "feature", "status": "accepted"}], change=None, now=NOW)
    assert "changes" not in manifest["scope"]  # the first scope is no change
    done = build.with_scope(manifest, items=[{"id": "S-1", "status": "done"}], change=None, now=NOW)
    assert done["scope"]["items"][0] == {"id": "S-1", "title": "A", "kind": "feature", "status": "done"}  # work goes on without a word
    new = {"id": "S-2", "title": "B", "kind": "fix", "status": "accepted"}
    with pytest.raises(ManifestError, match=r"The scope changes \(S-2\)"):
        build.with_scope(done, items=[new], change=None, now=NOW)
    more = build.with_scope(done, items=[new, {"id": "S-1", "status": "deferred"}], change={"by": "ada", "reason": "r"}, now=NOW)
    assert [(each["act"], each["item"]) for each in more["scope"]["changes"]] == [("added", "S-2"), ("deferred", "S-1")]
    gone = build.without_items(more, ids=["S-2"], change={"by": "bea", "reason": "r"}, now=NOW)
    assert gone["scope"]["changes"][-1] == {"at": NOW, "act": "removed", "item": "S-2", "by": "bea", "reason": "r"}
    assert faults(gone) == []


def test_digests_are_compared_never_believed() -> None:
    with pytest.raises(ManifestError, match=r"the bytes of web\.tar\.gz have"):
        build.with_digests(OLD, {"web": {"sha256": "b" * 64, "size": 3}})
    bare = {**OLD, "components": {"web": {"version": "1.2.0", "artifact": "web.tar.gz"}}}
    assert build.with_digests(bare, {"web": {"sha256": "b" * 64, "size": 3}})["components"]["web"]["size"] == 3
    assert build.with_digests(OLD, {"web": {"sha256": SHA, "size": 3}}) == OLD  # a recorded one stays what it is


def test_the_sections_of_the_evidence() -> None:
    document = {"now": NOW, "environment": {"name": "production"}, "ledger": {"verified_in": ["staging"]}}
    found = evidence.sections(FULL, raw=FULL, entries=[entry(FULL), deployment("1")], evidence=document)
    assert found["manifest"]["recorded"] is not None
    assert found["milestones"]["open"] == []
    assert found["boundaries"]["debt"]["verdict"] == "passed"
    assert found["complete"]["state"] == "incomplete"
    bare = evidence.sections(OLD, raw=OLD, entries=[], evidence=document)
    assert (bare["scope"], bare["milestones"], bare["boundaries"], bare["manifest"]["recorded"]) == (None, None, None, None)


def test_all_sections_of_a_release_in_one_call() -> None:
    document = {"now": NOW, "environment": {"name": "production", "promotes_from": "staging"}, "ledger": {"verified_in": ["staging"]}}
    manifest = {**FULL, "milestones": [{**FULL["milestones"][0], "criteria": [{"name": "may-go", "condition": "standing.promotable"}]}]}
    stages = {"staging": Stage(), "production": Stage(("staging",))}
    found = evidence.release(manifest, raw=manifest, entries=[entry(manifest)], evidence=document, stages=stages, components={"shop": "web"})
    assert sorted(found) == ["boundaries", "complete", "manifest", "milestones", "promotion", "scope", "standing"]
    assert found["promotion"]["verdict"] == "inconclusive"
    assert (found["standing"]["promotable"], found["milestones"]["open"]) == (False, ["tested"])  # criteria see where it stands
    first = {"now": NOW, "environment": {"name": "staging"}}
    assert evidence.release(OLD, raw=OLD, entries=[], evidence=first, stages=stages, components={})["promotion"] is None
