# SPDX-License-Identifier: GPL-3.0-or-later
"""Access for a time: asked for by one person, granted by another one with a signature, used, expired or revoked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Roster
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.rules import in_scope
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.statement import moment
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.subject import sha256
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration

Data = Mapping[str, Any]


def request(*, ledger: str, holder: str, environment: str, acts: Sequence[str], reason: str, at: str) -> dict[str, Any]:
    """What is asked for, with its digest: a grant names it, so it is good for nothing else."""
    asked = {"ledger": ledger, "holder": holder, "environment": environment, "acts": sorted(set(acts)), "reason": reason, "at": at}
    return {**asked, "digest": sha256(asked)}


def unfit(said: Data, *, by: str, ledger: str, environment: Data, documents: Sequence[Data], roster: Roster) -> str:
    """Why this person can't grant this; empty when they can. Judged anew at each use, so a rule or a group that is taken away ends the grant.

    said is a proved statement that says grant, environment the document of the environment that it names.
    """
    if said["decision"] != "grant" or said["ledger"] != ledger or said["environment"] != environment.get("name"):
        return f"it says {said['decision']} for {said.get('environment')} of {said['ledger']}"
    if by == said["holder"]:
        return f"{by} would grant it to {by}: a second person has to"
    if said["holder"] not in roster.people:
        return f"nobody in people.yml is {said['holder']}"
    span = moment(said["to"]) - moment(said["from"])
    reasons = [_refuses(rule["grants"], said, by, span, environment, roster) for rule in documents if rule.get("grants")]
    if not reasons:
        return "no document of access has grants"
    return "" if "" in reasons else "; ".join(sorted(set(reasons)))


def _refuses(rule: Data, said: Data, by: str, span: timedelta, environment: Data, roster: Roster) -> str:
    if not in_scope({**rule, "acts": []}, environment, ""):
        return f"grants are not for {environment.get('name')}"
    beyond = sorted(set(said["acts"]) - set(rule["acts"]))
    if beyond:
        return f"{', '.join(beyond)} can't be granted, allowed: {', '.join(rule['acts'])}"
    if not roster.groups(by) & set(rule["by"]):
        return f"{by} is in none of {', '.join(rule['by'])}"
    longest = timedelta(seconds=duration.seconds(rule["longest"], option="longest"))
    return f"it is for {span}, longer than {rule['longest']}" if span > longest else ""


def standing(entries: Iterable[Data], proved: Mapping[str, str], now: datetime) -> list[dict[str, Any]]:
    """Every grant, the oldest first: {digest, holder, environment, acts, reason, state, by, from, to, used, last_used, why}.

    entries are those of kind grant; proved: {id of an entry that grants: why it does not count, empty when it does}. state is requested, active, early,
    expired, revoked or refused.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        state, _slash, digest = str(entry["subject"]).partition("/")
        body = entry["body"]
        known = found.setdefault(digest, {"digest": digest, "state": "", "used": 0, "last_used": None, "by": "", "from": "", "to": "", "why": ""})
        if state == "requested":
            asked = body.get("request") or {}
            if sha256({key: value for key, value in asked.items() if key != "digest"}) == digest:
                known.update({key: asked[key] for key in ("holder", "environment", "acts", "reason")}, state=known["state"] or "requested")
        elif state == "granted" and known["state"] != "revoked":
            _grant(known, body.get("granted") or {}, proved.get(str(entry["id"]), "it was not proved"), now)
        elif state == "revoked":
            known.update(state="revoked", why=str(body.get("reason", "")))
        elif state == "used":
            known.update(used=known["used"] + 1, last_used=entry["time"])
    return [one for one in found.values() if one["state"]]


def _grant(known: dict[str, Any], said: Data, why: str, now: datetime) -> None:
    if why:
        known.update(state="refused" if known["state"] in ("", "requested") else known["state"], why=why)
        return
    start, end = moment(said["from"]), moment(said["to"])
    state = "expired" if end <= now else "early" if start > now else "active"
    known.update({key: said[key] for key in ("holder", "environment", "acts", "reason", "by", "from", "to")}, state=state, why="")
