# SPDX-License-Identifier: GPL-3.0-or-later
"""Sections of the evidence document about how ready a service is: observability and backup, from what somebody observed and recorded. Pure.

Both are facts of kind `evidence` in the ledger with the environment of the service:
  subject observability/<service>, body {signals: {logs: bool, metrics: bool, traces: bool, alerts: bool}, source}
  subject backup/<service>, body {verdict, taken_at, restored_at, source}
A signal that nobody looked for, and a service of which nobody recorded anything, is inconclusive. The newest entry of a service counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Entry = Mapping[str, Any]
Services = Mapping[str, Mapping[str, Any]]
KIND = "evidence"
SIGNALS = ("logs", "metrics", "traces", "alerts")
WORST = ("failed", "errored", "inconclusive", "passed")
DATABASES = ("postgresql", "mysql", "sqlite")


def observability(services: Services, entries: Iterable[Entry], environment: str) -> dict[str, Any] | None:
    """{verdict, observed_at, services: [{service, declared, seen, missing, verdict, observed_at, source}]}; None without an application.

    passed: each declared signal was seen. failed: one was looked for and not there. Who declares nothing is inconclusive, not ready.
    """
    newest = _newest(entries, environment, "observability")
    names = sorted(name for name, one in services.items() if one.get("engine") == "application" or one.get("observability"))
    return _together([_observed(name, services[name], newest.get(name)) for name in names], "observed_at")


def backup(services: Services, entries: Iterable[Entry], environment: str) -> dict[str, Any] | None:
    """{verdict, taken_at, restored_at, services: [{service, verdict, taken_at, restored_at, source}]}; None without a database.

    taken_at and restored_at are the oldest of the databases, null when one has none. A backup that nobody restored has restored_at null.
    """
    newest = _newest(entries, environment, "backup")
    names = sorted(name for name, one in services.items() if one.get("engine") in DATABASES)
    return _together([_backed(name, newest.get(name)) for name in names], "taken_at", "restored_at")


def _observed(name: str, service: Mapping[str, Any], entry: Entry | None) -> dict[str, Any]:
    declared = [signal for signal in SIGNALS if signal in (service.get("observability") or ())]
    signals = _mapping(entry["body"].get("signals")) if entry else {}
    seen = [signal for signal in SIGNALS if signals.get(signal) is True]
    denied = any(signals.get(signal) is False for signal in declared)
    missing = [signal for signal in declared if signal not in seen]
    verdict = "failed" if denied else "passed" if declared and not missing else "inconclusive"
    known = {"service": name, "declared": declared, "seen": seen, "missing": missing, "verdict": verdict}
    return {**known, "observed_at": entry["time"] if entry else None, "source": str(entry["body"].get("source") or "") if entry else None}


def _backed(name: str, entry: Entry | None) -> dict[str, Any]:
    body = entry["body"] if entry else {}
    verdict = str(body.get("verdict") or "inconclusive")
    taken = body.get("taken_at") if verdict == "passed" else None
    return {
        "service": name,
        "verdict": verdict if verdict in WORST else "errored",
        "taken_at": taken if isinstance(taken, str) else None,
        "restored_at": body.get("restored_at") if verdict == "passed" and isinstance(body.get("restored_at"), str) else None,
        "source": str(body.get("source") or "") if entry else None,
    }


def _newest(entries: Iterable[Entry], environment: str, what: str) -> dict[str, Entry]:
    found = {}
    for entry in entries:
        if entry["kind"] == KIND and entry["environment"] == environment and str(entry["subject"]).startswith(f"{what}/"):
            found[str(entry["subject"]).partition("/")[2]] = entry
    return found


def _together(services: list[dict[str, Any]], *times: str) -> dict[str, Any] | None:
    if not services:
        return None
    verdict = next(word for word in WORST if any(one["verdict"] == word for one in services))
    known = {name: [one[name] for one in services] for name in times}
    return {"verdict": verdict, **{name: None if None in found else min(found) for name, found in known.items()}, "services": services}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
