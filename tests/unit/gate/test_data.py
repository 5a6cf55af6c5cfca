# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.data import newest_data, proof_of

SHOWN = {"verdict": "passed", "tables": {"public.a": {"rows": 1, "checksum": "equal"}}}
# Forms of a proof that prove nothing.
UNPROVED: list[Any] = [
    None,
    {"verdict": "off"},
    {"verdict": "none"},
    {"verdict": "passed", "findings": []},
    {**SHOWN, "enabled": False},
    "passed",
    {},
    ["passed"],
]


def entry(
    time: str, *, verdict: str = "passed", subject: str = "shop", proof: Any = SHOWN, changed: bool = True, mode: str = "full", **more: Any
) -> dict[str, Any]:
    one = {"changed": changed, "key_id": "k1", "mode": mode, **({} if proof is None else {"proof": proof})}
    databases = {"databases": dict.fromkeys(subject.split(","), one)} if verdict == "passed" else {}
    body = {"verdict": verdict, "intent": "i", "source": "production", **databases}
    return {"kind": "data_sync", "phase": "outcome", "environment": "staging", "subject": subject, "time": time, "body": body, **more}


def intent(time: str, **more: Any) -> dict[str, Any]:
    return entry(time, **more) | {"phase": "intent", "body": {"source": "production"}}


def teardown(time: str, verdict: str = "passed") -> dict[str, Any]:
    return entry(time) | {"kind": "teardown", "subject": "", "body": {"verdict": verdict}}


def told(*entries: dict[str, Any]) -> tuple[Any, Any, Any]:
    found = newest_data(entries, "staging")
    assert found is not None
    return found["verdict"], found["proved_at"], found["refreshed_at"]


def test_nothing_is_known_without_a_refresh() -> None:
    assert newest_data([], "staging") is None
    assert newest_data([entry("1", environment="test"), entry("3", kind="drift")], "staging") is None


def test_the_newest_refresh_counts_and_says_when_it_was_proved() -> None:
    found = newest_data([intent("0"), entry("1"), entry("2")], "staging")
    assert found == {
        "verdict": "passed",
        "proved_at": "2",
        "refreshed_at": "2",
        "services": [
            {"service": "shop", "refreshed_at": "2", "proved_at": "2", "key_id": "k1", "mode": "full", "source": "production", "verdict": "passed"},
        ],
    }


def test_an_unchanged_refresh_keeps_the_proof_of_what_is_there() -> None:
    assert told(entry("1"), entry("2", changed=False, proof=None)) == ("passed", "1", "2")


def test_an_unchanged_refresh_of_what_nobody_saw_arrive_proves_nothing() -> None:
    assert told(entry("2", changed=False)) == ("inconclusive", None, "2")


@pytest.mark.parametrize("proof", UNPROVED)
def test_a_refresh_without_proof_is_inconclusive_and_forgets_the_one_before(proof: Any) -> None:
    assert told(entry("1"), entry("2", proof=proof)) == ("inconclusive", None, "2")


@pytest.mark.parametrize("mode", ["incremental", "differential"])
def test_a_delta_proves_its_own_rows_and_needs_that_the_others_were_proved(mode: str) -> None:
    assert told(entry("1"), entry("2", mode=mode)) == ("passed", "2", "2")
    assert told(entry("1", proof=None), entry("2", mode=mode)) == ("inconclusive", None, "2")
    assert told(entry("2", mode=mode)) == ("inconclusive", None, "2")
    assert told(entry("1", proof=None), entry("2", mode=mode), entry("3")) == ("passed", "3", "3")


@pytest.mark.parametrize(("verdict", "seen"), [("failed", "failed"), ("errored", "errored"), ("inconclusive", "inconclusive"), ("odd", "errored")])
def test_a_failed_refresh_is_told_and_leaves_what_is_there(verdict: str, seen: str) -> None:
    assert told(entry("1"), entry("2", verdict=verdict)) == (seen, "1", "1")
    assert told(entry("2", verdict=verdict)) == (seen, None, None)


def test_a_refresh_that_runs_or_was_killed_is_no_answer() -> None:
    assert told(entry("1"), intent("2")) == ("inconclusive", "1", "1")
    assert told(intent("2")) == ("inconclusive", None, None)
    assert told(entry("1"), intent("2"), intent("3"), entry("4")) == ("passed", "4", "4")


def test_a_teardown_takes_the_data_along() -> None:
    assert newest_data([entry("1"), teardown("2")], "staging") is None
    assert told(entry("1"), teardown("2", "failed")) == ("passed", "1", "1")
    assert told(entry("1"), teardown("2"), entry("3", proof=None)) == ("inconclusive", None, "3")


def test_several_databases_are_as_good_as_the_worst_and_as_old_as_the_oldest() -> None:
    found = newest_data([entry("1", subject="shop,crm"), entry("2"), entry("3", subject="crm", proof=None)], "staging")
    assert found is not None
    assert (found["verdict"], found["proved_at"], found["refreshed_at"]) == ("inconclusive", None, "2")
    assert [one["service"] for one in found["services"]] == ["crm", "shop"]
    assert told(entry("1", subject="shop,crm"), entry("2")) == ("passed", "1", "1")


@pytest.mark.parametrize("databases", [None, [], "shop", 7, {"shop": None}, {"shop": []}, {"shop": {"changed": True, "proof": 7}}, {"crm": {}}])
def test_a_body_of_an_odd_form_is_no_proof(databases: Any) -> None:
    odd = entry("1")
    odd["body"]["databases"] = databases
    assert told(odd) == ("inconclusive", None, "1")


def test_what_a_proof_says() -> None:
    assert [proof_of({"proof": one}) for one in UNPROVED] == ["none", "off", "none", "empty", "off", "none", "none", "none"]
    assert (proof_of({"proof": SHOWN}), proof_of({"proof": {"verdict": "failed"}}), proof_of({})) == ("passed", "failed", "none")


def test_of_every_order_of_events_only_a_proved_copy_passes() -> None:
    """Whatever happens before: the answer is passed only when all rows that are there were proved and nobody is at work."""
    steps = {
        "full": lambda t: entry(t),
        "bare": lambda t: entry(t, proof=None),
        "delta": lambda t: entry(t, mode="incremental"),
        "same": lambda t: entry(t, changed=False),
        "failed": lambda t: entry(t, verdict="failed"),
        "open": intent,
    }
    for order in itertools.product(steps, repeat=4):
        verdict, proved_at, _ = told(*[steps[name](str(at)) for at, name in enumerate(order)])
        base = [name for name in order if name in ("full", "bare", "delta")]
        while base and base[-1] == "delta":
            base.pop()
        proved = base[-1:] == ["full"]
        assert (verdict == "passed") == (proved and order[-1] not in ("failed", "open")), order
        assert (proved_at is not None) == proved, order
