# SPDX-License-Identifier: GPL-3.0-or-later
"""Grants and reviews in the ledger, entries of kind grant; and what of them is proved.

| subject | body |
|---|---|
| requested/<digest> | request: who asks for which acts where, and why |
| granted/<digest> | statement and signature of who grants, and what it says |
| used/<digest>, revoked/<digest> | act, or reason |
| reviewed/<digest> | statement and signature of who signed a review off |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._access import grants
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import folder, reading, statement
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.counting import Given
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.subject import sha256
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.trust import Trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

KIND = "grant"
FOLDER = "grants"
REVIEWS = "reviews"
MOST = 2000
# What decides, and what is only told: anybody who is denied writes into the second.
STREAM = "main"
NOTES = "access"
Data = Mapping[str, Any]


def standing(store: Store | None, *, trust: Trust, ledger: str, environments: Mapping[str, Data], now: datetime, environment: str = "") -> list[dict[str, Any]]:
    """Every grant of the environment, or of all. environments: {name: document}. ApprovalError when there are more than can be looked at."""
    if store is None:
        return []
    # Newest first, so that a flood ends in a refusal and not in a revocation that is not seen.
    entries = [entry.as_dict() for entry in store.entries(kind=KIND, environment=environment or None, stream=STREAM, newest_first=True, limit=MOST + 1)]
    if len(entries) > MOST:
        raise ApprovalError(f"The ledger has more than {MOST} entries about grants{f' of {environment}' if environment else ''}; none of them counts.")
    used = [entry.as_dict() for entry in store.entries(kind=KIND, environment=environment or None, stream=NOTES, newest_first=True, limit=MOST)]
    entries = [*entries[::-1], *used[::-1]]
    proved = {entry["id"]: _why(entry, trust, ledger, environments, now) for entry in entries if str(entry["subject"]).startswith("granted/")}
    return grants.standing(entries, proved, now)


def _why(entry: Data, trust: Trust, ledger: str, environments: Mapping[str, Data], now: datetime) -> str:
    """Why an entry that grants does not count: what it says is what was signed, or nothing."""
    try:
        data, signature = (str(entry["body"].get(name, "")).encode() for name in ("statement", "signature"))
        found = reading.proved(f"ledger {entry['id']}", data, signature, trust=trust, at=now)
    except ValueError as exc:
        return str(exc)
    said = dict(found.statement)
    if said != entry["body"].get("granted") or entry["subject"] != f"granted/{said.get('digest')}":
        return "the entry says something else than what was signed"
    environment = environments.get(str(said.get("environment")), {"name": None})
    return grants.unfit(said, by=found.person, ledger=ledger, environment=environment, documents=trust.access, roster=trust.roster)


def find(store: Store, digest: str) -> dict[str, Any]:
    entries = store.entries(kind=KIND, subject=f"requested/{digest}", limit=1)
    if not entries:
        raise ApprovalError(f"The ledger has no request of a grant {digest[:12]}. Next: ask for it with state requested.")
    found = dict(entries[0].body.get("request") or {})
    if sha256({key: value for key, value in found.items() if key != "digest"}) != digest:
        raise ApprovalError(f"The request {digest[:12]} in the ledger is not what its digest says.")
    return found


def signed(root: str, place: str, digest: str, *, trust: Trust, now: datetime) -> reading.Read:
    """Proved statements approvals/<place>/<digest>-<person>.yml: one file for each person who may sign."""
    read = reading.Read([], [])
    try:
        with folder.opened(root, place) as opened:
            for person in trust.roster.people if opened is not None else ():
                reading.one(opened, f"{digest}-{person}.yml", read, trust=trust, at=now, where=place)  # type: ignore[arg-type]  # not None here
    except folder.Unreadable as exc:
        read.refused.append({"file": place, "reason": str(exc)})
    return read


def record(store: Store, state: str, digest: str, *, environment: str, body: Data) -> dict[str, Any]:
    stream = STREAM if state in ("requested", "granted", "revoked", "reviewed") else NOTES
    return session.record(store, NewEntry(KIND, "fact", environment, subject=f"{state}/{digest}", stream=stream, body={"state": state, **body}))


def keep(store: Store, state: str, root: str, place: str, one: Given, *, environment: str) -> dict[str, Any]:
    with folder.opened(root, place) as opened:
        signature = folder.read(opened, f"{one.file.rpartition('/')[2]}.sig", limit=folder.SIGNATURE) if opened is not None else None
    data = statement.write(one.statement)
    said: dict[str, Any] = {"by": one.person, "statement": data.decode(), "signature": (signature or b"").decode(), state: dict(one.statement)}
    if store.redact(said["statement"]) != said["statement"]:
        raise ApprovalError(f"{one.file} was not recorded: it holds something that looks like a secret. Next: write it without, and sign it again.")
    return record(store, state, str(one.statement["digest"]), environment=environment, body=said)


def last_review(store: Store | None, documents: Sequence[Data], trust: Trust, now: datetime) -> str | None:
    """When somebody who may signed a review off last; None when nobody did."""
    if store is None:
        return None
    by = {group for document in documents for group in (document.get("review") or {}).get("by", [])}
    for entry in store.entries(kind=KIND, environment="", stream=STREAM, newest_first=True, limit=MOST):
        if entry.body.get("state") == "reviewed":
            try:
                data, signature = (str(entry.body.get(name, "")).encode() for name in ("statement", "signature"))
                found = reading.proved("", data, signature, trust=trust, at=now)
            except ValueError:
                continue
            if found.statement["decision"] == "review" and trust.roster.groups(found.person) & by:
                return entry.time
    return None
