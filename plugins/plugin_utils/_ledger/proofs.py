# SPDX-License-Identifier: GPL-3.0-or-later
"""The other side of verifier.py: proofs made from the hashes of all leaves, RFC 6962, sections 2.1.1 and 2.1.2."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.module_utils._ledger.verifier import Frontier


def root(leaves: Sequence[bytes]) -> bytes:
    tree = Frontier()
    tree.extend(leaves)
    return tree.root()


def inclusion(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings from the leaf up to the root."""
    found: list[bytes] = []
    while len(leaves) > 1:
        half = _split(len(leaves))
        if index < half:
            found.append(root(leaves[half:]))
            leaves = leaves[:half]
        else:
            found.append(root(leaves[:half]))
            leaves, index = leaves[half:], index - half
    return found[::-1]


def consistency(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """That the tree of these leaves begins with the one of its first `old`."""
    if old in (0, len(leaves)):
        return []
    found: list[bytes] = []
    whole = True  # the older tree is a subtree of what is left, which its verifier knows
    while old != len(leaves):
        half = _split(len(leaves))
        if old <= half:
            found.append(root(leaves[half:]))
            leaves = leaves[:half]
        else:
            found.append(root(leaves[:half]))
            leaves, old, whole = leaves[half:], old - half, False
    if not whole:
        found.append(root(leaves))
    return found[::-1]


def _split(count: int) -> int:
    """The largest power of two below it."""
    return 1 << ((count - 1).bit_length() - 1)
