# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an access review, each for one run of access_review. Without a store nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._access import drift, grant_book, review
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.known import Known, every
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import reading, requests, statement, writing
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store


def report(known: Known, store: Store | None) -> dict[str, Any]:
    """The review list, what differs from exports, what is overdue; as CSV in dest, with a text to sign beside the others."""
    args, trust = known.args, known.trust
    seen = [entry.as_dict() for entry in store.entries(kind=review.KINDS, phase="intent")] if store is not None else []
    days = float(args["stale_days"])
    found = review.rows(
        environments=list(known.environments.values()),
        documents=trust.access,
        roster=trust.roster,
        memberships=known.memberships,
        grants=every(known, store),
        used=review.last_used(seen, trust.roster),
        now=known.now,
        stale_days=days,
    )
    differing = drift.findings(trust.access, trust.roster, known.memberships)
    late = review.overdue(trust.access, grant_book.last_review(store, trust.access, trust, known.now), known.now)
    text = review.as_csv(found)
    digest = statement.digest(text.encode())
    stale = sum(bool(row["stale"]) for row in found)
    lines = [review.as_table(found), "", f"{len(found)} accesses, {stale} not used for {days:g} days; digest {digest}."]
    lines += [f"  drift: {one['kind']}: {one['who'] or 'no export'} ({one['subject']}, team {one['team'] or 'none'})" for one in differing]
    lines += [f"  the review of access/{name} is overdue" for name in late]
    said = {"rows": found, "drift": differing, "overdue": late, "digest": digest, "csv": text, "msg": "\n".join(lines), "changed": False}
    dest = Path(str(args["dest"])).expanduser() if args["dest"] else None
    if dest and _files.differs(dest, text):
        said["changed"] = True
        if not known.dry:
            _files.write(dest, text, mode=0o640)
    return said


def sign_off(known: Known, store: Store | None) -> dict[str, Any]:
    """Write the list and the texts to sign, or record those that are signed."""
    digest = str(known.args["digest"])
    if not digest:
        return _ask_sign_off(known, store)
    digest = requests.digest_in(known.args)
    read = grant_book.signed(known.root, grant_book.REVIEWS, digest, trust=known.trust, now=known.now)
    refused = [one for one in read.refused if one["reason"] != reading.UNSIGNED]
    reviewers = _reviewers(known)
    for one in read.given:
        if one.person not in reviewers or one.statement["decision"] != "review" or one.statement["digest"] != digest or one.statement["ledger"] != known.ledger:
            refused.append({"file": one.file, "reason": f"{one.person} signs no review of this list"})
    good = [one for one in read.given if not any(bad["file"] == one.file for bad in refused)]
    entries = [grant_book.keep(store, "reviewed", known.root, grant_book.REVIEWS, one, environment="") for one in good if store is not None]
    who = ", ".join(one.person for one in good) or "nobody"
    lines = [f"The review {digest[:12]} is signed off by {who}.", *(f"  refused: {one['file']}: {one['reason']}" for one in refused)]
    return {"changed": bool(good), "failed": bool(refused) or not good, "digest": digest, "entries": entries, "refused": refused, "msg": "\n".join(lines)}


def _ask_sign_off(known: Known, store: Store | None) -> dict[str, Any]:
    found = report(known, store)
    where, told = Path(known.root) / grant_book.REVIEWS, []
    words = {"statement": statement.FORM, "decision": "review", "ledger": known.ledger, "digest": found["digest"]}
    for person in _reviewers(known):
        said = {**words, "by": person, "from": statement.stamp(known.now), "reason": str(known.args["reason"]) or "I went through the list"}
        path = where / f"{found['digest']}-{person}.yml"
        writing.lay(where, path.name, statement.write({**said, "environments": sorted(known.environments)}), now=known.now, dry=store is None)
        told.append({"person": person, "path": str(path), "command": writing.command(path)})
    if not told:
        raise ApprovalError("Nobody may sign a review off: give a document of access review.by, groups of people.yml with members.")
    if store is not None:
        _files.write(where / f"{found['digest']}.csv", found["csv"], mode=0o644)
    lines = [found["msg"], "", "Read it, then one of these signs and commits:", *(f"  {one['person']}: {one['command']}" for one in told)]
    return {**found, "changed": True, "statements": told, "msg": "\n".join(lines)}


def _reviewers(known: Known) -> list[str]:
    by = {group for document in known.trust.access for group in (document.get("review") or {}).get("by", [])}
    return [person for person in sorted(known.trust.roster.people) if known.trust.roster.groups(person) & by]
