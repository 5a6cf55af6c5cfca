# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked, what may be the cause, and what speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

DEPLOYING = ("deployment", "rollback", "recovery", "promotion", "switch", "migration")


class DiagnoseError(Exception):
    """The question cannot be answered as it was put: what was found, what is needed."""


@dataclass(frozen=True)
class Change:
    """Something that was changed. `moments` are when users could have noticed, ascending; without them it happened in `window`."""

    id: str
    kind: str
    what: str
    who: str = ""
    release: str = ""
    services: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    moments: tuple[float, ...] = ()
    window: tuple[float, float] | None = None
    began: float = 0.0
    size: int = 1
    size_text: str = ""
    verdict: str = ""
    undone: float | None = None
    reached: bool = True
    caused_by: str = ""
    part_of: str = ""
    notes: tuple[str, ...] = ()

    @property
    def earliest(self) -> float:
        return self.window[0] if self.window else self.moments[0]


@dataclass(frozen=True)
class Question:
    """`onset` is when the symptoms began, seconds since 1970; `services` and `hosts` are those that show them, empty for not told.

    `needs` are the services that each service depends on, all the way down. `tolerance` is how far two clocks may be apart.
    """

    environment: str
    onset: float
    services: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tolerance: float = 5.0


@dataclass(frozen=True)
class Place:
    """How a release fares in another environment. `state` is healthy, ill or unknown."""

    environment: str
    release: str
    services: tuple[str, ...]
    since: float
    state: str
    text: str


@dataclass(frozen=True)
class Factor:
    """`value` is in 0..1: what is left of the suspicion after this was looked at."""

    name: str
    value: float
    text: str


@dataclass(frozen=True)
class Suspect:
    """`at` is the moment of the change that is nearest to the onset, `before` how many seconds it was earlier."""

    change: Change
    score: float
    at: float
    before: float
    factors: tuple[Factor, ...]

    def as_dict(self) -> dict[str, Any]:
        change = self.change
        return {
            "score": self.score,
            "kind": change.kind,
            "what": change.what,
            "when": stamp(self.at),
            "until": stamp(change.window[1]) if change.window else None,
            "seconds_before": round(self.before, 1),
            "who": change.who,
            "release": change.release,
            "services": sorted(change.services),
            "hosts": sorted(change.hosts),
            "entry": change.id,
            "part_of": change.part_of,
            "verdict": change.verdict,
            "factors": [{"name": factor.name, "value": round(factor.value, 3), "text": factor.text} for factor in self.factors],
            "notes": list(change.notes),
        }


def stamp(time: float) -> str:
    return datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def span(seconds: float) -> str:
    """In words: 45 s, 12 min, 3.5 h, 2 days."""
    for unit, size, limit in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172800)):
        if abs(seconds) < limit:
            return f"{seconds / size:.3g} {unit}" if size > 1 else f"{seconds:.0f} {unit}"
    return f"{seconds / 86400:.3g} days"
