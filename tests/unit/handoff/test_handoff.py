# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures: which count, which do not any more, and what an open handoff blocks."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff import acts, read
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.errors import HandoffError
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.standing import standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._handoff.state import state

TEAMS = {"dev": ["ann", "bob"], "ops": ["eve", "fay", "bob"], "sec": ["sam"]}
ENVIRONMENT = {"name": "production", "tier": "production"}
DOCUMENT = {
    "name": "shop-to-ops",
    "description": "The shop goes to operations.",
    "from": "dev",
    "to": "ops",
    "release": "1.4.0",
    "blocks": [{"acts": ["promote", "deploy"], "tiers": ["production"]}],
    "checkpoints": [
        {"name": "runbook", "description": "The runbook is complete.", "by": "dev"},
        {"name": "drill", "description": "Operations restored it once.", "by": "ops", "evidence": True},
        {"name": "accepted", "description": "Operations answer for it.", "by": "ops"},
    ],
}
FREE = {**DOCUMENT, "ordered": False}


class Book:
    def __init__(self, document=DOCUMENT, teams=TEAMS):
        self.document, self.teams, self.entries = document, teams, []

    def note(self, actor, checkpoint, body, *, release="1.4.0"):
        number = len(self.entries)
        self.entries.append(
            {
                "id": f"e{number:03}",
                "kind": "handoff",
                "time": f"2027-03-01T0{number}:00:00Z",
                "actor": {"name": actor},
                "release": release,
                "subject": f"shop-to-ops/{checkpoint}",
                "body": body,
            }
        )

    def sign(self, actor, checkpoint, *evidence, note=""):
        body = acts.sign(self.document, self.entries, self.teams, checkpoint, actor=actor, evidence=evidence, note=note)
        if body:
            self.note(actor, checkpoint, body)
        return body is not None

    def withdraw(self, actor, checkpoint, note="it was wrong"):
        body = acts.withdraw(self.document, self.entries, self.teams, checkpoint, actor=actor, note=note)
        if body:
            self.note(actor, checkpoint, body)
        return body is not None

    def states(self, **more):
        found = state({**self.document, **more}, self.entries, self.teams)
        return [row["state"] for row in found["checkpoints"]], found


def complete(document=DOCUMENT):
    book = Book(document)
    assert book.sign("ann", "runbook")
    assert book.sign("eve", "drill", "https://wiki/drill")
    assert book.sign("fay", "accepted")
    return book


def test_to_the_end():
    states, found = complete().states()
    assert states == ["signed"] * 3
    assert (found["complete"], found["next"]) == (True, [])
    assert found["checkpoints"][1]["evidence"] == ["https://wiki/drill"]


def test_signing_again_changes_nothing():
    book = complete()
    assert not book.sign("ann", "runbook")
    with pytest.raises(HandoffError, match="ann signed it at"):
        book.sign("bob", "runbook")


@pytest.mark.parametrize(
    ("document", "before", "who", "checkpoint", "evidence", "said"),
    [
        (DOCUMENT, [], "eve", "drill", ["x"], "runbook comes before it"),
        (FREE, [], "eve", "drill", [], "needs a link to evidence"),
        (FREE, [], "mallory", "drill", ["x"], "mallory is not in the team ops: eve, fay, bob"),
        (FREE, [], "", "drill", ["x"], "nobody known is not in the team"),
        (FREE, [("bob", "runbook")], "bob", "accepted", [], "nobody signs for both sides"),
        (FREE, [], "eve", "drill", ["x" * 501], "20 links of 500"),
        (FREE, [], "eve", "drill", ["x"] * 21, "20 links of 500"),
        (FREE, [], "eve", "nothing", [], "has no checkpoint 'nothing'"),
    ],
)
def test_refused(document, before, who, checkpoint, evidence, said):
    book = Book(document)
    for each in before:
        book.sign(*each)
    count = len(book.entries)
    with pytest.raises(HandoffError, match=said):
        book.sign(who, checkpoint, *evidence)
    assert len(book.entries) == count


def test_in_any_order_where_it_says_so():
    book = Book(FREE)
    book.sign("eve", "accepted")
    assert book.states()[0] == ["open", "open", "signed"]
    assert book.states()[1]["next"] == ["runbook", "drill"]


@pytest.mark.parametrize(
    ("change", "states"),
    [
        ({"checkpoints": [{**DOCUMENT["checkpoints"][0], "description": "Something else."}, *DOCUMENT["checkpoints"][1:]]}, ["void", "void", "void"]),
        ({"checkpoints": [*DOCUMENT["checkpoints"][:2], {**DOCUMENT["checkpoints"][2], "evidence": True}]}, ["signed", "signed", "void"]),
        ({"to": "sec"}, ["void", "void", "void"]),
        ({"release": "1.5.0"}, ["open", "open", "open"]),
        ({"description": "Told better."}, ["signed", "signed", "signed"]),
    ],
)
def test_a_changed_document_voids_what_was_signed(change, states):
    assert complete().states(**change)[0] == states


def test_who_left_the_team_signs_for_it_no_more():
    book = complete()
    book.teams = {**TEAMS, "ops": ["fay"]}
    states, found = book.states()
    assert states == ["signed", "void", "void"]
    assert found["checkpoints"][1]["why"] == "eve is not in the team ops"


