# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

from ansible_collections.evenkeel.release.plugins.module_utils._sync.proof_match import KEPT, matches, numbers
from hypothesis import given
from hypothesis import strategies as st

HASHES = st.sets(st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20), max_size=40)


def rows(columns: list[set[int]], buckets: int = 8) -> list[tuple[int, int, bytes]]:
    found = []
    for bucket in range(buckets):
        for number, hashes in enumerate(columns):
            inside = [one for one in hashes if one & (buckets - 1) == bucket]
            if inside:
                found.append((bucket, number, struct.pack(f">{len(inside)}q", *inside)))
    return found


def test_numbers_are_read_as_the_server_sends_them() -> None:
    assert list(numbers(struct.pack(">3q", 1, -1, 2**62))) == [1, -1, 2**62]


@given(st.lists(HASHES, max_size=3), st.lists(HASHES, max_size=3))
def test_what_is_shared_is_found_and_nothing_else(here: list[set[int]], there: list[set[int]]) -> None:
    found, sizes = matches(rows(here), rows(there))
    expected = {(a, b): left & right for a, left in enumerate(here) for b, right in enumerate(there) if left & right}
    assert {pair: one.hashes for pair, one in found.items()} == expected
    assert {pair: one.count for pair, one in found.items()} == {pair: len(one) for pair, one in expected.items()}
    assert sizes == {number: len(one) for number, one in enumerate(there) if one}


def test_a_whole_column_is_counted_and_only_a_part_of_it_kept() -> None:
    column = set(range(3 * KEPT))
    found, _sizes = matches(rows([column]), rows([column]))
    assert found[0, 0].count == 3 * KEPT
    assert len(found[0, 0].hashes) < 2 * KEPT
