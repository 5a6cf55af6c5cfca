# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.validation import Question, validate

RULE = {"match": ["file:/srv/**"], "severity": "critical", "reason": "programs", "kinds": ["added"], "attributes": ["mode"]}
NORMAL = {"match": "config:**", "values": ["host", "root"], "attributes": ["value"]}
GOOD = {
    "severities": [RULE, {"match": "cron:**", "severity": "low"}],
    "normalize": [NORMAL, {"match": "file:/x", "ignore": True}, {"match": "package:**", "at_least": True}],
    "parity": {"secrets": "different"},
    "system": {"paths": ["/etc"]},
    "store": "/srv/evenkeel/objects",
    "weights": {"severities": {"critical": 0.7}, "tiers": {"production": 9}},
}
ENVIRONMENT = {"name": "a", "tier": "test", "kind": "permanent", "owner": "o", "stage": 1, "provider": "process", "data_policy": "none"}


def faults(drift, **environment):
    variables = {"evenkeel_environment": {**ENVIRONMENT, **environment}, "evenkeel_services": {}, "evenkeel_drift": drift}
    answer = validate(Question(today=date(2026, 1, 1)), hostvars={"a1": variables}, groups={"all": ["a1"], "a": ["a1"]}, found=())
    return {fault.path: fault for fault in answer.faults}


def test_a_good_document_and_none_have_no_fault():
    assert faults(GOOD) == {}
    assert faults({}) == {}


@pytest.mark.parametrize(
    ("change", "path", "found"),
    [
        ({"severites": []}, "severites", "the unknown key severites"),
        ({"severities": [{**RULE, "severity": "hihg"}]}, "severities[0].severity", '"hihg"'),
        ({"severities": [{"severity": "high"}]}, "severities[0].match", "nothing"),
        ({"severities": [{**RULE, "match": []}]}, "severities[0].match", "an empty list"),
        ({"severities": [{**RULE, "kinds": ["moved"]}]}, "severities[0].kinds[0]", '"moved"'),
        ({"normalize": [{"match": "x"}]}, "normalize[0].values", "nothing"),
        ({"normalize": [{**NORMAL, "values": ["name"]}]}, "normalize[0].values[0]", '"name"'),
        ({"normalize": [{"match": "x", "ignore": "colour"}]}, "normalize[0].ignore", '"colour"'),
        ({"parity": {"secrets": "same"}}, "parity.secrets", "[REDACTED]"),
        ({"system": {"pathes": []}}, "system.pathes", "the unknown key pathes"),
        ({"weights": {"severities": {"critical": 2}}}, "weights.severities.critical", "2"),
        ({"weights": {"severities": {"low": 0.9}}}, "weights.severities.low", "medium 0.05, less than low 0.9"),
        ({"weights": {"severities": {"critical": 0.1}}}, "weights.severities.critical", "critical 0.1, less than high 0.2"),
        ({"weights": {"tiers": {"prod": 1}}}, "weights.tiers.prod", "the key prod"),
    ],
)
def test_faults(change, path, found):
    assert faults({**GOOD, **change})[f"evenkeel_drift.{path}"].found == found


def test_all_faults_come_in_one_report():
    declared = {"path": "x", "reason": "r", "owner": "o", "expires": "2026-01-01", "hosts": [], "attributes": ["mode"]}
    found = faults({"store": "", "parity": 1}, tier="tset", allowed_differences=[declared])
    assert set(found) == {
        "evenkeel_environment.tier",
        "evenkeel_environment.allowed_differences[0].hosts",
        "evenkeel_drift.store",
        "evenkeel_drift.parity",
    }
