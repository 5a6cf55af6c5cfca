# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask whether what will run is approved: before a deployment, and again before each of its batches."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import book, delegation, duties, folder, reading, statement
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.counting import Known
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.trust import Trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.verdict import verdict
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

Data = Mapping[str, Any]
MOST_REQUESTS = 20
LARGEST_REQUEST = 4 * 1024 * 1024


def ask(
    subject: Data,
    *,
    trust: Trust,
    root: str,
    store: Store | None,
    environment: Data,
    risk: str | None,
    authors: Sequence[Data],
    deployer: Data | None,
    now: datetime,
) -> dict[str, Any]:
    """{verdict, approvals, duties, trust}: both sections of the policies' evidence document, and the worse of their verdicts.

    root is the folder of approvals, store the ledger (None when there is none yet), environment its document, authors those of the release's commits,
    deployer the actor of the run that asks.
    """
    digest, act = subjects.digest(subject), str(subject["act"])
    approvals, withdrawals = reading.of_digest(root, digest, trust=trust, at=now)
    if store is not None:
        recorded = book.given(store, str(subject["environment"]), digest, trust=trust, at=now)
        approvals.given.extend(recorded.given)
        approvals.refused.extend(recorded.refused)
    delegates = {one.person for one in approvals.given if one.statement.get("mandate")}
    lent, refused = reading.delegations(root, delegates, depth=delegation.DEPTH, trust=trust, at=now)
    gone, unsure = _withdrawn(store, digest, approvals, lent)
    for one in withdrawals.given:
        if one.statement["digest"] == digest:
            gone[digest, one.person] = max(statement.moment(one.statement["from"]), gone.get((digest, one.person), datetime.min.replace(tzinfo=now.tzinfo)))
    entries = _entries(store, subject, digest)
    rules = duties.applying(trust.duties, environment=environment, act=act)
    chain = duties.chain(authors=authors, entries=entries, release=str(subject["release"]), deployer=deployer, digest=digest)
    holding = {duty: duties.held(identities, trust.roster) for duty, identities in chain.items()}
    known = Known(
        given=approvals.given,
        delegations={person: [one.statement for one in found if (reading.digest_of(one.statement), one.person) not in gone] for person, found in lent.items()},
        withdrawn={person: when for (what, person), when in gone.items() if what == digest},
        barred=duties.barred(rules, holding),
        refused=[*approvals.refused, *withdrawals.refused, *refused],
        unsure=unsure,
    )
    before = (book.last_request(store, str(subject["environment"]), str(subject["release"])) if store else None) or _kept(root, subject)
    found = verdict(subject, rules=trust.approvals["rules"], environment=environment, risk=risk, roster=trust.roster, known=known, now=now, before=before)
    holding["approver"] = duties.Held(frozenset(found["approvers"]), frozenset(), ())
    apart = duties.judge(rules, holding, document=trust.duties, deployer=deployer)
    verdicts = {found["verdict"], apart["verdict"]}
    worst = next((word for word in ("failed", "errored") if word in verdicts), "passed")
    return {"verdict": worst, "approvals": found, "duties": apart, "trust": trust.digests}


def _withdrawn(
    store: Store | None, digest: str, approvals: reading.Read, lent: Mapping[str, Sequence[Any]]
) -> tuple[dict[tuple[str, str], datetime], list[str]]:
    if store is None:
        return {}, []
    givers = [one for found in lent.values() for one in found]
    people = {one.person for one in (*approvals.given, *givers)}
    return book.withdrawn(store, [digest, *(reading.digest_of(one.statement) for one in givers)], people) if people else ({}, [])


def _entries(store: Store | None, subject: Data, digest: str) -> list[dict[str, Any]]:
    if store is None:
        return []
    verified = store.entries(kind="verification", release=str(subject["release"]), limit=book.MOST_GIVEN)
    return [*(entry.as_dict() for entry in verified), *book.requests(store, str(subject["environment"]), digest)]


def _kept(root: str, subject: Data) -> dict[str, Any] | None:
    """The newest request of this release among the files, to say what changed. It only explains, so a look at a few is enough."""
    try:
        with folder.opened(root) as opened:
            if opened is None:
                return None
            with os.scandir(opened) as entries:
                seen = [(entry.stat(follow_symlinks=False).st_mtime, entry.name) for _number, entry in zip(range(folder.LOOKED_AT), entries, strict=False)]
            for _when, name in sorted(seen, reverse=True)[:MOST_REQUESTS]:
                found = _request(opened, name)
                if found and all(found.get(key) == subject[key] for key in ("environment", "release")):
                    return found
    except (folder.Unreadable, OSError):
        return None
    return None


def _request(opened: int, name: str) -> dict[str, Any] | None:
    try:
        inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=opened)
    except OSError:
        return None
    try:
        data = folder.read(inside, reading.REQUEST, limit=LARGEST_REQUEST)
        found = json.loads(data) if data else None
    except (folder.Unreadable, ValueError, RecursionError):
        return None
    finally:
        os.close(inside)
    return found if found and subjects.whole(found) and subjects.digest(found) == name else None
