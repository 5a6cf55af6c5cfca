# SPDX-License-Identifier: GPL-3.0-or-later
"""What may have changed since the gate said yes, asked anew before every batch: a freeze, the end of a booking, an approval that was withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.progress import Word
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.errors import FAULTS
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance.settings import Settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import Entry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

# Each of them is imported where it is asked: they take a while to load, in every batch, and most environments have none of them.
GO = Word("go", "")
BACK = "rolling_back"
# The entries that bookings are made of.
BOOKINGS = "reservation"


class Place(NamedTuple):
    """environment: its document; the rest as a task has it, so that nothing is templated that nobody asks for."""

    environment: Mapping[str, Any]
    groups: Mapping[str, Sequence[str]]
    hostvars: Any
    settings: Settings
    variables: Mapping[str, Any]
    template: Callable[[Any], Any]


def word(store: Store, intent: Entry, place: Place, *, step: str) -> Word:
    """go, or wait and why: what was begun ends, nothing more begins. The way back is never closed. What can't be told waits. Raises LedgerError."""
    act = str(intent.body.get("act") or "deploy")
    if step == BACK or act == "rollback":
        return GO
    try:
        words = (look(store, intent, place, act, step) for look in (_calendar, _booking, _approvals))
        return next((said for said in words if said.word != "go"), GO)
    except FAULTS as exc:
        return Word("wait", str(exc))


def _calendar(store: Store, intent: Entry, place: Place, _act: str, step: str) -> Word:
    folders = place.settings.places("calendars")
    if not folders and not any(place.environment.get(key) for key in ("windows", "freezes")):
        return GO
    from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import live

    return live.word(
        store,
        places=folders,
        environment=place.environment,
        services=_services(intent),
        release=intent.release,
        deployer=str(intent.actor.get("name") or ""),
        project=place.settings.project,
        step=step,
    )


def _booking(store: Store, intent: Entry, place: Place, act: str, _step: str) -> Word:
    folders = place.settings.places("reservations")
    if not folders and not store.entries(kind=BOOKINGS, environment=intent.environment, limit=1):
        return GO
    from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import bookings

    now = datetime.now(timezone.utc)
    booked = bookings.read(store, intent.environment, settings=place.settings, groups=place.groups, hostvars=place.hostvars, now=now)
    found = booked.standing(who=str(intent.actor.get("name") or ""), act=act, release=intent.release)
    return GO if found["allowed"] else Word("wait", f"the reservations: {found['message']}")


def _approvals(store: Store, intent: Entry, place: Place, act: str, _step: str) -> Word:
    """The intent names what was approved by people; what a rule approved by itself nobody can withdraw."""
    approved = intent.body.get("approved") or {}
    digest = str(approved.get("digest") or "")
    if not digest:
        return GO
    from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import book, gather
    from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import subject as subjects
    from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import of_people

    recorded = [entry["body"].get("request") for entry in book.requests(store, intent.environment, digest)]
    # Anybody may write an entry that is called so.
    asked = [each for each in recorded if subjects.whole(each) and subjects.digest(each) == digest]
    if not asked:
        return Word("wait", f"the approvals: the ledger has no request {digest[:12]}, so nobody can tell whether it still holds")
    answer = of_people.answered(
        asked[-1],
        store=store,
        environment=place.environment,
        settings=place.settings,
        variables=gather.known(place.variables, place.template),
        actor=intent.actor,
        risk=approved.get("risk"),
        now=datetime.now(timezone.utc),
    )
    if answer["verdict"] == "passed":
        return GO
    why = "; ".join(sorted({each["reason"] for each in answer["approvals"]["refused"]})) or "see evenkeel.release.approvals"
    return Word("wait", f"the approvals: {act} of {intent.release} is approved no longer: {why}")


def _services(intent: Entry) -> Sequence[str]:
    return [str(each["service"]) for each in (intent.body.get("plan") or {}).get("services", [])]
