# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of drift scans as the ledger holds them, for the tests of every output."""

from __future__ import annotations

import itertools
import uuid

MODE = {"path": "file:/etc/shop/a b#é.ini", "kind": "changed", "severity": "high", "before": {"mode": "0640"}, "after": {"mode": "0666"}}
KEY = {"path": "config:shop.ini:server.port", "kind": "changed", "severity": "low", "before": {"value": "80"}, "after": {"value": "81"}}
GONE = {"path": "package:deb/openssl:amd64", "kind": "removed", "severity": "critical", "before": {"version": "3"}, "after": None}
BLIND = {"path": "collector:firewall", "kind": "unknown", "severity": "high", "before": None, "after": {"unknown": "nft is not installed"}}
ALLOWED = {**KEY, "reason": "Another port range.", "owner": "team-shop", "expires": "2027-06-30"}
EXPIRED = {**KEY, "expired": {"reason": "Was a trial.", "owner": "team-shop", "expires": "2025-01-01"}}


def result(*findings, allowed=(), verdict=None, score=None, **more):
    verdict = verdict or ("failed" if findings else "passed")
    return {"verdict": verdict, "findings": list(findings), "allowed": list(allowed), "unused": [], "score": score, **more}


class Scans:
    """Entries as the ledger gives them, a second apart."""

    def __init__(self):
        self.entries = []
        self._numbers = itertools.count(1)

    def add(self, subject, body, *, environment="staging", kind="drift", phase="fact"):
        number = next(self._numbers)
        entry = {"id": str(uuid.UUID(int=(number << 80) | (7 << 76) | (2 << 62))), "time": f"2026-01-01T00:00:{number:02d}.000000Z"}
        fields = {"kind": kind, "phase": phase, "environment": environment, "release": "1.0.0", "subject": subject, "body": body, "actor": {"name": "ada"}}
        self.entries.append({**entry, **fields})
        return entry["id"]
