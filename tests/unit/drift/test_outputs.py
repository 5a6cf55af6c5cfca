# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.outputs import document, junit, prometheus, told
from ansible_collections.evenkeel.release.tests.unit.drift import outputs_data as data
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

# Every character that a file system or an attacker can bring.
ANY = st.text(st.characters(codec="utf-8"), max_size=30)
WHO = {"who": "ada", "when": "noon", "how": "sudo", "confidence": "likely", "text": "Ran vi."}


def _scanned(*reports, **more):
    scans = data.Scans()
    for subject, body in reports:
        scans.add(subject, body)
    return document.from_entries(scans.entries, **more)


def _states(made):
    return {finding["path"]: finding.get("state") for subject in made["subjects"] for finding in (*subject["findings"], *subject["absent"])}


def test_only_the_newest_scan_of_each_service_counts():
    made = _scanned(("web1/shop", data.result(data.MODE)), ("web2/shop", data.result(data.GONE)), ("web1/shop", data.result()))
    assert [(s["host"], s["service"], s["verdict"], len(s["findings"])) for s in made["subjects"]] == [
        ("web1", "shop", "passed", 0),
        ("web2", "shop", "failed", 1),
    ]
    assert (made["verdict"], made["findings"], made["by_severity"]["critical"]) == ("failed", 1, 1)
    assert made["scanned"] == "2026-01-01T00:00:03.000000Z"


def test_each_finding_says_how_it_differs_from_the_scan_before():
    moved = {**data.MODE, "after": {"mode": "0600"}}
    made = _scanned(("web1/shop", data.result(data.MODE, data.KEY, data.GONE)), ("web1/shop", data.result(moved, data.KEY, data.BLIND)))
    assert _states(made) == {data.MODE["path"]: "updated", data.KEY["path"]: "unchanged", data.BLIND["path"]: "new", data.GONE["path"]: "absent"}


def test_what_was_allowed_since_is_not_gone():
    made = _scanned(("web1/shop", data.result(data.KEY)), ("web1/shop", data.result(allowed=[data.ALLOWED])))
    assert _states(made) == {}


def test_a_first_scan_compares_with_nothing():
    assert _states(_scanned(("web1/shop", data.result(data.MODE)))) == {data.MODE["path"]: None}
    assert _states(_scanned(("web1/shop", data.result(data.MODE)), since="")) == {data.MODE["path"]: "new"}


def test_since_compares_with_what_was_known_then():
    scans = data.Scans()
    known = scans.add("web1/shop", data.result(data.KEY))
    scans.add("web1/shop", data.result(data.KEY, data.MODE))
    scans.add("web1/shop", data.result(data.KEY, data.MODE))
    assert _states(document.from_entries(scans.entries))[data.MODE["path"]] == "unchanged"
    assert _states(document.from_entries(scans.entries, since=known))[data.MODE["path"]] == "new"


def test_the_same_change_has_one_digest_on_all_hosts_and_each_place_its_own():
    made = document.from_results({"web1/shop": data.result(data.MODE), "web2/shop": data.result(data.MODE)}, environment="staging")
    first, second = (subject["findings"][0] for subject in made["subjects"])
    assert first["change"] == second["change"]
    assert first["fingerprint"] != second["fingerprint"]


def test_environment_and_service_narrow_it_and_intents_are_no_results():
    scans = data.Scans()
    scans.add("web1/shop", data.result(data.MODE))
    scans.add("web1/shop", {}, phase="intent")
    scans.add("web1/database", data.result())
    scans.add("web9/shop", data.result(data.GONE), environment="production")
    made = document.from_entries(scans.entries, environment="staging", service="shop")
    assert [(s["host"], s["service"]) for s in made["subjects"]] == [("web1", "shop")]


def test_a_report_without_a_verdict_is_no_success():
    assert _scanned(("web1/shop", {"findings": []}))["verdict"] == "errored"


def test_the_score_of_an_environment_is_that_of_its_hosts():
    made = document.from_results(
        {"web1/shop": data.result(score=20.0), "web1/system": data.result(score=50.0), "web2/shop": data.result(score=0)}, environment="e"
    )
    assert made["scores"] == {"e": 45.0}  # host web1: 20, then half of the 80 that are left, is 60; (60 + (60 + 0) / 2) / 2


