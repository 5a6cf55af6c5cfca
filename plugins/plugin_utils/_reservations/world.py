# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared, as one value: lanes, rules, bookings as code, environments and who is in which team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.rules import Rules, rules

Data = Mapping[str, Any]


@dataclass(frozen=True)
class World:
    """`environments`: {name: document evenkeel_environment}; `teams`: {team: [people]}; `declared`: (file, booking) as the documents write them."""

    rules: Rules = field(default_factory=Rules)
    lanes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environments: Mapping[str, Data] = field(default_factory=dict)
    teams: Mapping[str, Sequence[str]] = field(default_factory=dict)
    declared: Sequence[tuple[str, Data]] = ()

    def owner(self, environment: str) -> str:
        return str((self.environments.get(environment) or {}).get("owner") or "")

    def tier(self, environment: str) -> str:
        return str((self.environments.get(environment) or {}).get("tier") or "")

    def in_team(self, person: str, team: str) -> bool:
        """Somebody is a member of a team that lists them, and of the one that has their own name."""
        return bool(person and team) and (person == team or person in self.teams.get(team, ()))

    def owns(self, person: str, environments: Sequence[str]) -> bool:
        return bool(environments) and all(self.in_team(person, self.owner(name)) for name in environments)


def world(documents: Data) -> World:
    """`documents`: {reservations: [checked documents, or {file, value}], environments, teams}. Raises ReservationError."""
    lanes: dict[str, tuple[str, ...]] = {}
    declared: list[tuple[str, Data]] = []
    chosen: list[Data] = []
    for number, each in enumerate(documents.get("reservations") or ()):
        value, file = (each["value"], str(each["file"])) if set(each) == {"file", "value"} else (each, f"reservations[{number}]")
        lanes |= {name: tuple(members) for name, members in (value.get("lanes") or {}).items()}
        declared += [(file, booking) for booking in value.get("bookings") or ()]
        chosen += [value["rules"]] if "rules" in value else []
    if len(chosen) > 1:
        raise ReservationError(f"{len(chosen)} documents have rules for bookings, allowed is one. Next: put the rules into one file.")
    return World(
        rules=rules(chosen[0]) if chosen else Rules(),
        lanes=lanes,
        environments=dict(documents.get("environments") or {}),
        teams={str(team): list(map(str, people)) for team, people in (documents.get("teams") or {}).items()},
        declared=tuple(declared),
    )
