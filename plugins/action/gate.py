# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the policies whether an act may go ahead, and record their answer."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import files, opa_client, why
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import applies, decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.record import body
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.report import render

SPEC = {
    "act": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "release": {"type": "str", "default": ""},
    "policies": {"type": "list", "elements": "dict", "default": []},
    "policies_dir": {"type": "path"},
    "waivers": {"type": "list", "elements": "dict", "default": []},
    "waivers_dir": {"type": "path"},
    "evidence": {"type": "dict", "required": True},
    "ledger_url": {"type": "str", "no_log": True},
    "enforce": {"type": "bool", "default": True},
    "record": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(SPEC)
        if options["enforce"] and not options["record"]:
            raise AnsibleActionFail("An answer that is not recorded lets nothing pass: with record=false, set enforce=false too.")
        now = datetime.now(timezone.utc)
        evidence = self._evidence(options, now)
        documents = self._documents(options, now.date())
        asked = [policy for policy in documents.policies if applies(policy, evidence["act"], evidence["environment"])]
        replies = opa_client.replies(asked, evidence, lambda name: self._templar.template(task_vars[name]) if name in task_vars else None)
        decision = decide(
            documents.policies,
            evidence,
            act=evidence["act"],
            environment=evidence["environment"],
            exceptions=documents.waivers,
            deployer=self._deployer(task_vars),
            replies=replies,
        )
        refused = decision.verdict != "passed"
        table = why.rows(decision, evidence)
        result.update(decision.as_dict(), changed=False, msg=render(decision), why=table)
        if options["record"] and not self._task.check_mode:
            content = body(decision, documents.policies, evidence, exceptions=documents.waivers, replies=replies)
            try:
                result["entry"] = self._record(options, task_vars, content)
            except Exception as exc:  # whatever keeps the answer from being recorded, unrecorded is refused
                raise AnsibleActionFail(f"{result['msg']}\nThe decision could not be recorded, so the act is refused: {exc}") from exc
            result["changed"] = True
        result["failed"] = bool(refused and options["enforce"])
        return result

    @staticmethod
    def _evidence(options, now):
        """The evidence must speak of the act and the environment that are asked about."""
        evidence = {"now": now.isoformat(timespec="seconds"), "act": options["act"], **plain(options["evidence"])}
        environment = evidence.get("environment")
        if not isinstance(environment, dict) or environment.get("name") != options["environment"]:
            found = environment.get("name") if isinstance(environment, dict) else environment
            raise AnsibleActionFail(
                f"The gate was asked about the environment {options['environment']}, but evidence.environment is the document of"
                f" {found!r}. Pass the document evenkeel_environment of {options['environment']}."
            )
        asked = {"act": (evidence["act"], options["act"])}
        manifest = evidence.get("release")
        if options["release"] and isinstance(manifest, dict):
            asked["release"] = (manifest.get("version"), options["release"])
        for name, (found, wanted) in asked.items():
            if found != wanted:
                raise AnsibleActionFail(f"The gate was asked about the {name} {wanted}, but the evidence is about {found!r}. Gather it again.")
        return evidence

    @staticmethod
    def _documents(options, today):
        try:
            return files.read(
                options["policies"],
                options["waivers"],
                policies_dirs=[str(options["policies_dir"])] if options["policies_dir"] else [],
                waivers_dir=str(options["waivers_dir"] or ""),
                today=today,
            )
        except files.PolicyFilesError as exc:
            raise AnsibleActionFail(str(exc)) from exc

    def _deployer(self, task_vars):
        from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, settings

        return str(actor.detect(os.environ, settings.templated(task_vars, self._templar.template)).get("name") or "")

    def _record(self, options, task_vars, content):
        # Imported here so that a broken ledger refuses the act instead of breaking the plugin.
        from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
        from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry

        variables = settings.templated(task_vars, self._templar.template)
        entry = NewEntry(
            kind="gate",
            phase="fact",
            environment=str(options["environment"]),
            release=str(options["release"]),
            subject=str(options["act"]),
            body=content,
        )
        with session.open_for(options["ledger_url"] or settings.ledger_url(variables.get), variables) as store:
            return session.record(store, entry)
