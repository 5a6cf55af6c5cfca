# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import date

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.evenkeel.release.plugins.filter.drift_compare import drift_compare
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.decide import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import open_objects

READ = {"files": {"state": "read"}}
CHANGES = {"file:/etc/a": {"before": {"mode": "0600"}, "after": {"mode": "0644"}}, "file:/srv/b": {"before": None, "after": {"type": "file"}}}
RULE = {"path": "file:/etc/**", "reason": "r", "owner": "o", "expires": "2099-01-01", "hosts": ["web*"]}


def result(**more):
    return {"same": False, "collectors": READ, "baseline_collectors": READ, "changes": CHANGES, **more}


def test_all_that_a_role_needs():
    answer = drift_compare(result(), [RULE], {"severities": [{"match": "file:/srv/**", "severity": "critical"}]}, host="web1")
    assert answer["verdict"] == "failed"
    assert [(each["path"], each["severity"]) for each in answer["findings"]] == [("file:/srv/b", "critical")]
    assert answer["allowed"][0]["expires"] == "2099-01-01"
    assert (answer["score"], answer["by_severity"]["critical"], answer["unused"]) == (50.0, 1, [])
    assert len(drift_compare(result(), [RULE], host="db1")["findings"]) == 2


def test_the_same_passes_and_a_blind_collector_does_not():
    same = {"same": True, "collectors": READ}
    assert drift_compare(same)["verdict"] == "passed"
    blind = {"files": {"state": "unknown", "reason": "denied"}}
    assert drift_compare({**same, "collectors": blind})["verdict"] == "inconclusive"
    assert drift_compare({**same, "baseline_collectors": {**READ, "users": {"state": "read"}}})["verdict"] == "inconclusive"


def test_changes_that_did_not_travel_come_from_the_store(tmp_path):
    name = open_objects(str(tmp_path)).put(json.dumps(CHANGES).encode())
    given = {**result(), "changes_object": name}
    del given["changes"]
    assert len(drift_compare(given, store=str(tmp_path))["findings"]) == 2
    for store in ("", str(tmp_path / "elsewhere")):
        with pytest.raises(AnsibleFilterError):
            drift_compare(given, store=store)


def test_what_rules_call_equal_is_no_finding():
    rules = {"normalize": [{"match": "file:/etc/**", "ignore": True, "attributes": ["mode"]}]}
    assert [each["path"] for each in decide(result(), [], rules=rules, today=date(2026, 1, 1))["findings"]] == ["file:/srv/b"]


@pytest.mark.parametrize("given", [{}, {"collectors": READ}, {"same": False}, {"failed": True, "msg": "x"}])
def test_what_is_no_comparison_never_passes(given):
    with pytest.raises(AnsibleFilterError, match="drift_snapshot"):
        drift_compare(given)
