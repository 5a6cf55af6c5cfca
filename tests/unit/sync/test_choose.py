# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.choose import choose, delta_seconds, full_seconds
from hypothesis import given
from hypothesis import strategies as st

FACTS: dict[str, Any] = {
    "known": True,
    "trusted": True,
    "rows": 6_000_000,
    "bytes": 1_000_000_000,
    "changed": 60_000,
    "deleted": 100,
    "drifted": 0,
    "look_seconds": 0.5,
    "full_seconds": 20.0,
    "full_bytes": 1_000_000_000,
    "delta_rate": 40_000.0,
    "window": 0.0,
}


@pytest.mark.parametrize(
    ("change", "mode", "said"),
    [
        ({}, "incremental", "60000 of 6000000 rows changed and 100 are gone (1 %): about 2.3 s, a full copy about 20.0 s."),
        ({"changed": 0, "deleted": 0}, "incremental", "none of 6000000 rows changed since the last run."),
        ({"drifted": 3}, "differential", "3 rows of the target were written by others: about 2.3 s"),
        ({"changed": 3_000_000}, "full", "which isn't worth it."),
        ({"known": False}, "full", "no earlier full copy is recorded in the target: about 20.0 s."),
        ({"blocked": "public.log: changed, and it has no primary key"}, "full", "public.log: changed, and it has no primary key: about 20.0 s."),
        ({"trusted": False}, "full", "comparing contents masks every row anyway"),
        ({"window": 10}, "incremental", "It fits into the window of 10 s."),
        ({"window": 1}, "incremental", "Neither mode fits into the window of 1 s: this is the shorter one."),
        ({"changed": 720_000, "window": 19.5}, "incremental", "It fits into the window of 19.5 s."),
        ({"changed": 720_000}, "full", "an incremental one about"),
        ({"full_seconds": None}, "incremental", "a full copy about 40.3 s."),
    ],
)
def test_modes_and_why(change: dict[str, Any], mode: str, said: str) -> None:
    found, why = choose({**FACTS, **change})
    assert (found, said in why) == (mode, True), why


def test_a_full_copy_grows_with_the_data() -> None:
    assert full_seconds({**FACTS, "bytes": 2_000_000_000}) == 40.0
    assert full_seconds({}) > 0
    assert delta_seconds({}) > 0


@given(st.fixed_dictionaries({}, optional={name: st.one_of(st.none(), st.integers(min_value=0, max_value=10**12)) for name in FACTS}))
def test_whatever_is_known_gives_a_mode_and_a_sentence(facts: dict[str, Any]) -> None:
    mode, why = choose(facts)
    assert mode in ("full", "differential", "incremental")
    assert why.rstrip(".") != why
