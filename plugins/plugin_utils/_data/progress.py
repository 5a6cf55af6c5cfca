# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a data synchronization, in words for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Reader:
    """The last event of each database of a file that grows."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.offset = 0
        self.last: dict[str, dict[str, Any]] = {}

    def news(self) -> list[str]:
        """A line per database that told something since the last call."""
        try:
            with self.place.open("rb") as stream:
                stream.seek(self.offset)
                text = stream.read()
        except OSError:
            return []
        whole, _newline, _part = text.rpartition(b"\n")
        self.offset += len(whole) + 1 if whole else 0
        fresh = {}
        for line in whole.splitlines():
            event = json.loads(line)
            fresh[str(event.get("name", ""))] = event
        self.last |= fresh
        return [describe(event) for event in fresh.values()]


def describe(event: Mapping[str, Any]) -> str:
    """Such as `shop: copy public.orders, 45 % of 3,000,000 rows, 310,000 rows/s, 12 s left`."""
    words = [f"{event.get('name') or 'data'}: {event.get('phase', 'working')} {event.get('table', '')}".rstrip()]
    rows, whole = event.get("rows"), event.get("rows_estimate")
    if rows is not None:
        # The estimate is the planner's: there can be more rows than it says.
        words.append(f"{min(99, 100 * rows // whole)} % of about {whole:,} rows" if whole else f"{rows:,} rows")
    if event.get("rate"):
        words.append(f"{int(event['rate']):,} rows/s")
    if event.get("seconds_left") is not None:
        words.append(f"about {round(event['seconds_left'])} s left")
    return ", ".join(words)
