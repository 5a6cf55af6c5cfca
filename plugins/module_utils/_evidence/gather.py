# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that the host knows about who changed these items, and what it could not look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ansible_collections.evenkeel.release.plugins.module_utils._evidence import audit, logins, packages, paths, sessions
from ansible_collections.evenkeel.release.plugins.module_utils._evidence.places import places, words
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.host import Host
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.shape import Unknown

Event = dict[str, Any]
SOURCES = ("package_log", "logins", "sessions", "audit", "file")


def gather(
    host: Host, items: Iterable[str], *, since: float, until: float, config: Mapping[str, str], sources: Iterable[str] = SOURCES, most: int = 500
) -> dict[str, Any]:
    """{sources: {name: {state, reason?}}, events: [the newest `most` per source], items: {key: {places: {path: facts}, package, words}}}."""
    keys = sorted(set(items))
    where = {key: places(key, host, config) for key in keys}
    every = {place for found in where.values() for place in found}
    facts = _items(host, where)
    owners = {row["package"] for row in facts.values() if "package" in row}
    readers: dict[str, Callable[[], list[Event]]] = {
        "package_log": lambda: packages.about(packages.events(host, since, until), owners),
        "logins": lambda: logins.events(host, since, until),
        "sessions": lambda: sessions.events(host, since, until),
        "audit": lambda: audit.events(host, since, every),
    }
    states: dict[str, dict[str, Any]] = {}
    events: list[Event] = []
    for name, read in readers.items():
        if name in sources:
            states[name], found = _read(read, until, most)
            events += found
    result: dict[str, Any] = {"sources": states, "events": sorted(events, key=lambda event: event["time"])}
    if "file" in sources:
        states["file"] = {"state": "read"}
        result["about"] = facts
    return result


def _read(read: Callable[[], list[Event]], until: float, most: int) -> tuple[dict[str, Any], list[Event]]:
    try:
        found = sorted((event for event in read() if event["time"] <= until), key=lambda event: event["time"])
    except Unknown as exc:
        return {"state": "unknown", "reason": str(exc)}, []
    except Exception as exc:  # a log that is not as we know it is no reason to lose the others; its text may quote what was read
        return {"state": "unknown", "reason": f"reading it broke ({type(exc).__name__})"}, []
    state: dict[str, Any] = {"state": "read"}
    if len(found) > most:
        state["left_out"] = len(found) - most
    return state, found[-most:]


def _items(host: Host, where: Mapping[str, list[str]]) -> dict[str, Any]:
    every = sorted({place for found in where.values() for place in found})
    facts = {place: paths.look(host, place) for place in every}
    owners = paths.packages_of(host, every)
    result: dict[str, Any] = {}
    for key, found in where.items():
        # Of several candidates (the folders of units) only those that are there count, unless none is.
        there = [place for place in found if facts[place]["exists"]] or found[:1]
        row: dict[str, Any] = {"places": {place: facts[place] for place in there}, "words": words(key)}
        package = key.partition(":")[2] if key.startswith("package:") else next((owners[place] for place in there if place in owners), "")
        result[key] = {**row, "package": package} if package else row
    return result
