# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a deployment, a promotion, a rollback or a recovery from the documents, the ledger and what was observed."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import evidence, inventory, phase, plan, recovery, rollback_target
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists, open_store

DEPLOYING = ("deployment", "rollback")
# Everything but the audit trail, which holds an entry for each task of each run.
KINDS = (*DEPLOYING, "recovery", "switch", "migration", "verification", "provision", "teardown", "data_sync", "drift", "repair", "baseline")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            argument_spec={
                "environment": {"type": "str", "required": True},
                "act": {"type": "str", "choices": ["deploy", "promote", "rollback", "recover"], "default": "deploy"},
                "version": {"type": "str", "default": ""},
                "service": {"type": "str", "default": ""},
                "force": {"type": "bool", "default": False},
                "exclude": {"type": "list", "elements": "str", "default": []},
                "releases_dir": {"type": "path"},
                "endpoints": {"type": "dict", "required": True},
            },
        )
        try:
            result.update(Planner(inventory.plain(args), task_vars, self._entries(task_vars)).run(), changed=False)
        except (DeploymentError, LedgerError) as exc:
            result.update(failed=True, msg=str(exc))
        return result

    def _entries(self, task_vars):
        url = settings.ledger_url(settings.templated(task_vars, self._templar.template).get)
        # Check mode must not create the ledger that the first real run will.
        return [entry.as_dict() for entry in open_store(url).entries(kind=KINDS)] if exists(url) else []


class Planner:
    def __init__(self, args, task_vars, entries):
        self.args = args
        self.groups = inventory.plain(task_vars["groups"])
        self.hostvars = task_vars["hostvars"]
        name = args["environment"]
        self.environment, self.services = inventory.environment_of(name=name, groups=self.groups, hostvars=self.hostvars)
        self.entries = entries
        self.open = [entry for entry in views.open_intents(self.entries) if entry["environment"] == name]
        self.deployed = views.deployed(self.entries)

    def run(self):
        if self.args["act"] == "recover":
            return self._recover()
        self._refuse_interrupted()
        manifest = inventory.read_manifest(folder=self.args["releases_dir"] or "", version=self._version())
        built = plan.build(
            environment=self.args["environment"],
            services=self.services,
            manifest=manifest,
            endpoints=plan.without(self.args["endpoints"], exclude=self.args["exclude"], services=self.services),
            deployed=self.deployed.get(self.args["environment"], {}),
            live=inventory.live_backends(hosts=self.groups[self.args["environment"]], hostvars=self.hostvars),
            only=self.args["service"],
            force=self.args["force"],
        )
        self._refuse_unreachable(built)
        return {
            "plan": built,
            "says": plan.tell(built),
            "release": manifest["version"],
            "evidence": self._evidence(manifest),
            "settle": {
                "forward": recovery.settle_plan(built, forward=True),
                "back": recovery.settle_plan(built, forward=False),
            },
        }

    def _recover(self):
        decisions = []
        for intent in self.open:
            if intent["kind"] in DEPLOYING:
                later = self.entries[self.entries.index(intent) + 1 :]
                decisions.append(recovery.decide(intent=intent, later=later))
        decision = decisions[-1] if decisions else {}
        return {"decision": decision, "open": self.open, "found": recovery.tell(open_intents=self.open, decision=decision)}

    def _refuse_interrupted(self):
        unfinished = [entry for entry in self.open if entry["kind"] in (*DEPLOYING, "recovery")]
        if unfinished:
            intent = unfinished[0]
            raise DeploymentError(
                f"A {intent['kind']} of {intent['release']} to {intent['environment']} began at {intent['time']} by {intent['actor']['name']}"
                " and never ended. Run evenkeel.release.recover first."
            )

    def _refuse_unreachable(self, built):
        silent = [host for host in phase.hosts_of(built) if not self.hostvars[host].get("deploy_observed")]
        if silent:
            raise DeploymentError(
                f"{', '.join(silent)} could not be reached, and {self.args['environment']} must end on one release. Nothing was changed."
                f" Mend the connection, or go on without: -e evenkeel_exclude={','.join(silent)}"
            )

    def _version(self):
        name = self.args["environment"]
        if self.args["act"] == "rollback":
            return rollback_target.choose(
                environment=name, current=self._running(name), verified=views.verified_releases(self.entries, name), wanted=self.args["version"]
            )
        if self.args["version"]:
            return self.args["version"]
        upstream = self.environment.get("promotes_from")
        if self.args["act"] == "promote" and upstream and self._running(upstream):
            return self._running(upstream)
        raise DeploymentError("evenkeel_version is not set: pass -e evenkeel_version=<release>.")

    def _running(self, environment):
        releases = sorted(set(self.deployed.get(environment, {}).values()))
        if len(releases) > 1:
            raise DeploymentError(f"{environment} runs several releases: {', '.join(releases)}. Name one with evenkeel_version.")
        return releases[0] if releases else ""

    def _evidence(self, manifest):
        upstream = self.environment.get("promotes_from")
        return evidence.assemble(
            now=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            act=self.args["act"],
            environment=self.environment,
            upstream=inventory.environment_of(name=upstream, groups=self.groups, hostvars=self.hostvars)[0] if upstream else None,
            manifest=manifest,
            entries=self.entries,
            deployed=self.deployed,
            open_intents=self.open,
        )
