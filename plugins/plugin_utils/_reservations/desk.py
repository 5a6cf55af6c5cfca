# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module `reservation` does for each of its states, with a store of the ledger (None: there is none yet) and checked documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import acts, check, moments, read, words
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.conflicts import clashes
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import HOLDING, OPEN, Booking, Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.slots import interval
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.standing import standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.turn import Act, place, present_at, requested, told, turn
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World, world

WRITING = ("booked", "released", "extended", "approved", "refused", "used", "settled")
STATES = (*WRITING, "checked", "standing")
Args = Mapping[str, Any]


def answer(store: Store | None, documents: Mapping[str, Any], args: Args, *, actor: str, dry: bool = False) -> dict[str, Any]:
    """The module's result. Raises Refusal for a definite no, ReservationError for what can't be told."""
    declared = world(documents)
    state = args["state"]
    if state in WRITING:
        return _write(store, declared, args, actor=actor, dry=dry)
    environments = _names(declared, args)
    entries, now = read.entries(store, declared, environments or None) if store else ([], datetime.now(timezone.utc))
    if state == "standing":
        return _standing(documents, entries, args, environments, actor=actor, now=now)
    if state == "checked":
        wanted = bool(args.get("environments") or args.get("lane"))
        return _fits(declared, entries, args, actor=actor, now=now) if wanted else _checked(documents, declared, entries, args, now=now)
    present, _passed = present_at(declared, entries, now)
    found = [each for each in present.values() if each.state in OPEN and (not environments or set(each.environments) & set(environments))]
    return {"changed": False, "bookings": _listed(found, now), "msg": _lines(found, now)}


def _write(store: Store | None, declared: World, args: Args, *, actor: str, dry: bool) -> dict[str, Any]:
    said: dict[str, Any] = {}

    def decide(entries: list[dict[str, Any]], now: datetime) -> list[Change]:
        act, until = _act(declared, args, actor, now)
        said["changes"] = turn(declared, entries, now, act, until=until)
        said["present"], _nothing = present_at(declared, entries, now, until=until)
        said["present"] |= {each.booking.id: each.booking for each in said["changes"]}
        said["id"] = args.get("id") or (requested(declared, args, actor=actor, now=now).id if args["state"] == "booked" else "")
        return list(said["changes"])

    if store is None or dry:
        entries, now = read.entries(store, declared) if store else ([], datetime.now(timezone.utc))
        decide(entries, now)
        written = []
    else:
        written = read.decided(store, declared, decide)
    changes: Sequence[Change] = said["changes"]
    booking: Booking | None = said["present"].get(said["id"])
    others = told(changes, actor=actor)
    result: dict[str, Any] = {"changed": bool(changes), "told": others, "entries": [entry.id for entry in written]}
    lines = [words.named(booking)] if booking else [f"{len(changes)} bookings changed."]
    if booking:
        waits = place(declared, said["present"].values(), booking)
        met = [each for each in clashes(declared.rules, booking, said["present"].values()) if booking.state in HOLDING]
        result |= {"booking": booking.as_dict(), "place": waits, "conflicts": [interval(each.other) for each in met]}
        lines += [f"It waits, place {waits} of the waiting list."] if waits else []
        lines += [f"In conflict with {words.named(each.other)}" for each in met]
        lines += _approval(declared, booking)
    return {**result, "msg": "\n".join([*lines, *(f"Tell {each['text']}" for each in others)])}


def _act(declared: World, args: Args, actor: str, now: datetime) -> tuple[Act, datetime | None]:
    name = str(args.get("id") or "")
    if args["state"] == "booked":
        new = requested(declared, args, actor=actor, now=now)
        wait = bool(args.get("wait"))
        return (lambda present: acts.book(declared, present, _anchored(present, new, args), actor=actor, now=now, wait=wait)), new.end
    if args["state"] == "extended":
        return (lambda present: acts.extend(declared, present, name, end=_new_end(present, name, args), actor=actor, now=now)), None
    reason = str(args.get("reason") or "")
    simple: dict[str, Act] = {
        "approved": lambda present: acts.approve(declared, present, name, actor=actor, now=now),
        "refused": lambda present: acts.refuse(declared, present, name, actor=actor, now=now, reason=reason),
        "released": lambda present: acts.release(declared, present, name, actor=actor, now=now, reason=reason),
        "used": lambda present: acts.use(declared, present, name, actor=actor, now=now),
        "settled": lambda _present: [],
    }
    return simple[args["state"]], None


