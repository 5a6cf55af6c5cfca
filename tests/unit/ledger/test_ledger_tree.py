# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree against the published vectors and examples of RFC 6962, and against its own definition."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._ledger.verifier import CHUNK, EMPTY, Frontier, ProofError, consistent, included, leaf, node
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import proofs
from hypothesis import given
from hypothesis import strategies as st

# Leaves and roots that the implementations of Certificate Transparency share.
INPUTS = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# The seven leaves of section 2.1.3, with the names that it gives its nodes.
SEVEN = [leaf(bytes([number])) for number in range(7)]
A, B, C, D, E, F, J = SEVEN
G, H, I = node(A, B), node(C, D), node(E, F)  # noqa: E741  the names of the standard
K, L = node(G, H), node(I, J)


def tree(leaves: list[bytes]) -> Frontier:
    made = Frontier()
    made.extend(leaves)
    return made


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1, of hashes of leaves."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    half = max(1 << bit for bit in range(len(leaves).bit_length()) if 1 << bit < len(leaves))
    return node(by_definition(leaves[:half]), by_definition(leaves[half:]))


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots(size: int) -> None:
    assert tree([leaf(data) for data in INPUTS[:size]]).root().hex() == ROOTS[size - 1]


def test_the_empty_tree() -> None:
    assert Frontier().root() == EMPTY == hashlib.sha256(b"").digest()


@pytest.mark.parametrize(("index", "path"), [(0, [B, H, L]), (3, [C, G, L]), (4, [F, J, K]), (6, [I, K])])
def test_the_example_of_the_standard_for_inclusion(index: int, path: list[bytes]) -> None:
    assert proofs.inclusion(SEVEN, index) == path
    assert included(SEVEN[index], index, 7, path) == node(K, L)


@pytest.mark.parametrize(("old", "path"), [(3, [C, D, G, L]), (4, [L]), (6, [I, J, K])])
def test_the_example_of_the_standard_for_consistency(old: int, path: list[bytes]) -> None:
    assert proofs.consistency(SEVEN, old) == path
    consistent(old, 7, proofs.root(SEVEN[:old]), node(K, L), path)


LEAVES = st.integers(1, 300).map(lambda count: [leaf(number.to_bytes(4, "big")) for number in range(count)])


@given(LEAVES, st.data())
def test_leaves_in_any_pieces_make_the_same_tree(leaves: list[bytes], data: st.DataObject) -> None:
    made = Frontier()
    cuts = sorted({*data.draw(st.lists(st.integers(0, len(leaves)), max_size=10)), len(leaves)})
    for first, end in zip([0, *cuts], cuts, strict=False):
        made.extend(leaves[first:end])
        made = Frontier(made.size, made.roots)  # as it was kept in between
    assert (made.size, made.root()) == (len(leaves), by_definition(leaves))


def test_more_leaves_than_are_hashed_at_once() -> None:
    leaves = [leaf(number.to_bytes(4, "big")) for number in range(3 * CHUNK + 5)]
    made = tree(leaves[:7])
    made.extend(leaves[7:])
    assert made.root() == by_definition(leaves)


@given(LEAVES, st.data())
def test_every_proof_holds_and_no_other_leaf_fits_it(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, top = proofs.inclusion(leaves, index), proofs.root(leaves)
    assert included(leaves[index], index, len(leaves), path) == top
    other = data.draw(st.integers(0, len(leaves) - 1))
    if other != index:
        assert _root(leaves[other], index, len(leaves), path) != top
        assert _root(leaves[index], other, len(leaves), path) != top
    for worse in (path[:-1], [*path, EMPTY], [EMPTY, *path[1:]] if path else [EMPTY]):
        if worse != path:
            assert _root(leaves[index], index, len(leaves), worse) != top


def _root(hashed: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    try:
        return included(hashed, index, size, path)
    except ProofError:
        return None


@given(LEAVES, st.data())
def test_a_history_that_was_changed_is_not_consistent(leaves: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(0, len(leaves)))
    before, after = proofs.root(leaves[:old]), proofs.root(leaves)
    path = proofs.consistency(leaves, old)
    consistent(old, len(leaves), before, after, path)
    if old:
        forked = [*leaves[: old - 1], leaf(b"another"), *leaves[old:]]
        with pytest.raises(ProofError):
            consistent(old, len(forked), before, proofs.root(forked), proofs.consistency(forked, old))
    if path:
        for worse in (path[:-1], [*path, EMPTY], [EMPTY, *path[1:]]):
            with pytest.raises(ProofError):
                consistent(old, len(leaves), before, after, worse)
    with pytest.raises(ProofError, match="were taken away"):
        consistent(len(leaves) + 1, len(leaves), after, after, [])
