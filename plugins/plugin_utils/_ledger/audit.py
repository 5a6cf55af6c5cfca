# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit trail: results of tasks become entries, kept in memory until a batch is full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import ids, session
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import known_secrets

MESSAGE_LENGTH = 1000


def result_entry(data: Mapping[str, Any], *, host: str, task: str, action: str, status: str, milliseconds: int) -> dict[str, Any]:
    """The fields of one result that are kept. Arguments and other return values are not: that is where secrets live."""
    hidden = bool(data.get("censored")) or data.get("_ansible_no_log") is True
    body: dict[str, Any] = {
        "host": host,
        "task": task,
        "action": action,
        "status": status,
        "changed": bool(data.get("changed")),
        "milliseconds": milliseconds,
        "ended": ids.at(ids.now_us()),  # the entry itself carries the time of its batch
    }
    if hidden:
        body["message"] = "[REDACTED]"
    elif message := _message(data):
        body["message"] = message[:MESSAGE_LENGTH]
    if not hidden and isinstance(data.get("rc"), int):
        body["rc"] = data["rc"]
    return {"kind": "task", "phase": "fact", "subject": host, "body": body}


def _message(data: Mapping[str, Any]) -> str:
    for name in ("msg", "stderr", "skip_reason"):
        if isinstance(data.get(name), str) and data[name]:
            return str(data[name])
    return ""


def play_verdict(summaries: Iterable[Mapping[str, int]]) -> str:
    """From the numbers of each host: unreachable means that it could not be told."""
    found = list(summaries)
    if any(host["failures"] for host in found):
        return "failed"
    return "errored" if any(host["unreachable"] for host in found) else "passed"


class Audit:
    """One run. `variables` are those of its first play."""

    def __init__(self, variables: Mapping[str, Any], *, url: str | None, stream: str, batch: int) -> None:
        self._store = session.open_for(url, variables)
        self._stream, self._batch = stream, batch
        self._entries: list[NewEntry] = []
        self._environment = str(variables.get("evenkeel_target") or "")
        self._release = str(variables.get("evenkeel_version") or "")
        self.play: dict[str, Any] = {}
        self.start_play()

    def learn(self, variables: Mapping[str, Any]) -> None:
        """A later play may bring secrets of its own."""
        self._store.hide(known_secrets({}, variables))

    def start_play(self) -> None:
        self.play = {"verdict": "passed", "results": 0, "failed": 0, "unreachable": 0, "changed": 0}

    def add(self, kind: str, phase: str, *, subject: str, body: Mapping[str, Any]) -> None:
        if kind == "task":
            self._count(body)
        self._entries.append(NewEntry(kind, phase, self._environment, self._release, subject, body, self._stream))
        if len(self._entries) >= self._batch:
            self.flush()

    def _count(self, body: Mapping[str, Any]) -> None:
        self.play["results"] += 1
        self.play["changed"] += body["changed"]
        if body["status"] in ("failed", "unreachable"):
            self.play[body["status"]] += 1
        if body["status"] == "failed":
            self.play["verdict"] = "failed"
        elif body["status"] == "unreachable" and self.play["verdict"] == "passed":
            self.play["verdict"] = "errored"

    def flush(self, *, durable: bool = False) -> None:
        entries, self._entries = self._entries, []
        self._store.append(entries, durable=durable)

    def close(self) -> None:
        self.flush(durable=True)
        self._store.close()
