# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request about a change reads: documents, the inventory, and the entries of the ledger that concern it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._change import documents, gather, past, reads, records, rules, scope
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.records import Change
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.formats import SEMVER
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import Store

Answer = dict[str, Any]
Document = Mapping[str, Any]


class Reading:
    """args: the options of the module. store: None for a ledger that does not exist yet. now: RFC 3339."""

    def __init__(self, args: Answer, *, groups: Mapping[str, Sequence[str]], hostvars: Mapping[str, Mapping[str, Any]], store: Store | None, now: str) -> None:
        self.args, self.store, self.now, self.groups = args, store, now, groups
        self.hostvars = inventory.HostsOnce(hostvars)
        self.environment, self.services = inventory.environment_of(name=args["environment"], groups=self.groups, hostvars=self.hostvars)
        self.declared = self._documents()
        self.rules = rules.complete(self.declared.rules)
        self.entries = self._entries()

    def _plan(self) -> tuple[Answer, Answer]:
        """From the plan of a deployment where there is one, else from the documents, without asking a host."""
        plan, version = self.args["plan"], self.args["release"]
        version = version or str((plan or {}).get("release", ""))
        if not version and self.args["change"]:
            version = records.find(self.entries, self.args["change"]).release
        if not version:
            raise ChangeError("No release is named: pass release, or the plan of a deployment.")
        if not SEMVER.fullmatch(version):
            raise ChangeError(f"The release is {version[:40]!r}; allowed is a semantic version such as 1.2.3.")
        manifest = inventory.read_manifest(folder=self.args["releases_dir"], version=version)
        if plan:
            return self._measured(scope.of_plan(plan, manifest)), manifest
        deployed = views.deployed(reads.deployed(self.store, self.args["environment"]) if self.store else [])
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
        seen = gather.one_way(reads.of_release(self.store, plan["release"], ("migration",)) if self.store else [], plan["release"])
        return scope.measured(plan, one_way=seen if self.args["one_way"] is None else self.args["one_way"])

    def _facts(self, plan: Document, manifest: Document | None) -> tuple[Answer, list[Answer]]:
        name = self.args["environment"]
        last, store = self.rules["history"]["last"], self.store
        history = past.history(reads.history(store, name, services=len(self.services), last=last), name) if store else []
        about = [*reads.of_release(store, plan["release"]), *reads.drift(store, name)] if store else []
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
            entries=about,
            given=self.args,
            preserve=inventory.plain(self.hostvars[self.groups[name][0]].get("evenkeel_preserve")) or None,
            now=self.now,
        ), history

    def _outcome(self, change: Change) -> Answer | None:
        move = change.last("Implement")
        if move is None or self.store is None:
            return None
        deployment = str(move.details.get("deployment"))
        return past.outcome(reads.outcome(self.store, change.environment, deployment), deployment)

    def _documents(self) -> documents.Documents:
        found = documents.read(self.args["changes_dir"], today=date.fromisoformat(self.now[:10]))
        if found.faults:
            raise ChangeError("The documents of changes can't be used. " + render(sorted(set(found.faults)), {"standard changes": len(found.templates)}))
        return found

    def _entries(self) -> list[Answer]:
        """Before a deployment only what concerns it; else the whole register of the environment."""
        if self.store is None:
            return []
        release = self.args["release"] or str((self.args["plan"] or {}).get("release", ""))
        if not release or self.args["state"] not in ("checked", "implementing"):
            return reads.every_change(self.store, self.args["environment"])
        templates = [str(one["name"]) for one in self.declared.templates]
        return reads.changes(self.store, self.args["environment"], release=release, services=self.services, templates=templates)
