# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a rollback may pass the migrations that the ledger knows. Pure: entries in, answer out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Readable(Protocol):
    def __getitem__(self, key: str, /) -> Any: ...


RAN = ("deployment", "verification", "rollback", "recovery")


@dataclass(frozen=True)
class Blocker:
    """A migration that `to_release` was never seen to work on top of."""

    release: str
    subject: str
    phase: str
    entry: str
    time: str
    certain: bool  # False when nobody knows how much of it was applied
    heads_before: tuple[str, ...]
    heads_after: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    allowed: bool
    blockers: tuple[Blocker, ...]
    reason: str


def rollback_allowed(entries: Iterable[Readable], from_release: str, to_release: str, *, environment: str = "", subject: str = "") -> Answer:
    """Entries come oldest first, as Entry or as its dictionary; `environment` and `subject` (a service) narrow them.

    A one-way migration forbids going back to a release that was not seen running after it: the release's own migrations don't stand in its way,
    nor do those that it was verified on top of. A one-way migration that began and has no outcome, or failed after it had applied something, forbids
    as well. A teardown takes the schema with it.
    """
    blockers: dict[str, Blocker] = {}
    for entry in entries:
        if environment and entry["environment"] != environment:
            continue
        if entry["kind"] == "teardown" and _passed(entry):
            blockers = {key: one for key, one in blockers.items() if entry["environment"] and entry["environment"] != key.partition("\0")[0]}
        elif entry["kind"] == "migration" and (not subject or entry["subject"] == subject):
            _migrated(blockers, entry, to_release)
        elif entry["kind"] in RAN and _passed(entry) and to_release in _ran(entry):
            blockers = {key: one for key, one in blockers.items() if key.partition("\0")[0] != entry["environment"]}
    found = tuple(blockers.values())
    return Answer(not found, found, _reason(found, from_release, to_release))


def _migrated(blockers: dict[str, Blocker], entry: Readable, to_release: str) -> None:
    body = entry["body"]
    if entry["phase"] == "intent":
        if body.get("one_way") and entry["release"] != to_release:
            blockers[_key(entry, entry["id"])] = _blocker(entry, certain=False)
        return
    if entry["phase"] != "outcome":
        return
    intent = blockers.pop(_key(entry, body.get("intent") or ""), None)
    if entry["release"] == to_release or not (body.get("one_way") or intent):
        return
    if _passed(entry):
        if body.get("changed", True):
            blockers[_key(entry, entry["id"])] = _blocker(entry, certain=True)
    elif _left_something(body):
        blockers[_key(entry, entry["id"])] = _blocker(entry, certain=False)


def _left_something(body: Mapping[str, Any]) -> bool:
    """A failure whose body says that nothing was applied left nothing; one that doesn't say may have."""
    if "applied" not in body and "heads_after" not in body:
        return True
    return bool(body.get("applied")) or bool(body.get("partial")) or body.get("heads_after") != body.get("heads_before")


def _blocker(entry: Readable, *, certain: bool) -> Blocker:
    body = entry["body"]
    before, after = (tuple(str(one) for one in body.get(name) or ()) for name in ("heads_before", "heads_after"))
    return Blocker(entry["release"], entry["subject"], str(body.get("phase") or ""), entry["id"], entry["time"], certain, before, after)


def _key(entry: Readable, identity: str) -> str:
    return f"{entry['environment']}\0{identity}"


def _passed(entry: Readable) -> bool:
    return bool(entry["phase"] != "intent" and entry["body"].get("verdict") == "passed")


def _ran(entry: Readable) -> set[str]:
    """Releases that the entry shows to work: a rollback names where it went."""
    if entry["kind"] in ("rollback", "recovery"):
        return {str(entry["body"]["to"])} if entry["body"].get("to") else {entry["release"]}
    return {entry["release"]}


def _reason(blockers: Sequence[Blocker], from_release: str, to_release: str) -> str:
    if not blockers:
        return ""
    parts = [
        f"the {one.phase + ' ' if one.phase else ''}migration of {one.subject or 'the database'} for release {one.release} ({one.time}"
        f"{', ' + ' '.join(one.heads_before or ('nothing',)) + ' -> ' + ' '.join(one.heads_after) if one.heads_after else ''})"
        f"{'' if one.certain else ', of which nobody knows how much is applied,'} is one-way"
        for one in blockers
    ]
    return (
        f"Rollback from {from_release} to {to_release} is refused: {'; '.join(parts)}, and {to_release} was never verified after it."
        " Go forward with a release that mends the fault, or restore the database from before it."
    )
