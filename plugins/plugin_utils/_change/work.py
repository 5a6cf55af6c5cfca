# SPDX-License-Identifier: GPL-3.0-or-later
"""One request about a change: what is written for it. Everything that is decided is decided elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import authorize, cab, conflicts, describe, opening, past, records, review, risk, steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.reading import Reading
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.standing import standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry

Answer = dict[str, Any]
Document = Mapping[str, Any]


class Work(Reading):
    """What is asked is one of the states of the module."""

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
        for name in ("maintenance", "blackout"):
            conflicts.check_calendars(self.args[name], name=name)
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

    def _record(self, made: list[Answer], number: str, *, dry: bool) -> Answer:
        """All entries or none; then what became of the change is read again, for another run may have been faster."""
        if dry or not made or self.store is None:
            known = records.changes(self.entries).get(number)
            return {"change": known.as_dict() if known else None, "entries": made}
        new = [NewEntry(records.KIND, "fact", one["environment"], one["release"], one["subject"], one["body"]) for one in made]
        written = self.store.append(new)
        change = records.find([entry.as_dict() for entry in self.store.entries(kind="change", environment=self.args["environment"], subject=number)], number)
        if made[0]["body"].get("type", change.type) != change.type:
            raise ChangeError(f"{number} was opened by another run meanwhile, as a {change.type} change. Cancel it, then open it again.")
        mine = {entry.id for entry in written if entry.subject == number and entry.body.get("verb") == "moved"}
        if not mine <= {move.entry for move in change.moves}:
            raise ChangeError(f"{number} was moved by another run meanwhile and is in state {change.state} now; what this run wrote does not count.")
        return {"change": change.as_dict(), "entries": [entry.as_dict() for entry in written]}
