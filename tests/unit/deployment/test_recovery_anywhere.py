# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of a run that ended after any of its entries, and of recoveries that ended after any of theirs."""

from __future__ import annotations

from itertools import count

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import recovery
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

BATCHES = [["w1"], ["w2", "w3"], ["w4"]]
COLOURS = {"live": "blue", "idle": "green"}
PLACES = {host: dict(COLOURS) for batch in BATCHES for host in batch}
SERVICE = {"service": "shop", "release": "1.1.0", "previous": "1.0.0", "hosts": PLACES, "batches": BATCHES, **COLOURS}
STEADY = {"services": {"shop": "1.0.0"}, "intent": "e0", "verdict": "passed"}


class Book:
    """A ledger in memory, written in the order in which the playbooks write it."""

    def __init__(self):
        self.entries, self.numbers = [], count()
        self.write("deployment", "intent", release="1.0.0")
        self.write("deployment", "outcome", release="1.0.0", body=STEADY)

    def write(self, kind, phase="fact", *, release="1.1.0", body=None):
        number = next(self.numbers)
        entry = {"id": f"e{number}", "time": f"t{number}", "kind": kind, "phase": phase, "environment": "production", "release": release, "subject": ""}
        self.entries.append({**entry, "actor": {"name": "ann"}, "body": dict(body or {})})
        return entry["id"]

    def end(self, kind, intent, verdict="passed", *, release="1.1.0", **body):
        self.write(kind, "outcome", release=release, body={"intent": intent, "verdict": verdict, **body})

    def deploy(self, kind, *, bad):
        """A rolling deployment; a bad release comes back after its second batch."""
        intent = self.write(kind, "intent", body={"plan": {"services": [SERVICE]}})
        for hosts in BATCHES[:2] if bad else BATCHES:
            self.step(intent, "switching", hosts)
        if not bad:
            self.write("verification", body={"intent": intent, "verdict": "passed"})
        for hosts in BATCHES[1::-1] if bad else []:
            self.step(intent, "rolling_back", hosts)
        self.end(kind, intent, "failed" if bad else "passed", services={"shop": "1.0.0" if bad else "1.1.0"})

    def step(self, intent, state, hosts):
        step = self.write("step", "intent", body={"deployment": intent, "state": state, "hosts": hosts})
        self.end("step", step, deployment=intent)

    def cut(self, length):
        left = Book()
        left.entries = self.entries[:length]
        left.numbers = count(length)
        return left

    @property
    def open(self):
        return views.open_intents(self.entries)

    @property
    def next(self):
        return recovery.what_next(entries=self.entries, open_intents=self.open)

    def recover(self):
        found, decision = self.open, self.next
        if not found:
            return
        intent = self.write("recovery", "intent")
        services = {service["service"]: service["keep_release"] for service in decision.get("services", [])}
        for entry in reversed(found):
            finished = entry["id"] == decision.get("intent") and decision["direction"] == "finish"
            self.end(entry["kind"], entry["id"], "passed" if finished else "errored", services=services)
        self.end("recovery", intent, release=decision.get("release", ""), services=services)


def whole(kind, bad):
    book = Book()
    begun = len(book.entries)
    book.deploy(kind, bad=bad)
    return begun, book


def directed(book):
    decision = book.next
    return decision and (decision["direction"], decision["batches"])


@pytest.mark.parametrize("kind", ["deployment", "rollback"])
@pytest.mark.parametrize("bad", [False, True])
def test_after_each_entry_one_release_is_what_everything_leads_to(kind, bad):
    begun, book = whole(kind, bad)
    for length in range(begun, len(book.entries) + 1):
        left = book.cut(length)
        verified = any(entry["kind"] == "verification" for entry in left.entries)
        touched = [host for entry in left.entries for host in entry["body"].get("hosts", ()) if entry["body"].get("state") == "switching"]
        decision, interrupted = left.next, begun < length < len(book.entries)
        assert bool(decision) == interrupted
        if interrupted:
            assert decision["direction"] == ("finish" if verified else "roll_back")
            assert sorted(host for batch in decision["batches"] for host in batch) == touched
            expected = [batch for batch in BATCHES if batch[0] in touched]
            assert decision["batches"] == (expected if verified else expected[::-1])
        left.recover()
        assert left.open == []
        assert views.deployed(left.entries) == {"production": {"shop": "1.1.0" if verified else "1.0.0"}}


@pytest.mark.parametrize("bad", [False, True])
def test_a_recovery_that_ended_after_any_entry_is_decided_the_same_again(bad):
    begun, book = whole("deployment", bad)
    for length in range(begun + 1, len(book.entries)):
        left = book.cut(length)
        first = directed(left)
        left.recover()
        wanted = views.deployed(left.entries)
        for again in range(length, len(left.entries)):
            second = left.cut(again)
            # Once the deployment has its outcome every host is settled, and only the books are open.
            assert directed(second) in (first, {})
            assert second.open, "nobody would know that a recovery was killed"
            second.recover()
            assert (second.open, views.deployed(second.entries)) == ([], wanted)
