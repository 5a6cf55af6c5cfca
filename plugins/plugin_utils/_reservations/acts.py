# SPDX-License-Identifier: GPL-3.0-or-later
"""What people do with bookings: pure functions that give changes, or a Refusal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments, words
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.conflicts import Clash, clashes
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.fold import belongs
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import HOLDING, OPEN, Booking, Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import BUFFER, LONGEST
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.settle import standing_of, waiting
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.slots import next_free
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World

Present = Mapping[str, Booking]


class Refusal(ReservationError):
    """A definite no to somebody who asked: `clashes` are what is in the way, `free` is the next time that fits."""

    def __init__(self, message: str, *, clashes: tuple[Clash, ...] = (), free: tuple[datetime, datetime] | None = None) -> None:
        super().__init__(message)
        self.clashes = clashes
        self.free = free


def book(world: World, present: Present, new: Booking, *, actor: str, now: datetime, wait: bool = False) -> list[Change]:
    """The new booking, and those that have to give way to it. Asking again for what is there changes nothing."""
    if (known := present.get(new.id)) and known.state in OPEN:
        return _again(known, new)
    _check(world, new, actor, now)
    placed = replace(new, made=now, since=now, **standing_of(world, new, now))
    give_way, in_the_way = _sorted_out(world, placed, present, now)
    # Plutora's table does not keep anybody out: it shows conflicts, and who approves decides.
    if not in_the_way or world.rules.conflicts == "plutora":
        return [*(_displaced(each, placed, now) for each in give_way), Change(placed, "booked")]
    if wait:
        return [Change(replace(placed, state="waiting"), "booked", "it waits until the time comes free")]
    free = next_free(world.rules, placed, list(present.values()), after=max(now, new.start))
    raise Refusal(words.collision(world, new, in_the_way, free), clashes=tuple(in_the_way), free=free)


def approve(world: World, present: Present, booking_id: str, *, actor: str, now: datetime) -> list[Change]:
    booking = _found(present, booking_id, ("pending", "approved"), "approve")
    mine = [name for name in booking.environments if world.in_team(actor, world.owner(name))]
    if not mine:
        owners = ", ".join(sorted({world.owner(name) or f"nobody is declared as owner of {name}" for name in booking.environments}))
        raise Refusal(f"{actor} may not approve {words.named(booking)}. It is for the owners of its environments: {owners}.")
    if actor == booking.by:
        raise Refusal(f"{actor} asked for {booking.id} and may not approve it. Next: have somebody else of {world.owner(mine[0])} approve it.")
    if booking.state == "approved":
        return []
    approvals = tuple(sorted({**dict(booking.approvals), **dict.fromkeys(mine, actor)}.items()))
    approved = replace(booking, approvals=approvals)
    if not approved.approved:
        return [] if approvals == booking.approvals else [Change(approved, "approved", f"for {', '.join(mine)}")]
    change = Change.of(approved, "approved", now, state="approved")
    give_way, in_the_way = _sorted_out(world, change.booking, present, now)
    if in_the_way:
        raise Refusal(
            f"{booking.id} can't be approved: {'; '.join(words.named(each.other) for each in in_the_way)} is in the way. Next: have that moved,"
            f" or refuse {booking.id}.",
            clashes=tuple(in_the_way),
        )
    return [*(_displaced(each, change.booking, now) for each in give_way), change]


def refuse(world: World, present: Present, booking_id: str, *, actor: str, now: datetime, reason: str) -> list[Change]:
    booking = _found(present, booking_id, (*OPEN, "refused"), "refuse")
    if not any(world.in_team(actor, world.owner(name)) for name in booking.environments):
        raise Refusal(f"{actor} may not refuse {words.named(booking)}. It is for an owner of its environments.")
    if booking.state == "refused":
        return []
    return [Change.of(booking, "refused", now, reason, state="refused")]


def release(world: World, present: Present, booking_id: str, *, actor: str, now: datetime, reason: str = "") -> list[Change]:
    """Cancelled before it begins, given back while it runs."""
    booking = _found(present, booking_id, (*OPEN, "cancelled", "released"), "release")
    _theirs(world, booking, actor, "release")
    if booking.state not in OPEN or booking.end <= now:
        return []
    if booking.start < now and booking.state == "approved":
        return [Change.of(booking, "released", now, reason, state="released")]
    return [Change.of(booking, "cancelled", now, reason, state="cancelled")]


def extend(world: World, present: Present, booking_id: str, *, end: datetime, actor: str, now: datetime) -> list[Change]:
    """To a later end: while nobody waits for that time, or by the owner of the environments; never over the booking of somebody else."""
    booking = _found(present, booking_id, HOLDING, "extend")
    _theirs(world, booking, actor, "extend")
    if end == booking.end:
        return []
    if end < booking.end or booking.end <= now:
        what = (
            f"ended at {moments.text(booking.end)}" if booking.end <= now else f"ends at {moments.text(booking.end)}, which is not before {moments.text(end)}"
        )
        raise Refusal(f"{booking.id} can't be extended: it {what}. Next: book it anew, or release it.")
    owner = world.owns(actor, booking.environments)
    longer = replace(booking, end=end)
    most = LONGEST if owner else world.rules.max_length
    if (end - booking.start).total_seconds() > most:
        raise Refusal(f"{booking.id} would last {moments.length((end - booking.start).total_seconds())}, allowed is {moments.length(most)}.")
    in_the_way = [each for each in clashes(world.rules, longer, present.values()) if each.one_in_conflict and _is_new(booking, each)]
    if in_the_way:
        raise Refusal(
            f"{booking.id} can't be extended to {moments.text(end)}: {'; '.join(words.named(each.other) for each in in_the_way)} comes then."
            f" Next: ask {'; '.join(words.ask(world, [each.other for each in in_the_way], booking.environments))}.",
            clashes=tuple(in_the_way),
        )
    queue = [] if owner else _waiting_for(world, booking, end, present)
    if queue:
        raise Refusal(
            f"{booking.id} can't be extended: {len(queue)} booking waits for that time, first {words.named(queue[0])}."
            f" Only an owner can extend it all the same: {'; '.join(words.ask(world, [], booking.environments))}."
        )
    return [Change(longer, "extended", f"from {moments.text(booking.end)}")]


def use(world: World, present: Present, booking_id: str, *, actor: str, now: datetime) -> list[Change]:
    """Somebody is there, though the ledger has no entry of it."""
    booking = _found(present, booking_id, ("approved",), "use")
    if not belongs(world, booking, actor):
        raise Refusal(f"{actor} is not one of {words.people(booking)} and can't say that {booking.id} is used.")
    if not booking.blocked[0] <= now < booking.blocked[1]:
        raise Refusal(f"{booking.id} is from {moments.text(booking.start)} to {moments.text(booking.end)}; it can't be used now.")
    return [] if booking.used else [Change(replace(booking, used=True), "used")]


def _again(known: Booking, new: Booking) -> list[Change]:
    fields = ("environments", "mode", "purpose", "team", "by", "start", "end", "release")
    differing = [name for name in fields if getattr(known, name) != getattr(new, name)]
    if known.origin != "ledger" or differing:
        what = f"the one in {known.origin}" if known.origin != "ledger" else f"one with another {', '.join(differing)}"
        raise Refusal(f"There is a booking {new.id} already, {what}: {words.named(known)}. Next: give this one another id, or release that one first.")
    return []


def _check(world: World, new: Booking, actor: str, now: datetime) -> None:
    rules = world.rules
    unknown = [name for name in new.environments if name not in world.environments]
    lasts, lead = (new.end - new.start).total_seconds(), (new.start - now).total_seconds()
    faults = [
        (not new.environments, "it names no environment"),
        (bool(unknown), f"{', '.join(unknown)} is no environment of the inventory ({', '.join(sorted(world.environments)) or 'there is none'})"),
        (new.mode not in rules.modes, f"mode {new.mode!r} is unknown, known: {', '.join(rules.modes)}"),
        (new.purpose not in rules.purposes, f"purpose {new.purpose!r} is unknown, known: {', '.join(rules.purposes)}"),
        (not actor, "nobody knows who asks"),
        (bool(new.team) and not world.in_team(actor, new.team), f"{actor} is not in the team {new.team}"),
        (lasts <= 0, f"it ends at {moments.text(new.end)}, not after its start {moments.text(new.start)}"),
        (lasts > min(rules.max_length, LONGEST), f"it lasts {moments.length(lasts)}, allowed is {moments.length(min(rules.max_length, LONGEST))}"),
        (lead > rules.max_ahead, f"it begins in {moments.length(lead)}, allowed is {moments.length(rules.max_ahead)} ahead"),
        (max(new.setup, new.teardown) > BUFFER, f"its time to set up or clear up is more than {moments.length(BUFFER)}"),
        (lasts > 0 >= (new.end - now).total_seconds(), f"it is over since {moments.text(new.end)}"),
    ]
    if said := [text for wrong, text in faults if wrong]:
        raise Refusal(f"The booking {new.id} was refused, nothing was written: {'; '.join(said)}. Next: correct it and book again.")


def _sorted_out(world: World, new: Booking, present: Present, now: datetime) -> tuple[list[Booking], list[Clash]]:
    """(bookings that give way, what stays in the way). A booking gives way only to one that is approved."""
    rules = world.rules
    mine = rules.purposes.get(new.purpose)
    give_way: list[Booking] = []
    stays: list[Clash] = []
    for each in clashes(rules, new, present.values()):
        other = each.other
        weaker = mine is not None and rules.priority(other.purpose) < mine.priority
        started = other.state == "approved" and other.start <= now
        may = mine is not None and (mine.displaces == "started" or (mine.displaces == "future" and not started))
        if not each.one_in_conflict:
            continue
        if not (weaker and may):
            stays.append(each)
        elif new.state == "approved":
            give_way.append(other)
    return ([] if stays else give_way), stays


def _displaced(loser: Booking, by: Booking, now: datetime) -> Change:
    why = f"displaced by {by.id} of {words.people(by)} for {by.purpose}: {by.reason or 'no reason given'}"
    return Change.of(loser, "displaced", now, why, state="waiting")


def _waiting_for(world: World, booking: Booking, end: datetime, present: Present) -> list[Booking]:
    added = replace(booking, id=f"{booking.id}+", start=booking.end, end=end, setup=0)
    queue = [replace(each, state="pending") for each in waiting(world.rules, present.values())]
    return [each for each in queue if any(clash.other.id == each.id for clash in clashes(world.rules, replace(added, state="pending"), queue))]


def _is_new(before: Booking, clash: Clash) -> bool:
    """Not one that it met before, as two approved ones may under plutora's table."""
    return clash.other.blocked[0] >= before.end


def _found(present: Present, booking_id: str, states: tuple[str, ...], doing: str) -> Booking:
    booking = present.get(booking_id)
    if booking is None:
        raise Refusal(f"There is no booking {booking_id!r} to {doing}. Next: look at the bookings with state: info.")
    if booking.state not in states:
        why = f" ({booking.why})" if booking.why else ""
        raise Refusal(f"The booking {booking_id} is {booking.state}{why} since {moments.text(booking.since)}, so nobody can {doing} it. Next: book it anew.")
    return booking


def _theirs(world: World, booking: Booking, actor: str, doing: str) -> None:
    if not belongs(world, booking, actor) and not world.owns(actor, booking.environments):
        asked = "; ".join(words.ask(world, [booking], booking.environments))
        raise Refusal(f"{actor} may not {doing} {words.named(booking)}. Next: ask {asked}.")
