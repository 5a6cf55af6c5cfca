# SPDX-License-Identifier: GPL-3.0-or-later
"""Drift over time, from what the ledger holds: entries of kind drift and phase fact, oldest first. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.score import overview
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import LEVELS

Entry = Any  # a ledger Entry or its dictionary
Row = dict[str, Any]
Key = tuple[str, str]
UNSURE = ("inconclusive", "errored")


def observations(entries: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry["kind"] == "drift" and entry["phase"] == "fact"]


def points(entries: Iterable[Entry], *, by: str = "day", weights: Mapping[str, Any] | None = None) -> list[Row]:
    """[{when, environment, score, by_severity, subjects}], one per period and environment that was looked at in it, by: day | hour | scan.

    A point holds the newest result of every subject until then, so that a host which was not looked at that day does not count as clean.
    A scan ends where a subject comes again.
    """
    known: dict[str, dict[str, Entry]] = {}
    result: list[Row] = []
    for when, batch in _periods(observations(entries), by):
        for entry in batch:
            known.setdefault(entry["environment"], {})[entry["subject"]] = entry
        result += [_point(when, name, known[name], weights) for name in sorted({entry["environment"] for entry in batch})]
    return result


def _periods(seen: list[Entry], by: str) -> Iterator[tuple[str, list[Entry]]]:
    length = {"day": 10, "hour": 13, "scan": 0}[by]
    batch: list[Entry] = []
    subjects: set[Key] = set()
    for entry in seen:
        key = (entry["environment"], entry["subject"])
        ended = key in subjects if by == "scan" else bool(batch) and batch[0]["time"][:length] != entry["time"][:length]
        if ended:
            yield _when(batch, length), batch
            batch, subjects = [], set()
        batch.append(entry)
        subjects.add(key)
    if batch:
        yield _when(batch, length), batch


def _when(batch: list[Entry], length: int) -> str:
    return str(batch[0]["time"][:length] if length else batch[-1]["time"])


def _point(when: str, environment: str, known: Mapping[str, Entry], weights: Mapping[str, Any] | None) -> Row:
    found = {subject: entry["body"].get("findings") or [] for subject, entry in known.items()}
    counts = Counter(finding["severity"] for findings in found.values() for finding in findings)
    levels = {level: counts[level] for level in LEVELS}
    return {"when": when, "environment": environment, "score": overview(found, weights)["score"], "by_severity": levels, "subjects": len(known)}


def lifetimes(entries: Iterable[Entry]) -> list[Row]:
    """[{environment, subject, path, kind, severity, state, first_seen, since, last_seen, gone_since, gone_by, times}], what is there first.

    state: new (in the newest result alone) | still_there | allowed | unsure (the newest result could not tell) | gone.
    since: when the present episode began; times: number of episodes; gone_by: baseline when another baseline took it away, else repair.
    """
    rows: dict[tuple[str, str, str], Row] = {}
    newest: dict[Key, Entry] = {}
    for entry in observations(entries):
        key = (entry["environment"], entry["subject"])
        _advance(rows, key, entry, newest.get(key))
        newest[key] = entry
    order = {state: place for place, state in enumerate(("new", "still_there", "unsure", "allowed", "gone"))}
    return sorted(rows.values(), key=lambda row: (order[row["state"]], LEVELS.index(row["severity"]), row["environment"], row["subject"], row["path"]))


def _advance(rows: dict[tuple[str, str, str], Row], key: Key, entry: Entry, before: Entry | None) -> None:
    body, time = entry["body"], entry["time"]
    found = {finding["path"]: finding for finding in body.get("findings") or []}
    for path, finding in found.items():
        _seen(rows, (*key, path), finding, time)
    allowed = {finding["path"] for finding in body.get("allowed") or []}
    blind = body.get("verdict") in UNSURE or any(finding["kind"] == "unknown" for finding in found.values())
    for (environment, subject, path), row in rows.items():
        if (environment, subject) != key or path in found or row["state"] == "gone":
            continue
        if path in allowed:
            row["state"] = "allowed"
        elif blind:
            row["state"] = "unsure"
        else:
            other = before is not None and body.get("baseline") != before["body"].get("baseline")
            row.update(state="gone", gone_since=time, gone_by="baseline" if other else "repair")


def _seen(rows: dict[tuple[str, str, str], Row], key: tuple[str, str, str], finding: Mapping[str, Any], time: str) -> None:
    now = {"kind": finding["kind"], "severity": finding["severity"], "last_seen": time}
    row = rows.get(key)
    if row is None:
        names = dict(zip(("environment", "subject", "path"), key))
        rows[key] = {**names, **now, "state": "new", "first_seen": time, "since": time, "gone_since": None, "gone_by": None, "times": 1}
    elif row["state"] == "gone":
        row.update(now, state="new", since=time, gone_since=None, gone_by=None, times=row["times"] + 1)
    else:
        row.update(now, state="still_there")
