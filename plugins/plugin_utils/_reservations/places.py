# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents that a decision needs: those of the inventory and those in files, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.faults import document_faults


def environments(groups: Mapping[str, Sequence[str]], read: Callable[[str], Any]) -> dict[str, Any]:
    """{name: evenkeel_environment}. An environment's name is that of its group, so one host of each group is asked."""
    asked: dict[str, Any] = {}
    found = {}
    for name, hosts in groups.items():
        if hosts and name not in ("all", "ungrouped"):
            if hosts[0] not in asked:
                asked[hosts[0]] = read(hosts[0])
            document = asked[hosts[0]]
            if isinstance(document, Mapping) and document.get("name") == name:
                found[name] = document
    return found


def documents(places: Sequence[str], *, environments: Mapping[str, Any], teams: Any, today: date) -> dict[str, Any]:
    """What world() takes. Raises ReservationError with every fault of every file."""
    if not _is_teams(teams):
        raise ReservationError(
            "teams is not a mapping from the name of a team to a list of people, as in {team-shop: [ann, bob]}. Next: correct evenkeel_teams."
        )
    found, faults = files.read("reservations", places, today=today)
    if not faults:
        faults = document_faults(found, environments=environments, teams=teams)
    if faults:
        raise ReservationError("The bookings as code can't be used. " + render(faults, {"files": len(found)}))
    return {"reservations": [{"file": each.source.file, "value": each.value} for each in found], "environments": environments, "teams": teams}


def _is_teams(teams: Any) -> bool:
    return isinstance(teams, Mapping) and all(isinstance(people, list) and all(isinstance(name, str) for name in people) for people in teams.values())
