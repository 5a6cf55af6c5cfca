# SPDX-License-Identifier: GPL-3.0-or-later
"""Emergency changes: how long one may be used, and the review that it owes.

A review that is owed is a fact of kind `change` with the subject `review/<service>` and no environment, so that few entries are to be read:
{verb: owed, change, environment, tier, due}, then {verb: reviewed, change}.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._acts import WAY_BACK
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import times
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.rules import TIERS
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import duration
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SUBJECT = "review/"


def valid_until(opened: datetime, validity: str) -> str:
    try:
        return times.stamp(opened + timedelta(seconds=duration.seconds(validity, option="emergency.validity")))
    except (LedgerError, OverflowError) as exc:
        raise ChangeError(str(exc)) from exc


def due(began: datetime, days: float) -> str:
    return times.stamp(began + timedelta(days=days))


def owed(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reviews that are not recorded yet: {service, change, environment, tier, due}, in the order in which they were owed."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in entries:
        subject, body = str(entry["subject"]), entry["body"]
        if entry["kind"] != "change" or not subject.startswith(SUBJECT) or not isinstance(body, Mapping):
            continue
        service, change = subject.removeprefix(SUBJECT), str(body.get("change"))
        if body.get("verb") == "owed":
            known = {"environment": body.get("environment"), "tier": body.get("tier"), "due": body.get("due")}
            found.setdefault((service, change), {"service": service, "change": change, **known})
        elif body.get("verb") == "reviewed":
            found.pop((service, change), None)
    return list(found.values())


def overdue(entries: Iterable[Mapping[str, Any]], services: Iterable[str], *, environment: str, tier: Any, now: str) -> list[dict[str, Any]]:
    """Reviews of these services whose day has passed, in this environment or in one of its tier or below it.

    A tier that nobody knows owes it everywhere. A due date that can't be read has passed: a review that nobody can date is not forgotten.
    """
    wanted, at = set(services), times.moment(now, name="now")
    return [
        one
        for one in owed(entries)
        if one["service"] in wanted and (one["environment"] == environment or _rank(one["tier"], -1) <= _rank(tier, len(TIERS))) and _passed(one["due"], at)
    ]


def blocks(late: Sequence[Mapping[str, Any]], *, act: str, kind: str) -> str:
    """Why an overdue review stands against this act of a change of this type; "" when it does not."""
    if not late or act in WAY_BACK or kind == "emergency":
        return ""
    told = "; ".join(f"{one['change']} of {one['service']} was due on {str(one['due'])[:10]}" for one in late[:5])
    return f"the review after an emergency is overdue: {told}"


def _passed(due_at: Any, now: datetime) -> bool:
    try:
        return now >= times.moment(due_at, name="due")
    except ChangeError:
        return True


def _rank(tier: Any, unknown: int) -> int:
    return TIERS.index(tier) if tier in TIERS else unknown
