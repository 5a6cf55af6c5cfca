# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values two servers have in common, told by hashes that meet here, bucket by bucket, and are forgotten."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Optional

BUCKETS = 64
KEPT = 10000  # hashes kept for each pair of columns; more than that is no accident, whatever they are
Row = tuple[int, int, bytes]  # bucket, number of the column, hashes of eight bytes each


def numbers(packed: bytes) -> array[int]:
    found = array("q")
    found.frombytes(packed)
    found.byteswap()  # the servers send the highest byte first
    return found


class Pair:
    def __init__(self) -> None:
        self.count = 0
        self.hashes: set[int] = set()

    def add(self, found: set[int]) -> None:
        self.count += len(found)
        if len(self.hashes) < KEPT:
            self.hashes |= found


def _buckets(rows: Iterable[Row]) -> Iterator[tuple[int, list[Row]]]:
    for bucket, group in groupby(rows, key=itemgetter(0)):
        yield bucket, list(group)


def matches(source: Iterable[Row], target: Iterable[Row]) -> tuple[dict[tuple[int, int], Pair], dict[int, int]]:
    """({(column of the source, column of the target): what they share}, {column of the target: its values}).

    Both come in the order of their buckets. One bucket of each side is held at a time."""
    found: dict[tuple[int, int], Pair] = {}
    sizes: dict[int, int] = {}
    here, there = _buckets(source), _buckets(target)
    left: Optional[tuple[int, list[Row]]] = next(here, None)
    for bucket, rows in there:
        while left is not None and left[0] < bucket:
            left = next(here, None)
        packs = left[1] if left is not None and left[0] == bucket else []
        sets = [(column, set(numbers(packed))) for _bucket, column, packed in packs]
        known = set().union(*[one for _column, one in sets])
        for _bucket, column, packed in rows:
            sizes[column] = sizes.get(column, 0) + len(packed) // 8
            shared = known.intersection(numbers(packed))
            for other, one in sets if shared else ():
                common = shared & one
                if common:
                    found.setdefault((other, column), Pair()).add(common)
    for _rest in here:
        continue  # a server must be heard to its end
    return found, sizes
