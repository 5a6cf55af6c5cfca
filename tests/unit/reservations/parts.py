# SPDX-License-Identifier: GPL-3.0-or-later
"""A world to book in: short names for what the tests need."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import acts
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking, Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.turn import present_at, turn
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World, world

NOW = datetime(2027, 3, 1, 8, tzinfo=timezone.utc)
ENVIRONMENTS = {
    "staging": {"name": "staging", "tier": "staging", "owner": "platform"},
    "qa": {"name": "qa", "tier": "test", "owner": "quality"},
    "production": {"name": "production", "tier": "production", "owner": "platform"},
}
TEAMS = {"shop": ["ann", "bob"], "pay": ["cid", "dan"], "platform": ["eve", "fay"], "quality": ["gil"]}
EVERYBODY = [{"teams": [*TEAMS]}]


def at(hours: float) -> datetime:
    """That many hours after NOW."""
    return NOW + timedelta(hours=hours)


def documents(*, bookings: list[dict[str, Any]] | None = None, lanes: dict[str, Any] | None = None, **rules: Any) -> dict[str, Any]:
    """Everybody's bookings are approved by rule, unless auto_approve says else."""
    value = {"rules": {"auto_approve": EVERYBODY, **rules}, "lanes": lanes or {"both": ["staging", "qa"]}, "bookings": bookings or []}
    return {"reservations": [value], "environments": ENVIRONMENTS, "teams": TEAMS}


def made_world(**more: Any) -> World:
    return world(documents(**more))


def wish(
    name: str,
    start: float,
    end: float,
    *,
    by: str = "ann",
    team: str = "shop",
    mode: str = "exclusive",
    purpose: str = "test",
    places: tuple[str, ...] = ("staging",),
    **more: Any,
) -> Booking:
    return Booking(
        id=name, environments=places, mode=mode, purpose=purpose, team=team, by=by, start=at(start), end=at(end), made=NOW, since=NOW, reason="a reason", **more
    )


class Book:
    """A ledger in memory: the entries that changes would be."""

    def __init__(self, known: World) -> None:
        self.world = known
        self.entries: list[dict[str, Any]] = []

    def add(self, changes: list[Change], now: datetime) -> list[str]:
        for change in changes:
            for environment in change.booking.environments:
                self.note("reservation", environment, "somebody", now, {"event": change.event, "booking": change.booking.as_dict()})
        return [f"{change.booking.id} {change.event}" for change in changes]

    def note(self, kind: str, environment: str, who: str, now: datetime, body: dict[str, Any] | None = None, *, phase: str = "fact") -> str:
        number = f"e{len(self.entries):05}"
        time = now.isoformat().replace("+00:00", "Z")
        more = {"release": "", "subject": ""}
        self.entries.append(
            {"id": number, "kind": kind, "phase": phase, "environment": environment, "time": time, "actor": {"name": who}, "body": body or {}, **more}
        )
        return number

    def do(self, act: Any, now: datetime = NOW) -> list[str]:
        return self.add(turn(self.world, self.entries, now, act, until=now + timedelta(days=30)), now)

    def book(self, new: Booking, now: datetime = NOW, *, wait: bool = False) -> list[str]:
        return self.do(lambda present: acts.book(self.world, present, new, actor=new.by, now=now, wait=wait), now)

    def approve(self, name: str, actor: str, now: datetime = NOW) -> list[str]:
        return self.do(lambda present: acts.approve(self.world, present, name, actor=actor, now=now), now)

    def release(self, name: str, actor: str, now: datetime = NOW) -> list[str]:
        return self.do(lambda present: acts.release(self.world, present, name, actor=actor, now=now), now)

    def extend(self, name: str, end: datetime, actor: str, now: datetime = NOW) -> list[str]:
        return self.do(lambda present: acts.extend(self.world, present, name, end=end, actor=actor, now=now), now)

    def settle(self, now: datetime) -> list[str]:
        return self.do(lambda _present: [], now)

    def states(self, now: datetime = NOW) -> dict[str, str]:
        present, _passed = present_at(self.world, self.entries, now)
        return {name: each.state for name, each in sorted(present.items())}
