# SPDX-License-Identifier: GPL-3.0-or-later
"""Take signed statements into the ledger: approvals that were given, and those that are withdrawn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import book, folder, gather, reading, requests, statement, writing
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.counting import Given
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.trust import Trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ssh import keygen

Data = Mapping[str, Any]


def take(args: Data, found: Data, store: Store | None, *, decision: str, now: datetime) -> dict[str, Any]:
    """Every proved statement of the digest that the ledger does not have yet; without a store nothing is written.

    decision: approve or withdraw. What is no proved statement fails the task, after the others were taken.
    """
    believed, root, digest = gather.trusted(args, found, now=now), gather.root(args, found), requests.digest_in(args)
    if args["attestor_key"]:
        attest(args, found, believed, root, digest, decision=decision, now=now, dry=store is None)
    approvals, withdrawals = reading.of_digest(root, digest, trust=believed, at=now)
    read = approvals if decision == "approve" else withdrawals
    wanted = [str(one) for one in args["people"]]
    chosen = [one for one in read.given if one.statement["digest"] == digest and (not wanted or one.person in wanted)]
    absent = sorted(set(wanted) - {one.person for one in chosen})
    # A text that waits for its signature is no forgery.
    unfit = [one for one in read.refused if one["reason"] != reading.UNSIGNED]
    refused = [*unfit, *({"file": f"{digest[:12]}/{who}", "reason": "there is no proved statement of this person"} for who in absent)]
    new = [one for one in chosen if store is None or not _is_recorded(store, one)]
    entries = [_keep(store, root, digest, one) for one in new if store is not None]
    verb = "given" if decision == "approve" else "withdrawn"
    people = ", ".join(sorted({one.person for one in chosen})) or "nobody"
    lines = [f"{verb} by {people} (digest {digest[:12]}).", *(f"  not taken: {one['file']}: {one['reason']}" for one in refused)]
    if store is not None and refused:
        book.refused(store, digest, refused)
    said = {"digest": digest, "people": sorted({one.person for one in chosen}), "refused": refused, "entries": entries, "msg": "\n".join(lines)}
    return {"changed": bool(new), "failed": bool(refused) or not chosen, **said}


def attest(args: Data, found: Data, believed: Trust, root: str, digest: str, *, decision: str, now: datetime, dry: bool) -> None:
    """Write and sign what AWX says of the person who launched this very job.

    AWX sets these variables after all others, but tells a user only where one launched the job by hand: in a scheduled one they could be anybody's.
    """
    if str(found.get("awx_job_launch_type", "")) != "manual" or not found.get("awx_user_name") or not found.get("awx_job_id"):
        raise ApprovalError("AWX tells of no person who launched this job by hand, so there is nobody to attest. Next: launch the job template yourself.")
    login, job = str(found["awx_user_name"]), str(found["awx_job_id"])
    person = believed.roster.attested("awx", login)
    if not person:
        raise ApprovalError(f"Nobody in people.yml has the alias awx:{statement.shown(login)}. Next: have it added.")
    request = requests.request_of(root, digest)
    if request is None:
        raise ApprovalError(f"There is no request of the digest {digest[:12]} in {root}. Next: run evenkeel.release.approve and commit what it writes.")
    more = {"via": "awx", "login": login, "job": job}
    if decision == "approve":
        valid = duration.seconds(args["valid_for"], option="valid_for")
        data, ending = writing.approval(request, person, start=now, valid=valid, reason=str(args["reason"]), **more), ".awx"
    else:
        data = writing.withdrawal(digest, person, ledger=str(request["ledger"]), reason=str(args["reason"]), now=now, request=request, **more)
        ending = reading.WITHDRAWN
    if dry:
        return
    where, name = Path(root) / digest, f"{person}{ending}.yml"
    signature = _sign(data, os.path.expanduser(str(args["attestor_key"])))
    writing.lay(where, name, data, now=now, dry=False)
    kept = (where / name).read_bytes()
    signature = signature if kept == data else _sign(kept, os.path.expanduser(str(args["attestor_key"])))
    _files.write(where / f"{name}.sig", signature.decode(), mode=0o644)


def _sign(data: bytes, key: str) -> bytes:
    try:
        done = keygen.call(["ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", statement.ATTESTED], data)
    except (OSError, keygen.TimeoutExpired) as exc:
        raise ApprovalError(f"ssh-keygen cannot be run ({exc}).") from exc
    if done.returncode:
        raise ApprovalError(f"Attesting with {key} failed: {' '.join(done.stderr.decode(errors='replace').split())}")
    return done.stdout


def _is_recorded(store: Store, one: Given) -> bool:
    state = "given" if one.statement["decision"] == "approve" else "withdrawn"
    found = store.entries(kind=book.KIND, subject=f"{state}/{one.statement['digest']}/{one.person}", newest_first=True, limit=book.MOST_GIVEN)
    text = statement.write(one.statement).decode()
    return any(entry.body.get("statement") == text for entry in found)


def _keep(store: Store, root: str, digest: str, one: Given) -> dict[str, Any]:
    with folder.opened(root, digest) as opened:
        name = one.file.rpartition("/")[2]
        signature = folder.read(opened, f"{name}.sig", limit=folder.SIGNATURE) if opened is not None else None
    # There is one way only to write the statement that was proved a moment ago; the ledger's copy is proved again whenever it is used.
    return book.keep(store, one, statement.write(one.statement), signature or b"")


def same_as_last(store: Store, subject: Data, answer: Data) -> bool:
    """Whether the last check of this digest found the same: asking before each batch must not fill the ledger."""
    digest = subjects.digest(subject)
    last = store.entries(kind=book.KIND, environment=str(subject["environment"]), subject=f"checked/{digest}", newest_first=True, limit=1)
    return bool(last) and all(_kern(last[0].body.get(name)) == _kern(answer[name]) for name in ("approvals", "duties", "verdict"))


def _kern(value: Any) -> Any:
    return subjects.sha256(value)
