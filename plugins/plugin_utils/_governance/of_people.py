# SPDX-License-Identifier: GPL-3.0-or-later
"""What people decided: the change, the approvals, the duties that keep apart who does what, and who may act at all."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._access import grant_book, known, may
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import book, gather, trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.ask import ask
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.evidence import sections
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.work import Work
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import stages
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.question import Data, Question
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.settings import Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import recent
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store


def change(asked: Question, _known: Data) -> dict[str, Any]:
    """None where changes are not used: no folder of them is named, and none was ever opened for this release here."""
    if not (asked.settings.changes_dir or _opened(asked)):
        return {"change": None}
    args = {
        "state": "checked",
        "environment": asked.name,
        "release": asked.release,
        "change": "",
        "service": "",
        "act": asked.act,
        "plan": asked.plan,
        "changes_dir": asked.settings.changes_dir,
        "releases_dir": asked.releases_dir,
        "incidents": asked.settings.incidents,
        "keys_changed": None,
        "one_way": None,
    }
    work = Work(args, groups=asked.groups, hostvars=asked.hostvars, store=asked.store, now=asked.now.isoformat(timespec="seconds"))
    return {"change": work.run(dry=True)["standing"]}


def _opened(asked: Question) -> bool:
    return any(entry.environment == asked.name for entry in recent.of_release(asked.store, asked.release, ("change",))) if asked.store else False


def approvals(asked: Question, found: Data) -> dict[str, Any]:
    """approvals, duties and access. None where no folder of approvals is named, or no trusted place: what asks for them is then refused."""
    believed = _trust(asked)
    access = _access(asked, believed) if believed else None
    asks = believed is not None and asked.settings.approvals_dir
    said = sections(_approved(asked, believed, found) if asks else None, access)
    proved = said.pop("ledger_approvals")
    # Where approvals are signed, nothing else counts as one.
    return {**said, "ledger": {**found["ledger"], "approvals": proved}} if asks else said


def approved(known: Data) -> dict[str, Any]:
    """{digest, risk} of what people approved, which is looked at again before every batch; empty where nobody had to."""
    found = known.get("approvals") or {}
    return {"digest": found["digest"], "risk": found["risk"]} if found.get("approvers") else {}


def answered(
    subject: Data,
    *,
    store: Store | None,
    environment: Data,
    settings: Settings,
    variables: Data,
    actor: Data,
    risk: str | None,
    now: datetime,
    believed: trust.Trust | None = None,
) -> dict[str, Any]:
    """Whether the subject is approved, by the project's trusted place and folder of approvals. Raises ApprovalError."""
    return ask(
        subject,
        trust=believed or gather.trusted({}, variables, now=now),
        root=gather.root({}, variables),
        store=store,
        environment=dict(environment),
        risk=risk,
        authors=settings.release_authors,
        deployer=actor,
        now=now,
    )


def proved(
    store: Store, *, environment: Data, release: str, settings: Settings, variables: Data, actor: Data, risk: str, now: datetime
) -> list[dict[str, Any]]:
    """{approver} for each person whose proved approval of what was asked for last counts; nobody while it is not approved. Raises ApprovalError."""
    subject = book.last_request(store, str(environment["name"]), release)
    if subject is None:
        return []
    answer = answered(subject, store=store, environment=environment, settings=settings, variables=variables, actor=actor, risk=settings.risk or risk, now=now)
    return list(sections(answer, None)["ledger_approvals"]) if answer["verdict"] == "passed" else []


def number(known: Data) -> str:
    """Of the change that this deployment carries out, "" for none: one that lets it go now."""
    found = known.get("change") or {}
    return str(found["id"]) if found.get("implementable") else ""


def _approved(asked: Question, believed: trust.Trust | None, found: Data) -> dict[str, Any] | None:
    subject = _subject(asked)
    if subject is None or believed is None:
        return None
    return answered(
        subject,
        store=asked.store,
        environment=asked.environment,
        settings=asked.settings,
        variables=asked.variables,
        actor=asked.actor,
        risk=asked.settings.risk or (found.get("change") or {}).get("risk_now"),
        now=asked.now,
        believed=believed,
    )


def _subject(asked: Question) -> dict[str, Any] | None:
    """Exactly what will run; where nothing is planned, what approvals were asked for last."""
    if asked.plan is None:
        return book.last_request(asked.store, asked.name, asked.release) if asked.store else None
    options = {
        "environment": asked.environment,
        "release": asked.manifest,
        "act": asked.act,
        "hosts": asked.groups[asked.name],
        "plan": asked.plan,
        "batches": asked.batches,
        "policies_dir": asked.policies_dir,
        "fingerprint_key": asked.settings.fingerprint_key,
    }
    return gather.gather(options, asked.variables, now=asked.now).subject


def _trust(asked: Question) -> trust.Trust | None:
    if not declared(asked.variables):
        return None
    return gather.trusted({}, asked.variables, now=asked.now)


def declared(variables: Data) -> bool:
    """Whether there is a trusted place at all; one that is named and can't be read is an error, never nothing."""
    try:
        trust.place(variables.get, os.environ)
    except ApprovalError:
        return False
    return True


def _access(asked: Question, believed: trust.Trust) -> dict[str, Any]:
    documents = stages.documents(asked.groups, asked.hostvars)
    ledger = gather.ledger_name({}, asked.variables)
    grants = grant_book.standing(asked.store, trust=believed, ledger=ledger, environments=documents, now=asked.now, environment=asked.name)
    memberships = known.memberships(asked.settings.access_exports)
    return may.may(asked.actor, asked.act, asked.environment, believed.access, grants, asked.now, roster=believed.roster, memberships=memberships)
