# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook on a real ledger: the right change is named first, and the table, the JSON and the page say the same."""

from __future__ import annotations

import csv
import json
import random
import stat
import sys

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store

NOON = 1_768_464_000  # 2026-01-15T08:00:00Z
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
PLAN = {"services": [{"service": "shop", "hosts": {"web1": {}, "web2": {}}}]}


@pytest.fixture
def ledger(tmp_path):
    """Deployed to staging two days ago, to production 26 hours ago; somebody edited a file of web1 two minutes before the symptoms."""
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    now = [0]
    with open_store(url, clock=lambda: now[0]) as store:

        def write(minutes, kind, phase, **fields):
            now[0] = int((NOON + 60 * minutes) * 1_000_000)
            return store.append([NewEntry(kind, phase, **{"environment": "production", "actor": {"name": "ann"}, **fields})])[0].id

        def deploy(minutes, environment):
            made = write(minutes, "deployment", "intent", environment=environment, release="1.1.0", body={"plan": PLAN})
            step = write(
                minutes + 2,
                "step",
                "intent",
                environment=environment,
                release="1.1.0",
                subject="switching",
                body={"deployment": made, "state": "switching", "hosts": ["web1"]},
            )
            write(
                minutes + 3,
                "step",
                "outcome",
                environment=environment,
                release="1.1.0",
                subject="switching",
                body={"intent": step, "verdict": "passed", "deployment": made},
            )
            write(
                minutes + 5,
                "deployment",
                "outcome",
                environment=environment,
                release="1.1.0",
                body={"intent": made, "verdict": "passed", "services": {"shop": "1.1.0"}},
            )

        deploy(-2880, "staging")
        deploy(-1560, "production")
        write(-60, "drift", "fact", subject="web1/shop", body={"verdict": "passed", "findings": []})
        bob = {"who": "bob", "when": "2026-01-15T07:58:00Z", "how": "sudo", "confidence": "likely", "text": "bob ran vi /etc/shop.ini"}
        row = {
            "path": "config:shop.ini:db.pool",
            "kind": "changed",
            "before": {"value": "20"},
            "after": {"value": "1"},
            "severity": "high",
            "attribution": [bob],
        }
        write(30, "drift", "fact", subject="web1/shop", body={"verdict": "failed", "findings": [row]})
    return url


@pytest.fixture
def diagnose(playbook, ledger):
    def run(**extra):
        known = {"evenkeel_services": {"shop": {"engine": "application", "depends_on": ["database"]}, "database": {"engine": "postgresql"}}}
        inventory = {"all": {"hosts": {"localhost": LOCAL}, "children": {"production": {"hosts": {"web1": LOCAL}, "vars": known}}}}
        variables = {"evenkeel_target": "production", "evenkeel_ledger_url": ledger, **extra}
        return playbook("evenkeel.release.diagnose", inventory=inventory, extra_vars=variables)

    return run


def test_the_edited_file_and_not_yesterdays_deployment(diagnose, tmp_path):
    places = {"evenkeel_diagnose_json": str(tmp_path / "out" / "a.json"), "evenkeel_diagnose_html": str(tmp_path / "out" / "a.html")}
    done = diagnose(evenkeel_symptoms_since="2026-01-15T08:00:00Z", evenkeel_service="shop", **places)
    assert done.rc == 0, done.stdout
    found = done.result("Is it the deployment?")
    assert found["answer"] == "unlikely"
    assert [each["kind"] for each in found["suspects"]] == ["config", "deployment"]
    assert (found["suspects"][0]["who"], found["suspects"][0]["seconds_before"]) == ("bob (likely)", 120.0)
    assert [(each["environment"], each["release"], each["state"]) for each in found["elsewhere"]] == [("staging", "1.1.0", "healthy")]
    assert any("config:shop.ini:db.pool" in line and "bob (likely)" in line for line in found["msg"])
    assert "bob ran vi /etc/shop.ini" in done.stdout
    written = json.loads((tmp_path / "out" / "a.json").read_text())
    assert written["suspects"] == found["suspects"]
    assert "config:shop.ini:db.pool" in (tmp_path / "out" / "a.html").read_text()
    assert stat.S_IMODE((tmp_path / "out" / "a.html").stat().st_mode) == 0o640


def test_the_deployment_when_the_symptoms_begin_with_it(diagnose):
    done = diagnose(evenkeel_symptoms_since=NOON - 1557 * 60 + 10)
    found = done.result("Is it the deployment?")
    assert found["answer"] == "likely"
    assert found["suspects"][0]["release"] == "1.1.0"
    assert "evenkeel.release.rollback" in found["text"]


def test_the_beginning_is_found_in_a_series(diagnose, tmp_path):
    chance, path = random.Random(3), tmp_path / "errors.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["time", "events", "of"])
        for number in range(120):
            at = NOON - 1558 * 60 + 15 * (number - 80)
            rows.writerow([at, sum(chance.random() < (0.3 if number >= 80 else 0.02) for _each in range(100)), 100])
    done = diagnose(evenkeel_symptoms_series=[{"name": "errors", "kind": "ratio", "file": str(path)}])
    assert done.rc == 0, done.stdout
    found = done.result("Is it the deployment?")
    assert abs(found["onset"]["at"] - (NOON - 1558 * 60)) <= 45
    assert "errors is above what was usual" in found["onset"]["text"]
    assert (found["answer"], found["suspects"][0]["kind"]) == ("likely", "deployment")


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({}, "when the symptoms began is not told"),
        ({"evenkeel_symptoms_since": "yesterday"}, "symptoms_since is 'yesterday', needed are seconds since 1970 or a time"),
        ({"evenkeel_symptoms_since": NOON, "evenkeel_target": "nowhere"}, "The ledger knows nothing of 'nowhere'; it knows production, staging"),
        ({"evenkeel_symptoms_series": [{"name": "a", "kind": "gauge", "points": [[1, 2]], "colour": "red"}]}, "colour"),
        ({"evenkeel_symptoms_series": [{"name": "a", "kind": "gauge", "points": [[1, 2], [2, 2]]}]}, "No series shows when the symptoms began"),
        ({"evenkeel_symptoms_since": NOON, "evenkeel_ledger_url": "sqlite:////none/ledger.sqlite"}, "There is no ledger at the configured URL yet"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(diagnose, extra, said):
    done = diagnose(**extra)
    assert done.rc != 0
    assert said in done.stdout
