# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody may approve in the place of somebody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.statement import moment

DEPTH = 3
Data = Mapping[str, Any]


class Mandate(NamedTuple):
    """Groups that the delegate stands for, None for all of the delegator's; through whom, the delegator first."""

    groups: frozenset[str] | None
    through: tuple[str, ...]
    until: datetime


def find(delegator: str, delegate: str, *, given: Callable[[str], list[Data]], ledger: str, environment: str, act: str, at: datetime) -> Mandate:
    """ValueError with the reason. given(person) are the proved statements that delegate to that person.

    A delegate passes it on only where each statement before says again: yes; at most three steps.
    """
    reasons: list[str] = []
    found = _search(delegator, delegate, given, {"ledger": ledger, "environment": environment, "act": act}, at, (), reasons)
    if found is None:
        raise ValueError("; ".join(dict.fromkeys(reasons)) or f"{delegator} delegated nothing to {delegate}")
    return found


def _search(
    delegator: str, delegate: str, given: Callable[[str], list[Data]], asked: Mapping[str, str], at: datetime, below: tuple[str, ...], reasons: list[str]
) -> Mandate | None:
    if len(below) >= DEPTH:
        return None
    for one in given(delegate):
        giver, until = str(one["by"]), moment(one["to"])
        if giver == delegate or giver in below:
            continue
        why = _unfit(one, asked, at, passed_on=bool(below))
        if why:
            reasons.append(f"the delegation of {giver} to {delegate} {why}")
            continue
        own = frozenset(one["groups"]) if one.get("groups") else None
        if giver == delegator:
            return Mandate(own, (giver, *below), until)
        above = _search(delegator, giver, given, asked, at, (giver, *below), reasons)
        if above is not None:
            groups = own if above.groups is None else above.groups if own is None else own & above.groups
            return Mandate(groups, above.through, min(until, above.until))
    return None


def _unfit(one: Data, asked: Mapping[str, str], at: datetime, *, passed_on: bool) -> str:
    if one["ledger"] != asked["ledger"]:
        return f"is for {one['ledger']}"
    if asked["environment"] not in one["environments"]:
        return f"is for {', '.join(one['environments'])}, not for {asked['environment']}"
    if one.get("acts") and asked["act"] not in one["acts"]:
        return f"is for {', '.join(one['acts'])}, not for {asked['act']}"
    if not moment(one["from"]) <= at < moment(one["to"]):
        return f"is valid from {one['from']} to {one['to']}"
    if passed_on and one["again"] != "yes":
        return "may not be passed on"
    return ""
