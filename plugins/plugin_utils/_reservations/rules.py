# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that hold for bookings: those that are declared, and the usual ones where nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations import moments
from ansible_collections.evenkeel.release.plugins.plugin_utils._reservations.errors import ReservationError

Data = Mapping[str, Any]
DAY = 86400
# How far back entries are read: nothing that is booked may reach further, so these are limits of what can be declared.
LONGEST, FARTHEST = 31 * DAY, 366 * DAY
BUFFER = DAY
LOOK_BACK = LONGEST + FARTHEST + DAY


@dataclass(frozen=True)
class Mode:
    shares_with: tuple[str, ...]
    changes: bool


@dataclass(frozen=True)
class Purpose:
    priority: int
    displaces: str = "future"


# Enov8's three modes of use, and two plain ones: users that only look at it may be there together, whoever changes it is alone.
MODES = {
    "exclusive": Mode((), changes=True),
    "code_change": Mode((), changes=True),
    "config_change": Mode((), changes=True),
    "regression": Mode(("regression", "shared"), changes=False),
    "shared": Mode(("regression", "shared"), changes=False),
}
PURPOSES = {
    "incident": Purpose(400, "started"),
    "release": Purpose(300),
    "test": Purpose(200),
    "training": Purpose(100, "nothing"),
}


@dataclass(frozen=True)
class Rules:
    """Lengths are seconds; None means that there is no such limit."""

    conflicts: str = "strict"
    modes: Mapping[str, Mode] = field(default_factory=lambda: MODES)
    purposes: Mapping[str, Purpose] = field(default_factory=lambda: PURPOSES)
    setup: int = 0
    teardown: int = 0
    no_show: int | None = None
    approval_within: int | None = None
    max_length: int = 14 * DAY
    max_ahead: int = 180 * DAY
    auto_approve: Sequence[Data] = ()
    required: Sequence[Data] = ()

    def share(self, one: str, other: str) -> bool:
        """Both have to agree. A mode that nobody knows shares nothing."""
        first, second = self.modes.get(one), self.modes.get(other)
        return bool(first and second and other in first.shares_with and one in second.shares_with)

    def changes(self, mode: str) -> bool:
        return bool((known := self.modes.get(mode)) and known.changes)

    def priority(self, purpose: str) -> int:
        return self.purposes[purpose].priority if purpose in self.purposes else -1


def rules(declared: Data) -> Rules:
    """The value of `rules` of a document that its schema has checked. Raises ReservationError with every fault."""
    values: dict[str, Any] = {name: declared[name] for name in ("conflicts", "auto_approve", "required") if name in declared}
    values |= {name: moments.seconds(declared[name]) for name in _LENGTHS if name in declared}
    if "modes" in declared:
        values["modes"] = {name: Mode(tuple(mode["shares_with"]), bool(mode["changes"])) for name, mode in declared["modes"].items()}
    if "purposes" in declared:
        values["purposes"] = {name: Purpose(each["priority"], each.get("displaces", "future")) for name, each in declared["purposes"].items()}
    made = Rules(**values)
    if faults := [f"rules.{path}: {fault}" for path, fault in rule_faults(declared)]:
        raise ReservationError("The rules for bookings can't be used: " + "; ".join(faults) + ".")
    return made


def rule_faults(declared: Data) -> list[tuple[str, str]]:
    """(key below rules, what is wrong) of what the schema can't say."""
    faults = [
        (name, f"{declared[name]} is more than {moments.length(most)}")
        for name, most in (("max_length", LONGEST), ("max_ahead", FARTHEST), ("setup", BUFFER), ("teardown", BUFFER))
        if name in declared and moments.seconds(declared[name]) > most
    ]
    modes = declared.get("modes") or {name: {"shares_with": list(mode.shares_with)} for name, mode in MODES.items()}
    for name, mode in modes.items():
        for other in mode["shares_with"]:
            if other not in modes:
                faults.append((f"modes.{name}.shares_with", f"{other} is no mode, known: {', '.join(modes)}"))
            elif name not in modes[other]["shares_with"]:
                faults.append((f"modes.{name}.shares_with", f"{other} does not share with {name}; sharing needs both"))
    purposes = declared.get("purposes") or PURPOSES
    for number, rule in enumerate(declared.get("auto_approve") or ()):
        for key, known in (("modes", modes), ("purposes", purposes)):
            faults += [(f"auto_approve[{number}].{key}", f"{name} is unknown, known: {', '.join(known)}") for name in rule.get(key, ()) if name not in known]
    return faults


_LENGTHS = ("setup", "teardown", "no_show", "approval_within", "max_length", "max_ahead")
