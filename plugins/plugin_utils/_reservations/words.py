# SPDX-License-Identifier: GPL-3.0-or-later
"""What people read: who has it, until when, whom to ask, and when it is free."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.conflicts import Clash
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.world import World


def people(booking: Booking) -> str:
    return booking.team if booking.by in ("", booking.team) else f"{booking.by} ({booking.team})" if booking.team else booking.by


def named(booking: Booking) -> str:
    """The booking in one line."""
    state = "" if booking.state == "approved" else f", {booking.state}"
    return (
        f"{booking.id} of {people(booking)} for {booking.purpose} ({booking.mode}{state}) from {moments.text(booking.start)} to"
        f" {moments.text(booking.end)}: {booking.reason or 'no reason given'}"
    )


def ask(world: World, bookings: Iterable[Booking], environments: Iterable[str]) -> list[str]:
    """The holders first, then the owners of the environments."""
    names = [people(booking) for booking in bookings] + [f"{owner}, owner of {name}" for name in environments if (owner := world.owner(name))]
    return list(dict.fromkeys(names))


def slot(found: tuple[datetime, datetime] | None) -> str:
    if found is None:
        return "There is no free time for it in the next 60 days."
    return f"The next free time for it is from {moments.text(found[0])} to {moments.text(found[1])}."


def collision(world: World, wanted: Booking, clashes: Sequence[Clash], free: tuple[datetime, datetime] | None) -> str:
    lines = [f"Booking {', '.join(wanted.environments)} from {moments.text(wanted.start)} to {moments.text(wanted.end)} for {wanted.purpose} was refused:"]
    for clash in clashes:
        buffers = _buffers(wanted, clash.other)
        lines.append(f"  {', '.join(clash.environments)} is taken by {named(clash.other)}{buffers}")
    asked = "; ".join(ask(world, [clash.other for clash in clashes], wanted.environments))
    lines.append(f"{slot(free)} Next: take that time, ask {asked}, or book it again with wait: true to get on the waiting list.")
    return "\n".join(lines)


def _buffers(wanted: Booking, other: Booking) -> str:
    if wanted.start < other.end and wanted.end > other.start:
        return ""
    return f" (the time to set up and clear up meets: {moments.text(other.blocked[0])} to {moments.text(other.blocked[1])} is blocked)"


def table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
