# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change asks of the ledger is bounded, and says what the whole ledger would."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import emergency, past, reads, standard
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.factors_past import failure_rate
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store, open_store

SERVICES = ("shop", "search", "mail")
LAST = 5


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/ledger.sqlite") as opened:
        yield opened


def deploy(store: Store, dice: random.Random, number: int) -> None:
    for _ in range(number):
        place, release = dice.choice(("production", "staging")), f"1.{dice.randrange(90)}.0"
        plan = {"services": [{"service": name, "strategy": "rolling"} for name in dice.sample(SERVICES, dice.randint(2, 3))]}
        intent = store.append([NewEntry(dice.choice(past.READS), "intent", place, release, "", {"plan": plan})])[0]
        store.append([NewEntry(intent.kind, "outcome", place, release, "", {"intent": intent.id, "verdict": dice.choice(("passed", "failed"))})])


def beside(store: Store, subject: str, *verbs: str, change: str = "CHG-0123456789AB") -> None:
    due = {"environment": "production", "tier": "production", "due": "2027-03-01T00:00:00Z"}
    store.append([NewEntry("change", "fact", "", "", subject, {"verb": verb, "change": change, **due}) for verb in verbs])


def plain(store: Store, **wanted: Any) -> list[dict[str, Any]]:
    return [entry.as_dict() for entry in store.entries(**wanted)]


@pytest.mark.parametrize("seed", range(5))
def test_the_newest_deployments_say_what_all_of_them_do(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    deploy(store, dice, 240)
    read = reads.history(store, "production", services=len(SERVICES), last=LAST)
    every = plain(store, kind=past.READS, environment="production")
    assert len(read) < len(every)
    for name in SERVICES:
        found, whole = (failure_rate(past.history(entries, "production"), name, last=LAST, few=3) for entries in (read, every))
        assert found == whole
    deploy(store, dice, 60)
    assert len(reads.history(store, "production", services=len(SERVICES), last=LAST)) == len(read)


def test_the_outcome_of_a_deployment_needs_nothing_before_it(store: Store) -> None:
    dice = random.Random(7)
    deploy(store, dice, 30)
    every = plain(store, kind=past.READS, environment="production")
    begun = [entry["id"] for entry in every if entry["phase"] == "intent" and entry["kind"] == "deployment"]
    assert begun
    for number in begun:
        read = reads.outcome(store, "production", number)
        assert read[0]["id"] == number
        assert past.outcome(read, number) == past.outcome(every, number)
    assert reads.outcome(store, "production", "nothing") == []
    elsewhere = next(entry for entry in store.entries(kind="deployment", phase="intent", environment="staging"))
    assert reads.outcome(store, "production", elsewhere.id) == [], "the deployment of a change is one of its environment"


def test_only_what_concerns_the_release_is_read_of_the_register(store: Store) -> None:
    for number in range(50):
        store.append([NewEntry("change", "fact", "production", f"1.{number}.0", f"CHG-{number:012X}", {"verb": "opened"})])
        beside(store, standard.SUBJECT + "shop-patch", "used", "succeeded", change=f"CHG-{number:012X}")
    store.append([NewEntry("change", "fact", "staging", "1.7.0", "CHG-00000000FFFF", {"verb": "opened"})])
    beside(store, emergency.SUBJECT + "shop", "owed")
    beside(store, emergency.SUBJECT + "other", "owed")
    beside(store, "cab/2027-03-03", "held")
    found = reads.changes(store, "production", release="1.7.0", services=SERVICES, templates=["shop-patch"])
    assert [entry["subject"] for entry in found if entry["environment"]] == ["CHG-000000000007"]
    assert {entry["subject"] for entry in found if not entry["environment"]} == {"template/shop-patch", "review/shop"}
    late = emergency.overdue(found, SERVICES, environment="production", tier="production", now="2027-03-10T10:00:00Z")
    assert [one["service"] for one in late] == ["shop"]


def test_a_template_that_failed_stays_suspended_however_often_it_was_used_before(store: Store) -> None:
    for number in range(reads.USES):
        beside(store, standard.SUBJECT + "shop-patch", "used", "succeeded", change=f"CHG-{number:012X}")
    beside(store, standard.SUBJECT + "shop-patch", "used", "failed", change="CHG-00000000FFFF")
    found = reads.changes(store, "production", release="1.7.0", services=SERVICES, templates=["shop-patch"])
    assert len(found) == reads.USES
    assert "CHG-00000000FFFF failed" in standard.suspended(found, "shop-patch", now="2027-03-10T10:00:00Z")
