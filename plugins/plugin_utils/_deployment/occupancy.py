# SPDX-License-Identifier: GPL-3.0-or-later
"""When a release ran in an environment without a break, as a whole: on every service that it was brought to. A pure function of the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

Entry = Mapping[str, Any]
Span = tuple[str, str | None]


def spans(entries: Iterable[Entry], release: str) -> dict[str, list[Span]]:
    """{environment: [(from, until)]} as RFC 3339 times, oldest first; until is None while it runs there. Deploying it again is no break."""
    running: dict[str, dict[str, str]] = {}
    brought: dict[str, set[str]] = {}
    began: dict[str, str] = {}
    found: dict[str, list[Span]] = {}
    for entry in entries:
        changed = _changed(entry)
        if changed is None:
            continue
        place = entry["environment"]
        services = running.setdefault(place, {})
        if entry["kind"] == "teardown":
            services.clear()
        services.update(changed)
        mine = {service for service, now in changed.items() if now == release}
        if mine:
            # What an earlier time brought it to counts no longer once it runs nowhere there.
            brought[place] = (brought.get(place, set()) if place in began else set()) | mine
        whole = bool(brought.get(place)) and all(services.get(service) == release for service in brought[place])
        if whole and place not in began:
            began[place] = entry["time"]
        elif not whole and place in began:
            found.setdefault(place, []).append((began.pop(place), entry["time"]))
    for place, since in began.items():
        found.setdefault(place, []).append((since, None))
    return found


def _changed(entry: Entry) -> dict[str, str] | None:
    """{service: release that runs from now on, "" for none}; None when the entry changes nothing."""
    if entry["phase"] != "outcome" or entry["body"].get("verdict") != "passed":
        return None
    if entry["kind"] == "teardown":
        return {}
    return views.services_of(entry) if entry["kind"] in views.DEPLOYING else None
