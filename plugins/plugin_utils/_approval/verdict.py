# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what will run is approved: a pure function of the rules, of proved statements and of the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import seats
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.counting import Counted, Known, count
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.rules import applying
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.statement import stamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration

MOST_TOLD = 20
Data = Mapping[str, Any]


def verdict(
    subject: Data, *, rules: Sequence[Data], environment: Data, risk: str | None, roster: Roster, known: Known, now: datetime, before: Data | None = None
) -> dict[str, Any]:
    """The section `approvals` of the policies' evidence document (docs/reference/policies.md).

    subject is what will run, as subject.subject() gives it; rules those of approvals.yml, environment its document, before the subject of the newest
    request for this release, if any, so that a refusal can say what changed.
    """
    wanted = subjects.digest(subject)
    chosen, why = applying(rules, environment=environment, act=str(subject["act"]), risk=risk)
    counted, refused = count(subject, wanted, roster, known, now)
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


def _answer(rule: Data, counted: Sequence[Counted], roster: Roster, known: Known) -> dict[str, Any]:
    """{rule, needed, people, missing: [{group, could}], automatic, reason}."""
    if rule.get("automatic"):
        return {"rule": rule["name"], "needed": 0, "people": [], "missing": [], "automatic": True, "reason": rule["reason"]}
    wanted = seats.needed(rule.get("groups", {}), rule["people"])
    able = {one.person: _seats_of(one.groups | (one.lent if rule.get("delegation", True) else set()), rule) for one in counted if _eligible(one, rule)}
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
        and (one.in_person or rule.get("delegation", True))
        and (longest is None or one.span <= timedelta(seconds=duration.seconds(longest, option="longest")))
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
