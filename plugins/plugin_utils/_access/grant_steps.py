# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a grant, each for one run of access_grant. Without a store nothing is written."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._access import grant_book, grants
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.known import Known, every
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.may import may
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import reading, requests, statement, writing
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

Data = Mapping[str, Any]


def requested(known: Known, store: Store | None) -> dict[str, Any]:
    """Ask for acts in an environment, for who runs this; a text for each who may grant it is written."""
    args, name = known.args, str(known.args["environment"])
    asked = grants.request(
        ledger=known.ledger,
        holder=known.person,
        environment=name,
        acts=[str(one) for one in args["acts"]],
        reason=str(args["reason"]),
        at=statement.stamp(known.now),
    )
    seconds = duration.seconds(args["valid_for"], option="valid_for")
    times = {"from": statement.stamp(known.now), "to": statement.stamp(known.now + timedelta(seconds=seconds))}
    words = {key: asked[key] for key in ("ledger", "holder", "environment", "acts", "digest", "reason")}
    told, whys = [], []
    for person in sorted(known.trust.roster.people):
        said = {"statement": statement.FORM, "decision": "grant", "by": person, **words, **times}
        why = grants.unfit(
            said, by=person, ledger=known.ledger, environment=known.environments.get(name, {}), documents=known.trust.access, roster=known.trust.roster
        )
        if why:
            whys.append(why)
            continue
        path = Path(known.root) / grant_book.FOLDER / f"{asked['digest']}-{person}.yml"
        writing.lay(path.parent, path.name, statement.write(said), now=known.now, dry=store is None)
        told.append({"person": person, "path": str(path), "command": writing.command(path)})
    if not told:
        raise ApprovalError(f"Nobody can grant {', '.join(asked['acts'])} in {name} to {asked['holder']}: {'; '.join(sorted(set(whys))[:5])}.")
    if store is not None:
        grant_book.record(store, "requested", asked["digest"], environment=name, body={"request": asked})
    head = f"Asked for {', '.join(asked['acts'])} in {name} for {asked['holder']}. One of these signs and commits:"
    lines = [head, *(f"  {one['person']}: {one['command']}" for one in told)]
    return {"changed": True, "digest": asked["digest"], "statements": told, "msg": "\n".join(lines)}


def granted(known: Known, store: Store | None) -> dict[str, Any]:
    digest = requests.digest_in(known.args)
    read = grant_book.signed(known.root, grant_book.FOLDER, digest, trust=known.trust, now=known.now)
    refused = [one for one in read.refused if one["reason"] != reading.UNSIGNED]
    good = []
    for one in read.given:
        why = _unlike(one.statement, grant_book.find(store, digest) if store is not None else None) or grants.unfit(
            one.statement,
            by=one.person,
            ledger=known.ledger,
            environment=known.environments.get(str(one.statement.get("environment")), {}),
            documents=known.trust.access,
            roster=known.trust.roster,
        )
        if why:
            refused.append({"file": one.file, "reason": f"{one.person}: {why}"})
        else:
            good.append(one)
    before = _one(known, store, digest)
    taken = good[:1] if before.get("state") in ("", "requested", "refused") else []
    entries = [
        grant_book.keep(store, "granted", known.root, grant_book.FOLDER, one, environment=one.statement["environment"]) for one in taken if store is not None
    ]
    if refused and store is not None:
        grant_book.record(store, "refused", digest, environment=str(before.get("environment", "")), body={"refused": refused[:20]})
    failed = bool(refused) or not good
    who = ", ".join(one.person for one in good) or "nobody"
    lines = [f"The grant {digest[:12]} is given by {who}.", *(f"  refused: {one['file']}: {one['reason']}" for one in refused)]
    return {"changed": bool(taken), "failed": failed, "digest": digest, "refused": refused, "entries": entries, "msg": "\n".join(lines)}


def revoked(known: Known, store: Store | None) -> dict[str, Any]:
    """It only takes away, so it needs no signature; who did it is on record."""
    return _note(known, store, "revoked", {"reason": str(known.args["reason"])}, states=("requested", "active", "early"))


def used(known: Known, store: Store | None) -> dict[str, Any]:
    return _note(known, store, "used", {"act": ", ".join(str(one) for one in known.args["acts"])}, states=("active",))


def info(known: Known, store: Store | None) -> dict[str, Any]:
    found = every(known, store)
    lines = [f"{one['digest'][:12]}  {one['state']:9}  {_about(one)}" for one in found]
    return {"changed": False, "grants": found, "msg": "\n".join(lines) or "There are no grants."}


def checked(known: Known, store: Store | None) -> dict[str, Any]:
    """Whether who runs this may do the acts in the environment."""
    name = str(known.args["environment"])
    environment = known.environments.get(name)
    if environment is None:
        raise ApprovalError(f"environments has no document of {statement.shown(name)}. Next: pass it.")
    standing = every(known, store)
    answers = [
        may(known.actor, str(act), environment, known.trust.access, standing, known.now, roster=known.trust.roster, memberships=known.memberships)
        for act in known.args["acts"]
    ]
    verdict = next((word for word in ("failed", "errored") if any(one["verdict"] == word for one in answers)), "passed")
    lines = [f"{one['act']} in {name}: {one['verdict']}. {one['reason'] or '; '.join(one['rules'])} {one['remedy']}".rstrip() for one in answers]
    said = {"changed": False, "failed": verdict != "passed", "verdict": verdict, "access": answers, "msg": "\n".join(lines)}
    if store is not None and verdict != "passed" and not known.dry:
        grant_book.record(store, "denied", "", environment=name, body={"access": answers})
        said["changed"] = True
    return said


def _unlike(said: Data, asked: Data | None) -> str:
    wanted = asked or {}
    differing = [key for key in ("ledger", "holder", "environment", "acts", "digest") if asked is not None and said.get(key) != wanted.get(key)]
    return f"it is not what was asked for: {', '.join(differing)}" if differing else ""


def _one(known: Known, store: Store | None, digest: str) -> dict[str, Any]:
    with contextlib.suppress(StopIteration):
        return next(one for one in every(known, store) if one["digest"] == digest)
    return {"state": ""}


def _note(known: Known, store: Store | None, state: str, body: Data, *, states: Sequence[str]) -> dict[str, Any]:
    digest = requests.digest_in(known.args)
    found = _one(known, store, digest)
    if found["state"] == state:
        return {"changed": False, "digest": digest, "msg": f"The grant {digest[:12]} is {state} already."}
    if found["state"] not in states:
        raise ApprovalError(f"The grant {digest[:12]} can't be {state}: it is {found['state'] or 'not in the ledger'}.")
    if store is not None:
        grant_book.record(store, state, digest, environment=str(found["environment"]), body=body)
    return {"changed": True, "digest": digest, "msg": f"The grant {digest[:12]} is {state}."}


def _about(one: Data) -> str:
    return f"{one.get('holder', '')} {', '.join(one.get('acts', []))} in {one.get('environment', '')}"
