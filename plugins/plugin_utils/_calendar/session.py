# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plugins need of the ledger and of the options of a task: the moment, the entries, times and lengths written by people."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import documents, files, history, overrides, skew, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.model import Calendar
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.formats import timestamp
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids, process, recent
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def now(store: Store | None, *, limit: float = skew.LIMIT_SECONDS) -> int:
    """Seconds since 1970 by the ledger's clock; by this one while there is no ledger. Raises CalendarError when this one is off."""
    runner = ids.now_us()
    if store is None:
        return runner // 1_000_000
    with store.reading() as connection:
        here = store.now(connection)
    newest = store.entries(newest_first=True, limit=1)
    last = ids.microseconds(newest[0].time) if newest else None
    skew.check(ledger=here, runner=runner, newest=last, limit=limit, host=process.host_name())
    return here // 1_000_000


def entries(store: Store | None, environment: str) -> list[dict[str, Any]]:
    """Of evidence.READS as many as `evidence` looks at, oldest first: the newest deployments, what was said to them, and every override."""
    if store is None:
        return []
    runs = store.entries(environment=environment, kind=history.KIND, newest_first=True, limit=2 * history.NEWEST)
    said = store.entries(environment=environment, kind="directive", after=runs[-1].id) if runs else []
    found = [*runs, *said, *store.entries(environment=environment, kind=overrides.KIND)]
    return [entry.as_dict() for entry in recent.ordered(found)]


def calendars(places: Sequence[str], environments: Sequence[Mapping[str, Any]], *, today: date) -> list[Calendar]:
    """Those of the files and of the environment documents. Raises CalendarError with every fault."""
    found, faults = files.read(places, today=today)
    if faults:
        raise CalendarError("The calendars can't be used. " + render(faults, {"calendars": len(found)}))
    return [*found, *(documents.of_environment(each) for each in environments)]


def moment(text: str, option: str) -> int | None:
    """An RFC 3339 time with its zone; None for "". Raises CalendarError."""
    if not text:
        return None
    found = timestamp(text)
    if found is None:
        raise CalendarError(f"{option} is {text!r}, allowed: an RFC 3339 time with its zone such as 2027-12-20T00:00:00Z.")
    return wall.seconds(found, "UTC")


def length(text: str, option: str) -> int | None:
    """45m, 4h, 2d in seconds; None for "". Raises CalendarError."""
    if not text:
        return None
    found = re.fullmatch(r"([1-9]\d{0,6})([smhd])", text)
    if not found:
        raise CalendarError(f"{option} is {text!r}, allowed: a number with s, m, h or d, more than 0, such as 45m.")
    return int(found[1]) * _UNITS[found[2]]


def busy(told: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """[{from, to}] with times of RFC 3339. Raises CalendarError."""
    found = []
    for number, each in enumerate(told):
        begin, end = (moment(str(each.get(key) or ""), f"busy[{number}].{key}") for key in ("from", "to"))
        if begin is None or end is None or end <= begin:
            raise CalendarError(f"busy[{number}] is {dict(each)!r}, allowed: from and to, to after from.")
        found.append((begin, end))
    return found
