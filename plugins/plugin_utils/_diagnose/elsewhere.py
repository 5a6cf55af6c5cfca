# SPDX-License-Identifier: GPL-3.0-or-later
"""How a release fares in the other environments, as far as the ledger knows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._diagnose.model import Place, seconds_of, span
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views

Entry = Mapping[str, Any]
SETTLED = 900.0  # seconds after which a release that nobody took back counts as healthy


def places(entries: Sequence[Entry], environment: str, releases: Iterable[str], *, now: float) -> dict[str, list[Place]]:
    """{release: the other environments where it runs or ran last}."""
    others = sorted({str(entry["environment"]) for entry in entries} - {"", environment})
    running = views.deployments(entries)
    found: dict[str, list[Place]] = {}
    for release in sorted(set(releases) - {""}):
        for other in others:
            own = [entry for entry in entries if entry["environment"] == other]
            services = {name: known for name, known in running.get(other, {}).items() if known["release"] == release}
            place = _place(own, other, release, services, now=now)
            if place:
                found.setdefault(release, []).append(place)
    return found


def _place(own: Sequence[Entry], other: str, release: str, services: Mapping[str, Mapping[str, Any]], *, now: float) -> Place | None:
    last = _last_act(own, release)
    if not services:
        if last is None or last["body"].get("verdict") != "failed":
            return None
        at = seconds_of(last["time"])
        return Place(other, release, (), at, "ill", f"{other}: it did not go out {span(now - at)} ago")
    since = min(seconds_of(known["since"]) for known in services.values())
    names = tuple(sorted(services))
    trouble = _trouble(own, release, since)
    if trouble:
        return Place(other, release, names, since, "ill", f"{other}: {trouble}")
    if now - since < SETTLED:
        return Place(other, release, names, since, "unknown", f"{other}: only since {span(now - since)}")
    return Place(other, release, names, since, "healthy", f"{other}: for {span(now - since)}")


def _last_act(own: Sequence[Entry], release: str) -> Entry | None:
    acts = [entry for entry in own if entry["phase"] == "outcome" and entry["kind"] in ("deployment", "rollback") and entry["release"] == release]
    return acts[-1] if acts else None


def _trouble(own: Sequence[Entry], release: str, since: float) -> str:
    """What was said against it there after it went out; a pass of the same kind takes it back."""
    said: dict[str, str] = {}
    for entry in own:
        if entry["release"] != release or seconds_of(entry["time"]) < since or entry["phase"] == "intent":
            continue
        state, verdict = entry["body"].get("state"), entry["body"].get("verdict")
        if entry["kind"] in ("verification", "validation") and verdict:
            said[str(entry["kind"])] = "" if verdict == "passed" else f"its {entry['kind']} {verdict} at {entry['time']}"
        elif entry["kind"] == "hold":
            said["hold"] = f"held back since {entry['time']}: {entry['body'].get('reason', '')}" if state == "held" else ""
    return next((text for text in said.values() if text), "")
