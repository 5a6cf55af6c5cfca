# SPDX-License-Identifier: GPL-3.0-or-later
"""A ledger in the memory, written as the roles write it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

NOON = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def at(minutes: float) -> str:
    return datetime.fromtimestamp(NOON + 60 * minutes, timezone.utc).isoformat().replace("+00:00", "Z")


class Book:
    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def write(self, minutes: float, kind: str, phase: str = "fact", **fields: Any) -> str:
        known = {"environment": "production", "release": "", "subject": "", "body": {}, "actor": {"name": "ann"}, **fields}
        entry = {"id": f"{len(self.entries):04}", "time": at(minutes), "kind": kind, "phase": phase, "stream": "main", **known}
        self.entries.append(entry)
        return str(entry["id"])

    def act(
        self, begin: float, end: float | None, kind: str, *, verdict: str = "passed", intent: dict | None = None, outcome: dict | None = None, **fields: Any
    ) -> str:
        made = self.write(begin, kind, "intent", body=intent or {}, **fields)
        if end is not None:
            self.write(end, kind, "outcome", body={"intent": made, "verdict": verdict, **(outcome or {})}, **fields)
        return made

    def deploy(
        self,
        begin: float,
        end: float | None,
        release: str,
        *,
        service: str = "shop",
        hosts: tuple[str, ...] = ("web1", "web2"),
        verdict: str = "passed",
        **fields: Any,
    ) -> str:
        plan = {"services": [{"service": service, "hosts": {host: {} for host in hosts}}]}
        outcome = (
            {"services": {service: release}}
            if verdict == "passed"
            else {"services": {service: "1.0.0"}, "problems": [{"host": "web1", "phase": "switch", "reason": "too many errors"}]}
        )
        return self.act(begin, end, "deployment", release=release, intent={"plan": plan}, outcome=outcome, verdict=verdict, **fields)

    def drift(self, minutes: float, subject: str, *findings: dict, **fields: Any) -> str:
        verdict = "failed" if findings else "passed"
        return self.write(minutes, "drift", subject=subject, body={"verdict": verdict, "findings": list(findings)}, **fields)


def finding(path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "kind": "changed", "before": {"value": "1"}, "after": {"value": "2"}, "severity": "high", **more}
