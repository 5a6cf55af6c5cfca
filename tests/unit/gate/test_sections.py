# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import sections
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.readiness import backup, observability

APP: dict[str, Any] = {"engine": "application", "observability": ["logs", "alerts"]}


def entry(subject: str, body: dict[str, Any], *, time: str = "2027-01-15T10:00:00Z", kind: str = "evidence", environment: str = "staging") -> dict[str, Any]:
    return {"id": time, "kind": kind, "phase": "fact", "environment": environment, "subject": subject, "time": time, "body": body}


def signals(**more: bool) -> dict[str, Any]:
    return entry("observability/shop", {"signals": more, "source": "grafana"})


@pytest.mark.parametrize(
    ("service", "entries", "verdict", "missing"),
    [
        (APP, [signals(logs=True, alerts=True)], "passed", []),
        (APP, [signals(logs=True, alerts=False)], "failed", ["alerts"]),
        (APP, [signals(logs=True)], "inconclusive", ["alerts"]),
        (APP, [], "inconclusive", ["logs", "alerts"]),
        (APP, [signals(logs=True, alerts=True), signals(logs=False, alerts=True)], "failed", ["logs"]),  # the newest counts
        (APP, [signals(logs=True, alerts=True, traces=False)], "passed", []),  # nobody promised traces
        ({"engine": "application"}, [signals(logs=True)], "inconclusive", []),
        (APP, [entry("observability/shop", {"signals": "all"})], "inconclusive", ["logs", "alerts"]),
        (APP, [entry("observability/shop", {"signals": {"logs": "yes", "alerts": 1}})], "inconclusive", ["logs", "alerts"]),
        (APP, [entry("observability/other", {"signals": {"logs": True, "alerts": True}})], "inconclusive", ["logs", "alerts"]),
        (APP, [{**signals(logs=True, alerts=True), "environment": "production"}], "inconclusive", ["logs", "alerts"]),
    ],
)
def test_observability(service: dict[str, Any], entries: list[dict[str, Any]], verdict: str, missing: list[str]) -> None:
    found = observability({"shop": service, "database": {"engine": "postgresql"}}, entries, "staging")
    assert found is not None
    assert (found["verdict"], found["services"][0]["missing"]) == (verdict, missing)
    assert len(found["services"]) == 1


def test_one_service_that_nobody_looked_at_makes_the_whole_unknown() -> None:
    found = observability({"shop": APP, "worker": APP}, [signals(logs=True, alerts=True)], "staging")
    assert found is not None
    assert (found["verdict"], found["observed_at"]) == ("inconclusive", None)
    assert observability({"database": {"engine": "postgresql"}}, [], "staging") is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"verdict": "passed", "taken_at": "T1", "restored_at": "T0"}, ("passed", "T1", "T0")),
        ({"verdict": "passed", "taken_at": "T1"}, ("passed", "T1", None)),
        ({"verdict": "failed", "taken_at": "T1", "restored_at": "T0"}, ("failed", None, None)),
        ({"taken_at": "T1"}, ("inconclusive", None, None)),
        ({"verdict": "fine", "taken_at": "T1"}, ("errored", None, None)),
        (None, ("inconclusive", None, None)),
    ],
)
def test_backup(body: dict[str, Any] | None, expected: tuple[Any, ...]) -> None:
    found = backup({"database": {"engine": "postgresql"}}, [entry("backup/database", body)] if body is not None else [], "staging")
    assert found is not None
    assert (found["verdict"], found["taken_at"], found["restored_at"]) == expected
    assert backup({"shop": APP}, [], "staging") is None


def test_the_oldest_of_two_databases_counts() -> None:
    services = {"a": {"engine": "mysql"}, "b": {"engine": "postgresql"}}
    entries = [entry(f"backup/{name}", {"verdict": "passed", "taken_at": f"2027-01-0{day}", "restored_at": None}) for name, day in (("a", 3), ("b", 2))]
    found = backup(services, entries, "staging")
    assert found is not None
    assert (found["taken_at"], found["restored_at"]) == ("2027-01-02", None)


def test_parity_takes_the_newest_of_each_pair_and_the_worst_of_all() -> None:
    assert sections.parity([], "staging") is None
    entries = [
        entry("parity/shop/production", {"verdict": "failed", "findings": [{}, {}]}, kind="report", time="1"),
        entry("parity/shop/production", {"verdict": "passed", "findings": []}, kind="report", time="3"),
        entry("parity/shop/test", {"verdict": "odd", "findings": [{}]}, kind="report", time="2"),
        entry("cohort/shop", {"verdict": "failed"}, kind="report", time="4"),
        entry("parity/shop/staging", {"verdict": "failed"}, kind="report", environment="production"),
    ]
    found = sections.parity(entries, "staging")
    assert found is not None
    assert (found["verdict"], found["findings"], found["observed_at"]) == ("errored", 1, "2")
    assert [pair["compared_with"] for pair in found["pairs"]] == ["production", "test"]


MANIFEST: dict[str, Any] = {
    "version": "1.1.0",
    "components": {"shop": {"version": "7", "sha256": "A" * 64, "signatures": [{}], "variants": [{"sha256": "b" * 64}]}, "worker": {}},
}
SIGNED = {"verdict": "passed", "sha256": "a" * 64, "signatures": ["key"], "rule": "release-key"}


@pytest.mark.parametrize(
    ("subject", "body", "verified"),
    [
        ("artifact/shop/1.1.0/any", SIGNED, True),
        ("artifact/shop/7/linux", SIGNED, True),
        ("artifact/shop/1.0.0/any", SIGNED, False),
        ("artifact/shopping/1.1.0/any", SIGNED, False),
        ("artifact/shop/1.1.0/any", {**SIGNED, "signatures": []}, False),
        ("artifact/shop/1.1.0/any", {**SIGNED, "sha256": "c" * 64}, False),
        ("artifact/shop/1.1.0/any", {**SIGNED, "verdict": "failed"}, False),
    ],
)
def test_artifacts(subject: str, body: dict[str, Any], verified: bool) -> None:
    found = sections.artifacts(MANIFEST, [entry(subject, body, kind="validation", environment="development")])
    assert [(one["component"], one["declared"], one["verified"]) for one in found] == [("shop", 1, verified), ("shop", 0, False), ("worker", 0, False)]
    assert found[2]["sha256"] is None


def test_tags_and_services() -> None:
    services = {"shop": {"engine": "application", "tags": {"criticality": "high"}}, "cart": {"engine": "application", "component": "worker"}, "db": {}}
    made = sections.every(
        environment={"name": "staging", "tags": {"cost_center": "AB-1"}}, services=services, upstream=None, upstream_services={}, manifest=MANIFEST, entries=[]
    )
    assert [one["what"] for one in made["tags"]] == ["environment staging", "release 1.1.0", "service cart", "service db", "service shop"]
    assert made["tags"][0]["tags"] == {"cost_center": "AB-1"}
    assert made["services"] == ["cart", "shop"]
    assert "upstream" not in made
