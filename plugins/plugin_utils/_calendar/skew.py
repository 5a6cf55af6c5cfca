# SPDX-License-Identifier: GPL-3.0-or-later
"""Time comes from one place, the ledger. A runner whose own clock is far from it would read calendars of another day."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError

LIMIT_SECONDS = 30.0


def check(*, ledger: int, runner: int, newest: int | None = None, limit: float = LIMIT_SECONDS, host: str = "this runner") -> None:
    """Raises CalendarError when the clocks differ by more than `limit` seconds.

    ledger: the store's now; runner: the clock here; newest: the time of the newest entry, which no clock may be far behind: a ledger in a file has
    no clock of its own, so this is what shows that another runner's is ahead or ours behind. All in microseconds since 1970.
    """
    off = (runner - ledger) / 1e6
    if abs(off) > limit:
        raise CalendarError(
            f"The clock of {host} is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} the ledger's ({wall.text(runner // 1_000_000)} against"
            f" {wall.text(ledger // 1_000_000)}), allowed are {limit:g} s. Nothing was decided. Next: set its clock (chronyc tracking, timedatectl)."
        )
    behind = (newest - ledger) / 1e6 if newest is not None else 0.0
    if behind > limit:
        raise CalendarError(
            f"The ledger has an entry of {wall.text((newest or 0) // 1_000_000)}, {behind:.0f} s after the clock of {host}, allowed are {limit:g} s."
            " This clock is behind, or that of the runner which wrote it was ahead. Nothing was decided. Next: compare both with a time server."
        )
