# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plan a deployment, a promotion, a rollback or a recovery from the documents, the ledger and what was observed."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import gather
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import (
    acts,
    canary,
    fallback,
    flag_steps,
    flags,
    holds,
    host,
    inventory,
    phase,
    plan,
    reads,
    recovery,
    resumption,
    rollback_target,
    rollout,
    stages,
    watch,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import of_people, of_release, question, sections
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import settings as governance
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, settings, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists, open_store
from ansible_collections.evenkeel.release.plugins.plugin_utils._migrate.rollback import rollback_allowed

# Everything but the audit trail, which holds an entry for each task of each run, and the answers of the gate.
KINDS = (
    *recovery.DEPLOYING,
    "recovery",
    "step",
    "directive",
    "hold",
    "mark",
    "switch",
    "migration",
    "verification",
    "provision",
    "teardown",
    "data_sync",
    "drift",
    "repair",
    "baseline",
    "validation",
    "flag",
    "approval",
    "evidence",
    "report",
    "release",
)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            argument_spec={
                "environment": {"type": "str", "required": True},
                "act": {"type": "str", "choices": ["deploy", "promote", "rollback", "continue", "recover", "fallback"], "default": "deploy"},
                "version": {"type": "str", "default": ""},
                "service": {"type": "str", "default": ""},
                "force": {"type": "bool", "default": False},
                "exclude": {"type": "list", "elements": "str", "default": []},
                "of": {"type": "str", "default": ""},
                "fallback": {"type": "dict", "default": {}},
                "releases_dir": {"type": "path"},
                "policies_dir": {"type": "path"},
                "endpoints": {"type": "dict", "required": True},
            },
        )
        try:
            variables = gather.known(task_vars, self._templar.template)
            declared = governance.of(task_vars, self._templar.template)
            result.update(Planner(inventory.plain(args), variables, self._ledger(variables), declared).run(), changed=False)
        except (DeploymentError, LedgerError) as exc:
            result.update(failed=True, msg=str(exc))
        return result

    @staticmethod
    def _ledger(variables):
        url = settings.ledger_url(variables.get)
        # Check mode must not create the ledger that the first real run will.
        return reads.Ledger(open_store(url) if exists(url) else None, KINDS)


