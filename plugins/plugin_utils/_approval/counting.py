# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the proved statements count for what will run, and why the others do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import delegation
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.statement import moment, stamp

# Clocks of those who sign and of those who check differ a little.
SKEW = timedelta(minutes=5)
Data = Mapping[str, Any]


class Given(NamedTuple):
    """A statement whose signature is proved to be this person's. how: signature, or awx where AWX's key tells who its user is."""

    file: str
    person: str
    how: str
    fingerprint: str
    statement: Data


class Known(NamedTuple):
    """delegations: {delegate: proved statements}; withdrawn: {person: when} for this digest; barred: {person: why}; refused: [{file, reason}]
    of what was no proved statement; unsure: why it can't be told at all."""

    given: Sequence[Given] = ()
    delegations: Mapping[str, Sequence[Data]] = {}
    withdrawn: Mapping[str, datetime] = {}
    barred: Mapping[str, str] = {}
    refused: Sequence[Mapping[str, str]] = ()
    unsure: Sequence[str] = ()


class Counted(NamedTuple):
    """groups are the person's own, none when only a delegate; lent those that were delegated; span how long the statement was made out for."""

    person: str
    how: str
    in_person: bool
    groups: frozenset[str]
    lent: frozenset[str]
    mandate: str
    since: datetime
    until: datetime
    span: timedelta
    file: str
    fingerprint: str


def count(subject: Data, wanted: str, roster: Roster, known: Known, now: datetime) -> tuple[list[Counted], list[dict[str, str]]]:
    """One of each person, and of each mandate: who approves in person takes back what was delegated."""
    found: dict[str, Counted] = {}
    refused: list[dict[str, str]] = []
    mandates = {one.person: one.person for one in known.given if not one.statement.get("mandate") and not _unfit(one, subject, wanted, known, now)}
    for one in sorted(known.given, key=lambda each: (bool(each.statement.get("mandate")), each.statement.get("from", ""), each.file)):
        try:
            why = _unfit(one, subject, wanted, known, now)
            if why:
                raise ValueError(why)
            counted = _count(one, subject, roster, known, now, mandates)
        except ValueError as exc:
            refused.append({"file": one.file, "reason": f"{one.person}: {exc}"})
            continue
        earlier = found.setdefault(one.person, counted)
        if earlier is not counted and counted.mandate and earlier.how == counted.how:
            until, span = min(earlier.until, counted.until), max(earlier.span, counted.span)
            found[one.person] = earlier._replace(lent=earlier.lent | counted.lent, mandate=counted.mandate, until=until, span=span)
    return list(found.values()), refused


def _count(one: Given, subject: Data, roster: Roster, known: Known, now: datetime, mandates: dict[str, str]) -> Counted:
    """mandates: {delegator: who approves for them}."""
    since, until = moment(one.statement["from"]), moment(one.statement["to"])
    span, mandate = until - since, str(one.statement.get("mandate", ""))
    own, lent = roster.groups(one.person), frozenset[str]()
    if mandate:
        lent, until = _delegated(one, mandate, subject, roster, known, now, until)
        own = frozenset()
        other = mandates.setdefault(mandate, one.person)
        if other != one.person:
            raise ValueError(f"what {mandate} may approve is taken by {other} already")
    return Counted(one.person, one.how, not mandate, own, lent, mandate, since, until, span, one.file, one.fingerprint)


def _unfit(one: Given, subject: Data, wanted: str, known: Known, now: datetime) -> str:
    """Why it does not count, whoever gave it; empty when it does."""
    said = one.statement
    if said["decision"] != "approve":
        return f"it says {said['decision']}"
    for name in ("ledger", "environment", "release", "act"):
        if said[name] != subject[name]:
            return f"it is for the {name} {said[name]}, and this is {subject[name]}"
    if said["digest"] != wanted or dict(said["parts"]) != subject["parts"]:
        differing = [name for name in subjects.PARTS if said["parts"].get(name) != subject["parts"][name]]
        return f"it is for another digest: {', '.join(differing) or 'what it shows'} changed since"
    if any(said.get(name, type(value)()) != value for name, value in subjects.shows(subject).items()):
        return "what it shows to the approver is not what its digest stands for"
    if moment(said["from"]) > now + SKEW:
        return f"it is valid from {said['from']} only"
    if moment(said["to"]) <= now:
        return f"it expired at {said['to']}"
    if one.person in known.barred:
        return f"this person must not approve: {known.barred[one.person]}"
    if one.person in known.withdrawn and moment(said["from"]) <= known.withdrawn[one.person]:
        return f"it was withdrawn at {stamp(known.withdrawn[one.person])}"
    return ""


def _delegated(one: Given, mandate: str, subject: Data, roster: Roster, known: Known, now: datetime, until: datetime) -> tuple[frozenset[str], datetime]:
    def given(person: str) -> list[Data]:
        return list(known.delegations.get(person, []))

    found = delegation.find(
        mandate, one.person, given=given, ledger=str(subject["ledger"]), environment=str(subject["environment"]), act=str(subject["act"]), at=now
    )
    for person in found.through:
        if person in known.barred:
            raise ValueError(f"it stands for {person}, who must not approve: {known.barred[person]}")
    own = roster.groups(mandate)
    return own if found.groups is None else own & found.groups, min(until, found.until)
