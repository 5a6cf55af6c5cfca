# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries as deployments write them, at seconds since 1970 that a test chooses."""

from __future__ import annotations

from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.ids import at as stamped

Entry = dict[str, Any]
ENVIRONMENT = "production"


class Ledger:
    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, kind: str, phase: str, at: float, *, release: str = "", subject: str = "", **body: Any) -> str:
        name = f"{len(self.entries):04d}-{kind}"
        entry = {"id": name, "kind": kind, "phase": phase, "time": stamped(round(at * 1e6)), "environment": ENVIRONMENT, "release": release}
        self.entries.append({**entry, "subject": subject, "actor": {"name": "ada"}, "body": body})
        return name

    def deploy(self, release: str, at: float, *, verdict: str = "passed", kind: str = "deployment", service: str = "shop", **more: Any) -> str:
        """Begun at `at`, switched ten seconds later, verified and over after twenty. verdict "" leaves it open."""
        intent = self.add(kind, "intent", at, release=release, plan={"services": [{"service": service, "release": release, **more}]})
        switch = self.add("switch", "intent", at + 9, release=release, subject=service, to="green", deployment=intent)
        self.add("switch", "outcome", at + 10, release=release, subject=service, intent=switch, verdict="passed", to="green")
        if verdict == "passed":
            self.add("verification", "fact", at + 15, release=release, intent=intent, verdict="passed")
        if verdict:
            self.add(kind, "outcome", at + 20, release=release, intent=intent, verdict=verdict, services={service: release})
        return intent