def _anchored(present: Mapping[str, Booking], new: Booking, args: Args) -> Booking:
    """Without `from` it begins now; asked again, it began when it was asked for first."""
    known = present.get(new.id)
    if args.get("from") or known is None or known.state not in OPEN:
        return new
    return replace(new, start=known.start, end=new.end if args.get("to") else known.start + (new.end - new.start))


def _new_end(present: Mapping[str, Booking], name: str, args: Args) -> datetime:
    if bool(args.get("to")) == bool(args.get("length")):
        raise acts.Refusal("Extending needs either to, the new end, or length, the whole length from its start.")
    if args.get("to"):
        return moments.utc(args["to"], args.get("timezone") or "")
    start = present[name].start if name in present else moments.utc("1970-01-01T00:00:00Z")
    return moments.later(start, moments.seconds(args["length"]))


def _approval(declared: World, booking: Booking) -> list[str]:
    if booking.state != "pending":
        return []
    done = dict(booking.approvals)
    missing = [f"{declared.owner(name) or 'nobody is declared as its owner'} for {name}" for name in booking.environments if name not in done]
    return [f"It has to be approved by {', '.join(missing)}: state: approved, id: {booking.id}"]


def _standing(documents: Mapping[str, Any], entries: list[dict[str, Any]], args: Args, environments: Sequence[str], **known: Any) -> dict[str, Any]:
    act, release = str(args["act"]), str(args.get("release") or "")
    found = {name: standing(documents, entries, name, known["now"], known["actor"], act, release) for name in environments}
    refused = [each for each in found.values() if not each["allowed"]]
    messages = "\n".join(each["message"] for each in refused or found.values())
    return {"changed": False, "reservation": next(iter(found.values())), "standing": found, "failed": bool(refused), "msg": messages}


def _checked(documents: Mapping[str, Any], declared: World, entries: list[dict[str, Any]], args: Args, *, now: datetime) -> dict[str, Any]:
    until = moments.later(now, moments.seconds(str(args.get("ahead") or "90d")))
    rows = check.conflicts(documents, entries, now, until)
    report = check.report(rows, counted=len(declared.declared), until=moments.text(until))
    return {"changed": False, "failed": bool(rows), "conflicts": rows, "msg": report}


def _fits(declared: World, entries: list[dict[str, Any]], args: Args, *, actor: str, now: datetime) -> dict[str, Any]:
    new = requested(declared, args, actor=actor, now=now)
    changes = turn(declared, entries, now, lambda present: acts.book(declared, present, new, actor=actor, now=now), until=new.end)
    booked = next((each.booking for each in changes if each.booking.id == new.id), new)
    told_then = told(changes, actor=actor)
    return {"changed": False, "booking": booked.as_dict(), "told": told_then, "conflicts": [], "msg": f"It would fit: {words.named(booked)}"}


def _names(declared: World, args: Args) -> list[str]:
    lane, named = str(args.get("lane") or ""), args.get("environments") or ()
    unknown = [name for name in named if name not in declared.environments] + ([lane] if lane and lane not in declared.lanes else [])
    if unknown:
        known = ", ".join([*sorted(declared.environments), *sorted(declared.lanes)]) or "none"
        raise acts.Refusal(f"{', '.join(unknown)} is neither an environment of the inventory nor a lane; known: {known}.")
    return sorted({*named, *declared.lanes.get(lane, ())})


def _listed(found: Sequence[Booking], now: datetime) -> list[dict[str, Any]]:
    return [interval(each) for each in sorted(found, key=lambda each: (each.start, each.id)) if each.blocked[1] > now]


def _lines(found: Sequence[Booking], now: datetime) -> str:
    listed = _listed(found, now)
    head = ("from", "to", "environments", "state", "who", "purpose", "mode", "id")
    rows = [
        (each["start"], each["end"], ", ".join(each["environments"]), each["state"], each["team"] or each["by"], each["purpose"], each["mode"], each["id"])
        for each in listed
    ]
    return words.table([head, *rows]) if rows else "Nothing is booked."
