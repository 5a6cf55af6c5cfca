# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.allow import allow, propose
from hypothesis import given
from hypothesis import strategies as st

TODAY = date(2026, 1, 1)
RULE = {"path": "config:shop.ini:*", "reason": "smaller machine", "owner": "team-shop", "expires": "2026-01-01"}


def finding(path="config:shop.ini:a", kind="changed", names=("value",), **more):
    return {"path": path, "kind": kind, "before": dict.fromkeys(names, 1), "after": dict.fromkeys(names, 2), **more}


@pytest.mark.parametrize(
    ("more", "found", "host", "fits"),
    [
        ({}, finding(), "", True),
        ({"path": "file:/etc/*"}, finding("file:/etc/a/b"), "", False),
        ({"path": "file:/etc/**"}, finding("file:/etc/a/b"), "", True),
        ({"hosts": ["web*"]}, finding(), "web1", True),
        ({"hosts": ["web*"]}, finding(), "db1", False),
        ({"hosts": ["web*"]}, finding(), "", False),
        ({"hosts": ["web*"]}, finding(hosts=["web1", "db1"]), "web1", False),
        ({"hosts": ["web*"]}, finding(hosts=["web1", "web2"]), "", True),
        ({"attributes": ["mo*"]}, finding(names=("mode",)), "", True),
        ({"attributes": ["mode"]}, finding(names=("mode", "sha256")), "", False),
        ({"attributes": ["mode"]}, finding(kind="removed", names=("mode",)), "", False),
        ({"path": "file:/a/*"}, finding("file:/a/x", "renamed", **{"from": "file:/b/x"}), "", False),
        ({"path": "file:/?/x"}, finding("file:/a/x", "renamed", **{"from": "file:/b/x"}), "", True),
        ({"path": "**"}, finding(kind="unknown"), "", False),
    ],
)
def test_what_fits(more, found, host, fits):
    result = allow([found], [{**RULE, **more}], today=TODAY, host=host)
    assert bool(result["allowed"]) is fits
    assert bool(result["findings"]) is not fits
    assert bool(result["unused"]) is not fits


def test_after_its_last_day_it_is_a_fault_and_says_whose():
    assert allow([finding()], [RULE], today=TODAY)["allowed"][0]["owner"] == "team-shop"
    (left,) = allow([finding()], [RULE], today=date(2026, 1, 2))["findings"]
    assert left["expired"] == {"reason": "smaller machine", "owner": "team-shop", "expires": "2026-01-01"}


def test_another_declaration_may_take_over_from_an_expired_one():
    later = {**RULE, "expires": "2027-01-01", "owner": "team-b"}
    result = allow([finding()], [RULE, later], today=date(2026, 5, 5))
    assert ([each["owner"] for each in result["allowed"]], result["unused"]) == (["team-b"], [RULE])


@pytest.mark.parametrize("expires", [None, "", "never", "2026-13-01"])
def test_without_a_day_that_can_be_read_it_has_passed(expires):
    assert "expired" in allow([finding()], [{**RULE, "expires": expires}], today=TODAY)["findings"][0]


PATHS = st.text(alphabet="ab/*?[]{},:.", min_size=1, max_size=12)


@given(st.lists(st.tuples(PATHS, st.sampled_from(["added", "removed", "changed", "unknown"]), st.sets(st.sampled_from(["mode", "value"]))), max_size=8))
def test_proposals_allow_what_they_were_made_of_once_filled_in(drift):
    found = [finding(path, kind, tuple(names)) for path, kind, names in {row[0]: row for row in drift}.values()]
    filled = [{**entry, "reason": "r", "owner": "o", "expires": "2026-01-01"} for entry in propose(found)]
    result = allow(found, filled, today=TODAY)
    assert [each["kind"] for each in result["findings"]] == ["unknown"] * sum(each["kind"] == "unknown" for each in found)
    assert result["unused"] == []


def test_a_rename_is_proposed_under_both_names():
    assert [entry["path"] for entry in propose([finding("file:/b", "renamed", **{"from": "file:/a"})])] == ["file:/a", "file:/b"]


def test_validation_refuses_a_proposal_until_somebody_answers_for_it():
    environment = {"name": "staging", "tier": "staging", "kind": "permanent", "owner": "a", "stage": 1, "provider": "process", "data_policy": "none"}
    (entry,) = propose([finding(hosts=["web1"])])
    faults = check("environment", {**environment, "allowed_differences": [entry]}, today=TODAY, source=Source("x"))
    assert [fault.path for fault in faults] == [f"allowed_differences[0].{name}" for name in ("expires", "owner", "reason")]
    filled = {**entry, "reason": "r", "owner": "o", "expires": "2026-01-01"}
    assert check("environment", {**environment, "allowed_differences": [filled]}, today=TODAY, source=Source("x")) == []
