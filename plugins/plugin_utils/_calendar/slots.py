# SPDX-License-Identifier: GPL-3.0-or-later
"""The next times at which a release may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import intervals, trains, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.intervals import Interval, Intervals
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.timeline import Timeline
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.verdict import told

FOREVER = 1 << 62
MANY = 3


def next_slots(
    built: Timeline,
    *,
    at: int,
    lasting: int,
    busy: Sequence[Interval] = (),
    soak_ends: int | None = None,
    approvals_expire: int | None = None,
    overrides: Sequence[tuple[str, int, int]] = (),
    departure: Interval | None = None,
    many: int = MANY,
) -> list[dict[str, Any]]:
    """The first `many` intervals in which the release can be deployed from beginning to end, from `at` on: windows, freezes and closed days of the
    calendars, without what is busy, not before the soak ends, finished before the approvals expire, and in the departure of its train.

    lasting: seconds that it takes, more than 0 (the measured p90). busy: [(begin, end)], such as reservations of others.
    approvals_expire: when the last needed approval is no longer valid; every batch asks for it, so the end counts, not the beginning.
    departure: when its train is at the platform. Times are seconds since 1970; [] when there is none before the end of the timeline.
    -> [{from, latest_start, to, window}], RFC 3339 in UTC; starting at latest_start it is finished at `to`.
    """
    built.check(at)
    found: list[dict[str, Any]] = []
    limit = (max(at, soak_ends or 0), FOREVER if approvals_expire is None else approvals_expire)
    for begin, end in _free(built, limit, busy=busy, overrides=overrides, departure=departure):
        if end - begin >= max(lasting, 1):
            window = next((span for track in built.allow for span in track.at(begin)), None)
            found.append({"from": wall.text(begin), "latest_start": wall.text(end - lasting), "to": wall.text(end), "window": told(window)})
        if len(found) == many:
            break
    return found


def departure_of(built: Timeline, *, at: int, release: str, cut_at: int | None, feature: bool = True) -> Interval | None:
    """When the release may leave with its train; None when it goes with none. (0, 0), which is never, when its train can't take it."""
    state = trains.verdict(built.trains, of=built.of, release=release, at=at, cut_at=cut_at, feature=feature)
    if state is None:
        return None
    if not state["aboard"] or state["departs"] is None:
        return (0, 0)
    train = next(train for train in built.trains if train.uid == state["uid"])
    one = next(one for one in trains.departures(train, at, at + trains.AHEAD) if wall.text(one.begin) == state["departs"])
    return one.begin, one.end


def _free(built: Timeline, limit: Interval, *, busy: Sequence[Interval], overrides: Sequence[tuple[str, int, int]], departure: Interval | None) -> Intervals:
    times = intervals.subtract(built.allowed(but=overrides), intervals.union(busy))
    times = intervals.intersect(times, [limit] if limit[0] < limit[1] else [])
    return times if departure is None else intervals.intersect(times, [departure])
