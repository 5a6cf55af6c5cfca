# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes as the ledger tells of them. Their state is nowhere else.

Entries are facts of kind `change`; the subject is the change. body.verb is opened, moved or reviewed. Whoever can write to the ledger can write such an
entry: one that is no legal step is left out and told, so a written state is worth nothing without the steps that lead to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import states, times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError

Entry = Mapping[str, Any]
KIND = "change"
NUMBER = re.compile(r"CHG-[0-9A-F]{12}")
# A change that is opened, walked to its end, sent back a few times and reviewed has some twenty.
MOST_ENTRIES = 200
# An emergency that was canceled half-way owes its review as well.
REVIEWABLE = ("Review", "Closed", "Canceled")


class Move(NamedTuple):
    to: str
    at: str
    by: str
    details: Mapping[str, Any]
    entry: str


@dataclass(frozen=True)
class Change:
    """`opening` is the body of its first entry; `ignored` are entries that were no legal step, in words."""

    id: str
    type: str
    environment: str
    release: str
    opened_at: str
    opened_by: str
    opening: Mapping[str, Any]
    state: str = "New"
    moves: tuple[Move, ...] = ()
    reviews: tuple[Move, ...] = ()
    ignored: tuple[str, ...] = ()
    entries: int = 1
    services: tuple[str, ...] = field(default=())

    def last(self, to: str) -> Move | None:
        """The newest move into that state, of this round: going back to New starts again."""
        found = None
        for move in self.moves:
            found = move if move.to == to else None if move.to == "New" else found
        return found

    def as_dict(self) -> dict[str, Any]:
        scheduled, implementing, closed = self.last("Scheduled"), self.last("Implement"), self.last("Closed")
        return {
            "id": self.id,
            "type": self.type,
            "state": self.state,
            "state_value": states.VALUES[self.state],
            "next": list(states.legal(self.type, self.state)),
            "environment": self.environment,
            "release": self.release,
            "services": list(self.services),
            "opened_at": self.opened_at,
            "opened_by": self.opened_by,
            "level": self.opening["assessment"]["level"],
            "score": self.opening["assessment"]["score"],
            "assessment": dict(self.opening["assessment"]),
            "scope": dict(self.opening["scope"]),
            "template": self.opening.get("template"),
            "emergency": self.opening.get("emergency"),
            "assigned_to": self.opening.get("assigned_to", ""),
            "planned": {key: scheduled.details.get(key) for key in ("start", "end")} if scheduled else self.opening.get("planned"),
            "authorized": scheduled.details.get("authorized") if scheduled else None,
            "deployment": implementing.details.get("deployment") if implementing else None,
            "close_code": closed.details.get("code") if closed else None,
            "review": dict(self.reviews[-1].details) if self.reviews else None,
            "history": [{"state": move.to, "at": move.at, "by": move.by} for move in self.moves],
            "ignored": list(self.ignored),
        }


def changes(entries: Iterable[Entry]) -> dict[str, Change]:
    """{id: change} in the order in which they were opened. Entries come oldest first and may hold other kinds."""
    found: dict[str, Change] = {}
    for entry in entries:
        if entry["kind"] != KIND or entry["phase"] != "fact" or not NUMBER.fullmatch(entry["subject"]):
            continue
        known = found.get(entry["subject"])
        body = entry["body"] if isinstance(entry["body"], Mapping) else {}
        if known is None:
            opened = _opened(entry, body)
            if opened is not None:
                found[opened.id] = opened
        else:
            found[known.id] = _stepped(known, entry, body)
    return found


def find(entries: Iterable[Entry], change: str) -> Change:
    if not NUMBER.fullmatch(change):
        raise ChangeError(f"{change[:40]!r} is no change; allowed is a number such as CHG-4F1A9C2E77B0.")
    known = changes(entry for entry in entries if entry["subject"] == change).get(change)
    if known is None:
        raise ChangeError(f"The ledger knows no change {change}. Open one with evenkeel.release.change -e evenkeel_change_state=open.")
    return known


def _opened(entry: Entry, body: Mapping[str, Any]) -> Change | None:
    scope, assessment = body.get("scope"), body.get("assessment")
    if body.get("verb") != "opened" or body.get("type") not in states.TYPES or not isinstance(scope, Mapping) or not isinstance(assessment, Mapping):
        return None
    services = scope.get("services")
    if "level" not in assessment or "score" not in assessment or not isinstance(services, list) or not all(isinstance(one, Mapping) for one in services):
        return None
    if body.get("planned") is not None and not (isinstance(body["planned"], Mapping) and _is_time({**body["planned"], "authorized": {}})):
        return None
    if scope.get("environment") != entry["environment"] or scope.get("release") != entry["release"]:
        return None
    return Change(
        id=entry["subject"],
        type=body["type"],
        environment=entry["environment"],
        release=entry["release"],
        opened_at=entry["time"],
        opened_by=str(entry["actor"].get("name", "")),
        opening=body,
        services=tuple(sorted(str(one.get("service", "")) for one in services)),
    )


def _stepped(change: Change, entry: Entry, body: Mapping[str, Any]) -> Change:
    change = replace(change, entries=change.entries + 1)
    by, verb = str(entry["actor"].get("name", "")), body.get("verb")
    if entry["environment"] != change.environment or entry["release"] != change.release:
        return _ignored(change, entry, f"it is about {entry['release']} in {entry['environment']}")
    if verb == "moved":
        move = Move(str(body.get("to")), entry["time"], by, body, entry["id"])
        if body.get("from") != change.state or move.to not in states.legal(change.type, change.state):
            return _ignored(change, entry, f"from {body.get('from')} to {move.to} is no step of a change in state {change.state}")
        if move.to == "Scheduled" and not _is_time(body):
            return _ignored(change, entry, "it was scheduled without a start and an end")
        return replace(change, state=move.to, moves=(*change.moves, move))
    if verb == "reviewed" and change.state in REVIEWABLE:
        return replace(change, reviews=(*change.reviews, Move("", entry["time"], by, body, entry["id"])))
    if verb == "opened":
        return change  # two runs at once opened the same
    return _ignored(change, entry, f"{str(verb)[:40]!r} is nothing that can be done in state {change.state}")


def _is_time(body: Mapping[str, Any]) -> bool:
    """What can't be read must not keep all others from being compared with it."""
    try:
        times.span("the change", body.get("start"), body.get("end"))
    except ChangeError:
        return False
    return isinstance(body.get("authorized"), Mapping)


def _ignored(change: Change, entry: Entry, why: str) -> Change:
    told = f"entry {entry['id']} of {entry['time']}: {why[:200]}"
    return replace(change, ignored=(*change.ignored, told)[-10:])
