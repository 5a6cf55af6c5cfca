# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._migrate.rollback import rollback_allowed
from hypothesis import given
from hypothesis import strategies as st

Entry = dict[str, Any]


def book(*acts: tuple[Any, ...]) -> list[Entry]:
    """Entries of (kind, phase, release, body) in staging; a migration's outcome names the intent before it."""
    found: list[Entry] = []
    for number, (kind, phase, release, body, *more) in enumerate(acts):
        intent = {"intent": found[-1]["id"]} if phase == "outcome" and found and found[-1]["phase"] == "intent" else {}
        entry = {"id": f"e{number}", "time": f"2026-05-0{number % 9 + 1}T10:00:00Z", "kind": kind, "phase": phase, "environment": "staging"}
        found.append({**entry, "release": release, "subject": "shop", "body": {**intent, **body}, **(more[0] if more else {})})
    return found


def verified(release: str) -> tuple[Any, ...]:
    return ("verification", "fact", release, {"verdict": "passed"})


def migrated(release: str, **body: Any) -> tuple[Any, ...]:
    return ("migration", "outcome", release, {"verdict": "passed", "phase": "expand", "one_way": True, **body})


def intent(release: str, **body: Any) -> tuple[Any, ...]:
    return ("migration", "intent", release, {"one_way": True, **body})


def failed(release: str, **body: Any) -> tuple[Any, ...]:
    return ("migration", "outcome", release, {"verdict": "failed", "one_way": True, **body})


@pytest.mark.parametrize(
    ("entries", "to", "allowed"),
    [
        (book(), "1.0", True),
        (book(verified("1.0"), migrated("1.1"), verified("1.1")), "1.0", False),
        (book(verified("1.0"), migrated("1.1", one_way=False), verified("1.1")), "1.0", True),
        (book(verified("1.0"), migrated("1.1"), verified("1.1"), verified("1.2")), "1.1", True),
        (book(verified("1.0"), migrated("1.1"), verified("1.1"), verified("1.2")), "1.0", False),
        # the contract phase of the release itself, after its confirmation
        (book(verified("1.0"), verified("1.1"), migrated("1.1", phase="contract"), verified("1.2")), "1.1", True),
        (book(verified("1.0"), verified("1.1"), migrated("1.1", phase="contract"), verified("1.2")), "1.0", False),
        # of the newer one
        (book(verified("1.1"), verified("1.2"), migrated("1.2", phase="contract")), "1.1", False),
        # it was seen to run on top of it
        (book(verified("1.0"), migrated("1.1"), verified("1.0")), "1.0", True),
        (book(verified("1.0"), migrated("1.1"), ("rollback", "outcome", "1.1", {"verdict": "passed", "to": "1.0"})), "1.0", True),
        (book(verified("1.0"), migrated("1.1"), ("rollback", "outcome", "1.1", {"verdict": "failed", "to": "1.0"})), "1.0", False),
        (book(verified("1.0"), migrated("1.1"), ("deployment", "outcome", "1.0", {"verdict": "passed"})), "1.0", True),
        # nobody knows how it ended
        (book(verified("1.0"), intent("1.1")), "1.0", False),
        (book(verified("1.0"), intent("1.1", one_way=False)), "1.0", True),
        (book(verified("1.0"), intent("1.1"), failed("1.1")), "1.0", False),
        (book(verified("1.0"), intent("1.1"), failed("1.1", applied=[], heads_before=["1"], heads_after=["1"])), "1.0", True),
        (book(verified("1.0"), intent("1.1"), failed("1.1", applied=[], partial=True, heads_before=["1"], heads_after=["1"])), "1.0", False),
        (book(verified("1.0"), intent("1.1"), failed("1.1", applied=[{"script": "V2"}], heads_before=["1"], heads_after=["2"])), "1.0", False),
        (book(verified("1.0"), intent("1.1"), migrated("1.1")), "1.0", False),
        (book(verified("1.0"), intent("1.1"), migrated("1.1", changed=False)), "1.0", True),
        # a migration whose file turned out to be none
        (book(verified("1.0"), intent("1.1", one_way=False), migrated("1.1")), "1.0", False),
        # the schema is gone
        (book(verified("1.0"), migrated("1.1"), ("teardown", "outcome", "", {"verdict": "passed"})), "1.0", True),
        # another place
        (book(verified("1.0"), (*migrated("1.1"), {"environment": "production"})), "1.0", True),
        (book(verified("1.0"), (*migrated("1.1"), {"subject": "crm"})), "1.0", True),
    ],
)
def test_rollback(entries: list[Entry], to: str, allowed: bool) -> None:
    answer = rollback_allowed(entries, "1.2", to, environment="staging", subject="shop")
    assert answer.allowed is allowed
    assert bool(answer.reason) is not allowed


def test_the_reason_names_the_migration() -> None:
    entries = book(verified("1.0"), migrated("1.1", phase="contract", heads_before=["4"], heads_after=["5"]))
    answer = rollback_allowed(entries, "1.1", "1.0", environment="staging")
    assert answer.reason == (
        "Rollback from 1.1 to 1.0 is refused: the contract migration of shop for release 1.1 (2026-05-02T10:00:00Z, 4 -> 5) is one-way,"
        " and 1.0 was never verified after it. Go forward with a release that mends the fault, or restore the database from before it."
    )
    assert [(one.release, one.entry, one.certain) for one in answer.blockers] == [("1.1", "e1", True)]
    unsure = rollback_allowed(book(intent("1.1")), "1.1", "1.0").reason
    assert "of which nobody knows how much is applied" in unsure


def test_a_proof_in_one_environment_is_none_in_another() -> None:
    entries = book(migrated("1.1"), (*verified("1.0"), {"environment": "production"}))
    assert not rollback_allowed(entries, "1.1", "1.0", environment="staging").allowed
    assert not rollback_allowed(entries, "1.1", "1.0").allowed


acts = st.one_of(
    st.sampled_from(["1.0", "1.1", "1.2"]).map(verified),
    st.tuples(st.sampled_from(["1.0", "1.1", "1.2"]), st.booleans()).map(lambda pair: migrated(pair[0], one_way=pair[1])),
)


@given(st.lists(acts, max_size=12))
def test_it_is_what_the_words_say(way: list[tuple[Any, ...]]) -> None:
    """Told another way: no one-way migration of another release after the last proof of the target."""
    proofs = [number for number, act in enumerate(way) if act[0] == "verification" and act[2] == "1.0"]
    after = way[proofs[-1] + 1 :] if proofs else way
    blocked = any(act[0] == "migration" and act[2] != "1.0" and act[3]["one_way"] for act in after)
    assert rollback_allowed(book(*way), "1.2", "1.0", environment="staging").allowed is not blocked


@given(st.lists(acts, max_size=10), acts)
def test_a_one_way_migration_more_never_allows(way: list[tuple[Any, ...]], last: tuple[Any, ...]) -> None:
    before = rollback_allowed(book(*way), "1.2", "1.0").allowed
    after = rollback_allowed(book(*way, migrated("1.2")), "1.2", "1.0").allowed
    assert not after
    assert rollback_allowed(book(*way, migrated("1.2", one_way=False)), "1.2", "1.0").allowed is before
