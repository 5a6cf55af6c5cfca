# SPDX-License-Identifier: GPL-3.0-or-later
"""The three statements that people are asked to sign: that they approve, that they withdraw it, that somebody approves in their place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import book, duties, folder, gather, reading, statement, writing
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.roster import Identity
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.trust import Trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.fault import did_you_mean, listed
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

Data = Mapping[str, Any]


def approve(args: Data, found: Data, store: Store | None, *, requester: Data, now: datetime) -> dict[str, Any]:
    """args are options of approval_request, found what gather.known() gives; without a store nothing is written."""
    asked = gather.gather(args, found, now=now)
    subject, digest = asked.subject, subjects.digest(asked.subject)
    where, risk = Path(asked.root) / digest, args["risk"]
    barred = _barred(asked, args["authors"], requester)
    people = [str(one) for one in args["people"]]
    people = people or writing.approvers(subject, asked.trust, environment=asked.environment, risk=risk, barred=barred)
    _known(people, asked.trust, barred)
    changed = writing.request(where, subject, dry=store is None)
    ending = ".mandate" if args["mandate"] else ""
    told = []
    for person in people:
        more = {name: str(args[name] or "") for name in ("mandate", "risk", "reason")}
        data = writing.approval(subject, person, start=now, valid=duration.seconds(args["valid_for"], option="valid_for"), **more)
        changed |= writing.lay(where, f"{person}{ending}.yml", data, now=now, dry=store is None)
        told.append(_told(person, where / f"{person}{ending}.yml"))
    if store is not None and not book.requests(store, subject["environment"], digest):
        book.ask_for(store, subject, digest, people)
        changed = True
    return {"changed": changed, "digest": digest, "subject": subject, **_says(told, digest)}


def withdraw(args: Data, found: Data, store: Store | None, *, requester: Data, now: datetime) -> dict[str, Any]:  # noqa: ARG001  the three have one form
    believed, root, digest = gather.trusted(args, found, now=now), gather.root(args, found), digest_in(args)
    person = _one(args["people"], believed)
    where, name = Path(root) / digest, f"{person}.withdrawn.yml"
    ledger, about = gather.ledger_name(args, found), request_of(root, digest)
    data = writing.withdrawal(digest, person, ledger=ledger, reason=str(args["reason"]), now=now, request=about)
    changed = writing.lay(where, name, data, now=now, dry=store is None)
    return {"changed": changed, "digest": digest, **_says([_told(person, where / name)], digest)}


def delegate(args: Data, found: Data, store: Store | None, *, requester: Data, now: datetime) -> dict[str, Any]:  # noqa: ARG001
    believed, root = gather.trusted(args, found, now=now), gather.root(args, found)
    giver, person = _one(args["people"], believed), str(args["delegate"])
    _known([person], believed, {giver: "is who delegates"})
    scope = {name: [str(one) for one in args[name]] for name in ("environments", "acts", "groups")}
    valid, ledger = duration.seconds(args["valid_for"], option="valid_for"), gather.ledger_name(args, found)
    data = writing.delegation(giver, person, ledger=ledger, start=now, valid=valid, again=bool(args["again"]), reason=str(args["reason"]), **scope)
    where, name = Path(root) / reading.DELEGATIONS, f"{giver}--{person}.yml"
    changed = writing.lay(where, name, data, now=now, dry=store is None)
    return {"changed": changed, "digest": statement.digest(data), **_says([_told(giver, where / name)], "")}


def digest_in(args: Data) -> str:
    """It becomes the name of a folder, so it is a digest or nothing."""
    if not re.fullmatch(r"[0-9a-f]{64}", str(args["digest"])):
        raise ApprovalError(f"digest is {statement.shown(str(args['digest']))}, allowed: 64 lower-case hexadecimal digits, as approval_request tells them.")
    return str(args["digest"])


def request_of(root: str, digest: str) -> dict[str, Any] | None:
    """What was asked approvals for, when the file is what its digest says."""
    try:
        with folder.opened(root, digest) as opened:
            data = folder.read(opened, reading.REQUEST, limit=4 * 1024 * 1024) if opened is not None else None
        found = json.loads(data) if data else None
    except (folder.Unreadable, ValueError, RecursionError):
        return None
    return found if found and subjects.whole(found) and subjects.digest(found) == digest else None


def _barred(asked: gather.Asked, authors: Sequence[Data], requester: Data) -> dict[str, str]:
    rules = duties.applying(asked.trust.duties, environment=asked.environment, act=asked.subject["act"])
    chain = duties.chain(authors=authors, entries=[], release=asked.subject["release"], deployer=None)
    chain["requester"] = [Identity(str(requester["name"]), str(requester["source"]))]
    return duties.barred(rules, {duty: duties.held(identities, asked.trust.roster) for duty, identities in chain.items()})


def _known(people: Sequence[str], believed: Trust, barred: Mapping[str, str]) -> None:
    for person in people:
        if person not in believed.roster.people:
            hint = did_you_mean(person, believed.roster.people)
            raise ApprovalError(f"Nobody in people.yml is {statement.shown(person)}; there are {listed(sorted(believed.roster.people))}. {hint}".rstrip())
        if person in barred:
            raise ApprovalError(f"{person} can't be asked: this person {barred[person]}.")


def _one(people: Sequence[Any], believed: Trust) -> str:
    names = [str(one) for one in people]
    if len(names) != 1:
        raise ApprovalError(f"people names {len(names)} persons, allowed: the one who signs.")
    _known(names, believed, {})
    return names[0]


def _told(person: str, path: Path) -> dict[str, str]:
    return {"person": person, "path": str(path), "command": writing.command(path)}


def _says(told: Sequence[Mapping[str, str]], digest: str) -> dict[str, Any]:
    head = f"To be signed{f' (digest {digest[:12]})' if digest else ''}; read the file first, then run:"
    lines = [f"  {one['person']}: {one['command']}" for one in told]
    return {"statements": list(told), "msg": "\n".join([head, *lines, "Then commit the file and its .sig."])}
