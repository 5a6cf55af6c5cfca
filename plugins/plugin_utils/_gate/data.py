# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ledger knows of the data of an environment: when it was refreshed, and whether that was proved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.views import Readable

Entry = Readable
WORST = ("errored", "failed", "inconclusive", "passed")
UNKNOWN: dict[str, Any] = {"refreshed_at": None, "proved_at": None, "key_id": None, "mode": None, "source": None, "verdict": "inconclusive"}
# They prove the rows that they changed and take the others from the refresh before.
PARTIAL = ("incremental", "differential")


def newest_data(entries: Iterable[Entry], environment: str) -> dict[str, Any] | None:
    """The newest refresh of each database of the environment, taken together; None when there was none.

    A refresh that found nothing to change leaves what was proved before."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if entry["environment"] != environment:
            continue
        if entry["kind"] == "teardown" and entry["phase"] == "outcome" and entry["body"].get("verdict") == "passed":
            found.clear()
        elif entry["kind"] == "data_sync":
            for service in str(entry["subject"]).split(","):
                found[service] = _after(found.get(service), entry, service)
    if not found:
        return None
    services = [{"service": name, **facts} for name, facts in sorted(found.items())]
    return {
        "verdict": next(verdict for verdict in WORST if any(one["verdict"] == verdict for one in services)),
        "proved_at": _oldest(one["proved_at"] for one in services),
        "refreshed_at": _oldest(one["refreshed_at"] for one in services),
        "services": services,
    }


def resets(entry: Entry) -> bool:
    """Whether the refresh says by itself what is there now of each of its databases, so that none before it matters."""
    if entry["phase"] != "outcome" or entry["body"].get("verdict") != "passed":
        return False
    found = mapping(entry["body"].get("databases"))
    done = [mapping(found.get(service)) for service in str(entry["subject"]).split(",")]
    return all(one.get("changed") and one.get("mode") not in PARTIAL for one in done)


def proof_of(one: Mapping[str, Any]) -> str:
    """passed, failed, off, none or empty (says that it passed and shows no check) of what was done to one database."""
    found = mapping(one.get("proof"))
    verdict = str(found.get("verdict") or "none")
    if verdict != "passed":
        return verdict
    if found.get("enabled") is False:
        return "off"
    return "passed" if mapping(found.get("tables")) else "empty"


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _oldest(times: Iterable[str | None]) -> str | None:
    known = list(times)
    return None if None in known else min(str(one) for one in known)


def _after(before: dict[str, Any] | None, entry: Entry, service: str) -> dict[str, Any]:
    known = before or UNKNOWN
    if entry["phase"] == "intent":
        # Running or killed: nobody has told yet whose rows are there.
        return {**known, "verdict": "inconclusive"}
    body = entry["body"]
    verdict = str(body.get("verdict", "errored"))
    if verdict != "passed":
        return {**known, "verdict": verdict if verdict in WORST else "errored"}
    one = mapping(mapping(body.get("databases")).get(service))
    if not one.get("changed"):
        # Looked at and found unchanged: the proof of what is there is as old as before, and as good as that refresh.
        return {**known, "refreshed_at": entry["time"], "verdict": "passed" if known["proved_at"] else "inconclusive"}
    proof, partial = proof_of(one), one.get("mode") in PARTIAL
    proved = proof == "passed" and not (partial and known["proved_at"] is None)
    return {
        "refreshed_at": entry["time"],
        "proved_at": entry["time"] if proved else None,
        "key_id": one.get("key_id"),
        "mode": one.get("mode"),
        "source": body.get("source"),
        "verdict": "passed" if proved else "failed" if proof == "failed" else "inconclusive",
    }
