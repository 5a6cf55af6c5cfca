# SPDX-License-Identifier: GPL-3.0-or-later
"""All exceptions with what became of them: in force, soon over, expired, and how often they were used. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.values import GateFunctionError, parse_time
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.waivers import DAY

Data = Mapping[str, Any]
ORDER = ("soon", "in_force", "not_yet", "expired", "unknown")


def rows(exceptions: Sequence[Data], entries: Iterable[Data], *, now: str, soon_days: float = 7) -> list[dict[str, Any]]:
    """One row for each, what needs somebody first: {waiver, rule, state, days_left, used, last_used, refused, approver, ticket, scope, expires}.

    entries: those of kind gate, oldest first. used counts the answers in which it covered a rule, refused those in which it did not count.
    state: in_force, soon (ends within soon_days), not_yet, expired, or unknown when its times can't be read.
    """
    used: dict[str, list[str]] = {}
    refused: dict[str, int] = {}
    for entry in entries:
        for note in entry["body"].get("waivers") or []:
            if note.get("used"):
                used.setdefault(note["waiver"], []).append(entry["time"])
            else:
                refused[note["waiver"]] = refused.get(note["waiver"], 0) + 1
    found = [_row(one, now=now, soon=soon_days, used=used.get(one["name"], []), refused=refused.get(one["name"], 0)) for one in exceptions]
    return sorted(found, key=lambda row: (ORDER.index(row["state"]), row["expires"], row["waiver"]))


def text(found: Sequence[Data]) -> str:
    """A line each."""
    if not found:
        return "There are no exceptions."
    counts = {state: sum(row["state"] == state for row in found) for state in ORDER}
    head = ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in counts.items() if number)
    lines = [f"{len(found)} exceptions: {head}."]
    for row in found:
        state = f"{row['state'].replace('_', ' ')}{_left(row['days_left'])}"
        lines.append(f"  {row['waiver']} ({state}): {row['rule']}, approved by {row['approver']}, {row['ticket']}, used {row['used']} times")
    return "\n".join(lines)


def _left(days: float | None) -> str:
    return "" if days is None else f", {days:g} days left" if days >= 0 else f", over for {-days:g} days"


def _row(one: Data, *, now: str, soon: float, used: Sequence[str], refused: int) -> dict[str, Any]:
    state, left = _state(one, now, soon)
    return {
        "waiver": one["name"],
        "rule": one["rule"],
        "state": state,
        "days_left": left,
        "used": len(used),
        "last_used": used[-1] if used else None,
        "refused": refused,
        "approver": one["approver"],
        "ticket": one["ticket"],
        "scope": dict(one["scope"]),
        "expires": one["expires"],
    }


def _state(one: Data, now: str, soon: float) -> tuple[str, float | None]:
    try:
        moment, granted, expires = (parse_time(text) for text in (now, one["granted"], one["expires"]))
    except GateFunctionError:
        return "unknown", None
    left = round((expires - moment).total_seconds() / DAY, 1)
    if moment >= expires:
        return "expired", left
    if moment < granted:
        return "not_yet", left
    return ("soon" if left <= soon else "in_force"), left
