# SPDX-License-Identifier: GPL-3.0-or-later
"""Two sides of a table as buckets of (rows, sum of hashes): which buckets differ, and how to cut a table into buckets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Optional

Leaf = tuple[int, str]  # rows, and the sum of their hashes as text: order doesn't matter
SIZE = 256  # rows that share a bucket: what moves at least when one key differs
MOST = 65536  # buckets: what a side sends at most, whatever the table's size
LARGEST = 2**63 - 1


class Cut(NamedTuple):
    """How a key finds its bucket: the high bits of a whole number, else the low bits of a hash."""

    shift: Optional[int]
    mask: int

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Keys from the first bucket to the last one, both ends within."""
        shift = self.shift or 0
        return first << shift, min(((last + 1) << shift) - 1, LARGEST)


def cut(rows: int, *, ends: Optional[tuple[int, int]]) -> Cut:
    """`ends` are the least and the greatest key where the key is one whole number."""
    wanted = min(MOST, 1 << max(0, (max(rows, 1) // SIZE).bit_length()))
    if ends is None:
        return Cut(None, wanted - 1)
    return Cut(max(0, ((ends[1] - ends[0]) // wanted).bit_length()), 0)


def leaves(rows: Iterable[Any]) -> dict[int, Leaf]:
    return {int(bucket): (int(count), str(total)) for bucket, count, total in rows}


def root(side: Mapping[int, Leaf]) -> Leaf:
    return sum(leaf[0] for leaf in side.values()), str(sum(int(leaf[1]) for leaf in side.values()))


def differing(here: Mapping[int, Leaf], there: Mapping[int, Leaf]) -> list[int]:
    return sorted(bucket for bucket in {*here, *there} if here.get(bucket) != there.get(bucket))


def runs(buckets: Iterable[int]) -> list[tuple[int, int]]:
    """Neighbours joined: [1, 2, 3, 7] -> [(1, 3), (7, 7)]."""
    found: list[tuple[int, int]] = []
    for bucket in sorted(buckets):
        if found and found[-1][1] == bucket - 1:
            found[-1] = (found[-1][0], bucket)
        else:
            found.append((bucket, bucket))
    return found
