# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of moments as sorted lists of (begin, end) that neither touch nor overlap; the end is outside."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

Interval = tuple[int, int]
Intervals = list[Interval]


def union(found: Iterable[Interval]) -> Intervals:
    merged: Intervals = []
    for begin, end in sorted(found):
        if end <= begin:
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def intersect(one: Sequence[Interval], other: Sequence[Interval]) -> Intervals:
    found: Intervals = []
    left = right = 0
    while left < len(one) and right < len(other):
        begin, end = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if begin < end:
            found.append((begin, end))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return found


def subtract(one: Sequence[Interval], away: Sequence[Interval]) -> Intervals:
    found: Intervals = []
    number = 0
    for begin, end in one:
        at = begin
        while number < len(away) and away[number][1] <= at:
            number += 1
        following = number
        while following < len(away) and away[following][0] < end:
            if away[following][0] > at:
                found.append((at, away[following][0]))
            at = max(at, away[following][1])
            following += 1
        if at < end:
            found.append((at, end))
    return found


def around(found: Sequence[Interval], at: int) -> Interval | None:
    """The interval that `at` is in."""
    number = bisect_right(found, (at, 1 << 62)) - 1
    return found[number] if number >= 0 and found[number][0] <= at < found[number][1] else None


def after(found: Sequence[Interval], at: int) -> Sequence[Interval]:
    """Those that end after `at`, in order."""
    number = bisect_right(found, (at, 1 << 62)) - 1
    return found[max(number, 0) :] if number < 0 or found[number][1] > at else found[number + 1 :]
