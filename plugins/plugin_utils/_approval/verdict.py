# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what will run is approved: a pure function of the rules, of proved statements and of the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import delegation, seats
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.rules import applying
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.statement import moment, stamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration

MOST_TOLD = 20
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
    person: str
    how: str
    groups: frozenset[str]
    mandate: str
    since: datetime
    until: datetime
    file: str
    fingerprint: str


def verdict(
    subject: Data, *, rules: Sequence[Data], environment: Data, risk: str | None, roster: Roster, known: Known, now: datetime, before: Data | None = None
) -> dict[str, Any]:
    """The section `approvals` of the policies' evidence document (docs/reference/policies.md).

    subject is what will run, as subject.subject() gives it; rules those of approvals.yml, environment its document, before the subject of the newest
    request for this release, if any, so that a refusal can say what changed.
    """
    wanted = subjects.digest(subject)
    chosen, why = applying(rules, environment=environment, act=str(subject["act"]), risk=risk)
    counted, refused = _counted(subject, wanted, roster, known, now)
    answers = [_answer(rule, counted, roster, known) for rule in chosen]
    changes = subjects.changed(before, subject) if before is not None and subjects.digest(before) != wanted else []
    unsure = [*known.unsure, *([why] if why and not _denied(why) else [])]
    failed = [answer for answer in answers if answer["missing"]]
    word = "failed" if failed or (why and _denied(why)) else "errored" if unsure else "passed"
    used = {person for answer in answers for person in answer["people"]}
    return {
        "verdict": word,
        "digest": wanted,
        "risk": risk,
        "needed": max((answer["needed"] for answer in answers), default=0),
        "approvers": sorted(used),
        "counted": [_told(one) for one in counted if one.person in used],
        "automatic": sorted(f"policy:{answer['rule']}" for answer in answers if answer["automatic"]),
        "rules": answers,
        "changed": changes,
        "refused": [*refused, *known.refused][:MOST_TOLD],
        "unsure": [*unsure, *([why] if why and _denied(why) else [])],
        "until": stamp(min(one.until for one in counted if one.person in used)) if used else None,
    }


def _denied(why: str) -> bool:
    return why.startswith("no rule")


def _counted(subject: Data, wanted: str, roster: Roster, known: Known, now: datetime) -> tuple[list[Counted], list[dict[str, str]]]:
    """One of each person, and of each mandate: who approves in person takes back what was delegated."""
    found: dict[str, Counted] = {}
    refused: list[dict[str, str]] = []
    mandates = {one.person: one.person for one in known.given if not one.statement.get("mandate") and not _unfit(one, subject, wanted, known, now)}
    for one in sorted(known.given, key=lambda each: (bool(each.statement.get("mandate")), each.statement.get("from", ""), each.file)):
        try:
            why = _unfit(one, subject, wanted, known, now)
            if why:
                raise ValueError(why)
            groups, until = roster.groups(one.person), moment(one.statement["to"])
            mandate = str(one.statement.get("mandate", ""))
            if mandate:
                more, until = _delegated(one, mandate, subject, roster, known, now, until)
                other = mandates.setdefault(mandate, one.person)
                if other != one.person:
                    raise ValueError(f"what {mandate} may approve is taken by {other} already")
                groups |= more
        except ValueError as exc:
            refused.append({"file": one.file, "reason": f"{one.person}: {exc}"})
            continue
        earlier = found.get(one.person)
        if earlier is None:
            since = moment(one.statement["from"])
            found[one.person] = Counted(one.person, one.how, groups, mandate, since, until, one.file, one.fingerprint)
        elif mandate and earlier.how == one.how:
            found[one.person] = earlier._replace(groups=earlier.groups | groups, mandate=mandate, until=min(earlier.until, until))
    return list(found.values()), refused


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
    given = lambda person: list(known.delegations.get(person, []))  # noqa: E731
    found = delegation.find(
        mandate, one.person, given=given, ledger=str(subject["ledger"]), environment=str(subject["environment"]), act=str(subject["act"]), at=now
    )
    for person in found.through:
        if person in known.barred:
            raise ValueError(f"it stands for {person}, who must not approve: {known.barred[person]}")
    own = roster.groups(mandate)
    return own if found.groups is None else own & found.groups, min(until, found.until)


def _answer(rule: Data, counted: Sequence[Counted], roster: Roster, known: Known) -> dict[str, Any]:
    """{rule, needed, people, missing: [{group, could}], automatic, reason}."""
    if rule.get("automatic"):
        return {"rule": rule["name"], "needed": 0, "people": [], "missing": [], "automatic": True, "reason": rule["reason"]}
    wanted = seats.needed(rule.get("groups", {}), rule["people"])
    able = {one.person: _seats_of(one.groups, rule) for one in counted if _eligible(one, rule)}
    filled = seats.fill(wanted, able)
    missing = [
        {"group": group or " or ".join(rule.get("from", [])) or "anybody", "could": _could(group, rule, roster, known, set(filled.values()))}
        for number, group in enumerate(wanted)
        if number not in filled
    ]
    return {
        "rule": rule["name"],
        "needed": len(wanted),
        "people": sorted(filled.values()),
        "missing": missing,
        "automatic": False,
        "reason": rule["reason"],
    }


def _eligible(one: Counted, rule: Data) -> bool:
    longest = rule.get("longest")
    return (
        one.how in rule.get("identities", ["signature"])
        and (not one.mandate or rule.get("delegation", True))
        and (longest is None or one.until - one.since <= timedelta(seconds=duration.seconds(longest, option="longest")))
    )


def _seats_of(groups: frozenset[str], rule: Data) -> set[str]:
    open_to = rule.get("from")
    return {*groups, *([seats.ANY] if not open_to or groups & set(open_to) else [])}


def _could(group: str, rule: Data, roster: Roster, known: Known, taken: set[str]) -> list[str]:
    people = [person for person in sorted(roster.people) if person not in taken and person not in known.barred]
    return [person for person in people if group in _seats_of(roster.groups(person), rule)][:MOST_TOLD]


def _told(one: Counted) -> dict[str, Any]:
    return {
        "approver": one.person,
        "how": one.how,
        "key": one.fingerprint,
        "mandate": one.mandate,
        "from": stamp(one.since),
        "to": stamp(one.until),
        "file": one.file,
    }
