# SPDX-License-Identifier: GPL-3.0-or-later
"""A shop whose change is about as safe as one can be, and a ledger that takes what the core wants recorded."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import authorize, opening, records, rules, steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.standing import standing

Document = dict[str, Any]
NOW = "2027-03-10T10:00:00Z"  # a Wednesday
SERVICES: dict[str, Document] = {
    "database": {"engine": "postgresql", "hosts": "databases", "criticality": "critical", "users": 10},
    "balancer": {"engine": "haproxy", "hosts": "balancers", "criticality": "high", "users": 10},
    "shop": {
        "engine": "application", "hosts": "shops", "component": "shop", "criticality": "low", "users": 10, "strategy": "rolling",
        "uses": {"database": "database", "balancer": "balancer"}, "probes": [{"name": "front page"}], "smoke": [{"name": "order"}],
    },
    "search": {"engine": "application", "hosts": "searches", "component": "search", "criticality": "low", "users": 10, "strategy": "rolling"},
    "mail": {"engine": "application", "hosts": "mails", "component": "mail", "criticality": "low", "users": 10, "depends_on": ["shop"], "strategy": "rolling"},
}  # fmt: skip
WINDOW = {"name": "mornings", "days": ["wed"], "from": "08:00", "to": "16:00", "timezone": "UTC"}
ENVIRONMENT: Document = {"name": "production", "tier": "production", "owner": "team-shop", "windows": [WINDOW]}
MANIFEST: Document = {
    "version": "1.2.0", "type": "minor", "owner": "team-shop", "summary": "New basket", "changelog": ["basket"],
    "components": {"shop": {"version": "1.2.0", "artifact": "shop.tar.gz", "sha256": "a" * 64}},
    "rollback": {"criteria": ["orders fail"], "max_minutes": 5, "migration": "none"},
}  # fmt: skip
GROUPS = {
    "production": ["s1", "s2", "d1", "d2", "b1", "b2"], "shops": ["s1", "s2"], "databases": ["d1", "d2"], "balancers": ["b1", "b2"],
    "searches": ["s1", "s2"], "mails": ["s1", "s2"],
}  # fmt: skip


def scope(**more: Any) -> Document:
    one = {"service": "shop", "release": "1.2.0", "previous": "1.1.0", "strategy": "rolling", "hosts": ["s1", "s2"], "artifact": "a" * 64}
    return {"environment": "production", "release": "1.2.0", "migration": "none", "services": [{**one}], **more}


def facts(**more: Any) -> Document:
    known = {
        "hosts_total": 20, "hosts_of": {name: GROUPS[one["hosts"]] for name, one in SERVICES.items()}, "zones": {"s1": "a", "s2": "a", "d1": "b", "b1": "c"},
        "keys_changed": 0, "one_way": False, "drift": {"findings": 0, "verdict": "passed"}, "incidents": [], "duration_minutes": 10,
        "rehearsal": {"passed": True, "at": "2027-03-10T08:00:00Z", "environment": "staging", "verdict": "passed", "expires": "2027-03-17T08:00:00Z"},
    }  # fmt: skip
    return {key: value for key, value in {**known, **more}.items() if value is not ...}


def past(failed: int = 0, good: int = 10, *, days: float = 1, service: str = "shop", strategy: str = "rolling") -> list[Document]:
    ended = (datetime.fromisoformat(NOW) - timedelta(days=days)).isoformat()
    one = {"service": service, "release": "1.1.0", "strategy": strategy, "ended": ended, "remediated": False, "seconds": 300.0}
    return [*({**one, "verdict": "passed"} for _each in range(good)), *({**one, "verdict": "failed"} for _each in range(failed))]


SAFE: Document = {"peak": []}


class Ledger:
    """Takes entries as the store does: in order, each with a time of its own."""

    def __init__(self, now: str = NOW) -> None:
        self.entries: list[Document] = []
        self.now = now

    def at(self, now: str) -> Ledger:
        self.now = now
        return self

    def add(self, made: list[Document], *, by: str = "ada") -> None:
        for one in made:
            number = len(self.entries)
            time = (datetime.fromisoformat(self.now) + timedelta(microseconds=number)).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            self.entries.append({"id": f"{number:06d}", "kind": "change", "phase": "fact", "time": time, "actor": {"name": by}, **one})

    def write(self, kind: str, phase: str, *, release: str = "1.2.0", **body: Any) -> str:
        number = len(self.entries)
        time = (datetime.fromisoformat(self.now) + timedelta(microseconds=number)).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        entry = {"id": f"{number:06d}", "kind": kind, "phase": phase, "time": time, "actor": {"name": "ada"}, "environment": "production"}
        self.entries.append({**entry, "release": release, "subject": "", "body": body})
        return str(entry["id"])

    def deploy(self, verdict: str = "passed", *, release: str = "1.2.0", service: str = "shop") -> str:
        plan = {"services": [{"service": service, "strategy": "rolling"}]}
        intent = self.write("deployment", "intent", release=release, plan=plan)
        if verdict:
            self.write("deployment", "outcome", release=release, intent=intent, verdict=verdict, problems=[{"host": "s1", "reason": "it is broken"}])
        return intent

    def open(self, plan: Document | None = None, **more: Any) -> Document:
        options: Document = {"history": past(), "facts": facts(), "declared": SAFE, "services": SERVICES, "environment": ENVIRONMENT}
        found = opening.open_for(plan or scope(), **{**options, "now": self.now, "entries": self.entries, **more})
        self.add(found["entries"])
        return found

    def change(self, number: str) -> records.Change:
        return records.find(self.entries, number)

    def schedule(self, number: str, *, approvers: int = 3, decided: Any = None, **more: Any) -> None:
        change = self.change(number)
        if change.type != "standard":
            self.add(steps.assessed(change))
            change = self.change(number)
        given = [{"approver": f"p{each}"} for each in range(approvers)]
        ruled = rules.complete({"cab": {"levels": [], "tiers": []}, **more.pop("declared", {})})
        granted = authorize.answer(change, rules=ruled, tier="production", approvals=given, decided=decided)
        planned = {"start": "2027-03-10T09:00:00Z", "end": "2027-03-10T12:00:00Z"}
        self.add(steps.scheduled(change, **{"planned": planned, "authorized": granted, **more}))

    def stands(self, plan: Document | None = None, **more: Any) -> Document:
        return standing(self.entries, plan or scope(), **{"act": "deploy", "tier": "production", "now": self.now, **more})

    def implement(self, number: str, deployment: str, **more: Any) -> None:
        stands = self.stands(change=number, **more)
        self.add(steps.implementing(self.change(number), deployment=deployment, standing=stands, days=5, tier="production", now=self.now))