def test_what_is_withdrawn_takes_what_follows_along():
    book = complete()
    with pytest.raises(HandoffError, match="may not withdraw"):
        book.withdraw("ann", "drill")
    with pytest.raises(HandoffError, match="needs a note"):
        book.withdraw("fay", "drill", "")
    assert book.withdraw("fay", "drill")
    assert not book.withdraw("fay", "drill")
    assert book.states()[0] == ["signed", "open", "void"]
    assert book.sign("eve", "drill", "https://wiki/again")
    assert book.states()[0] == ["signed", "signed", "void"]  # accepted before the drill: once more
    assert book.sign("fay", "accepted")
    assert book.states()[1]["complete"]


def test_forged_entries_do_not_count():
    """Whoever can write entries still is who the ledger says."""
    book = complete(FREE)
    good = book.entries[2]["body"]
    for actor, body, why in (("ann", good, "ann is not in the team ops"), ("eve", {**good, "digest": "0" * 64}, "changed")):
        book.entries = book.entries[:2]
        book.note(actor, "accepted", body)
        _states, found = book.states()
        assert (found["checkpoints"][2]["state"], why in found["checkpoints"][2]["why"]) == ("void", True)
    book.entries = book.entries[:2]
    book.note("fay", "accepted", good, release="9.9.9")
    assert book.states()[0][2] == "open"


@pytest.mark.parametrize(
    ("act", "environment", "release", "allowed"),
    [
        ("promote", ENVIRONMENT, "1.4.0", False),
        ("deploy", ENVIRONMENT, "1.4.0", False),
        ("deploy", ENVIRONMENT, "1.3.0", True),
        ("deploy", {"name": "staging", "tier": "staging"}, "1.4.0", True),
        ("data_sync", ENVIRONMENT, "1.4.0", True),
        ("rollback", ENVIRONMENT, "1.4.0", True),
        ("recover", ENVIRONMENT, "1.4.0", True),
    ],
)
def test_what_it_blocks(act, environment, release, allowed):
    book = Book()
    book.sign("ann", "runbook")
    found = standing([DOCUMENT], book.entries, environment, act, release, TEAMS)
    assert found["allowed"] == allowed
    if not allowed:
        assert [each["checkpoint"] for each in found["blocking"]] == ["drill", "accepted"]
        assert "shop-to-ops/drill is for ops: Operations restored it once." in found["message"]
        assert found["ask"] == ["ops"]
    assert standing([DOCUMENT], complete().entries, environment, act, release, TEAMS)["allowed"]


def test_a_handoff_without_a_release_blocks_each_and_one_without_blocks_none():
    assert not standing([{**DOCUMENT, "release": "1.5.0"}], [], ENVIRONMENT, "deploy", "1.5.0", TEAMS)["allowed"]
    everywhere = {key: value for key, value in DOCUMENT.items() if key != "release"}
    assert not standing([everywhere], [], ENVIRONMENT, "deploy", "7.0.0", TEAMS)["allowed"]
    assert standing([{**everywhere, "blocks": []}], [], ENVIRONMENT, "deploy", "7.0.0", TEAMS)["allowed"]


@pytest.mark.parametrize(
    ("documents", "entries", "environment"), [([{}], [], ENVIRONMENT), ([DOCUMENT], [{}], ENVIRONMENT), ([DOCUMENT], [], {}), (7, [], ENVIRONMENT)]
)
def test_what_cannot_be_told_is_refused(documents, entries, environment):
    found = standing(documents, entries, environment, "deploy", "1.4.0", TEAMS)
    assert not found["allowed"]
    assert "could not be told" in found["message"]


@pytest.mark.parametrize(("signed", "verdict"), [(True, "passed"), (False, "failed")])
def test_the_starter_policy(signed, verdict):
    path = Path(__file__).parents[3] / "extensions/policies/handoff.yml"
    assert files.read("policy", [str(path)], today=date(2027, 1, 1))[1] == []
    section = standing([DOCUMENT], complete().entries if signed else [], ENVIRONMENT, "deploy", "1.4.0", TEAMS)
    evidence = {"now": "2027-03-01T00:00:00Z", "act": "deploy", "environment": ENVIRONMENT}
    policy = yaml.safe_load(path.read_text())
    answer = decide([policy], {**evidence, "handoff": section}, act="deploy", environment=ENVIRONMENT)
    assert answer.verdict == verdict
    assert ("runbook is for dev" in str(answer.rules[0].values)) == (not signed)
    assert decide([policy], evidence, act="deploy", environment=ENVIRONMENT).verdict == "errored"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "other"}, "name"),
        ({"to": "dev"}, "another team than from"),
        ({"to": "nobody"}, "a team: dev, ops, sec"),
        ({"checkpoints": []}, "checkpoints"),
        ({"checkpoints": [DOCUMENT["checkpoints"][0]] * 2}, "each checkpoint once"),
        ({"checkpoints": [{**DOCUMENT["checkpoints"][0], "by": "nobody"}]}, '"nobody"'),
        ({"blocks": [{"acts": ["rollback"]}]}, "rollback"),
        ({"colour": "red"}, "the unknown key colour"),
    ],
)
def test_faults_of_a_document(tmp_path, change, said):
    (tmp_path / "shop-to-ops.yml").write_text(yaml.safe_dump({**DOCUMENT, **change}))
    with pytest.raises(HandoffError, match=said):
        read.documents([str(tmp_path)], teams=TEAMS, today=date(2027, 1, 1))


def test_a_good_document(tmp_path):
    (tmp_path / "shop-to-ops.yml").write_text(yaml.safe_dump(DOCUMENT))
    assert read.documents([str(tmp_path)], teams=TEAMS, today=date(2027, 1, 1)) == [DOCUMENT]
