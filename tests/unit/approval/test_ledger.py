# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals in a ledger of SQLite, and what somebody does who can write into it."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import book, statement, subject, trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.reading import proved
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.unit.approval.kit import LEDGER, NOW, about, said


@pytest.fixture
def store(tmp_path):
    ticks = itertools.count(int(NOW.timestamp() * 1e6))
    with open_store(f"sqlite:///{tmp_path / 'l.sqlite'}", actor={"name": "dave", "source": "awx"}, clock=lambda: next(ticks)) as opened:
        yield opened


def keep(place, store, words, key):
    data = statement.write(words)
    signature = place.sign(data, key)
    book.keep(store, proved("x", data, signature, trust=place.loaded(), at=NOW), data, signature)


def test_what_the_ledger_holds_counts_and_is_proved_each_time(place, store):
    what = about()
    for who in ("ann", "bob"):
        keep(place, store, said(what, who), who)
    assert place.ask(what, store=store)["verdict"] == "passed"
    del place.lines["bob"]
    place.write()
    answer = place.ask(what, store=store)
    assert answer["verdict"] == "failed"
    assert any("does not list (any more)" in one["reason"] for one in answer["approvals"]["refused"])


def test_entries_that_somebody_wrote_by_hand_are_none(place, store):
    what = about()
    digest = subject.digest(what)
    body = {"state": "given", "digest": digest, "by": "bob", "approver": "bob", "how": "signature", "statement": statement.write(said(what, "bob")).decode()}
    store.append([NewEntry("approval", "fact", "production", "1.2.0", subject=f"given/{digest}/bob", body={**body, "signature": "x"})])
    store.append([NewEntry("approval", "fact", "production", "1.2.0", subject=f"given/{digest}/bob", body=body)])
    place.approve(what, "ann")
    answer = place.ask(what, store=store)
    assert answer["approvals"]["approvers"] == ["ann"]
    assert [one["reason"] for one in answer["approvals"]["refused"]] == ["its signature is no SSH signature"] * 2


def test_a_withdrawal_outlives_the_key_that_signed_it(place, store):
    what = about()
    place.lines["token"] = f"bob@token {place.key('token')}"
    place.write()
    for who in ("ann", "bob"):
        place.approve(what, who)
    assert place.ask(what, store=store)["verdict"] == "passed"
    words = {"statement": "evenkeel/1", "decision": "withdraw", "by": "bob", "ledger": LEDGER, "digest": subject.digest(what), "reason": "no"}
    keep(place, store, {**words, "from": statement.stamp(NOW)}, "token")
    del place.lines["token"]
    place.write()
    assert place.ask(what, store=store, now=NOW + timedelta(minutes=1))["verdict"] == "failed"


def test_a_flood_of_withdrawals_hides_none(place, store):
    """Told apart or not, too many to look at is no yes."""
    what = about()
    digest = subject.digest(what)
    for who in ("ann", "bob"):
        place.approve(what, who)
    flood = NewEntry("approval", "fact", "production", "1.2.0", subject=f"withdrawn/{digest}/eve", body={"state": "withdrawn"})
    store.append([flood] * (book.MOST_WITHDRAWN + 1))
    assert place.ask(what, store=store)["verdict"] == "passed"  # eve's are not asked for
    store.append([NewEntry("approval", "fact", "production", "1.2.0", subject=f"withdrawn/{digest}/ann", body={"state": "withdrawn"})])
    store.append([NewEntry("approval", "fact", "production", "1.2.0", subject=f"withdrawn/{digest}/bob", body={"state": "withdrawn"})] * book.MOST_WITHDRAWN)
    answer = place.ask(what, store=store)
    assert answer["verdict"] != "passed"
    assert "more than 5000 withdrawals" in answer["approvals"]["unsure"][0]


def test_a_flood_of_given_ones_costs_little(place, store):
    what = about()
    digest = subject.digest(what)
    for who in ("ann", "bob"):
        place.approve(what, who)
    junk = NewEntry("approval", "fact", "production", "1.2.0", subject=f"given/{digest}/ann", body={"state": "given", "statement": "x" * 1000})
    store.append([junk] * 10_000)
    answer = place.ask(what, store=store)
    assert answer["verdict"] == "passed"
    assert len(answer["approvals"]["refused"]) == 20


def test_a_delegation_that_was_withdrawn(place, store):
    what = about()
    place.approve(what, "ann")
    place.approve(what, "eve", mandate="bob")
    path = place.delegate("bob", "eve")
    more = {"authors": [{"mail": "dave@mail"}], "deployer": {"name": "cleo", "source": "awx"}}
    assert place.ask(what, store=store, **more)["verdict"] == "passed"
    digest = statement.digest(path.read_bytes())
    store.append([NewEntry("approval", "fact", subject=f"withdrawn/{digest}/bob", body={"state": "withdrawn"})])
    assert place.ask(what, store=store, **more)["verdict"] == "failed"


def test_a_delegation_that_was_withdrawn_by_a_file(place):
    what = about()
    place.approve(what, "ann")
    place.approve(what, "eve", mandate="bob")
    path = place.delegate("bob", "eve")
    more = {"authors": [{"mail": "dave@mail"}], "deployer": {"name": "cleo", "source": "awx"}}
    assert place.ask(what, **more)["verdict"] == "passed"
    place.withdraw(statement.digest(path.read_bytes()), "bob", folder="delegations", name="bob--eve.withdrawn.yml")
    assert place.ask(what, **more)["verdict"] == "failed"


def test_one_mandate_is_used_once(place):
    what = about()
    place.approve(what, "bob")
    place.approve(what, "eve", mandate="bob")
    place.delegate("bob", "eve")
    place.approvals["rules"][0].update(groups={})
    place.write()
    answer = place.ask(what, authors=[{"mail": "dave@mail"}], deployer={"name": "robot", "source": "awx"})
    assert answer["approvals"]["approvers"] == ["bob"]
    assert any("is taken by bob already" in one["reason"] for one in answer["approvals"]["refused"])


def test_a_statement_that_looks_like_a_secret_is_not_recorded(place, store):
    with pytest.raises(ApprovalError, match="looks like a secret"):
        keep(place, store, said(about(), "ann", reason="password=hunter22"), "ann")


def test_the_verifier_comes_out_of_the_ledger(place, store):
    what = about()
    for who in ("ann", "bob"):
        place.approve(what, who)
    verified = NewEntry("verification", "fact", "staging", "1.2.0", body={"verdict": "passed"}, actor={"name": "dave", "source": "awx"})
    store.append([verified])
    answer = place.ask(what, store=store)
    assert answer["verdict"] == "failed"
    assert answer["duties"]["rules"][-1]["people"] == ["dave"]
    assert place.ask(what, store=store, deployer={"name": "cleo", "source": "awx"})["verdict"] == "passed"


def test_what_an_administrator_laid_down_wins(tmp_path):
    system = tmp_path / "system"
    given = {"evenkeel_trust_dir": "/of/the/run"}.get
    assert trust.place(given, {"EVENKEEL_TRUST_DIR": "/of/the/host"}, system=system) == Path("/of/the/host")
    assert trust.place(given, {}, system=system) == Path("/of/the/run")
    system.mkdir()
    assert trust.place(given, {"EVENKEEL_TRUST_DIR": "/of/the/host"}, system=system) == system
    with pytest.raises(ApprovalError, match="No trusted place is known"):
        trust.place({}.get, {}, system=tmp_path / "none")
