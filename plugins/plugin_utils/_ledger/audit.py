# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit trail: results of tasks become entries, cleaned here and written by a process beside the run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, ids, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry, check, clean
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import Redactor, known_secrets
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.writer import Writer

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
    """One run. `variables` are those of its first play. Where it is `strict`, no play begins before the ledger holds that it does."""

    def __init__(self, variables: Mapping[str, Any], *, url: str | None, stream: str, batch: int, strict: bool) -> None:
        url = settings.absolute(url) if url else settings.ledger_url(variables.get)
        self._secrets = {*known_secrets(os.environ, variables), unquote(urlsplit(url).password or "")}
        self._redact = Redactor(self._secrets)
        self._actor = self._redact(actor.detect(os.environ, variables))
        self._writer = Writer(url, batch=batch)
        self._stream, self._strict = stream, strict
        self._environment = str(variables.get("evenkeel_target") or "")
        self._release = str(variables.get("evenkeel_version") or "")
        self.play: dict[str, Any] = {}
        self.start_play()

    def learn(self, variables: Mapping[str, Any]) -> None:
        """A later play may bring secrets of its own."""
        if new := set(known_secrets({}, variables)) - self._secrets:
            self._secrets |= new
            self._redact = Redactor(self._secrets)

    def start_play(self) -> None:
        self.play = {"verdict": "passed", "results": 0, "failed": 0, "unreachable": 0, "changed": 0}

    def add(self, kind: str, phase: str, *, subject: str, body: Mapping[str, Any], durable: bool = False) -> None:
        if kind == "task":
            self._count(body)
        entry = NewEntry(kind, phase, self._environment, self._release, subject, body, self._stream)
        check(entry)
        self._writer.write(clean(entry, actor=self._actor, redact=self._redact), durable=durable, wait=durable and self._strict)

    def _count(self, body: Mapping[str, Any]) -> None:
        self.play["results"] += 1
        self.play["changed"] += body["changed"]
        if body["status"] in ("failed", "unreachable"):
            self.play[body["status"]] += 1
        if body["status"] == "failed":
            self.play["verdict"] = "failed"
        elif body["status"] == "unreachable" and self.play["verdict"] == "passed":
            self.play["verdict"] = "errored"

    def close(self) -> None:
        self._writer.close()