class Planner:
    def __init__(self, args, task_vars, ledger, declared):
        self.args = args
        self.variables, self.declared = task_vars, declared
        self.groups = inventory.plain(task_vars["groups"])
        self.hostvars = inventory.HostsOnce(task_vars["hostvars"])
        name = args["environment"]
        self.environment, self.services = inventory.environment_of(name=name, groups=self.groups, hostvars=self.hostvars)
        self.ledger = ledger
        self.open = ledger.open_intents(name)
        self.deployed = ledger.deployed()

    def run(self):
        if self.args["act"] == "recover":
            return self._recover()
        if self.args["act"] == "continue":
            return self._continue()
        self._refuse_interrupted()
        if self.args["of"]:
            acts.refuse_another(acts.acts(self.ledger.every, self.args["environment"]), self.args["of"])
        path = self._fallback()
        manifest = inventory.read_manifest(folder=self.args["releases_dir"] or "", version=self._version())
        entries = self._entries(manifest)
        if self.args["act"] != "rollback":
            holds.refuse(entries, environment=self.args["environment"], release=manifest["version"])
        built = plan.build(
            environment=self.args["environment"],
            services=self.services,
            manifest=manifest,
            endpoints=plan.without(self.args["endpoints"], exclude=self.args["exclude"], services=self.services),
            deployed=self.deployed.get(self.args["environment"], {}),
            live=inventory.live_backends(hosts=self.groups[self.args["environment"]], hostvars=self.hostvars),
            hosts=inventory.places(hosts=self.groups[self.args["environment"]], hostvars=self.hostvars),
            only=self.args["service"],
            force=self.args["force"],
            tried=self.args["act"] != "rollback",
        )
        built = flags.attach(built, self.services, groups=self.groups, entries=entries, act=self.args["act"], dark=path.get("dark", False))
        built.update({"fallback": path} if path else {})
        order = []
        if self.args["act"] == "rollback":
            order = rollout.tell_order_back(built, self.services)
        else:
            rollout.check_order(built, self.services)
        today = datetime.now(timezone.utc).date()
        flag_steps.check(built, self.services, today=today)
        canary.check(built, self.services, today=today)
        watch.check(self.services, today=today)
        if any(service["strategy"] == "canary" for service in built["services"]):
            canary.look_back(built, self.services, self.ledger.every)
        self._refuse_unreachable(built)
        asked = self._asked(manifest, built)
        known = self._evidence(asked)
        return {
            "plan": built,
            "says": [*([fallback.tell(path)] if path else []), *plan.tell(built), *order, *flags.tell(built)],
            "dark": flags.to_read(built),
            "release": manifest["version"],
            "evidence": known,
            "identity": of_release.unrecorded(asked),
            "approved": of_people.approved(known),
            "change": of_people.number(known),
            "batches": rollout.forward(built),
            "hosts": host.phases(built, self.services, self._said(), act=self.args["act"]),
            "settle": {
                "forward": recovery.settle_plan(built, forward=True),
                "back": recovery.settle_plan(built, forward=False),
            },
        }

    def _continue(self):
        intent = resumption.choose(self.open, environment=self.args["environment"])
        left = resumption.left(intent, self.ledger.every[self.ledger.every.index(intent) + 1 :])
        release, built = intent["release"], intent["body"]["plan"]
        manifest = inventory.read_manifest(folder=self.args["releases_dir"] or "", version=release)
        holds.refuse(self.ledger.every, environment=self.args["environment"], release=release)
        self._refuse_unreachable(built)
        hosts = ", ".join(host for batch in left["batches"] for host in batch) or "none"
        return {
            "plan": built,
            "says": [f"going on with {release}, which began at {intent['time']} by {intent['actor']['name']}; hosts that are left: {hosts}", *plan.tell(built)],
            "release": release,
            "intent": intent["id"],
            "open": [entry for entry in self.open if entry["id"] != intent["id"]],
            "resume": left["resume"],
            "excluded": left["excluded"],
            "evidence": self._evidence(self._asked(manifest, built, act=intent["body"].get("act", "deploy"))),
            "change": intent["body"].get("change", ""),
            "batches": left["batches"],
            "hosts": host.phases(built, self.services, self._said(), act=intent["body"].get("act", "deploy")),
            "settle": {"forward": recovery.settle_plan(built, forward=True), "back": recovery.settle_plan(built, forward=False)},
        }

    def _recover(self):
        decision = recovery.what_next(entries=self.ledger.every, open_intents=self.open)
        return {"decision": decision, "open": self.open, "found": recovery.tell(open_intents=self.open, decision=decision)}

    def _fallback(self):
        path = self.args["fallback"]
        if bool(path) != (self.args["act"] == fallback.ACT):
            raise DeploymentError(
                f"The act is {self.args['act']}, and a path of a fallback is {'given' if path else 'missing'}: run evenkeel.release.fallback."
            )
        return path

    def _refuse_interrupted(self):
        unfinished = [entry for entry in self.open if entry["kind"] in (*recovery.DEPLOYING, "recovery")]
        if unfinished:
            intent = unfinished[0]
            raise DeploymentError(
                f"A {intent['kind']} of {intent['release']} to {intent['environment']} began at {intent['time']} by {intent['actor']['name']}"
                " and never ended. Run evenkeel.release.recover, or evenkeel.release.continue to go on with it."
            )

    def _refuse_unreachable(self, built):
        known = self._said()
        silent = [name for name in phase.hosts_of(built) if not known.get(name, host.SAYS)["deploy_observed"]]
        if silent:
            raise DeploymentError(
                f"{', '.join(silent)} could not be reached, and {self.args['environment']} must end on one release. Nothing was changed."
                f" Mend the connection, or go on without: -e evenkeel_exclude={','.join(silent)}"
            )

    def _said(self):
        return {name: inventory.said(self.hostvars[name]) for name in self.groups[self.args["environment"]]}

    def _version(self):
        name = self.args["environment"]
        if self.args["act"] == "rollback":
            current = self._running(name)
            verified = self._good(views.verified_releases(self.ledger.every, name))
            chosen = rollback_target.choose(environment=name, current=current, verified=verified, wanted=self.args["version"])
            answer = rollback_allowed(self.ledger.every, current, chosen, environment=name)
            if not answer.allowed:
                raise DeploymentError(answer.reason)
            return chosen
        if self.args["version"]:
            return self.args["version"]
        upstream = self.environment.get("promotes_from")
        if self.args["act"] == "promote" and upstream and self._running(upstream):
            return self._running(upstream)
        raise DeploymentError("evenkeel_version is not set: pass -e evenkeel_version=<release>.")

    def _good(self, releases):
        """Without those that are marked, and by itself without those that their first hour found bad."""
        marked, name, wanted = holds.bad(self.ledger.every), self.args["environment"], self.args["version"]
        return [release for release in releases if release not in marked and (release == wanted or name in views.verified_in(self.ledger.every, release))]

    def _running(self, environment):
        releases = sorted(set(self.deployed.get(environment, {}).values()))
        if len(releases) > 1:
            raise DeploymentError(f"{environment} runs several releases: {', '.join(releases)}. Name one with evenkeel_version.")
        return releases[0] if releases else ""

    def _entries(self, manifest):
        return self.ledger.for_decision(
            environment=self.args["environment"],
            upstream=self.environment.get("promotes_from") or "",
            manifest=manifest,
            before=stages.before(stages.of(stages.documents(self.groups, self.hostvars).values()), self.args["environment"]),
        )

    def _asked(self, manifest, built, act=""):
        return question.Question(
            act=act or self.args["act"],
            environment=self.environment,
            services=self.services,
            manifest=manifest,
            releases_dir=self.args["releases_dir"] or "",
            policies_dir=self.args["policies_dir"] or "",
            plan=built,
            batches=rollout.forward(built),
            now=datetime.now(timezone.utc),
            groups=self.groups,
            hostvars=self.hostvars,
            entries=self._entries(manifest),
            store=self.ledger.store,
            settings=self.declared,
            actor=actor.detect(os.environ, self.variables),
            variables=self.variables,
        )

    def _evidence(self, asked):
        upstream = self.environment.get("promotes_from")
        above = inventory.environment_of(name=upstream, groups=self.groups, hostvars=self.hostvars) if upstream else (None, {})
        return sections.document(asked, above=above, deployed=self.deployed, opened=self.open, fallback=self.args["fallback"] or None)
