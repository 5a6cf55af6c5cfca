# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a source is up to date enough to be copied: a decision over what was measured, and the wait for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._sync.errors import SyncError


class Lag(NamedTuple):
    role: str  # standby | primary
    seconds: float  # behind its primary; infinite when that can't be known
    replicas: Mapping[str, float]  # of a primary: each standby's seconds
    queues: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        return max([self.seconds, *self.replicas.values()])


def length(name: str, row: Any) -> int:
    """The one number of a queue's query."""
    try:
        if row is None or len(row) != 1 or row[0] is None:
            raise ValueError
        return int(row[0])
    except (TypeError, ValueError):
        raise SyncError(f"The query of the queue {name!r} must give one number in one row.") from None


def shortfalls(lag: Lag, *, max_lag: float, queues: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """What stands in the way, in words. `max_lag` 0 doesn't ask."""
    found = []
    if max_lag > 0:
        if lag.seconds > max_lag:
            note = f" ({'; '.join(lag.notes)})" if lag.notes else ""
            found.append(f"the source is a standby {_spoken(lag.seconds)} behind its primary, allowed are {max_lag:g} s{note}")
        found += [
            f"standby {name} is {_spoken(seconds)} behind, allowed are {max_lag:g} s" for name, seconds in sorted(lag.replicas.items()) if seconds > max_lag
        ]
    for queue in queues:
        holds, allowed = lag.queues[queue["name"]], int(queue.get("max") or 0)
        if holds > allowed:
            found.append(f"queue {queue['name']} holds {holds}, allowed are {allowed}")
    return found


def _spoken(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds != float("inf") else "an unknown time"


def wait_until_current(
    measure: Callable[[], Lag],
    *,
    max_lag: float,
    queues: Sequence[Mapping[str, Any]] = (),
    wait: float = 0,
    interval: float = 1,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Lag, float]:
    """(what was measured last, seconds waited). Raises one line when `wait` seconds weren't enough."""
    began = clock()
    while True:
        lag = measure()
        missing = shortfalls(lag, max_lag=max_lag, queues=queues)
        waited = clock() - began
        if not missing:
            return lag, waited
        if waited >= wait:
            told = f" after {waited:.0f} s of waiting" if wait else ""
            raise SyncError(f"The source isn't up to date{told}, and nothing was read: {'; '.join(missing)}. Try again later, or raise the limit or the wait.")
        sleep(min(interval, max(0.05, wait - waited)))


def gate(
    reader: Any,
    place: Mapping[str, Any],
    *,
    max_lag: float,
    queues: Sequence[Mapping[str, Any]] = (),
    wait: float = 0,
    interval: float = 1,
    replicas: bool = False,
) -> tuple[Lag, float]:
    """`reader` is the lag.py of an engine. For a refresh, before the snapshot is taken. Each look opens a connection of its own."""

    def measure() -> Lag:
        found: Lag = reader.measure(place, queues=queues, replicas=replicas)
        return found

    return wait_until_current(measure, max_lag=max_lag, queues=queues, wait=wait, interval=interval)
