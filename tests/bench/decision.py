# SPDX-License-Identifier: GPL-3.0-or-later
"""One decision of the gate on a long ledger, against one indexed SELECT on it: what it reads must not grow with the ledger."""

from __future__ import annotations

import functools
import os
import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import reads
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import sections
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Question
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.settings import Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store

if TYPE_CHECKING:
    from ._runner import Bench

SMALL, LARGE = 1000, int(os.environ.get("EVENKEEL_BENCH_DECISION", "1000000"))
BATCH, ROUNDS = 5000, 15
PLACES = ("development", "test", "staging", "production")
HOSTS = 12
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# Open now, and closed at night, as windows are.
OPENS, CLOSES = (f"{datetime.now(timezone.utc) + timedelta(hours=hours):%H:%M}" for hours in (-6, 6))
WINDOWS = [{"name": "day", "days": DAYS, "from": OPENS, "to": CLOSES, "timezone": "UTC"}]
ENVIRONMENT = {"name": "production", "tier": "production", "required_approvals": 1, "promotes_from": "staging", "windows": WINDOWS}
UPSTREAM = {"name": "staging", "tier": "staging"}
MANIFEST: dict[str, Any] = {
    "version": "9.9.9",
    "type": "minor",
    "owner": "ann",
    "summary": "What is to go out.",
    "changelog": ["Something new."],
    "components": {name: {"version": "9.9.9", "artifact": f"{name}.tar.gz", "sha256": "a" * 64} for name in ("shop", "worker")},
    "rollback": {"criteria": ["errors"], "migration": "expand", "max_minutes": 5},
}
SERVICES = {"shop": {"engine": "application"}, "worker": {"engine": "application"}, "database": {"engine": "postgresql"}}
HOSTVARS = {
    "web1": {"evenkeel_environment": ENVIRONMENT, "evenkeel_services": SERVICES},
    "web2": {"evenkeel_environment": UPSTREAM, "evenkeel_services": SERVICES},
}
PLAN = {
    "environment": "production",
    "release": "9.9.9",
    "services": [{"service": "shop", "release": "9.9.9", "previous": "1.2.3", "strategy": "rolling", "hosts": {"web1": {}}}],
}
# Ten conditions of each of the shapes that the starter pack has.
CONDITIONS = (
    "upstream.verified && upstream.runs_release",
    "upstream.drift.findings == `0`",
    "all(&regex(not_null(sha256, ''), '[0-9a-f]{64}'), values(release.components))",
    "younger_than(upstream.drift.observed_at, '3650d') && contains(ledger.verified_in, 'staging')",
    "length(release.rollback.criteria) > `0` && release.rollback.migration != 'contract'",
)
POLICY: dict[str, Any] = {
    "name": "bench",
    "description": "Fifty rules.",
    "rules": [
        {"name": f"rule-{number}", "effect": "require", "condition": CONDITIONS[number % 5], "shows": ["upstream.deployed"], "reason": "r", "remedy": "r"}
        for number in range(50)
    ],
}


def run(bench: Bench) -> None:
    def postgresql(_name: str) -> Store:
        return open_store(bench.pg().url(bench.pg().create_db()).replace("postgresql://", "postgresql+psycopg://"))

    _compare(bench, "SQLite", lambda name: open_store(f"sqlite:///{bench.tmp}/decision/{name}.sqlite"))
    _compare(bench, "PostgreSQL", postgresql)


def _compare(bench: Bench, engine: str, opened: Callable[[str], Store]) -> None:
    with opened("small") as small, opened("large") as large:
        for store, number in ((small, SMALL), (large, LARGE)):
            _fill(store, number)
            with store.writing() as connection:  # as a server does by itself from time to time
                connection.exec_driver_sql("ANALYZE")
        name = f"{engine}, {LARGE:,} entries"
        releases = bench.tmp / "releases"
        releases.mkdir(exist_ok=True)
        (releases / "9.9.9.yml").write_text(yaml.safe_dump(MANIFEST))
        ours = functools.partial(_mean, functools.partial(decision, large, str(releases)))
        bench.row(f"50 rules, {name}, a SELECT", ours=ours, reference=lambda: _mean(lambda: _select(large)), bar=100)
        bench.row(f"50 rules, {name}, {SMALL:,}", ours=ours, reference=lambda: _mean(lambda: decision(small, str(releases))), bar=1.5)


