# SPDX-License-Identifier: GPL-3.0-or-later
"""Statements out of files and out of the ledger, each proved before anybody asks what it says.

approvals/<digest>/<person>.yml (in person), <person>.mandate.yml (for somebody else), <person>.awx.yml (told by AWX's key), <person>.withdrawn.yml;
approvals/delegations/<giver>--<delegate>.yml; each with its signature in the file of that name and .sig.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import folder, proof, statement
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.counting import Given
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.trust import Trust

REQUEST = "request.json"
DELEGATIONS = "delegations"
ENDINGS = ("", ".mandate", ".awx")
WITHDRAWN = ".withdrawn"
UNSIGNED = "it is not signed"
Data = Mapping[str, Any]


class Read(NamedTuple):
    """Proved statements, and {file, reason} of what is none."""

    given: list[Given]
    refused: list[dict[str, str]]


def proved(file: str, data: bytes, signature: bytes, *, trust: Trust, at: datetime) -> Given:
    """ValueError, with the reason, unless the person that the statement names is the one whom the signature proves."""
    said = statement.read(data)
    attested = bool(said.get("via"))
    namespace = statement.ATTESTED if attested else statement.PERSONAL
    found = proof.prove(data, signature, namespace=namespace, signers=trust.signers, at=at)
    if attested:
        person = _attested(said, found, trust)
    else:
        people = trust.roster.of_principals(found.principals)
        if len(people) != 1:
            whose = "of several persons" if people else "of nobody in people.yml"
            raise ValueError(f"it is signed by {', '.join(found.principals)}, {whose}")
        person = people.pop()
    if said["by"] != person:
        raise ValueError(f"it says that it is by {said['by']}, and {person} signed it ({found.fingerprint})")
    return Given(file, person, str(said.get("via", "signature")), found.fingerprint, said)


def _attested(said: Data, found: proof.Proof, trust: Trust) -> str:
    attestor = trust.roster.attestors.get(said["via"], {})
    if not set(found.principals) & set(attestor.get("principals", [])):
        raise ValueError(f"it is signed by {', '.join(found.principals)}, which is not the attestor {said['via']} of people.yml")
    if not said.get("login") or not said.get("job"):
        raise ValueError("it tells of no login and job")
    person = trust.roster.attested(said["via"], said["login"])
    if not person:
        raise ValueError(f"nobody in people.yml has the alias {said['via']}:{said['login']}")
    return person


def of_digest(root: str, digest: str, *, trust: Trust, at: datetime) -> tuple[Read, Read]:
    """(approvals, withdrawals) of the folder of one digest. Names that nobody asked for are told, not read."""
    approvals, withdrawals = Read([], []), Read([], [])
    try:
        with folder.opened(root, digest) as opened:
            if opened is None:
                return approvals, withdrawals
            known = {REQUEST}
            for person in trust.roster.people:
                for ending in (*ENDINGS, WITHDRAWN):
                    name = f"{person}{ending}.yml"
                    known |= {name, f"{name}.sig"}
                    into = withdrawals if ending == WITHDRAWN else approvals
                    one(opened, name, into, trust=trust, at=at, where=digest)
            _strangers(opened, known, approvals)
    except folder.Unreadable as exc:
        approvals.refused.append({"file": digest, "reason": str(exc)})
    for read, decision in ((approvals, "approve"), (withdrawals, "withdraw")):
        other = [one for one in read.given if one.statement["decision"] != decision]
        read.refused.extend({"file": one.file, "reason": f"it says {one.statement['decision']}"} for one in other)
        read.given[:] = [one for one in read.given if one not in other]
    return approvals, withdrawals


def delegations(root: str, delegates: Iterable[str], *, depth: int, trust: Trust, at: datetime) -> tuple[dict[str, list[Given]], list[dict[str, str]]]:
    """({delegate: proved delegations to that person}, {file, reason}), also of those who passed on what they were given."""
    found: dict[str, list[Given]] = {}
    refused: list[dict[str, str]] = []
    todo = set(delegates)
    for _step in range(depth):
        for person in sorted(todo):
            found[person] = _to(root, person, trust, at, refused)
        todo = {one.person for person in todo for one in found[person]} - set(found)
    return found, refused


def digest_of(said: Data) -> str:
    """What a withdrawal of this statement names: there is one way only to write it."""
    return statement.digest(statement.write(said))


def _to(root: str, delegate: str, trust: Trust, at: datetime, refused: list[dict[str, str]]) -> list[Given]:
    read = Read([], refused)
    withdrawn = Read([], refused)
    try:
        with folder.opened(root, DELEGATIONS) as opened:
            for giver in trust.roster.people if opened is not None else ():
                name = f"{giver}--{delegate}"
                one(opened, f"{name}.yml", read, trust=trust, at=at, where=DELEGATIONS)  # type: ignore[arg-type]  # not None here
                one(opened, f"{name}{WITHDRAWN}.yml", withdrawn, trust=trust, at=at, where=DELEGATIONS)  # type: ignore[arg-type]
    except folder.Unreadable as exc:
        refused.append({"file": DELEGATIONS, "reason": str(exc)})
    gone = {(one.person, one.statement["digest"]) for one in withdrawn.given if one.statement["decision"] == "withdraw"}
    fitting = [one for one in read.given if one.statement.get("delegate") == delegate]
    return [one for one in fitting if (one.person, digest_of(one.statement)) not in gone]


def one(opened: int, name: str, into: Read, *, trust: Trust, at: datetime, where: str) -> None:
    file = f"{where[:12]}/{name}"
    try:
        data = folder.read(opened, name)
        if data is None:
            return
        signature = folder.read(opened, f"{name}.sig", limit=folder.SIGNATURE)
        if signature is None:
            raise ValueError(UNSIGNED)
        into.given.append(proved(file, data, signature, trust=trust, at=at))
    except (ValueError, folder.Unreadable) as exc:
        into.refused.append({"file": file, "reason": str(exc)})


def _strangers(opened: int, known: set[str], into: Read) -> None:
    names, more = folder.strangers(opened, known)
    if names:
        tail = " and more" if more or len(names) == folder.STRANGERS else ""
        file = ", ".join(statement.shown(name) for name in names[:3]) + tail
        into.refused.append({"file": file, "reason": "it has the name of nobody in people.yml: not read"})
