# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of ServiceNow, "State progression for normal, standard, and emergency changes" and "State model and transitions"."""

from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import states
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError

# state -> where it may go, as the documentation has it
NORMAL = {
    "New": {"Assess", "Canceled"},
    "Assess": {"Authorize", "New", "Canceled"},
    "Authorize": {"Scheduled", "New", "Canceled"},
    "Scheduled": {"Implement", "Canceled"},
    "Implement": {"Review", "Canceled"},
    "Review": {"Closed"},
    "Closed": set(),
    "Canceled": set(),
}
STANDARD = {**NORMAL, "New": {"Scheduled", "Canceled"}, "Assess": set(), "Authorize": set()}
EMERGENCY = {**NORMAL, "New": {"Authorize", "Canceled"}, "Assess": set()}
VALUES = {"New": -5, "Assess": -4, "Authorize": -3, "Scheduled": -2, "Implement": -1, "Review": 0, "Closed": 3, "Canceled": 4}


@pytest.mark.parametrize(("kind", "table"), [("normal", NORMAL), ("standard", STANDARD), ("emergency", EMERGENCY)])
def test_legal_transitions(kind: str, table: dict[str, set[str]]) -> None:
    on_path = {state for state in table if state in states.PATHS[kind] or state == "Canceled"}
    assert {state: set(states.legal(kind, state)) for state in on_path} == {state: table[state] for state in on_path}
    for state in on_path:
        for to in VALUES:
            if to in table[state]:
                states.check(kind, state, to, change="CHG-1")
            else:
                with pytest.raises(ChangeError) as refused:
                    states.check(kind, state, to, change="CHG-1")
                assert all(name in str(refused.value) for name in table[state]), "the legal ones are listed"


def test_values_are_those_of_servicenow() -> None:
    assert states.VALUES == VALUES


@pytest.mark.parametrize(
    ("kind", "state", "to", "way"),
    [
        ("normal", "New", "Authorize", ("Assess", "Authorize")),
        ("normal", "Authorize", "Scheduled", ("Scheduled",)),
        ("emergency", "New", "Authorize", ("Authorize",)),
        ("standard", "New", "Scheduled", ("Scheduled",)),
        ("normal", "Assess", "New", ("New",)),
    ],
)
def test_the_way(kind: str, state: str, to: str, way: tuple[str, ...]) -> None:
    assert states.way(kind, state, to, change="CHG-1") == way


@pytest.mark.parametrize(("kind", "state", "to"), [("standard", "New", "Authorize"), ("normal", "Review", "Canceled"), ("normal", "Closed", "New")])
def test_there_is_no_way(kind: str, state: str, to: str) -> None:
    with pytest.raises(ChangeError):
        states.way(kind, state, to, change="CHG-1")
