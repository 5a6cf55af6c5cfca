# SPDX-License-Identifier: GPL-3.0-or-later
"""What the calendars say to a deployment that is under way, before each batch: go, or wait at this safe point."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import verdict, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.overrides import Override
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.timeline import Timeline
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.progress import Word

# The way back is never closed.
BACK = "rolling_back"


def word(built: Timeline, at: int, *, step: str = "switching", overrides: Sequence[Override] = ()) -> Word:
    """Word("go", "") or Word("wait", why), as an operator's pause is told: what was begun ends, nothing more begins.

    built: `timeline.build` of what is deployed, once for the run; at: the ledger's now in seconds since 1970. Raises CalendarError when the
    timeline does not reach that far, which stops the deployment as well.
    """
    if step == BACK:
        return Word("go", "")
    refusing = verdict.go(built, at, overrides)
    if refusing is None:
        return Word("go", "")
    if not refusing:
        return Word("wait", f"the calendar: {verdict.ask(built, at, overrides=overrides)['reason']}")
    span = refusing[0]
    until = wall.shown(span.end, span.event.zone)
    return Word("wait", f"the {span.event.kind} {span.name} of the calendar {span.event.calendar}, until {until}: {span.reason or 'no reason given'}")
