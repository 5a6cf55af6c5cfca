# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.unit.report import data_bodies as bodies

RULE = {
    "name": "upstream-has-no-drift",
    "policy": "promote-to-production",
    "effect": "require",
    "verdict": "failed",
    "condition": "upstream.drift.findings == `0`",
    "severity": "high",
    "values": {"upstream.drift.findings": 1, "upstream.drift.items": ["a/very/long/path/without/any/space" * 6]},
    "reason": "Staging differs from its baseline, so its tests prove nothing.",
    "remedy": "Repair the drift on staging, then ask again.",
    "problem": "",
}

LONG = "file:/srv/" + "a-rather-long-folder-name-without-a-space/" * 5
CHANGED = {"path": LONG, "kind": "changed", "severity": "critical", "before": {"sha256": "a" * 64}, "after": {"sha256": "b" * 64}, "diff": "-" + "x" * 300}
MINOR = {"path": "config:shop.ini:motd", "kind": "changed", "severity": "low", "before": {"value": "a"}, "after": {"value": "b"}}
ALLOWED = {**MINOR, "path": "config:shop.ini:port", "reason": "Another port range.", "owner": "team-shop", "expires": "2027-06-30"}
PARITY = {**MINOR, "class": "here_drifted", "expected": {"here": {"value": "b"}, "there": {"value": "b"}}, "hosts": ["web1"], "hosts_there": ["prod1"]}


class Clock:
    def __init__(self):
        self.now = 1_767_225_600_000_000

    def __call__(self):
        self.now += 2_000_000
        return self.now


def _act(store, kind, *, outcome=None, verdict="passed", **fields):
    intent = store.append([NewEntry(kind=kind, phase="intent", **fields)])[0]
    body = {"intent": intent.id, "verdict": verdict, **(outcome or {})}
    return store.append([NewEntry(kind=kind, phase="outcome", body=body, **fields)])[0]


def _refreshes(store):
    """One environment that was refreshed and proved again and again, one that wasn't and failed since."""

    def sync(environment, verdict="passed", **databases):
        body = bodies.done(**databases) if databases else {"source": "production", "task": "Refresh the data"}
        _act(store, "data_sync", outcome=body, verdict=verdict, environment=environment, subject=",".join(databases) or "database")

    long = {**bodies.SUBSET, "tables": {LONG: bodies.SUBSET["tables"]["public.customers"], **bodies.SUBSET["tables"]}}
    sync("staging", database=bodies.POSTGRESQL, crm=bodies.SQLITE)
    for seconds in range(12):
        sync("staging", database={**bodies.DELTA, "seconds": 1.5 + seconds})
    sync("development", database={**long, "edges": [*bodies.SUBSET["edges"], {"direction": "children", "edge": LONG, "table": LONG, "rows": 10**12}]})
    sync("test", database=bodies.BARE, crm=bodies.MARIADB)
    sync("test", "failed")
    _act(store, "data_purge", outcome=bodies.PURGED, environment="staging", subject="database")
    _act(store, "data_purge", outcome={"state": "purged", "task": LONG}, verdict="failed", environment="staging", subject="database")


def a_ledger(folder):
    """As a promotion leaves it."""
    url = f"sqlite:///{folder / 'ledger.sqlite'}"
    with open_store(url, actor={"name": "ada", "source": "os"}, clock=Clock()) as store:
        for environment in ("development", "staging", "production"):
            _act(store, "deployment", environment=environment, release="1.0.0", outcome={"services": {"shop": "1.0.0"}})
        refused = {"act": "promote", "verdict": "failed", "rules": [RULE]}
        store.append([NewEntry(kind="gate", phase="fact", environment="production", release="1.1.0", body=refused)])
        _act(store, "switch", environment="production", release="1.1.0", subject="shop", outcome={"from": "blue", "to": "green"})
        _act(store, "deployment", environment="production", release="1.1.0", outcome={"services": {"shop": "1.1.0"}})
        for score, findings in ((0, []), (50, [CHANGED, MINOR])):
            for host in ("web1", "web2"):
                own = [{**finding, "path": finding["path"] + (host if finding is MINOR else "")} for finding in findings]
                body = {"verdict": "failed" if findings else "passed", "findings": own, "allowed": [ALLOWED], "unused": [], "score": score}
                store.append([NewEntry(kind="drift", phase="fact", environment="staging", subject=f"{host}/shop", body=body)])
        parity = {"verdict": "failed", "findings": [PARITY], "allowed": [], "compared_with": "production"}
        store.append([NewEntry(kind="report", phase="fact", environment="staging", subject="parity/shop/production", body=parity)])
        _refreshes(store)
    return url


def a_load(folder):
    """Samples around the switch, the format of the demo's load generator."""
    path = folder / "samples.jsonl"
    start = 1_767_225_600 + 10
    lines = [{"t": start + number / 20, "ms": 5, "ok": number % 50 > 0, "version": "1.0.0" if number < 100 else "1.1.0"} for number in range(400)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return [{"name": "Promotion of 1.1.0", "path": str(path), "environment": "production"}]


@pytest.fixture
def ledger_url(tmp_path):
    return a_ledger(tmp_path)


@pytest.fixture
def load(tmp_path):
    return a_load(tmp_path)
