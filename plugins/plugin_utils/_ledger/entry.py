# SPDX-License-Identifier: GPL-3.0-or-later
"""One entry of the ledger: what a caller asks for, what the store keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import Redactor

PHASES = ("intent", "outcome", "fact")
VERDICTS = ("passed", "failed", "errored", "inconclusive")
KINDS = (
    "provision",
    "teardown",
    "deployment",
    "promotion",
    "rollback",
    "recovery",
    "step",
    "directive",
    "hold",
    "mark",
    "flag",
    "evidence",
    "switch",
    "migration",
    "verification",
    "approval",
    "change",
    "freeze_override",
    "grant",
    "data_sync",
    "data_purge",
    "drift",
    "repair",
    "baseline",
    "gate",
    "lease",
    "spool",
    "archive",
    "reservation",
    "handoff",
    "validation",
    "release",
    "report",
    "task",
    "play",
    "run",
)
# Written by the modules that decide them: what a person records by hand must not pass for a booking or a signature.
DECIDED = ("change", "grant", "reservation", "handoff", "freeze_override", "spool", "archive")
_STREAM = re.compile(r"[a-z][a-z0-9_.:-]{0,63}")


@dataclass(frozen=True)
class NewEntry:
    """What a caller wants recorded. `actor` defaults to the one the store was opened for."""

    kind: str
    phase: str
    environment: str = ""
    release: str = ""
    subject: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    stream: str = "main"
    actor: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Entry:
    """A recorded entry. `time` is RFC 3339 UTC, `prev` and `hash` are hexadecimal SHA-256."""

    id: str
    stream: str
    seq: int
    time: str
    actor: dict[str, Any]
    kind: str
    phase: str
    environment: str
    release: str
    subject: str
    body: dict[str, Any]
    prev: str
    hash: str

    def __getitem__(self, key: str) -> Any:
        """So that the views read an entry and its dictionary alike."""
        try:
            return getattr(self, key)
        except AttributeError:
            raise KeyError(key) from None

    def as_dict(self) -> dict[str, Any]:
        """Its body is the entry's own: whoever changes it copies it first."""
        return dict(self.__dict__)


def check(entry: NewEntry) -> None:
    """Every fault of the entry in one LedgerError."""
    faults = []
    if entry.kind not in KINDS:
        faults.append(f"kind is {entry.kind!r}, allowed: {', '.join(KINDS)}")
    if entry.phase not in PHASES:
        faults.append(f"phase is {entry.phase!r}, allowed: {', '.join(PHASES)}")
    if not _STREAM.fullmatch(entry.stream):
        faults.append(f"stream is {entry.stream!r}, allowed: lower-case letters, digits and _ . : -, at most 64")
    if entry.phase == "outcome":
        if not entry.body.get("intent"):
            faults.append("an outcome needs body.intent, the id of the entry that announced the act")
        if entry.body.get("verdict") not in VERDICTS:
            faults.append(f"an outcome needs body.verdict, found {entry.body.get('verdict')!r}, allowed: {', '.join(VERDICTS)}")
    if faults:
        raise LedgerError(f"Recording a {entry.kind!r} entry was refused, nothing was written: " + "; ".join(faults) + ".")


def clean(entry: NewEntry, *, actor: Mapping[str, Any], redact: Redactor) -> dict[str, Any]:
    """What is written of the entry. actor: of those that name none, redacted before."""
    return {
        "actor": dict(actor) if entry.actor is None else redact(entry.actor),
        "body": redact(entry.body),
        "environment": redact.text(entry.environment),
        "kind": str.__str__(entry.kind),
        "phase": str.__str__(entry.phase),
        "release": redact.text(entry.release),
        "stream": str.__str__(entry.stream),
        "subject": redact.text(entry.subject),
    }
