# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a calendar may ask for. A file comes from anywhere; reading it must end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError

MAX_BYTES = 2 * 1024 * 1024
MAX_EVENTS = 5000
MAX_DEPTH = 4
MAX_DATES = 2000  # EXDATE and RDATE of one event
MAX_TEXT = 1000
MAX_FAULTS = 50
FIRST_YEAR, LAST_YEAR = 1900, 2199
MAX_SPANS = 200_000
# How far the answers look ahead. Every calendar that repeats does so within a leap year and a month.
HORIZON_DAYS = 400
MAX_HORIZON_DAYS = 800
READ_SECONDS = 20.0


@dataclass(frozen=True)
class Budget:
    """Ends work that takes too long. It is looked at between events, each of which is bounded by itself."""

    clock: Callable[[], float]
    seconds: float = READ_SECONDS
    _since: list[float] = field(default_factory=list)

    def spend(self, doing: str) -> None:
        if not self._since:
            self._since.append(self.clock())
        if self.clock() - self._since[0] > self.seconds:
            raise CalendarError(f"{doing} took longer than {self.seconds:g} s. Next: split the calendar, or simplify its rules.")
