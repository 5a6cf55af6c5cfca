# SPDX-License-Identifier: GPL-3.0-or-later
"""How long no write came through, from the attempts of a prober. Times are seconds of a monotonic clock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple


class Attempt(NamedTuple):
    begun: float
    ended: float
    good: bool


class Outage(NamedTuple):
    """begun: when the first write was tried that failed. ended: when the first one was acknowledged again; None while none was.
    before: how long before `begun` the last write had been acknowledged, so how much longer it may have been."""

    begun: float
    ended: float | None
    before: float


def outages(attempts: Iterable[Attempt], *, patience: float) -> list[Outage]:
    """A write that came through but took longer than `patience` is an outage as well: nobody could write meanwhile."""
    found: list[Outage] = []
    last_good: float | None = None
    down = False
    for attempt in attempts:
        late = attempt.good and attempt.ended - attempt.begun > patience
        if not down and (late or not attempt.good):
            found.append(Outage(attempt.begun, None, attempt.begun - last_good if last_good is not None else 0.0))
            down = True
        if attempt.good:
            if down:
                found[-1] = found[-1]._replace(ended=attempt.ended)
            down, last_good = False, attempt.ended
    return found


def unwatched(attempts: list[Attempt], *, most: float) -> float:
    """Seconds between attempts that nobody tried anything, as while no run was there."""
    pauses = (later.begun - earlier.ended for earlier, later in zip(attempts, attempts[1:], strict=False))
    return sum(pause for pause in pauses if pause > most)


def summary(attempts: list[Attempt], *, patience: float, most: float, wall: float) -> dict[str, Any]:
    """wall: what is added to a time to have it in seconds of the epoch."""
    end = attempts[-1].ended if attempts else 0.0
    found = outages(attempts, patience=patience)
    lengths = [(outage.ended if outage.ended is not None else end) - outage.begun for outage in found]
    return {
        "seconds": round(sum(lengths), 3),
        "longest": round(max(lengths, default=0.0), 3),
        "uncertainty": round(sum(outage.before for outage in found), 3),
        "unwatched": round(unwatched(attempts, most=most), 3),
        "outages": [
            {"at": round(outage.begun + wall, 3), "seconds": round(length, 3), "over": outage.ended is not None}
            for outage, length in zip(found, lengths, strict=True)
        ],
        "attempts": len(attempts),
        "failed": sum(not attempt.good for attempt in attempts),
        "watched": round(end - attempts[0].begun, 3) if attempts else 0.0,
        "writable": bool(attempts) and attempts[-1].good,
    }


def told(found: dict[str, Any]) -> str:
    """One sentence for whoever reads the log of a run."""
    if not found["attempts"]:
        return "Downtime was not measured: no write was tried."
    text = f"Writes failed for {found['seconds']:.2f} s in {len(found['outages'])} outages (longest {found['longest']:.2f} s"
    text += f", up to {found['uncertainty']:.2f} s more) of {found['watched']:.0f} s watched, {found['failed']} of {found['attempts']} writes."
    if found["unwatched"]:
        text += f" Nobody watched for {found['unwatched']:.1f} s of them."
    return text if found["writable"] else f"{text} The last write failed: there is no writable server."
