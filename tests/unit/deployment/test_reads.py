# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read for a decision says the same as the whole ledger, and does not grow with it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import evidence, reads, stages, standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent, state, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.verify import verify
from hypothesis import given, settings
from hypothesis import strategies as st

PLACES = ("staging", "production", "")
RELEASES = ("1.0.0", "1.1.0", "1.2.0")
MANIFEST: dict[str, Any] = {"version": "1.1.0", "components": {"shop": {"version": "1.1.0", "sha256": "a" * 64, "signatures": [{}]}}}
SERVICES = {"shop": {"engine": "application", "observability": ["logs"]}, "database": {"engine": "postgresql"}}
STAGES = stages.of([{"name": "staging"}, {"name": "production", "promotes_from": "staging", "promotion": {"soak": "1s", "verification_expires": "30d"}}])
PROOF = {"verdict": "passed", "tables": {"t": {}}}


class Writer:
    """Writes what a team does, at random, with the gaps that killed runs leave."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.dice = store, random.Random(seed)
        self.open: list[tuple[str, NewEntry]] = []
        self.rehearsals: list[tuple[str, str, str]] = []
        # What a service keeps came there before.
        self.came: dict[str, list[str]] = {place: [] for place in PLACES}

    def write(self, number: int) -> None:
        acts = [self.deployment, self.close, self.close, self.drift, self.data_sync, self.verification, self.teardown, self.fact, self.rehearsal, self.task]
        for _ in range(number):
            self.dice.choice(acts)()

    def one(self, kind: str, phase: str, body: dict[str, Any], *, environment: str, release: str = "", subject: str = "") -> str:
        return self.store.append([NewEntry(kind, phase, environment=environment, release=release, subject=subject, body=body)])[0].id

    def begin(self, kind: str, subject: str, **more: str) -> None:
        place = self.dice.choice(PLACES)
        release = self.dice.choice(RELEASES)
        entry = NewEntry(kind, "intent", environment=place, release=release, subject=subject, body={"plan": {"services": []}})
        self.open.append((self.store.append([entry])[0].id, entry))
        if kind in views.DEPLOYING:
            self.came[place].append(release)

    def deployment(self) -> None:
        self.begin(self.dice.choice(["deployment", "rollback", "recovery"]), "shop")

    def teardown(self) -> None:
        if self.dice.random() < 0.2:
            self.begin("teardown", "all")

    def data_sync(self) -> None:
        self.begin("data_sync", self.dice.choice(["database", "orders", "database,orders"]))

    def close(self) -> None:
        if not self.open:
            return
        intent, entry = self.open.pop(self.dice.randrange(len(self.open)))
        body: dict[str, Any] = {"intent": intent, "verdict": self.dice.choice(["passed", "passed", "failed"])}
        if entry.kind == "data_sync":
            modes = ["full", "incremental", "subset"]
            facts = {"changed": self.dice.random() < 0.7, "mode": self.dice.choice(modes), "proof": self.dice.choice([PROOF, {}, {"verdict": "failed"}])}
            body["databases"] = dict.fromkeys(entry.subject.split(","), facts)
        if entry.kind in views.DEPLOYING:
            kept = self.dice.choice(self.came[entry.environment])
            body["services"] = self.dice.choice([["shop"], {"shop": entry.release, "worker": kept}, [{"service": "shop", "keep_release": ""}], ["worker"]])
        self.store.append([NewEntry(entry.kind, "outcome", environment=entry.environment, release=entry.release, subject=entry.subject, body=body)])

    def drift(self) -> None:
        verdict = self.dice.choice(["passed", "failed", "errored"])
        subject = self.dice.choice(["web1/shop", "web2/shop", "db/database"])
        self.one("drift", "fact", {"verdict": verdict, "findings": [{"path": "/a"}] * self.dice.randrange(3)}, environment=self.place(), subject=subject)

    def verification(self) -> None:
        body = {"verdict": self.dice.choice(["passed", "failed"])}
        self.one("verification", "fact", body, environment=self.place(), release=self.dice.choice(RELEASES))

    def fact(self) -> None:
        choice = self.dice.randrange(5)
        if choice == 0:
            self.one("approval", "fact", {"approver": "ann"}, environment=self.place(), release=self.dice.choice(RELEASES))
        elif choice == 1:
            self.one("evidence", "fact", {"signals": {"logs": self.dice.random() < 0.5}}, environment=self.place(), subject="observability/shop")
        elif choice == 2:
            self.one("evidence", "fact", {"verdict": "passed", "taken_at": "2027-01-01T00:00:00Z"}, environment=self.place(), subject="backup/database")
        elif choice == 3:
            body = {"verdict": self.dice.choice(["passed", "failed"]), "findings": []}
            self.one("report", "fact", body, environment=self.place(), subject=f"parity/shop/{self.place()}")
        else:
            digest = self.dice.choice("ab") * 64
            body = {"verdict": "passed", "sha256": digest, "signatures": ["key"], "rule": "r"}
            self.one("validation", "fact", body, environment=self.place(), subject=f"artifact/shop/{self.dice.choice(RELEASES)}/any")

    def rehearsal(self) -> None:
        if self.rehearsals and self.dice.random() < 0.5:
            begun, place, release = self.rehearsals.pop()
            body = {"state": "ended", "rehearsal": begun, "verdict": "passed", "expires": "2099-01-01T00:00:00Z"}
            self.one("validation", "fact", body, environment=place, release=release, subject="rollback_rehearsal")
            return
        place, release = self.place(), self.dice.choice(RELEASES)
        body = {"state": "begun", "from": "1.0.0", "artifacts": [{"component": "shop", "sha256": ["a" * 64]}]}
        begun = self.one("validation", "fact", body, environment=place, release=release, subject="rollback_rehearsal")
        self.rehearsals.append((begun, place, release))

    def task(self) -> None:
        self.one("task", "fact", {"host": "web1"}, environment=self.place(), release=self.dice.choice(RELEASES), subject="Install")

    def place(self) -> str:
        return self.dice.choice(PLACES)


def assembled(entries: list[Any], upstream: str | None) -> dict[str, Any]:
    return evidence.assemble(
        now="2027-02-01T00:00:00Z",
        act="promote",
        environment={"name": "production", "tier": "production"},
        upstream={"name": upstream, "tier": "staging"} if upstream else None,
        manifest=MANIFEST,
        entries=[entry.as_dict() for entry in entries],
        deployed=views.deployed(entries),
        open_intents=[entry for entry in views.open_intents(entries) if entry["environment"] == "production"],
        services=SERVICES,
        upstream_services=SERVICES,
    )


def agrees(store: Store) -> None:
    every = store.entries()
    for upstream in ("staging", None):
        few = reads.for_decision(store, environment="production", upstream=upstream or "", manifest=MANIFEST)
        assert assembled(few, upstream) == assembled(every, upstream)
    few = reads.for_decision(store, environment="production", upstream="staging", manifest=MANIFEST, before=["staging"])
    now = "2027-02-01T00:00:00Z"
    assert standing.standing(few, "1.1.0", STAGES, now) == standing.standing(every, "1.1.0", STAGES, now)
    assert views.deployments(recent.deployed(store)) == views.deployments(every)
    assert recent.open_intents(store) == views.open_intents(every)
    for kind in ("drift", "data_sync", "validation", "task"):
        subjects = {entry.subject for entry in every if (entry.kind, entry.environment) == (kind, "staging")}
        assert recent.subjects(store, kind=kind, environment="staging") == (sorted(subjects) if kind != "task" else [])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 120))
def test_the_few_entries_say_what_all_of_them_say(tmp_path_factory: pytest.TempPathFactory, seed: int, number: int) -> None:
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('ledger')}/ledger.sqlite") as store:
        Writer(store, seed).write(number)
        agrees(store)
        assert verify(store).ok


def test_a_ledger_from_before_gets_its_memory_aid(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    with open_store(url) as store:
        Writer(store, 7).write(300)
        with store.writing() as connection:
            for name in ("evenkeel_entries_subject", "evenkeel_entries_release"):
                connection.exec_driver_sql(f"DROP INDEX {name}")
            connection.exec_driver_sql("DROP TABLE evenkeel_state")
    with open_store(url) as store:
        agrees(store)
        assert verify(store).ok


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM evenkeel_state WHERE view = 'open'", "is missing"),
        ("DELETE FROM evenkeel_state WHERE view = 'deployed'", "is missing"),
        ("INSERT INTO evenkeel_state VALUES ('deployed', 'production', 'ghost', 'x')", "no entry says so"),
    ],
)
def test_who_changes_the_memory_aid_is_found_out(tmp_path: Path, statement: str, what: str) -> None:
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite") as store:
        Writer(store, 3).write(200)
        with store.writing() as connection:
            connection.exec_driver_sql(statement)
        faults = verify(store).faults
        assert faults
        assert what in faults[0].what
        assert "memory aid" in faults[0].what


def test_it_reads_no_more_when_the_ledger_grows(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite") as store:
        writer = Writer(store, 1)
        writer.write(1000)
        for intent, entry in writer.open:
            store.append([NewEntry(entry.kind, "outcome", environment=entry.environment, subject=entry.subject, body={"intent": intent, "verdict": "failed"})])
        before = len(recent.newest_ids(store, kind="drift", environment="staging"))
        for _ in range(2000):
            writer.drift()
        assert len(recent.newest_ids(store, kind="drift", environment="staging")) == before == 3
        assert recent.open_intents(store) == []


def test_derived_rows_are_those_of_the_table() -> None:
    entries = [
        {"id": "1", "phase": "intent", "environment": "e", "kind": "deployment", "body": {}},
        {
            "id": "2",
            "phase": "outcome",
            "environment": "e",
            "kind": "deployment",
            "release": "1",
            "body": {"intent": "1", "verdict": "passed", "services": ["a"]},
        },
        {"id": "3", "phase": "intent", "environment": "e", "kind": "rollback", "body": {}},
    ]
    assert state.derived(entries) == {("deployed", "e", "a", "2"), ("open", "e", "3", "3")}
    gone = {"id": "4", "phase": "outcome", "environment": "e", "kind": "teardown", "body": {"intent": "0", "verdict": "passed"}}
    assert state.derived([*entries, gone]) == {("open", "e", "3", "3")}


def test_a_delta_needs_the_refresh_before_it(tmp_path: Path) -> None:
    """Many deltas on one full copy: what the copy proved is further back than a page."""
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite") as store:
        for number in range(3 * recent.PAGE):
            place: dict[str, Any] = {"environment": "production", "subject": "database"}
            intent = store.append([NewEntry("data_sync", "intent", **place)])[0]
            facts = {"changed": True, "mode": "incremental" if number else "full", "proof": PROOF}
            body = {"intent": intent.id, "verdict": "passed", "databases": {"database": facts}}
            store.append([NewEntry("data_sync", "outcome", body=body, **place)])
        agrees(store)
        found = assembled(reads.for_decision(store, environment="production", manifest=MANIFEST), None)
        assert found["data"]["verdict"] == "passed"


def test_a_teardown_ends_what_runs(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite") as store:
        for kind in ("deployment", "teardown"):
            intent = store.append([NewEntry(kind, "intent", environment="production", release="1.1.0")])[0]
            body = {"intent": intent.id, "verdict": "passed", "services": ["shop"]}
            store.append([NewEntry(kind, "outcome", environment="production", release="1.1.0", body=body)])
        assert recent.deployed(store) == []
        assert verify(store).ok
