# SPDX-License-Identifier: GPL-3.0-or-later
"""One decision: what time has done, what somebody does, and what that sets free for those who wait."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import formats
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.acts import Refusal
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.fold import bookings, used
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking, Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import DAY
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.settle import applied, settle, waiting
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.slots import SEARCH
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.words import people
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World

LONGEST_REASON = 500
_ID = re.compile(r"[a-z][a-z0-9_-]{0,63}")
Act = Callable[[Mapping[str, Booking]], list[Change]]


def present_at(world: World, entries: Iterable[Any], now: datetime, *, until: datetime | None = None) -> tuple[dict[str, Booking], list[Change]]:
    """(the bookings as they are at `now`, what of it nobody has written down yet)."""
    known = list(entries)
    present = bookings(world, known, now, until=max(until or now, now) + (moments.later(now, SEARCH + DAY) - now))
    passed = settle(world, present, used(world, known, present.values(), now), now)
    return applied(present, passed), passed


def turn(world: World, entries: Iterable[Any], now: datetime, act: Act, *, until: datetime | None = None) -> list[Change]:
    """Every change, in order. Raises Refusal when `act` may not be, and then nothing changes at all."""
    known = list(entries)
    present, passed = present_at(world, known, now, until=until)
    done = act(present)
    present = applied(present, done)
    return [*passed, *done, *settle(world, present, used(world, known, present.values(), now), now)]


def requested(world: World, wanted: Mapping[str, Any], *, actor: str, now: datetime) -> Booking:
    """The booking that somebody asks for; `wanted` has the keys of a booking in a document, without recurrence. Raises Refusal with every fault."""
    zone, rules = wanted.get("timezone") or "", world.rules
    names = sorted({*(wanted.get("environments") or ()), *world.lanes.get(wanted.get("lane") or "", ())})
    faults = [
        (bool(wanted.get("lane")) and wanted["lane"] not in world.lanes, f"lane {wanted.get('lane')!r} is unknown, known: {', '.join(world.lanes) or 'none'}"),
        (bool(wanted.get("lane")) == bool(wanted.get("environments")), "it needs either lane or environments"),
        (bool(wanted.get("to")) == bool(wanted.get("length")), "it needs either to or length"),
        *((not wanted.get(key), f"it has no {key}") for key in ("mode", "purpose", "reason")),
        (bool(zone) and zone not in available_timezones(), f"timezone {zone!r} is none, allowed is {formats.ALLOWED['evenkeel-timezone']}"),
        (not _ID.fullmatch(str(wanted.get("id") or "b")), f"id {wanted.get('id')!r} is none: lower-case letters, digits, _ and -, at most 64, a letter first"),
        (bool(wanted.get("release")) and not formats.SEMVER.fullmatch(str(wanted["release"])), f"release {wanted.get('release')!r} is not a semantic version"),
        (len(str(wanted.get("reason") or "")) > LONGEST_REASON, f"its reason is longer than {LONGEST_REASON} characters"),
    ]
    if said := [text for wrong, text in faults if wrong]:
        raise Refusal(f"The booking was refused, nothing was written: {'; '.join(said)}. Next: correct it and book again.")
    start = moments.utc(str(wanted["from"]), zone) if wanted.get("from") else now.replace(microsecond=0)
    end = moments.utc(str(wanted["to"]), zone) if wanted.get("to") else moments.later(start, moments.seconds(str(wanted["length"])))
    fields: dict[str, Any] = {key: str(wanted.get(key) or "") for key in ("mode", "purpose", "reason", "lane", "release")}
    fields |= {"team": str(wanted.get("team") or _only_team(world, actor)), "by": actor, "environments": tuple(names), "start": start, "end": end}
    fields |= {key: moments.seconds(wanted[key]) if wanted.get(key) else getattr(rules, key) for key in ("setup", "teardown")}
    return Booking(id=str(wanted.get("id") or _id_of(fields)), made=now, since=now, **fields)


def told(changes: Sequence[Change], *, actor: str) -> list[dict[str, str]]:
    """Whom else it concerns: {id, who, team, event, why, text} of each booking of somebody else that changed."""
    return [
        {
            "id": each.booking.id,
            "who": each.booking.by,
            "team": each.booking.team,
            "event": each.event,
            "why": each.why,
            "text": f"{people(each.booking)}: {each.booking.id} ({', '.join(each.booking.environments)}, {moments.text(each.booking.start)} to"
            f" {moments.text(each.booking.end)}) is {each.booking.state} now: {each.why or each.event}",
        }
        for each in changes
        if each.booking.by != actor
    ]


def place(world: World, present: Iterable[Booking], booking: Booking) -> int:
    """1 for the first on the waiting list of any of its environments; 0 when it does not wait."""
    queue = [each for each in waiting(world.rules, present) if set(each.environments) & set(booking.environments)]
    return next((number for number, each in enumerate(queue, start=1) if each.id == booking.id), 0)


def _only_team(world: World, actor: str) -> str:
    teams = [team for team, members in world.teams.items() if actor in members]
    return teams[0] if len(teams) == 1 else ""


def _id_of(fields: Mapping[str, Any]) -> str:
    """The same wish has the same id: asking twice books once."""
    plain = {key: moments.text(value) if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value for key, value in fields.items()}
    return "b-" + hashlib.sha256(canonical.dumps(plain)).hexdigest()[:16]