def decision(store: Store, releases: str) -> None:
    """What a run does: read, gather every section, decide."""
    entries = reads.for_decision(store, environment="production", upstream="staging", manifest=MANIFEST, before=["staging"])
    deployed, opened = views.deployed(recent.deployed(store)), recent.open_intents(store, "production")
    asked = Question(
        act="promote",
        environment=ENVIRONMENT,
        services=SERVICES,
        manifest=MANIFEST,
        releases_dir=releases,
        policies_dir="",
        plan=PLAN,
        batches=[["web1"]],
        now=datetime.now(timezone.utc),
        groups={"all": ["web1", "web2"], "production": ["web1"], "staging": ["web2"]},
        hostvars=HOSTVARS,
        entries=[entry.as_dict() for entry in entries],
        store=store,
        settings=Settings(changes_dir=releases),
        actor={"name": "dora", "source": "os"},
        variables={},
    )
    document = sections.document(asked, above=(UPSTREAM, SERVICES), deployed=deployed, opened=[entry.as_dict() for entry in opened])
    found = decide([POLICY], document, act="promote", environment=ENVIRONMENT, deployer="dora")
    assert found.verdict == "passed", [rule for rule in found.rules if rule.verdict != "passed"][:1]


def _select(store: Store) -> None:
    assert store.entries(kind="deployment", environment="production", limit=1, newest_first=True)


def _mean(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(ROUNDS):
        work()
    return (time.perf_counter() - began) / ROUNDS


def _fill(store: Store, number: int) -> None:
    """A year of a team: mostly tasks, and each tenth entry something that decisions ask about. Ends with the release that is to go out."""
    dice, left = random.Random(number), number
    while left > 100:
        size = min(BATCH, left - 50)
        written = store.append(list(_mixed(dice, size)), durable=False)
        outcomes = [_outcome(entry) for entry in written if entry.phase == "intent"]
        if outcomes:
            store.append(outcomes, durable=False)
        left -= size + len(outcomes)
    store.append(list(_candidate()), durable=True)
    intent = store.append([NewEntry("deployment", "intent", environment="staging", release="9.9.9", body={"plan": {"services": []}})])[0]
    body = {"intent": intent.id, "verdict": "passed", "services": {"shop": "9.9.9", "worker": "9.9.9"}}
    store.append([NewEntry("deployment", "outcome", environment="staging", release="9.9.9", body=body)])


def _mixed(dice: random.Random, number: int) -> Iterator[NewEntry]:
    for _ in range(number):
        place, release = dice.choice(PLACES), f"{dice.randrange(9)}.{dice.randrange(50)}.{dice.randrange(50)}"
        kind = dice.choices(("task", "drift", "deployment", "verification", "validation", "gate", "data_sync"), (70, 12, 3, 3, 6, 4, 2))[0]
        if kind == "drift":
            subject = f"web{dice.randrange(HOSTS)}/shop"
            yield NewEntry(kind, "fact", environment=place, subject=subject, body={"verdict": "passed", "findings": []})
        elif kind in ("deployment", "data_sync"):
            subject = "database" if kind == "data_sync" else ""
            yield NewEntry(kind, "intent", environment=place, release=release, subject=subject, body={"plan": PLAN})
        elif kind == "validation":
            body = {"verdict": "passed", "sha256": f"{dice.getrandbits(256):064x}", "signatures": ["key"]}
            yield NewEntry(kind, "fact", environment=place, subject=f"artifact/shop/{release}/any", body=body)
        else:
            yield NewEntry(kind, "fact", environment=place, release=release if kind != "task" else "", body={"verdict": "passed", "host": "web1", "ms": 12})


def _outcome(intent: Any) -> NewEntry:
    body: dict[str, Any] = {"intent": intent.id, "verdict": "passed"}
    if intent.kind == "deployment":
        body["services"] = {"shop": intent.release, "worker": intent.release}
    else:
        body["databases"] = {"database": {"changed": True, "mode": "full", "proof": {"verdict": "passed", "tables": {"people": {}}}}}
    return NewEntry(intent.kind, "outcome", environment=intent.environment, release=intent.release, subject=intent.subject, body=body)


def _candidate() -> Iterator[NewEntry]:
    yield NewEntry("verification", "fact", environment="staging", release="9.9.9", body={"verdict": "passed"})
    yield NewEntry("approval", "fact", environment="production", release="9.9.9", body={"approver": "bob"})
    for number in range(HOSTS):
        for place in PLACES:
            yield NewEntry("drift", "fact", environment=place, subject=f"web{number}/shop", body={"verdict": "passed", "findings": []})
