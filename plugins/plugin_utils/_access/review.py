# SPDX-License-Identifier: GPL-3.0-or-later
"""The list that an access review goes through: who can do what where, by which rule, and when it was used last."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._access.may import acts_of, ways
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.members import Memberships, behind, identity
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.statement import moment
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration

COLUMNS = ("person", "environment", "act", "rule", "until", "last_used", "stale")
# A spreadsheet would run a cell that begins so.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
KINDS = ("deployment", "rollback", "recovery", "provision", "teardown", "data_sync", "repair", "grant")
_ACTS = {"deployment": "deploy", "recovery": "recover"}
Data = Mapping[str, Any]


def rows(
    *,
    environments: Sequence[Data],
    documents: Sequence[Data],
    roster: Roster,
    memberships: Memberships,
    grants: Sequence[Data],
    used: Mapping[tuple[str, str, str], str],
    now: datetime,
    stale_days: float,
) -> list[dict[str, Any]]:
    """One for each person, environment, act and rule. used is what last_used() gives; an access that nobody used for so many days is stale."""
    found = []
    for environment in environments:
        name = str(environment["name"])
        for act in acts_of(documents):
            for way in ways(environment, act, documents):
                seen = behind(way.subject, roster, memberships)
                people = sorted(seen.people) or ([way.subject] if way.subject.startswith("machine:") else [])
                people += [f"? {account}" for account in seen.unknown] + ([] if seen.told else [f"? members of {way.subject}"])
                found += [_row(person, name, act, str(way), "", used, now, stale_days) for person in people]
    for grant in grants:
        if grant["state"] == "active":
            rule = f"grant {grant['digest'][:12]} by {grant['by']}"
            found += [_row(grant["holder"], grant["environment"], act, rule, grant["to"], used, now, stale_days) for act in grant["acts"]]
    return sorted(found, key=lambda row: tuple(str(row[column]) for column in COLUMNS[:4]))


def _row(
    person: str, environment: str, act: str, rule: str, until: str, used: Mapping[tuple[str, str, str], str], now: datetime, stale_days: float
) -> dict[str, Any]:
    last = used.get((person, environment, act), "")
    stale = not until and (not last or now - moment(last) > timedelta(days=stale_days))
    return {"person": person, "environment": environment, "act": act, "rule": rule, "until": until, "last_used": last, "stale": stale}


def last_used(entries: Iterable[Data], roster: Roster) -> dict[tuple[str, str, str], str]:
    """{(person, environment, act): when}, of the acts that the ledger announced, whoever's name was used."""
    found: dict[tuple[str, str, str], str] = {}
    for entry in entries:
        if entry["phase"] != "intent":
            continue
        who = roster.who(identity(entry["actor"]))
        act = str(entry["body"].get("act") or _ACTS.get(entry["kind"], entry["kind"]))
        found[who.person or f"machine:{who.machine}", entry["environment"], act] = entry["time"]
    return found


def as_csv(found: Sequence[Data]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(row[column]) for column in COLUMNS] for row in found)
    return out.getvalue()


def as_table(found: Sequence[Data]) -> str:
    lines = [COLUMNS, *([_word(row[column]) for column in COLUMNS] for row in found)]
    widths = [max(len(line[number]) for line in lines) for number in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def overdue(documents: Sequence[Data], last: str | None, now: datetime) -> list[str]:
    """Names of the documents whose periodic review is late; last is when one was signed off."""
    found = []
    for document in documents:
        every = (document.get("review") or {}).get("every")
        if every and (last is None or now - moment(last) > timedelta(seconds=duration.seconds(every, option="every"))):
            found.append(str(document["name"]))
    return found


def _cell(value: Any) -> str:
    word = _word(value)
    return f"'{word}" if word.startswith(_FORMULA) else word


def _word(value: Any) -> str:
    text = "yes" if value is True else "no" if value is False else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)