def test_json_is_whole_and_the_same_each_time():
    reports = (("web1/shop", data.result(data.MODE, allowed=[data.ALLOWED])), ("web1/shop", data.result(data.MODE, baseline={"name": "b", "version": 3})))
    text = document.dump(_scanned(*reports))
    assert text == document.dump(_scanned(*reports))
    back = json.loads(text)
    assert (back["format"], back["version"]) == ("evenkeel-drift", 1)
    assert back["subjects"][0]["baseline"] == {"name": "b", "version": 3}


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (data.MODE, "file:/etc/shop/a b#é.ini was changed: mode: 0640 -> 0666"),
        (data.GONE, "package:deb/openssl:amd64 was removed: version: 3 -> nothing"),
        (data.BLIND, "collector:firewall could not be compared: unknown: nothing -> nft is not installed"),
        ({"path": "file:/b", "kind": "renamed", "from": "file:/a"}, "file:/b was renamed from file:/a"),
        ({"path": "x:y", "kind": "changed", "before": "[REDACTED]", "after": "differs"}, "x:y was changed: [REDACTED] -> differs"),
        ({**data.KEY, "attribution": [WHO, {"who": "", "how": "none", "text": "Nothing tells."}]}, "81 (by ada at noon (likely, sudo): Ran vi.)"),
    ],
)
def test_a_finding_in_one_line(finding, words):
    assert words in told.message(finding)


def test_long_values_are_cut():
    assert len(told.message({**data.KEY, "after": {"value": "x" * 10_000}})) < 400


def test_junit_has_a_suite_per_host_and_each_outcome_once():
    made = _scanned(
        (
            "web1/shop",
            data.result(data.MODE, data.EXPIRED, data.BLIND, allowed=[{**data.ALLOWED, "path": "config:x:y"}], collectors={"files": {}, "users": {}}),
        ),
        ("web2/shop", data.result()),
    )
    root = ET.fromstring(junit.render(made))
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {"tests": "7", "failures": "2", "errors": "1", "skipped": "1"}
    one, two = root
    assert (one.get("name"), one.get("hostname"), two.get("tests"), two.get("failures")) == ("staging/web1", "web1", "1", "0")
    cases = {case.get("name"): case for case in one}
    assert {case.get("classname") for case in one} == {"staging.web1.shop"}
    assert "mode: 0640 -> 0666" in cases["file"].find("failure").text
    assert "was allowed: Was a trial. (owner team-shop, expired 2025-01-01)" in cases["config"].find("failure").text
    assert "nft is not installed" in cases["collector:firewall"].find("error").get("message")
    assert cases["config:x:y"].find("skipped").get("message") == "Another port range. (owner team-shop, until 2027-06-30)"
    assert len(cases["users"]) == 0


def test_a_scan_that_broke_is_an_error_and_not_a_test_without_faults():
    root = ET.fromstring(junit.render(_scanned(("web1/shop", {"findings": []}))))
    assert root.get("errors") == "1"


@settings(max_examples=60, deadline=None)
@given(ANY, ANY, ANY)
def test_junit_is_well_formed_whatever_a_host_says(path, value, reason):
    finding = {"path": path, "kind": "changed", "severity": "low", "before": value, "after": {value: reason}}
    made = document.from_results({f"{value}/{path}": data.result(finding, allowed=[{**finding, "reason": reason}])}, environment=value)
    assert ET.fromstring(junit.render(made).encode()).get("failures") == "1"


def test_prometheus_counts_by_severity_with_zeros():
    made = _scanned(("web1/shop", data.result(data.MODE, data.GONE, data.GONE, allowed=[data.ALLOWED], score=64.5)), ("web2/shop", data.result(score=0)))
    families = {family.name: family for family in text_string_to_metric_families(prometheus.render(made))}
    assert {family.type for family in families.values()} == {"gauge"}
    counts = {(s.labels["host"], s.labels["severity"]): s.value for s in families["evenkeel_drift_findings"].samples}
    assert [counts["web1", name] for name in document.SEVERITIES] == [2, 1, 0, 0, 0]
    assert [counts["web2", name] for name in document.SEVERITIES] == [0, 0, 0, 0, 0]
    assert [s.value for s in families["evenkeel_drift_score"].samples] == [64.5, 0]
    assert [s.value for s in families["evenkeel_drift_allowed"].samples] == [1, 0]
    assert {s.labels["verdict"] for s in families["evenkeel_drift_verdict"].samples if s.value == 1} == {"failed", "passed"}
    assert families["evenkeel_drift_last_scan_timestamp_seconds"].samples[0].value == 1767225601


@settings(max_examples=60, deadline=None)
@given(ANY, ANY)
def test_prometheus_labels_come_back_as_they_were(host, environment):
    host = host.replace("/", "") or "h"
    made = document.from_results({f"{host}/{environment}": data.result(data.MODE)}, environment=environment)
    # This parser ends lines at a carriage return too; Prometheus itself does so at a line feed alone.
    families = list(text_string_to_metric_families(prometheus.render(made).replace("\r", "\\r")))
    for sample in (sample for family in families for sample in family.samples):
        assert sample.labels["host"] == host.replace("\r", "\\r")
        assert (sample.labels["environment"], sample.labels["service"]) == (environment.replace("\r", "\\r"),) * 2


def test_prometheus_of_nothing_is_an_empty_file():
    assert prometheus.render(_scanned()) == ""
