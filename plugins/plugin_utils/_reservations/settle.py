# SPDX-License-Identifier: GPL-3.0-or-later
"""What time alone has done to bookings: some expired, some nobody used, and who waited gets what came free."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.conflicts import clashes
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.fold import shown_until
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking, Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import Rules
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World


def settle(world: World, bookings: Mapping[str, Booking], used: Iterable[str], now: datetime) -> list[Change]:
    """In a fixed order, so that everybody who looks at `now` sees the same."""
    present = dict(bookings)
    done: list[Change] = []
    seen = set(used)
    for booking in sorted(bookings.values(), key=lambda each: (each.start, each.id)):
        if change := _passed(world, booking, booking.id in seen, now):
            present[booking.id] = change.booking
            done.append(change)
    return done + list(_placed(world, present, now))


def waiting(rules: Rules, bookings: Iterable[Booking]) -> list[Booking]:
    """The waiting list: the more urgent purpose first, then who asked first."""
    return sorted((each for each in bookings if each.state == "waiting"), key=lambda each: (-rules.priority(each.purpose), each.made, each.id))


def applied(bookings: Mapping[str, Booking], changes: Iterable[Change]) -> dict[str, Booking]:
    return {**bookings, **{change.booking.id: change.booking for change in changes}}


def automatic(world: World, booking: Booking, now: datetime) -> bool:
    """Whether some rule approves it. What a rule does not say fits always; what can't be told does not fit."""
    return any(_fits(world, rule, booking, now) for rule in world.rules.auto_approve)


def standing_of(world: World, booking: Booking, now: datetime) -> dict[str, Any]:
    """The fields of a booking that gets its place: approved when a rule says so or everybody who has to has approved it, else pending."""
    if not booking.approved and automatic(world, booking, now):
        return {"state": "approved", "approvals": tuple((name, "automatic") for name in booking.environments)}
    return {"state": "approved" if booking.approved else "pending"}


def _passed(world: World, booking: Booking, is_used: bool, now: datetime) -> Change | None:
    rules = world.rules
    if booking.state == "pending":
        within = rules.approval_within
        if booking.end <= now or (within is not None and moments.later(booking.since, within) <= now):
            return Change.of(booking, "expired", now, "nobody approved it in time", state="expired")
    if booking.state == "waiting" and booking.end <= now:
        return Change.of(booking, "expired", now, "its time passed on the waiting list", state="expired")
    if rules.no_show is None or is_used or booking.used or booking.state != "approved" or not shown_until(world, booking) <= now < booking.end:
        return None
    return Change.of(booking, "given_back", now, f"nobody used it within {moments.length(rules.no_show)}", state="unused")


def _placed(world: World, present: dict[str, Booking], now: datetime) -> Iterator[Change]:
    for booking in waiting(world.rules, present.values()):
        change = Change.of(booking, "placed", now, "the time came free", **standing_of(world, booking, now))
        if not any(clash.one_in_conflict for clash in clashes(world.rules, change.booking, present.values())):
            present[booking.id] = change.booking
            yield change


def _fits(world: World, rule: Mapping[str, object], booking: Booking, now: datetime) -> bool:
    lead, lasts = (booking.start - now).total_seconds(), (booking.end - booking.start).total_seconds()
    tests: dict[str, Callable[[Any], bool]] = {
        "teams": lambda names: booking.team in names,
        "owner": lambda wanted: wanted == all(world.owner(name) == booking.team for name in booking.environments),
        "tiers": lambda names: all(world.tier(name) in names for name in booking.environments),
        "environments": lambda names: set(booking.environments) <= set(names),
        "purposes": lambda names: booking.purpose in names,
        "modes": lambda names: booking.mode in names,
        "max_length": lambda most: lasts <= moments.seconds(most),
        "min_lead": lambda least: lead >= moments.seconds(least),
        "max_lead": lambda most: lead <= moments.seconds(most),
    }
    return all(key in tests and tests[key](value) for key, value in rule.items())
