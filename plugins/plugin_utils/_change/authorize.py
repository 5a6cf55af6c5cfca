# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a change is authorized: by its template, by policy, or by people and the board. Who may approve is not decided here.

Approvals come as plain data, {approver, ...} each; only those that count are passed. Recorded is always by what the change was authorized.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change

Document = Mapping[str, Any]


def answer(change: Change, *, rules: Document, tier: Any, approvals: Sequence[Document], decided: Document | None) -> dict[str, Any]:
    """{granted, by, needed, approvers, meeting, rule, missing}; by is template, policy, approvals or "".

    rules: complete ones. decided: what the board said of this change, from cab.decision(); None when it said nothing.
    """
    level = str(change.opening["assessment"]["level"])
    approvers = sorted({str(one["approver"]) for one in approvals if isinstance(one, Mapping) and one.get("approver")})
    needed = int(rules["approvals"]["emergency" if change.type == "emergency" else level])
    found: dict[str, Any] = {"granted": False, "by": "", "needed": needed, "approvers": approvers, "meeting": None, "rule": "", "missing": []}
    if change.type == "standard":
        name = change.opening["template"]["name"]
        return {**found, "granted": True, "by": "template", "needed": 0, "rule": f"the template {name} of {change.opening['template']['owner']}"}
    if change.type == "normal" and by_policy(level, tier, rules):
        return {**found, "granted": True, "by": "policy", "needed": 0, "rule": f"auto_approve: risk {level} in the tier {tier}"}
    missing = [] if len(approvers) >= needed else [f"{len(approvers)} of {needed} approvals are there"]
    if wants_board(change, tier, rules):
        missing += _of_board(decided)
    return {**found, "granted": not missing, "by": "" if missing else "approvals", "meeting": decided["meeting"] if decided else None, "missing": missing}


def by_policy(level: str, tier: Any, rules: Document) -> bool:
    """Both lists must name it: an empty one approves nothing."""
    return level in rules["auto_approve"]["levels"] and tier in rules["auto_approve"]["tiers"]


def wants_board(change: Change, tier: Any, rules: Document) -> bool:
    """ServiceNow: moderate and high risk go to the CAB, low risk to the manager of the group. An emergency can't wait for a meeting."""
    return change.type == "normal" and str(change.opening["assessment"]["level"]) in rules["cab"]["levels"] and tier in rules["cab"]["tiers"]


def _of_board(decided: Document | None) -> list[str]:
    if decided is None:
        return ["the board has not decided about it"]
    if not decided["valid"]:
        return [f"the meeting {decided['meeting']} was not valid: {'; '.join(decided['why'][:3])}"]
    return [] if decided["decision"] == "approved" else [f"the board said {decided['decision']} in the meeting {decided['meeting']}"]
