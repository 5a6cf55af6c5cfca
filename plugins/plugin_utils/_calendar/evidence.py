# SPDX-License-Identifier: GPL-3.0-or-later
"""The section `calendar` of the evidence that policies are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import history, overrides, scope, slots, timeline, trains, verdict, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.intervals import Interval
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.limits import HORIZON_DAYS, Budget
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.timeline import Timeline

Entry = Mapping[str, Any]
# A year of windows takes long to expand, and most answers are near.
NEAR_DAYS = 10
# What it reads of a ledger.
READS = (history.KIND, "directive", overrides.KIND)


def evidence(
    calendars: Iterable[Calendar],
    *,
    environment: Mapping[str, Any],
    services: Sequence[str],
    release: str,
    at: int,
    entries: Sequence[Entry],
    deployer: str,
    project: str = "",
    lasting: int | None = None,
    cut_at: int | None = None,
    feature: bool = True,
    busy: Sequence[Interval] = (),
    soak_ends: int | None = None,
    approvals_expire: int | None = None,
    budget: Budget | None = None,
) -> dict[str, Any]:
    """Everything that time says about this release in this environment now; see docs/reference/policies.md. Raises CalendarError.

    calendars: with the one of the environment document (`documents.of_environment`). entries: those of the environment of kinds READS, oldest
    first. deployer: the name by which the ledger knows who deploys. lasting: seconds, instead of what earlier runs took. Times are seconds
    since 1970; busy, soak_ends and approvals_expire as in `slots.next_slots`, cut_at and feature as in `trains.verdict`.
    """
    known = list(calendars)
    of = scope.target(environment, services, project)
    given: dict[str, Any] = {"seconds": lasting, "known": True, "runs": 0, "rule": "given"}
    duration = history.p90(entries, environment=of.environment, services=services) if lasting is None else given
    passing = overrides.standing(entries, environment=of.environment, release=release, deployer=deployer, at=at)
    when: dict[str, Any] = {"busy": busy, "soak_ends": soak_ends, "approvals_expire": approvals_expire, "overrides": overrides.granted(passing)}
    excepted = [one.freeze for one in passing if one.counts]
    for days in (NEAR_DAYS, HORIZON_DAYS):
        built = timeline.build(known, of, begin=at, release=release, days=days, budget=budget)
        answer = verdict.ask(built, at, lasting=duration["seconds"], overrides=passing)
        cab, lasts = _next_cab(built, at), int(duration["seconds"] or 1)
        train = trains.verdict(built.trains, of=of, release=release, at=at, cut_at=cut_at, feature=feature, exceptions=excepted)
        departs = None if train and train["excepted"] else slots.departure_of(built, at=at, release=release, cut_at=cut_at, feature=feature)
        ahead = slots.next_slots(built, at=at, lasting=lasts, departure=departs, **when)
        if days == NEAR_DAYS and _is_enough(built, answer, cab, known, ahead):
            break
    fits = bool(answer["allowed"] and answer["will_finish"])
    return {
        **{key: answer[key] for key in ("at", "by", "window", "freezes", "overridden", "closed", "notices", "closes", "next")},
        "allowed": fits and (train is None or train["allowed"]),
        "open": is_open(built, answer),
        "needs_window": built.open is not None,
        "reason": answer["reason"] if not answer["allowed"] or train is None or train["allowed"] else train["reason"],
        "will_finish": fits,
        "duration": duration,
        "override": answer["overrides"],
        "train": train,
        "holidays": holidays(built, at),
        "next_cab": cab,
        "next_slots": ahead,
        "calendars": sorted(one.name for one in known),
    }


def _is_enough(built: Timeline, answer: Mapping[str, Any], cab: Any, known: Sequence[Calendar], found: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the next weeks say all that a year would: nothing of the answer is open at their end."""
    goes = answer["allowed"] and answer["will_finish"] is not False
    told = answer["closes"] is not None if goes else answer["next"] is not None
    meets = cab is None and any(event.kind == "cab" for one in known for event in one.events)
    whole = len(found) == slots.MANY and all(slot["to"] < wall.text(built.end) for slot in found)
    return told and whole and not meets and not any(one.trains for one in known)


def is_open(built: Timeline, answer: Mapping[str, Any]) -> bool:
    return built.open is None or answer["window"] is not None


def holidays(built: Timeline, at: int) -> list[dict[str, Any]]:
    """Public holidays of this moment, whatever they do."""
    tracks = (*built.deny, *built.close, *built.tell)
    return [found for track in tracks if track.event.kind == "holiday" for span in track.at(at) if (found := verdict.told(span))]


def _next_cab(built: Timeline, at: int) -> dict[str, Any] | None:
    meetings = [span for track in built.tell if track.event.kind == "cab" for span in track.spans if span.begin >= at]
    meetings.sort(key=lambda span: span.begin)
    found = [(span.begin, verdict.told(span)) for span in meetings[:1]]
    for train in built.trains:
        for one in trains.departures(train, at, at + trains.AHEAD):
            if one.cab and one.cab[0] >= at:
                begin, end = one.cab
                cab = {"kind": "cab", "name": f"CAB of {train.name} {one.day}", "from": wall.text(begin), "to": wall.text(end), "uid": train.uid}
                found.append((begin, {**cab, "calendar": train.calendar, "reason": "", "timezone": train.zone}))
                break
    return min(found, key=lambda each: each[0])[1] if found else None
