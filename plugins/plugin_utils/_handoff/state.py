# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a handoff is: pure functions of its document, the ledger's entries and who is in which team.

A signature counts while all of this holds: the checkpoint says what it said when it was signed, whoever signed is in its team, the checkpoints before it
were signed by then (in an ordered handoff), and nobody signed for both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical

KIND = "handoff"
Data = Mapping[str, Any]
Teams = Mapping[str, Sequence[str]]


def subject(document: Data, checkpoint: str) -> str:
    return f"{document['name']}/{checkpoint}"


def digest(document: Data, checkpoint: Data) -> str:
    """Of what a signature stands for: another text, team or release is another promise."""
    promised = {
        "handoff": document["name"],
        "from": document["from"],
        "to": document["to"],
        "release": document.get("release", ""),
        "checkpoint": dict(checkpoint),
    }
    return hashlib.sha256(canonical.dumps(promised)).hexdigest()


def state(document: Data, entries: Iterable[Any], teams: Teams) -> dict[str, Any]:
    """{name, release, from, to, ordered, complete, checkpoints: [{name, description, by, needs_evidence, state, who, at, evidence, note, entry, why}],
    next: [names that can be signed now]}. The state of a checkpoint is signed, open or void: signed once, and `why` says why it counts no more.

    entries: of kind handoff, oldest first.
    """
    ordered = bool(document.get("ordered", True))
    signatures = _signatures(document, entries)
    rows: list[dict[str, Any]] = []
    sides: dict[str, str] = {}
    unbroken = ""
    for checkpoint in document["checkpoints"]:
        found = signatures.get(checkpoint["name"])
        why = "" if found is None else _void(document, checkpoint, found, teams, sides, before=unbroken if ordered else "", gap=ordered and _open(rows))
        row = _row(checkpoint, found, why)
        if row["state"] == "signed":
            sides.setdefault(row["who"], checkpoint["by"])
            unbroken = row["entry"]
        rows.append(row)
    left = [row["name"] for row in rows if row["state"] != "signed"]
    return {
        "name": document["name"],
        "release": document.get("release", ""),
        "from": document["from"],
        "to": document["to"],
        "ordered": ordered,
        "complete": not left,
        "checkpoints": rows,
        "next": left[:1] if ordered else left,
    }


def member(person: str, team: str, teams: Teams) -> bool:
    return bool(person) and (person == team or person in teams.get(team, ()))


def _signatures(document: Data, entries: Iterable[Any]) -> dict[str, Any]:
    """{checkpoint: the last entry that signed it, unless it was withdrawn after that}."""
    names = {subject(document, checkpoint["name"]): checkpoint["name"] for checkpoint in document["checkpoints"]}
    found: dict[str, Any] = {}
    for entry in entries:
        name = names.get(str(entry["subject"]))
        if entry["kind"] != KIND or name is None or entry["release"] != document.get("release", ""):
            continue
        if entry["body"].get("event") == "signed":
            found[name] = entry
        else:
            found.pop(name, None)
    return found


def _void(document: Data, checkpoint: Data, entry: Any, teams: Teams, sides: Mapping[str, str], *, before: str, gap: bool) -> str:
    who = str(entry["actor"]["name"])
    if entry["body"].get("digest") != digest(document, checkpoint):
        return "the checkpoint was changed after that"
    if not member(who, checkpoint["by"], teams):
        return f"{who} is not in the team {checkpoint['by']}"
    if sides.get(who, checkpoint["by"]) != checkpoint["by"]:
        return f"{who} signed for {sides[who]} too"
    if checkpoint.get("evidence") and not entry["body"].get("evidence"):
        return "it needs a link to evidence"
    if gap or str(entry["id"]) < before:
        return "a checkpoint before it was not signed then"
    return ""


def _open(rows: Sequence[Data]) -> bool:
    return any(row["state"] != "signed" for row in rows)


def _row(checkpoint: Data, entry: Any, why: str) -> dict[str, Any]:
    known: dict[str, Any] = {"who": "", "at": "", "evidence": [], "note": "", "entry": ""}
    if entry is not None:
        body = entry["body"]
        known = {
            "who": entry["actor"]["name"],
            "at": entry["time"],
            "evidence": list(body.get("evidence") or ()),
            "note": body.get("note", ""),
            "entry": entry["id"],
        }
    texts = {key: checkpoint[key] for key in ("name", "description", "by")}
    state_ = "open" if entry is None else "void" if why else "signed"
    return {**texts, "needs_evidence": bool(checkpoint.get("evidence")), "state": state_, "why": why, **known}
