# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._sync.merkle import LARGEST, MOST, SIZE, Cut, cut, differing, leaves, root, runs
from hypothesis import given
from hypothesis import strategies as st

NUMBER = st.integers(min_value=-(2**63), max_value=LARGEST)


@given(NUMBER, NUMBER, st.integers(min_value=0, max_value=10**10))
def test_whole_numbers_find_few_buckets_whose_span_holds_them(one: int, other: int, rows: int) -> None:
    least, most = sorted((one, other))
    parts = cut(rows, ends=(least, most))
    shift = parts.shift or 0
    assert (most >> shift) - (least >> shift) <= MOST
    for key in (least, most):
        first, last = parts.span(key >> shift, key >> shift)
        assert first <= key <= last


def test_rows_share_buckets() -> None:
    assert cut(0, ends=(5, 5)) == Cut(0, 0)
    dense = cut(1_000_000, ends=(1, 1_000_000))
    assert SIZE / 2 <= 2 ** (dense.shift or 0) <= SIZE * 2
    assert cut(1_000_000, ends=None) == Cut(None, 4095)
    assert cut(10**10, ends=None) == Cut(None, MOST - 1)


@given(st.sets(st.integers(min_value=-50, max_value=50)))
def test_runs_hold_all_and_nothing_else(found: set[int]) -> None:
    joined = runs(found)
    assert {number for first, last in joined for number in range(first, last + 1)} == found
    assert all(before[1] + 1 < after[0] for before, after in zip(joined, joined[1:]))


@pytest.mark.parametrize(
    ("here", "there", "found"),
    [
        ({}, {}, []),
        ({1: (2, "5")}, {1: (2, "5")}, []),
        ({1: (2, "5")}, {1: (2, "6")}, [1]),
        ({1: (2, "5"), 7: (1, "1")}, {-3: (1, "1"), 1: (2, "5")}, [-3, 7]),
    ],
)
def test_differing_buckets(here: dict[int, tuple[int, str]], there: dict[int, tuple[int, str]], found: list[int]) -> None:
    assert differing(here, there) == found


def test_leaves_of_rows() -> None:
    assert leaves([(3, 2, 10), (4, 1, -5)]) == {3: (2, "10"), 4: (1, "-5")}
    assert root({3: (2, "10"), 4: (1, "-5")}) == (3, "5")
