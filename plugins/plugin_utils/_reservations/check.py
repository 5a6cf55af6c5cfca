# SPDX-License-Identifier: GPL-3.0-or-later
"""The check before a merge: do the bookings as code fit each other and those that were made at run time?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments, words
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.conflicts import Clash, clashes
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.fold import bookings, used
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import HOLDING, Booking
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.settle import applied, settle
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.slots import next_free
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World, world

MOST = 200


def conflicts(documents: Mapping[str, Any], entries: Iterable[Any], now: datetime, until: datetime) -> list[dict[str, Any]]:
    """[{booking, with, environments, from, to, instead: {from, to} or None, booking_shown, with_shown}] of every pair that meets before `until`
    and of which one is a booking as code; what was at `now` over is left alone. Raises ReservationError."""
    declared, known = world(documents), list(entries)
    present = bookings(declared, known, now, until=until)
    present = applied(present, settle(declared, present, used(declared, known, present.values(), now), now))
    everything = sorted((each for each in present.values() if each.state in HOLDING and each.blocked[1] > now), key=lambda each: (each.start, each.id))
    found = []
    for number, one in enumerate(everything):
        for clash in clashes(declared.rules, one, everything[number + 1 :]):
            if {one.origin, clash.other.origin} != {"ledger"}:
                found.append(_row(declared, clash, everything, now))
            if len(found) >= MOST:
                return found
    return found


def _row(declared: World, clash: Clash, everything: Sequence[Booking], now: datetime) -> dict[str, Any]:
    first, second = _who_moves(declared, clash)
    free = next_free(declared.rules, second, everything, after=max(now, second.start))
    return {
        "booking": second.id,
        "file": second.origin,
        "with": first.id,
        "environments": list(clash.environments),
        "from": moments.text(clash.begins),
        "to": moments.text(clash.ends),
        "instead": {"from": moments.text(free[0]), "to": moments.text(free[1])} if free else None,
        "booking_shown": words.named(second),
        "with_shown": words.named(first),
    }


def _who_moves(declared: World, clash: Clash) -> tuple[Booking, Booking]:
    """(who stays, who moves): the less urgent one moves, of two alike the one that is in a file, then the later one."""
    pair = sorted((clash.one, clash.other), key=lambda each: (-declared.rules.priority(each.purpose), each.origin != "ledger", each.start, each.id))
    if pair[1].origin == "ledger":  # a file is what can be changed before the merge
        pair.reverse()
    return pair[0], pair[1]


def report(rows: Sequence[Mapping[str, Any]], *, counted: int, until: str) -> str:
    if not rows:
        return f"{counted} bookings as code fit, until {until}."
    head = ("booking", "file", "with", "environments", "from", "to", "what fits instead")
    lines = [(row["booking"], row["file"], row["with"], ", ".join(row["environments"]), row["from"], row["to"], _instead(row["instead"])) for row in rows]
    more = f" (the first {MOST})" if len(rows) >= MOST else ""
    return f"{len(rows)} conflicts{more}, until {until}. Next: move the bookings of the first column, or agree with who has the other.\n" + words.table(
        [head, *lines]
    )


def _instead(slot: Mapping[str, str] | None) -> str:
    return f"{slot['from']} to {slot['to']}" if slot else "nothing in 60 days"
