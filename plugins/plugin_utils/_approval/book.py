# SPDX-License-Identifier: GPL-3.0-or-later
"""Approvals in the ledger: entries of kind approval. An approval that is recorded counts like one in a file, and is proved again each time.

| subject | body.state |
|---|---|
| requested/<digest> | requested: somebody asked for approvals of this digest |
| given/<digest>/<person>, withdrawn/<digest>/<person> | given, withdrawn: with the signed text and its signature |
| checked/<digest> | checked: what was found, with everything that was refused |
| refused/<digest> | refused: statements that somebody wanted recorded, or a check that came to no answer |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import reading, statement
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.counting import Given
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.trust import Trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import canonical, session
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

KIND = "approval"
MOST_GIVEN = 500
MOST_WITHDRAWN = 5000
MOST_REFUSED = 20
# A request of an environment of many hosts: its content only explains what changed.
LARGEST_CONTENT = 256 * 1024


def given(store: Store, environment: str, digest: str, *, trust: Trust, at: datetime) -> reading.Read:
    read = reading.Read([], [])
    subjects_of = [f"given/{digest}/{person}" for person in trust.roster.people]
    entries = store.entries(kind=KIND, environment=environment, subject=subjects_of, newest_first=True, limit=MOST_GIVEN)
    for entry in entries:
        file = f"ledger {entry.id}"
        try:
            data, signature = (str(entry.body.get(name, "")).encode() for name in ("statement", "signature"))
            read.given.append(reading.proved(file, data, signature, trust=trust, at=at))
        except ValueError as exc:
            read.refused.append({"file": file, "reason": str(exc)})
    return read


def withdrawn(store: Store, digests: Iterable[str], people: Iterable[str]) -> tuple[dict[tuple[str, str], datetime], list[str]]:
    """({(digest, person): when}, why it can't be told). What the ledger says was withdrawn stays so, whatever became of the key since."""
    wanted = {f"withdrawn/{digest}/{person}": (digest, person) for digest in digests for person in people}
    entries = store.entries(kind=KIND, subject=list(wanted), newest_first=True, limit=MOST_WITHDRAWN)
    found: dict[tuple[str, str], datetime] = {}
    for entry in entries:
        found.setdefault(wanted[entry.subject], statement.moment(entry.time))
    full = len(entries) >= MOST_WITHDRAWN
    return found, [f"the ledger has more than {MOST_WITHDRAWN} withdrawals of it"] if full else []


def last_request(store: Store, environment: str, release: str) -> dict[str, Any] | None:
    """The subject that somebody asked approvals for last."""
    entries = store.entries(kind=KIND, environment=environment, release=release, newest_first=True, limit=MOST_GIVEN)
    found = next((entry.body.get("request") for entry in entries if entry.body.get("state") == "requested"), None)
    return found if subjects.whole(found) else None


def requests(store: Store, environment: str, digest: str) -> list[dict[str, Any]]:
    entries = store.entries(kind=KIND, environment=environment, subject=f"requested/{digest}", limit=MOST_GIVEN)
    return [entry.as_dict() for entry in entries]


def keep(store: Store, one: Given, data: bytes, signature: bytes) -> dict[str, Any]:
    """Record a proved statement, whole: an auditor checks it with ssh-keygen alone."""
    said = one.statement
    for name, text in (("statement", data.decode()), ("signature", signature.decode())):
        if store.redact(text) != text:
            found = f"The {name} {one.file} was not recorded: it holds something that looks like a secret."
            raise ApprovalError(f"{found} Next: write it without, and sign it again.")
    state = {"approve": "given", "withdraw": "withdrawn"}[said["decision"]]
    body = {"state": state, "digest": said["digest"], "by": one.person, "how": one.how, "fingerprint": one.fingerprint}
    body.update(statement=data.decode(), signature=signature.decode())
    subject = f"{state}/{said['digest']}/{one.person}"
    return session.record(store, NewEntry(KIND, "fact", str(said.get("environment", "")), str(said.get("release", "")), subject=subject, body=body))


def ask_for(store: Store, subject: Mapping[str, Any], digest: str, people: Iterable[str]) -> dict[str, Any]:
    short = len(canonical.dumps(subject)) <= LARGEST_CONTENT
    body = {"state": "requested", "digest": digest, "people": sorted(people), "request": dict(subject) if short else None}
    entry = NewEntry(KIND, "fact", subject["environment"], subject["release"], subject=f"requested/{digest}", body=body)
    return session.record(store, entry)


def checked(store: Store, subject: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    found = answer["approvals"]
    body = {"state": "checked", "verdict": answer["verdict"], "act": subject["act"], "digest": found["digest"], **answer}
    entry = NewEntry(KIND, "fact", subject["environment"], subject["release"], subject=f"checked/{found['digest']}", body=body)
    return session.record(store, entry)


def refused(store: Store, digest: str, what: Sequence[Mapping[str, str]], *, environment: str = "", release: str = "") -> None:
    """Once: the same refusal again is no news."""
    last = store.entries(kind=KIND, subject=f"refused/{digest}", newest_first=True, limit=1)
    listed = [dict(one) for one in what][:MOST_REFUSED]
    if not last or last[0].body.get("refused") != listed:
        body = {"state": "refused", "digest": digest, "refused": listed}
        session.record(store, NewEntry(KIND, "fact", environment, release, subject=f"refused/{digest}", body=body))
