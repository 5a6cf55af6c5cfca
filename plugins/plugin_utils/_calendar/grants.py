# SPDX-License-Identifier: GPL-3.0-or-later
"""What is recorded when somebody overrides a freeze, or takes the override back: checked before it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import overrides, scope, session, timeline, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar

# How far ahead a freeze may be overridden: the longest override, and then some.
AHEAD_DAYS = 31


def entry(
    calendars: Iterable[Calendar],
    environment: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    *,
    state: str,
    release: str,
    freeze: str,
    reason: str,
    until: str,
    by: str,
    deployer: str,
    at: int,
) -> dict[str, Any] | None:
    """The body of the entry: {freeze, name, reason, until}; None when it stands already, or nothing stands to be withdrawn.

    freeze: name or UID of a freeze, a peak or a holiday that refuses, or of a train. until: a length from now, or a time. Raises CalendarError.
    """
    uid, name = choose(calendars, environment, freeze, at=at)
    for key, value in (("reason", reason), ("release", release)):
        if not value.strip():
            raise CalendarError(f"The override was refused, nothing was written: it needs a {key}. Next: pass {key}.")
    # Whoever deploys is not known yet: somebody who is nobody makes every override count that is otherwise in order.
    found = overrides.standing(entries, environment=str(environment["name"]), release=release, deployer=deployer or "\0", at=at)
    mine = [one for one in found if one.freeze == uid and one.counts]
    if state == "withdrawn":
        return {"freeze": uid, "name": name, "reason": reason} if mine else None
    if deployer and overrides.same_person(by, deployer):
        raise CalendarError(
            f"The override of {name} was refused, nothing was written: {by} would grant it and {deployer} deploys, which is one person."
            " Next: have somebody else grant it."
        )
    end = _until(until, at)
    if any(one.until >= end and overrides.same_person(one.by, by) for one in mine):
        return None
    return {"freeze": uid, "name": name, "reason": reason, "until": wall.text(end)}


def choose(calendars: Iterable[Calendar], environment: Mapping[str, Any], freeze: str, *, at: int) -> tuple[str, str]:
    """(UID, name) of what holds there within the next weeks. Raises CalendarError with those that there are."""
    built = timeline.build(calendars, scope.target(environment), begin=at, days=AHEAD_DAYS)
    known = {track.event.uid: track.event.name for track in built.deny}
    known |= {train.uid: train.name for train in built.trains if scope.parts(train.scope, built.of, generous=True)}
    fitting = [uid for uid, name in known.items() if freeze in (uid, name)]
    if len(fitting) == 1:
        return fitting[0], known[fitting[0]]
    listed = "; ".join(f"{name} ({uid})" for uid, name in sorted(known.items())) or "none"
    found = f"{len(fitting)} of that name" if fitting else "no such freeze"
    raise CalendarError(
        f"The override of {freeze!r} was refused, nothing was written: {environment.get('name')} has {found} in the next {AHEAD_DAYS} days."
        f" Known: {listed}. Next: name one of them, by its UID where names are the same."
    )


def _until(text: str, at: int) -> int:
    end = session.moment(text, "expires") if "-" in text else at + (session.length(text, "expires") or 0)
    if end is None or not at < end <= at + overrides.MAX_SECONDS:
        days = overrides.MAX_SECONDS // 86400
        raise CalendarError(
            f"The override was refused, nothing was written: expires is {text!r}, allowed: after now and at most {days} days ahead, such as 4h."
        )
    return end
