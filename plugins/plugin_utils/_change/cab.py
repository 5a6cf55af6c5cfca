# SPDX-License-Identifier: GPL-3.0-or-later
"""The change advisory board: who has to be there (document `changes/cab.yml`), the agenda, the minutes, and whether a meeting counts.

Minutes are facts of kind `change` with the subject `cab/<meeting>`: {verb: held, meeting, present: [{role, person}], decisions: [{change, decision, note}]}.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import risk, text
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.text import md

Document = Mapping[str, Any]
SUBJECT = "cab/"
DECISIONS = ("approved", "rejected", "deferred")
MEETING = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,63}")
WAITING = ("New", "Assess", "Authorize")
# From the least; a service that declares none needs everybody.
ORDER = ("low", "medium", "high", "critical")


def board(roster: Document, criticality: Any) -> dict[str, Any]:
    """{roles, quorum, must}: who decides about a service of this criticality. One that nobody declared is critical."""
    wanted = criticality if criticality in ORDER else ORDER[-1]
    boards = roster["boards"]
    level = next((each for each in ORDER[ORDER.index(wanted) :] if each in boards), None)
    if level is None:
        raise ChangeError(f"The roster has no board for criticality {wanted} or above; it has {', '.join(sorted(boards))}.")
    return {"criticality": level, **boards[level]}


def validity(roster: Document, criticality: Any, present: Sequence[Document]) -> list[str]:
    """Why the meeting can't decide about a service of this criticality; empty when it can.

    A person counts once, for one role, as a member of it or as its deputy; somebody who is in no list of the roster does not count.
    """
    one = board(roster, criticality)
    there = _seated(roster, present)
    missing = [role for role in one["must"] if role not in there.values()]
    found = [f"nobody was there for {role}: {_people(roster, role)}" for role in missing]
    seated = sum(role in {*one["must"], *one.get("may", [])} for role in there.values())
    if seated < one["quorum"]:
        found.append(f"{seated} of {one['quorum']} members of the board for {one['criticality']} services were there")
    return found


def minutes(roster: Document, *, meeting: str, present: Sequence[Document], decisions: Sequence[Document], known: Mapping[str, Change]) -> dict[str, Any]:
    """The body of the entry; every fault in one ChangeError, and nothing about a change that the ledger lacks."""
    faults = [] if MEETING.fullmatch(str(meeting)) else [f"meeting is {str(meeting)[:64]!r}, allowed are letters, digits and . _ : -, at most 64"]
    if len(present) > text.ITEMS * 2 or len(decisions) > text.ITEMS * 4:
        faults.append(f"at most {text.ITEMS * 2} people and {text.ITEMS * 4} decisions")
    attended = _checked(present, ("role", "person"), "present", faults)
    decided = _checked(decisions, ("change", "decision", "note"), "decisions", faults, empty=("note",))
    for number, one in enumerate(decided):
        if one["decision"] not in DECISIONS:
            faults.append(f"decisions[{number}].decision is {one['decision']!r}, allowed are {', '.join(DECISIONS)}")
        if one["change"] not in known:
            faults.append(f"decisions[{number}].change is {one['change']!r}, which the ledger does not know")
        elif known[one["change"]].state not in WAITING:
            faults.append(f"decisions[{number}]: {one['change']} is in state {known[one['change']].state}, nothing waits for a decision")
    twice = sorted({one["change"] for one in decided if sum(other["change"] == one["change"] for other in decided) > 1})
    faults += [f"two decisions about {change}" for change in twice]
    outside = [one["role"] for one in attended if one["role"] not in roster["roles"]]
    faults += [f"the role {role} is not in the roster, which has {', '.join(sorted(roster['roles']))}" for role in outside]
    if faults:
        raise ChangeError(f"The minutes were refused, nothing was recorded: {'; '.join(faults[:20])}.")
    return {"verb": "held", "meeting": str(meeting), "present": attended, "decisions": decided}


def decision(entries: Iterable[Document], change: str, *, roster: Document, criticality: Any, since: str = "") -> dict[str, Any] | None:
    """The newest word of the board about the change, {decision, meeting, at, note, valid, why}; None when there is none after `since`.

    Validity is judged now, by the roster that holds now: minutes can't say of themselves that they count.
    """
    found = None
    for entry in entries:
        body = entry["body"]
        if entry["kind"] != "change" or not str(entry["subject"]).startswith(SUBJECT) or body.get("verb") != "held" or str(entry["time"]) <= since:
            continue
        for one in body.get("decisions") or []:
            if isinstance(one, Mapping) and one.get("change") == change and one.get("decision") in DECISIONS:
                why = validity(roster, criticality, [each for each in body.get("present") or [] if isinstance(each, Mapping)])
                found = {**one, "meeting": str(body.get("meeting")), "at": entry["time"], "valid": not why, "why": why}
    return found


def agenda(changes: Sequence[Change], roster: Document, services: Mapping[str, Document], *, meeting: str, wants: Iterable[str]) -> str:
    """Markdown, the riskiest first; the same for the same input. wants: the changes that the board has to decide about; others are for its information."""
    asked = set(wants)
    waiting = sorted((one for one in changes if one.state in WAITING), key=lambda one: (-float(one.opening["assessment"]["score"]), one.id))
    codes = [str(last.details.get("code")) for one in changes if (last := one.last("Closed"))]
    success = risk.success_score([code for code in codes if code in risk.SUCCESS])
    lines = [
        f"# Change advisory board: {md(meeting)}",
        "",
        f"- calendar: {md(roster.get('calendar') or 'not declared')}",
        f"- success score, as ServiceNow counts it: {success} from {len(codes)} closed changes",
        "",
    ]
    for title, mine in (("To decide", [one for one in waiting if one.id in asked]), ("For information", [one for one in waiting if one.id not in asked])):
        lines += [f"## {title}", "", *(["Nothing."] if not mine else [])]
        for one in mine:
            lines += [*_item(one, roster, services), ""]
    return "\n".join(lines).rstrip() + "\n"


def worst(services: Mapping[str, Document], names: Iterable[str]) -> Any:
    """The criticality of the most critical of them; None when one of them declares none."""
    declared = [services.get(name, {}).get("criticality") for name in names]
    return max(declared, key=lambda one: ORDER.index(str(one))) if declared and all(one in ORDER for one in declared) else None


def _item(change: Change, roster: Document, services: Mapping[str, Document]) -> list[str]:
    one, known = board(roster, worst(services, change.services)), change.as_dict()
    planned = known["planned"] or {}
    heaviest = risk.lines(known["assessment"])[:3] if known["assessment"].get("reasons") else []
    return [
        f"### {md(change.id)}: release {md(change.release)} into {md(change.environment)}",
        "",
        f"- {md(change.opening.get('summary') or 'no summary')}",
        f"- {md(change.type)}, risk {md(known['level'])} ({md(known['score'])} of 100), state {md(change.state)}",
        f"- services: {md(', '.join(change.services))}",
        f"- planned: {md(planned.get('start') or 'not yet')} to {md(planned.get('end') or 'not yet')}",
        f"- asked for by {md(change.opened_by or 'unknown')}, assigned to {md(known['assigned_to'] or 'nobody')}",
        *(f"- {md(line)}" for line in heaviest),
        f"- board for {md(one['criticality'])} services, quorum {md(one['quorum'])}; must be there: {md(', '.join(one['must']) or 'nobody by role')}",
        "- decision: approved / rejected / deferred",
    ]


def _seated(roster: Document, present: Sequence[Document]) -> dict[str, str]:
    """{person: role}: the first role that the roster knows the person for."""
    seats: dict[str, str] = {}
    for one in present:
        role, person = str(one.get("role")), str(one.get("person"))
        listed = roster["roles"].get(role, {})
        if person in (*listed.get("members", []), *listed.get("deputies", [])):
            seats.setdefault(person, role)
    return seats


def _people(roster: Document, role: str) -> str:
    listed = roster["roles"].get(role, {})
    return ", ".join((*listed.get("members", []), *(f"{each} (deputy)" for each in listed.get("deputies", [])))) or "nobody is listed"


def _checked(given: Sequence[Document], keys: Sequence[str], name: str, faults: list[str], *, empty: Sequence[str] = ()) -> list[dict[str, str]]:
    found = []
    for number, one in enumerate(given):
        if not isinstance(one, Mapping) or not set(one) <= set(keys):
            faults.append(f"{name}[{number}] has other keys than {', '.join(keys)}")
            continue
        try:
            found.append({key: text.line(one.get(key) or ("" if key in empty else None), name=f"{name}[{number}].{key}", empty=key in empty) for key in keys})
        except ChangeError as exc:
            faults.append(str(exc).rstrip("."))
    return found
