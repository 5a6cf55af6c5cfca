# SPDX-License-Identifier: GPL-3.0-or-later
"""Release trains: when they leave, until when something may come aboard, and whether a release may go with one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import expand, scope, timing, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Departure, Train

DAY = 86400
# A release that names no departure takes the next one; further ahead than this nothing is planned.
AHEAD = 400 * DAY


def departures(train: Train, begin: int, end: int) -> list[Departure]:
    """Those whose departure overlaps [begin, end), with their milestones."""
    return [_departure(train, span.begin, span.end) for span in expand.spans([train.departures], begin, end)]


def _departure(train: Train, begin: int, end: int) -> Departure:
    day = datetime.fromisoformat(wall.text(begin, train.zone)).date()

    def before(days: int | None) -> int | None:
        return None if days is None else wall.midnight(day - timedelta(days=days), train.zone)

    cab = None
    if train.cab_days is not None:
        at = wall.seconds(datetime.combine(day - timedelta(days=train.cab_days), timing.clock(train.cab_at)), train.zone)
        cab = (at, at + train.cab_minutes * 60)
    return Departure(train.name, day, begin, end, before(train.feature_freeze_days), before(train.code_freeze_days), cab)


def carrying(trains: Iterable[Train], *, of: scope.Target, release: str) -> list[tuple[Train, str, Any]]:
    """[(train, glob, day or None)] of the trains that the release goes with there."""
    found = []
    for train in trains:
        listed = next(((glob, day) for glob, day in train.releases if fnmatchcase(release, glob)), None)
        if listed and scope.parts(train.scope, of, generous=True):
            found.append((train, *listed))
    return found


def verdict(
    trains: Iterable[Train], *, of: scope.Target, release: str, at: int, cut_at: int | None, feature: bool = True, exceptions: Sequence[str] = ()
) -> dict[str, Any] | None:
    """How the release stands with its train; None when it goes with none.

    cut_at: when its contents were fixed, None when nobody knows; feature: whether it brings features, which stop coming aboard earlier.
    exceptions: UIDs of trains for which an override is granted. {train, uid, departs, until, feature_freeze, code_freeze, cab, cut_at, allowed,
    aboard, departing, excepted, reason}; times are RFC 3339 in UTC.
    """
    for train, _glob, day in carrying(trains, of=of, release=release):
        found = departures(train, at - AHEAD, at + AHEAD)
        chosen = _choose(found, day=day, at=at, cut_at=cut_at, feature=feature)
        excepted = train.uid in exceptions
        if chosen is None:
            reason = (
                f"The train {train.name} has no departure on {day}." if day else f"The train {train.name} has no departure that the release can still reach."
            )
            return _answer(train, None, cut_at, aboard=False, departing=False, excepted=excepted, reason=reason)
        limit, name = _limit(chosen, feature=feature)
        aboard = limit is None or (cut_at is not None and cut_at < limit)
        departing = chosen.begin <= at < chosen.end
        reason = ""
        if not aboard and not excepted:
            when = f"was cut at {wall.text(cut_at)}" if cut_at is not None else "does not say when it was cut"
            reason = f"The {name} of the train {train.name} of {chosen.day} was at {wall.text(limit or 0)}, and the release {when}."
        elif not departing and not excepted:
            reason = f"The train {train.name} departs {wall.shown(chosen.begin, train.zone)}, until {wall.shown(chosen.end, train.zone)}."
        return _answer(train, chosen, cut_at, aboard=aboard, departing=departing, excepted=excepted, reason=reason)
    return None


def _choose(found: Sequence[Departure], *, day: Any, at: int, cut_at: int | None, feature: bool) -> Departure | None:
    if day is not None:
        return next((one for one in found if one.day == day), None)
    since = at if cut_at is None else cut_at
    for one in found:
        limit, _name = _limit(one, feature=feature)
        if one.end > at and (limit is None or since < limit):
            return one
    return None


def _limit(one: Departure, *, feature: bool) -> tuple[int | None, str]:
    if feature and one.feature_freeze is not None:
        return one.feature_freeze, "feature freeze"
    return one.code_freeze, "code freeze"


def _answer(train: Train, one: Departure | None, cut_at: int | None, *, aboard: bool, departing: bool, excepted: bool, reason: str) -> dict[str, Any]:
    def text(at: int | None) -> str | None:
        return None if at is None else wall.text(at)

    return {
        "train": train.name,
        "uid": train.uid,
        "departs": text(one.begin if one else None),
        "until": text(one.end if one else None),
        "feature_freeze": text(one.feature_freeze if one else None),
        "code_freeze": text(one.code_freeze if one else None),
        "cab": {"from": wall.text(one.cab[0]), "to": wall.text(one.cab[1])} if one and one.cab else None,
        "cut_at": text(cut_at),
        "aboard": aboard,
        "departing": departing,
        "excepted": excepted,
        "allowed": excepted or (aboard and departing),
        "reason": reason,
    }
