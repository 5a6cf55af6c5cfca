# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct

from ansible_collections.evenkeel.release.plugins.module_utils._sync.postgresql.subset_keys import Keys, Numbers, literal
from hypothesis import given
from hypothesis import strategies as st

NUMBERS = st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-50, 5000)))


def packed(values: list[int]) -> bytes:
    return b"".join(struct.pack(">q", value) for value in values)


@given(NUMBERS, NUMBERS)
def test_numbers_are_a_set(first: list[int], second: list[int]) -> None:
    found = Numbers()
    found.load(packed(first))
    assert list(found) == sorted(set(first))
    assert found.add(second) == [value for place, value in enumerate(second) if value not in set(first) | set(second[:place])]
    assert list(found) == sorted({*first, *second})
    assert len(found) == len({*first, *second})


@given(st.lists(st.integers(-5000, 100000), min_size=1))
def test_a_map_has_a_bit_for_each_number(values: list[int]) -> None:
    found = Numbers()
    found.load(packed(values))
    low, high = found.range
    bits = found.packed()
    assert found.dense
    assert len(bits) * 8 == high - low + 1
    assert [low + place for place in range(len(bits) * 8) if bits[place >> 3] >> (place & 7) & 1] == sorted(set(values))


def test_numbers_far_apart_are_no_map() -> None:
    found = Numbers()
    found.load(packed([0, 2**50]))
    assert not found.dense


def test_other_keys_are_texts_without_doubles() -> None:
    keys = Keys("k", ["uuid"], integer=False)
    assert keys.add([("a",), ("b",)]) == [("a",), ("b",)]
    assert keys.add([("b",), ("c",)]) == [("c",)]
    assert (len(keys), list(keys)) == (3, [("a",), ("b",), ("c",)])
    assert not keys.mapped


def test_the_text_of_an_array() -> None:
    assert literal(["a", 'q"', "b\\", "{,}"]) == '{"a","q\\"","b\\\\","{,}"}'
