# SPDX-License-Identifier: GPL-3.0-or-later
"""One request about a change: what is read of documents and ledger for it, and what is written. Everything that is decided is decided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import (
    authorize,
    cab,
    conflicts,
    describe,
    documents,
    gather,
    opening,
    past,
    records,
    review,
    risk,
    rules,
    scope,
    steps,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.standing import standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

Answer = dict[str, Any]
Document = Mapping[str, Any]


class Work:
    """args: the options of the module. store: None for a ledger that does not exist yet. now: RFC 3339."""

    def __init__(self, args: Answer, *, groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], store: Store | None, now: str) -> None:
        self.args, self.store, self.now, self.groups = args, store, now, groups
        self.hostvars = inventory.HostsOnce(hostvars)
        self.environment, self.services = inventory.environment_of(name=args["environment"], groups=self.groups, hostvars=self.hostvars)
        self.declared = self._documents()
        self.rules = rules.complete(self.declared.rules)
        self.entries = self._entries()

    def run(self, *, dry: bool) -> Answer:
        if self.args["state"] == "opened":
            return self._open(dry)
        if self.args["state"] == "checked" and not self.args["change"]:
            return self._standing()
        change = records.find(self.entries, self.args["change"])
        if change.environment != self.args["environment"]:
            raise ChangeError(f"{change.id} is about {change.environment}, not {self.args['environment']}.")
        if self.args["state"] == "checked":
            return self._shown(change)
        walks = {
            "assessed": self._assessed,
            "scheduled": self._scheduled,
            "implementing": self._implementing,
            "reviewed": self._reviewed,
            "closed": self._closed,
            "canceled": self._canceled,
            "reverted": self._reverted,
        }
        return {"changed": True, **self._record(walks[self.args["state"]](change), change.id, dry=dry)}

    def _open(self, dry: bool) -> Answer:
        plan, manifest = self._plan()
        facts, history = self._facts(plan, manifest)
        found = opening.open_for(
            plan,
            services=self.services,
            environment=self.environment,
            history=history,
            facts=facts,
            now=self.now,
            entries=self.entries,
            declared=self.declared.rules,
            templates=self.declared.templates,
            emergency=self.args["emergency"],
            summary=self.args["summary"] or (manifest or {}).get("summary", ""),
            assigned_to=self.args["assigned_to"],
            planned={"start": self.args["start"], "end": self.args["end"]},
        )
        made = found.pop("entries")
        said = {"assessment": found["assessment"], "gaps": found["gaps"], "number": found["change"], "papers": self._papers(plan, manifest, facts)}
        return {"changed": found["opened"], **self._record(made, found["change"], dry=dry), **said}

    def _assessed(self, change: Change) -> steps.Entries:
        return steps.assessed(change, notes=self.args["notes"])

    def _scheduled(self, change: Change) -> steps.Entries:
        planned = {"start": self.args["start"], "end": self.args["end"]}
        if not any(planned.values()):
            planned = change.opening.get("planned") or {}
        tier = self.environment.get("tier")
        since = max([change.opened_at, *(move.at for move in change.moves if move.to == "New")])
        decided = None
        if authorize.wants_board(change, tier, self.rules) and self.declared.roster:
            criticality = cab.worst(self.services, change.services)
            decided = cab.decision(self.entries, change.id, roster=self.declared.roster, criticality=criticality, since=since)
        granted = authorize.answer(change, rules=self.rules, tier=tier, approvals=self.args["approvals"], decided=decided)
        return steps.scheduled(change, planned=planned, authorized=granted, conflicts=self._conflicts(change, planned), accepted=self.args["accept_conflicts"])

    def _implementing(self, change: Change) -> steps.Entries:
        plan, manifest = self._plan()
        stands = self._stands(plan, manifest, change.id)
        days, tier = self.rules["emergency"]["review_days"], self.environment.get("tier")
        return steps.implementing(change, deployment=self.args["deployment"], standing=stands, days=days, tier=tier, now=self.now)

    def _reviewed(self, change: Change) -> steps.Entries:
        return steps.reviewed(change, outcome=self._outcome(change), given=self.args["review"])

    def _closed(self, change: Change) -> steps.Entries:
        return steps.closed(change, code=self.args["close_code"], notes=self.args["notes"], outcome=self._outcome(change))

    def _canceled(self, change: Change) -> steps.Entries:
        return steps.canceled(change, reason=self.args["reason"])

    def _reverted(self, change: Change) -> steps.Entries:
        return steps.reverted(change, reason=self.args["reason"])

    def _conflicts(self, change: Change, planned: Document) -> list[dict[str, str]]:
        windows, freezes = conflicts.of_environment(self.environment, planned.get("start"), planned.get("end"))
        mine = {**conflicts.as_planned(change), **planned}
        others = [conflicts.as_planned(one) for one in records.changes(self.entries).values()]
        return conflicts.detect(mine, others, self.services, maintenance=[*windows, *self.args["maintenance"]], blackout=[*freezes, *self.args["blackout"]])

    def _standing(self) -> Answer:
        plan, manifest = self._plan()
        return {"changed": False, "standing": self._stands(plan, manifest, ""), "msg": ""}

    def _stands(self, plan: Document, manifest: Document, change: str) -> Answer:
        facts, history = self._facts(plan, manifest)
        known = risk.assess(plan, self.services, self.environment, history, facts, self.now, rules=self.declared.rules)
        tier, act = self.environment.get("tier"), self.args["act"]
        return standing(self.entries, plan, act=act, tier=tier, now=self.now, assessment=known, templates=self.declared.templates, change=change)

    def _shown(self, change: Change) -> Answer:
        """The papers tell what is known now of what the change covers."""
        plan = change.opening["scope"]
        manifest = inventory.read_manifest(folder=self.args["releases_dir"], version=change.release) if self.args["releases_dir"] else None
        facts, history = self._facts(plan, manifest)
        written = self._papers(plan, manifest, facts)
        outcome = self._outcome(change)
        minutes = past.minutes(history, change.services)
        return {
            "changed": False,
            "change": change.as_dict(),
            "papers": written,
            "sheet": describe.sheet(change, written),
            "review_sheet": review.paper(change, outcome, minutes=minutes, incidents=self.args["incidents"]),
            "outcome": outcome,
        }

    def _papers(self, plan: Document, manifest: Document | None, facts: Document) -> dict[str, list[str]]:
        return describe.papers(plan, services=self.services, environment=self.environment, manifest=manifest, facts=facts, rules=self.rules)

    def _plan(self) -> tuple[Answer, Answer]:
        """From the plan of a deployment where there is one, else from the documents, without asking a host."""
        plan, version = self.args["plan"], self.args["release"]
        version = version or str((plan or {}).get("release", ""))
        if not version and self.args["change"]:
            version = records.find(self.entries, self.args["change"]).release
        if not version:
            raise ChangeError("No release is named: pass release, or the plan of a deployment.")
        manifest = inventory.read_manifest(folder=self.args["releases_dir"], version=version)
        if plan:
            return self._measured(scope.of_plan(plan, manifest)), manifest
        deployed = views.deployed(self._read(kind=("deployment", "rollback", "recovery", "teardown"), environment=self.args["environment"]))
        found = scope.of_documents(
            environment=self.args["environment"],
            services=self.services,
            manifest=manifest,
            groups=self.groups,
            deployed=deployed.get(self.args["environment"], {}),
            only=self.args["service"],
        )
        return self._measured(found), manifest

    def _measured(self, plan: Answer) -> Answer:
        seen = gather.one_way(self._read(kind="migration", release=plan["release"]), plan["release"])
        return scope.measured(plan, one_way=seen if self.args["one_way"] is None else self.args["one_way"])

    def _facts(self, plan: Document, manifest: Document | None) -> tuple[Answer, list[Answer]]:
        name = self.args["environment"]
        history = past.history(self._read(kind=past.READS, environment=name), name)
        about = self._read(kind=("validation", "migration", *past.READS), release=plan["release"])
        hosts = sorted({host for each in plan["services"] for host in each["hosts"]} | set(self.groups.get(name, ())))
        known = [host for host in hosts if host in self.groups["all"]]
        zones = {host: str(inventory.plain(self.hostvars[host].get("evenkeel_zone", ""))) for host in known}
        return gather.facts(
            scope=plan,
            services=self.services,
            environment=self.environment,
            manifest=manifest,
            groups=self.groups,
            zones=zones,
            history=history,
            entries=[*about, *self._read(kind="drift", environment=name)],
            given=self.args,
            preserve=inventory.plain(self.hostvars[self.groups[name][0]].get("evenkeel_preserve")) or None,
            now=self.now,
        ), history

    def _outcome(self, change: Change) -> Answer | None:
        move = change.last("Implement")
        return past.outcome(self._read(kind=past.READS, environment=change.environment), str(move.details.get("deployment"))) if move else None

    def _documents(self) -> documents.Documents:
        found = documents.read(self.args["changes_dir"], today=date.fromisoformat(self.now[:10]))
        if found.faults:
            raise ChangeError("The documents of changes can't be used. " + render(sorted(set(found.faults)), {"standard changes": len(found.templates)}))
        return found

    def _entries(self) -> list[Answer]:
        """Those of the environment, then those of none: reviews that are owed, uses of templates, minutes."""
        return sorted([*self._read(kind="change", environment=self.args["environment"]), *self._read(kind="change", environment="")], key=lambda one: one["id"])

    def _read(self, **wanted: Any) -> list[Answer]:
        return [entry.as_dict() for entry in self.store.entries(**wanted)] if self.store else []

    def _record(self, made: list[Answer], number: str, *, dry: bool) -> Answer:
        """All entries or none; then what became of the change is read again, for another run may have been faster."""
        if dry or not made or self.store is None:
            known = records.changes(self.entries).get(number)
            return {"change": known.as_dict() if known else None, "entries": made}
        new = [NewEntry(records.KIND, "fact", one["environment"], one["release"], one["subject"], one["body"]) for one in made]
        written = self.store.append(new)
        change = records.find([entry.as_dict() for entry in self.store.entries(kind="change", environment=self.args["environment"], subject=number)], number)
        mine = {entry.id for entry in written if entry.subject == number and entry.body.get("verb") == "moved"}
        if not mine <= {move.entry for move in change.moves}:
            raise ChangeError(f"{number} was moved by another run meanwhile and is in state {change.state} now; what this run wrote does not count.")
        return {"change": change.as_dict(), "entries": [entry.as_dict() for entry in written]}
