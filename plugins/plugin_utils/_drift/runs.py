# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own runs on a host, from the ledger: from an intent to its outcome."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.suspects import Candidate, Case

CHANGING = ("deployment", "rollback", "recovery", "promotion", "switch", "migration", "repair", "provision", "teardown", "data_sync", "data_purge")
SLACK = 2.0  # the ledger's clock and the file system's are not the same to the second
NAMING = ("paths", "files", "written", "restored", "items", "path")


@dataclass(frozen=True)
class Run:
    began: float
    ends: float
    who: str
    text: str
    paths: frozenset[str]

    def holds(self, time: float) -> bool:
        return self.began - SLACK <= time <= self.ends + SLACK


def runs(entries: Iterable[Any], environment: str, host: str) -> list[Run]:
    """Of this environment, and of this host where the subject names one; a run without outcome may still go on."""
    seen = list(entries)
    outcomes = {entry["body"].get("intent"): entry for entry in seen if entry["phase"] == "outcome"}
    return [
        _run(entry, outcomes.get(entry["id"]))
        for entry in seen
        if _changes(entry) and entry["environment"] == environment and _concerns(entry["subject"], host)
    ]


def _changes(intent: Any) -> bool:
    """A purge that only reports removes nothing."""
    return intent["phase"] == "intent" and intent["kind"] in CHANGING and not (intent["kind"] == "data_purge" and intent["body"].get("state") == "reported")


def _concerns(subject: str, host: str) -> bool:
    name, slash, _service = subject.partition("/")
    return not slash or name == host


def _run(intent: Any, outcome: Any | None) -> Run:
    named = {str(path) for entry in (intent, outcome) if entry for key in NAMING for path in _texts(entry["body"].get(key))}
    what = " ".join(part for part in (intent["kind"], intent["subject"], intent["release"]) if part)
    ended = f"ended {outcome['body'].get('verdict')} at {outcome['time']}" if outcome else "without an outcome"
    text = f"our {what}, begun {intent['time']}, {ended} (entry {intent['id']})"
    return Run(_seconds(intent["time"]), _seconds(outcome["time"]) if outcome else math.inf, str(intent["actor"]["name"]), text, frozenset(named))


def _texts(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (list, tuple)) else [value] if isinstance(value, str) else []


def _seconds(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def rows_of_runs(case: Case, own: Sequence[Run]) -> Iterator[Candidate]:
    """certain when the run says that it wrote this; else likely at its time, and possible when that is not known."""
    names = {case.path, *case.places, case.path.partition(":")[2]}
    for run in own:
        if run.paths & names and (case.time is None or run.holds(case.time)):
            confidence = "certain"
        elif case.time is not None:
            if not run.holds(case.time):
                continue
            confidence = "likely"
        else:
            confidence = "possible"
        yield Candidate(run.who, run.began if case.time is None else case.time, "ledger", confidence, run.text)
