# SPDX-License-Identifier: GPL-3.0-or-later
"""What whoever books an environment gets for it, measured from the ledger: how long until it was there, and how much of the time it could be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments, outages, words
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.fold import recorded
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.model import Booking
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.outages import Outage, Span

TOOK_PLACE = ("approved", "released", "unused")


class Period(NamedTuple):
    begin: datetime
    end: datetime


def sla(
    entries: Iterable[Any], targets: Mapping[str, Mapping[str, Any]], period: tuple[datetime, datetime], *, declared: Sequence[Booking] = ()
) -> list[dict[str, Any]]:
    """One row for each environment of `targets` ({name: {availability: percent, turnaround: length}}, each optional), by name.

    entries: all of kind reservation, provision, teardown, deployment, rollback, recovery and hold up to the end of the period, oldest first.
    period: (begin, end), both aware, the end not after now. declared: bookings as code, as declared.bookings() gives them.

    {environment, bookings, booked_seconds, usable_seconds, availability (percent, None when nothing was booked), turnaround_seconds (the longest;
    None when nobody had to wait for a provision to end), targets, outages: [{from, to, cause, entry}], breaches: [{what, booking, found, target, cause,
    entry}], holds (as outages, not counted), met: true, false, or None when there was nothing to measure}. Raises ReservationError.
    """
    known = list(entries)
    booked = [*recorded(known).values(), *declared]
    return [_row(name, known, booked, dict(wanted), Period(*period)) for name, wanted in sorted(targets.items())]


def _row(name: str, entries: Sequence[Any], booked: Sequence[Booking], wanted: dict[str, Any], period: Period) -> dict[str, Any]:
    here = sorted((each for each in booked if name in each.environments and each.state in TOOK_PLACE), key=lambda each: (each.start, each.id))
    own = [entry for entry in entries if entry["environment"] == name]
    bookings = [(each, span) for each in here if (span := _within(each, period))]
    spans = outages.merged([span for _booking, span in bookings])
    down = outages.outages(own, period.end)
    lost = [Outage(*cut, each.cause, each.entry) for each in down for span in spans if (cut := outages.cut((each.begin, each.end), span))]
    total = sum((end - begin).total_seconds() for begin, end in spans)
    unusable = sum((end - begin).total_seconds() for begin, end in outages.merged([(each.begin, each.end) for each in lost]))
    availability = round(100 * (total - unusable) / total, 3) if total else None
    waits = [(each, *_turnaround(each, own, period)) for each, _span in bookings if each.made >= period.begin]
    breaches = [*_availability_breach(availability, wanted, lost), *_turnaround_breaches(waits, wanted)]
    measured = ("availability" in wanted and availability is not None) or ("turnaround" in wanted and any(wait[1] is not None for wait in waits))
    return {
        "environment": name,
        "bookings": len(bookings),
        "booked_seconds": int(total),
        "usable_seconds": int(total - unusable),
        "availability": availability,
        "turnaround_seconds": max((int(took) for _booking, took, *_rest in waits if took is not None), default=None),
        "targets": wanted,
        "outages": [_shown(each) for each in lost],
        "holds": [_shown(Outage(*cut, each.cause, each.entry)) for each in outages.holds(own, period.end) if (cut := _cut(each, period))],
        "breaches": breaches,
        "met": False if breaches else True if measured else None,
    }


def _cut(each: Outage, period: Period) -> Span | None:
    return outages.cut((each.begin, each.end), (period.begin, period.end))


def _shown(each: Outage) -> dict[str, str]:
    return {"from": moments.text(each.begin), "to": moments.text(each.end), "cause": each.cause, "entry": each.entry}


def _within(booking: Booking, period: Period) -> Span | None:
    """The part of a booking that took place in the period: one that was given back ended then."""
    end = booking.end if booking.state == "approved" else min(booking.end, booking.since)
    return outages.cut((booking.start, end), (period.begin, period.end))


def _turnaround(booking: Booking, own: Sequence[Any], period: Period) -> tuple[float | None, str, str]:
    """(seconds from the wish to a provisioned environment, the cause, the entry); 0 when it was there. None when nobody ever provisions it."""
    provisions = outages.provisions(own)
    before = [each for each in provisions if each.time <= booking.made]
    if before and before[-1].ready:
        return 0.0, "it was there", before[-1].entry
    later = [each for each in provisions if each.time > booking.made]
    ready = next((each for each in later if each.ready), None)
    if ready:
        return (ready.time - booking.made).total_seconds(), "", ready.entry
    if not provisions:
        return None, "no provision of it is known", ""
    tried = [each for each in later if each.cause]
    cause = tried[-1].cause if tried else "nobody provisioned it"
    return (min(period.end, booking.end) - booking.made).total_seconds(), f"not there yet: {cause}", tried[-1].entry if tried else ""


def _availability_breach(availability: float | None, wanted: Mapping[str, Any], lost: Sequence[Outage]) -> list[dict[str, Any]]:
    target = wanted.get("availability")
    if target is None or availability is None or availability >= target:
        return []
    worst = max(lost, key=lambda each: each.end - each.begin)
    causes = "; ".join(dict.fromkeys(each.cause for each in lost))
    found = {"what": "availability", "booking": "", "found": f"{availability:g} %", "target": f"{target:g} %"}
    return [{**found, "cause": causes, "entry": worst.entry}]


def _turnaround_breaches(waits: Sequence[tuple[Booking, float | None, str, str]], wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Nobody is late who was asked months ahead: it is due at the start of the booking, or that long after it was made, whichever is later."""
    if "turnaround" not in wanted:
        return []
    target = moments.seconds(str(wanted["turnaround"]))
    found = []
    for booking, took, cause, entry in waits:
        allowed = max(target, (booking.start - booking.made).total_seconds())
        if took is not None and took > allowed:
            row = {"what": "turnaround", "booking": booking.id, "found": moments.length(took), "target": wanted["turnaround"]}
            found.append({**row, "cause": cause or "provisioned late", "entry": entry})
    return found


def report(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table, and each breach below it."""
    head = ("environment", "bookings", "booked", "usable", "availability", "turnaround", "targets", "met")
    lines = [head, *(_line(row) for row in rows)]
    said = [words.table(lines)]
    for row in rows:
        for each in row["breaches"]:
            booking = f" of {each['booking']}" if each["booking"] else ""
            said.append(f"{row['environment']}: {each['what']}{booking} was {each['found']}, promised {each['target']}: {each['cause']}")
    return "\n".join(said)


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    targets = ", ".join(f"{key} {value:g} %" if key == "availability" else f"{key} {value}" for key, value in sorted(row["targets"].items()))
    return (
        row["environment"],
        str(row["bookings"]),
        moments.length(row["booked_seconds"]),
        moments.length(row["usable_seconds"]),
        "-" if row["availability"] is None else f"{row['availability']:g} %",
        "-" if row["turnaround_seconds"] is None else moments.length(row["turnaround_seconds"]),
        targets or "none",
        {True: "yes", False: "NO", None: "nothing to measure"}[row["met"]],
    )
