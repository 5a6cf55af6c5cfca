# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be done to a change next, and the entries that do it. Every refusal of one step comes in one message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import emergency, review, standard, states, text, times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import MOST_ENTRIES, REVIEWABLE, Change

Document = Mapping[str, Any]
Entries = list[dict[str, Any]]
# An entry may always be written that ends a change, however many it has.
SPARE = 20


def assessed(change: Change, *, notes: str = "") -> Entries:
    """Peer review is done: on to Authorize. A standard change was assessed with its template, so it has no such state."""
    known = text.paragraph(notes, name="notes", empty=True)
    return _walk(change, "Authorize", {"notes": known})


def scheduled(change: Change, *, planned: Document, authorized: Document, conflicts: Sequence[Document] = (), accepted: str = "") -> Entries:
    """authorized: the answer of authorize.answer(). conflicts: those of conflicts.detect(); `accepted` is why the change goes ahead all the same.

    An emergency does not wait for others: its conflicts are recorded.
    """
    states.check(change.type, change.state, "Scheduled", change=change.id)
    found = times.span(change.id, planned.get("start"), planned.get("end"))
    reason = text.line(accepted, name="the reason for accepting conflicts", empty=True)
    refused = [] if authorized["granted"] else [f"it is not authorized: {'; '.join(authorized['missing'])}"]
    if conflicts and not reason and change.type != "emergency":
        told = "; ".join(f"{one['service']}: {one['says']} ({one['with']})" for one in conflicts[:5])
        refused.append(f"{len(conflicts)} conflicts: {told}; choose another time, or give a reason to accept them")
    _refuse(change, "scheduled", refused)
    people = text.lines(authorized["approvers"], name="approvers")
    details = {
        "start": times.stamp(found.begin),
        "end": times.stamp(found.end),
        "authorized": {**{key: authorized[key] for key in ("by", "needed", "meeting", "rule")}, "approvers": people},
        "conflicts": [dict(one) for one in conflicts[:50]],
        "accepted": reason,
    }
    return _walk(change, "Scheduled", details)


def implementing(change: Change, *, deployment: str, standing: Document, days: float, tier: Any, now: str) -> Entries:
    """standing: the answer of standing.standing() for the plan that is about to be carried out; what it refuses is refused here too."""
    states.check(change.type, change.state, "Implement", change=change.id)
    _refuse(change, "implemented", [] if standing["implementable"] else list(standing["why_not"]))
    entries = _walk(change, "Implement", {"deployment": text.line(deployment, name="the deployment", limit=64)})
    if change.type == "emergency":
        owed = {"verb": "owed", "change": change.id, "environment": change.environment, "tier": tier}
        due = emergency.due(times.moment(now, name="now"), days)
        entries += [_beside(emergency.SUBJECT + name, {**owed, "due": due}) for name in change.services]
    return entries + _of_template(change, "used")


def reviewed(change: Change, *, outcome: Document | None, given: Document | None) -> Entries:
    """The work is done: Implement -> Review; with `given` the post-implementation review is recorded as well, and what waited for it goes on."""
    if change.state not in ("Implement", *REVIEWABLE):
        states.check(change.type, change.state, "Review", change=change.id)
    entries: Entries = []
    if change.state == "Implement":
        entries += _walk(change, "Review", {"outcome": _outcome(outcome)})
        entries += _of_template(change, "succeeded" if review.went_well(outcome) else "failed")
    elif not given:
        raise ChangeError(f"{change.id} is in state {change.state} already; give the review that is to be recorded.")
    if given:
        checked = review.check(given)
        entries.append(_entry(change, {"verb": "reviewed", **checked}))
        done = {"verb": "reviewed", "change": change.id}
        entries += [_beside(emergency.SUBJECT + name, done) for name in change.services if change.type == "emergency"]
        entries += _of_template(change, "reviewed")
    return entries


def closed(change: Change, *, code: str, notes: str, outcome: Document | None) -> Entries:
    states.check(change.type, change.state, "Closed", change=change.id)
    text.one_of(code, states.CLOSE_CODES, name="close_code")
    refused = []
    if code != "unsuccessful" and not review.went_well(outcome):
        refused.append(f"{code} is not what the ledger says of its deployment: {review.told(outcome)}")
    if (change.type == "emergency" or code == "unsuccessful") and not change.reviews:
        refused.append("its post-implementation review is not recorded; run evenkeel.release.change_review")
    _refuse(change, "closed", refused)
    return [
        *_walk(change, "Closed", {"code": code, "notes": text.paragraph(notes, name="notes", empty=True)}),
        *(_of_template(change, "failed") if code == "unsuccessful" and not change.reviews else []),
    ]


def canceled(change: Change, *, reason: str) -> Entries:
    states.check(change.type, change.state, "Canceled", change=change.id)
    entries = _walk(change, "Canceled", {"reason": text.line(reason, name="reason")})
    return entries + (_of_template(change, "failed") if change.state == "Implement" else [])


def reverted(change: Change, *, reason: str) -> Entries:
    """Back to New, after a rejection or to correct it: approvals that were given count no more."""
    states.check(change.type, change.state, "New", change=change.id)
    return _walk(change, "New", {"reason": text.line(reason, name="reason")})


def _walk(change: Change, to: str, details: Document) -> Entries:
    """One entry for each state on the way; the details belong to the last."""
    way = states.way(change.type, change.state, to, change=change.id)
    limit = MOST_ENTRIES - SPARE if to not in (*states.ENDED, "Review") else MOST_ENTRIES
    if change.entries + len(way) > limit:
        raise ChangeError(f"{change.id} has {change.entries} entries, which is as many as a change may have. Cancel it and open another one.")
    return [
        _entry(change, {"verb": "moved", "from": before, "to": after, **(details if after == to else {})})
        for before, after in zip((change.state, *way), way, strict=False)
    ]


def _entry(change: Change, body: Document) -> dict[str, Any]:
    return {"environment": change.environment, "release": change.release, "subject": change.id, "body": text.bounded(dict(body), name="the entry")}


def _beside(subject: str, body: Document) -> dict[str, Any]:
    return {"environment": "", "release": "", "subject": subject, "body": dict(body)}


def _of_template(change: Change, verb: str) -> Entries:
    template = change.opening.get("template")
    return [_beside(standard.SUBJECT + str(template["name"]), {"verb": verb, "change": change.id})] if isinstance(template, Mapping) else []


def _outcome(outcome: Document | None) -> dict[str, Any] | None:
    return {key: outcome[key] for key in ("deployment", "verdict", "began", "ended", "seconds", "rolled_back")} if outcome else None


def _refuse(change: Change, word: str, refused: Sequence[str]) -> None:
    if refused:
        raise ChangeError(f"{change.id} can't be {word}, nothing was recorded: " + "; ".join(refused) + ".")
