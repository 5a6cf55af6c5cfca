# SPDX-License-Identifier: GPL-3.0-or-later
"""What a booking is, and what its life looks like.

pending    asked for, its approval is missing
approved   it holds the environments from `start` to `end`
waiting    on the waiting list
refused, cancelled, released (given back while it ran), unused (nobody came), expired (nobody approved it, or no place came free)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError

HOLDING = ("approved", "pending")
OPEN = (*HOLDING, "waiting")
STATES = (*OPEN, "refused", "cancelled", "released", "unused", "expired")
_TEXTS = ("id", "lane", "mode", "purpose", "team", "by", "state", "reason", "release", "origin", "why")
_TIMES = ("start", "end", "made", "since")


@dataclass(frozen=True)
class Booking:
    """`made` orders the waiting list, `since` is when it got its state; `origin` is ledger, or the file that declares it; setup and teardown are seconds
    before and after; `approvals` are (environment, who), `automatic` for a rule and `merged` for a document."""

    id: str
    environments: tuple[str, ...]
    mode: str
    purpose: str
    team: str
    by: str
    start: datetime
    end: datetime
    made: datetime
    since: datetime
    state: str = "pending"
    lane: str = ""
    reason: str = ""
    release: str = ""
    origin: str = "ledger"
    why: str = ""
    setup: int = 0
    teardown: int = 0
    used: bool = False
    approvals: tuple[tuple[str, str], ...] = ()

    @property
    def approved(self) -> bool:
        """Whether somebody or something has approved it for each of its environments."""
        return set(self.environments) <= {environment for environment, _who in self.approvals}

    @property
    def blocked(self) -> tuple[datetime, datetime]:
        """With the time to set up before it and to clear up after it."""
        return moments.later(self.start, -self.setup), moments.later(self.end, self.teardown)

    def as_dict(self) -> dict[str, Any]:
        plain: dict[str, Any] = {name: getattr(self, name) for name in (*_TEXTS, "setup", "teardown", "used")}
        plain |= {name: moments.text(getattr(self, name)) for name in _TIMES}
        return plain | {"environments": list(self.environments), "approvals": dict(self.approvals)}


@dataclass(frozen=True)
class Change:
    """A booking as it is from now on, and the event that made it so."""

    booking: Booking
    event: str
    why: str = ""

    @classmethod
    def of(cls, booking: Booking, event: str, now: datetime, why: str = "", **fields: Any) -> Change:
        since = now if fields.get("state", booking.state) != booking.state else booking.since
        return cls(replace(booking, why=why, since=since, **fields), event, why)


def from_dict(plain: Mapping[str, Any], *, where: str) -> Booking:
    """The booking that as_dict() wrote."""
    try:
        fields: dict[str, Any] = {name: str(plain[name]) for name in _TEXTS}
        fields |= {name: moments.utc(str(plain[name])) for name in _TIMES}
        booking = Booking(
            **fields,
            environments=tuple(map(str, plain["environments"])),
            setup=int(plain["setup"]),
            teardown=int(plain["teardown"]),
            used=bool(plain["used"]),
            approvals=tuple(sorted((str(name), str(who)) for name, who in plain["approvals"].items())),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ReservationError) as exc:
        raise ReservationError(f"The booking in {where} can't be read: {type(exc).__name__} {exc}. Next: verify the ledger.") from exc
    if booking.state not in STATES:
        raise ReservationError(f"The booking in {where} has the state {booking.state!r}, allowed: {', '.join(STATES)}. Next: verify the ledger.")
    return booking
