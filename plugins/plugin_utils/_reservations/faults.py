# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of bookings as code that only show when the documents are read together; all of them, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.cross import Document
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import Fault, did_you_mean, listed, shown
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import declared, moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import BUFFER, MODES, PURPOSES, Rules, rule_faults, rules

Data = Mapping[str, Any]


def document_faults(documents: Sequence[Document], *, environments: Mapping[str, Data], teams: Mapping[str, Sequence[str]]) -> list[Fault]:
    """`documents` are those whose schema has no fault. `environments` and `teams` empty: their names are not checked."""
    lanes = {name: members for each in documents for name, members in (each.value.get("lanes") or {}).items()}
    faults = [*_twice(documents), *_lane_faults(documents, environments)]
    chosen = [each for each in documents if "rules" in each.value]
    for each in chosen:
        faults += [each.source.fault(("rules", path), found=fault, allowed="rules that fit each other") for path, fault in rule_faults(each.value["rules"])]
    known = Rules() if faults or not chosen else rules(chosen[0].value["rules"])
    for each in documents:
        for number, booking in enumerate(each.value.get("bookings") or ()):
            for key, found, allowed in (*_name_faults(booking, known, lanes, environments, teams), *_time_faults(booking, known)):
                faults.append(each.source.fault(("bookings", number, key), found=found, allowed=allowed))
    return sorted(set(faults))


def _twice(documents: Sequence[Document]) -> Iterator[Fault]:
    first: dict[tuple[str, str], str] = {}
    for each in documents:
        named: list[tuple[str, str, tuple[str | int, ...]]] = [("lane", name, ("lanes", name)) for name in each.value.get("lanes") or {}]
        named += [("booking", booking["id"], ("bookings", number, "id")) for number, booking in enumerate(each.value.get("bookings") or ())]
        named += [("document with rules", "", ("rules",))] if "rules" in each.value else []
        for what, name, path in named:
            place = f"{each.source.file}:{each.source.line(path)}"
            earlier = first.setdefault((what, name), place)
            if earlier != place:
                yield each.source.fault(path, found=f"a second {what} {name}".rstrip(), allowed=f"one; the first is in {earlier}", hint="rename or remove one")


def _lane_faults(documents: Sequence[Document], environments: Mapping[str, Data]) -> Iterator[Fault]:
    for each in documents:
        for name, members in (each.value.get("lanes") or {}).items():
            for number, member in enumerate(members):
                if environments and member not in environments:
                    hint = did_you_mean(member, environments)
                    yield each.source.fault(
                        ("lanes", name, number), found=shown(member), allowed=f"an environment of the inventory: {listed(environments)}", hint=hint
                    )


def _name_faults(
    booking: Data, known: Rules, lanes: Mapping[str, Any], environments: Mapping[str, Data], teams: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, str]]:
    if ("lane" in booking) == ("environments" in booking):
        yield "environments", "both lane and environments" if "lane" in booking else "neither lane nor environments", "one of them"
    choices: list[tuple[str, Sequence[str], Mapping[str, Any]]] = [
        ("mode", [booking["mode"]], known.modes or MODES),
        ("purpose", [booking["purpose"]], known.purposes or PURPOSES),
    ]
    choices += [("lane", [booking["lane"]], lanes)] if "lane" in booking else []
    choices += [("environments", booking.get("environments") or [], environments)] if environments else []
    choices += [("team", [booking["team"]], teams)] if teams else []
    for key, names, allowed in choices:
        for name in names:
            if name not in allowed:
                yield key, shown(name), listed(allowed)


def _time_faults(booking: Data, known: Rules) -> Iterator[tuple[str, str, str]]:
    for key in ("setup", "teardown"):
        if key in booking and moments.seconds(booking[key]) > BUFFER:
            yield key, booking[key], f"at most {moments.length(BUFFER)}"
    if ("to" in booking) == ("length" in booking):
        yield "to", "both to and length" if "to" in booking else "neither to nor length", "one of them"
        return
    if "recurrence" in booking and "timezone" not in booking:
        yield "timezone", "nothing", "the time zone in which it recurs"
        return
    if "except" in booking and "recurrence" not in booking:
        yield "except", "days that are left out of a single booking", "only with recurrence"
    try:
        start, end = declared.span(booking)
    except StopIteration:
        yield "from", shown(booking["from"]), f"a day of the recurrence {booking['recurrence']}"
        return
    except (ReservationError, ValueError, OverflowError) as exc:
        yield "from", shown(booking["from"]), str(exc)
        return
    lasts = (end - start).total_seconds()
    if lasts <= 0:
        yield "to", shown(booking.get("to")), f"a time after from, {booking['from']}"
    elif lasts > known.max_length:
        yield "to" if "to" in booking else "length", moments.length(lasts), f"at most {moments.length(known.max_length)} (max_length of the rules)"
