# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the policies whether an act may go ahead, and record their answer."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render as render_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import Source, plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.engine import decide
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.record import body
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.report import render

SPEC = {
    "act": {"type": "str", "required": True},
    "environment": {"type": "str", "required": True},
    "release": {"type": "str", "default": ""},
    "policies": {"type": "list", "elements": "dict", "default": []},
    "policies_dir": {"type": "path"},
    "evidence": {"type": "dict", "required": True},
    "ledger_url": {"type": "str", "no_log": True},
    "enforce": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(SPEC)
        now = datetime.now(timezone.utc)
        evidence = self._evidence(options, now)
        policies = self._policies(options, now.date())
        decision = decide(policies, evidence, act=evidence["act"], environment=evidence["environment"])
        refused = decision.verdict != "passed"
        result.update(decision.as_dict(), changed=False, msg=render(decision))
        if not self._task.check_mode:
            try:
                result["entry"] = self._record(options, task_vars, body(decision, policies, evidence))
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
    def _policies(options, today):
        faults = []
        policies = [plain(policy) for policy in options["policies"]]
        for number, policy in enumerate(policies):
            faults += check("policy", policy, today=today, source=Source(f"policies[{number}]"))
        if options["policies_dir"]:
            documents, broken = files.read("policy", [str(options["policies_dir"])], today=today)
            policies += [document.value for document in documents]
            faults += broken
        if faults:
            raise AnsibleActionFail("The gate can't use its policies. " + render_faults(faults, {"policies": len(policies)}))
        names = [policy["name"] for policy in policies]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise AnsibleActionFail(f"The gate got two policies of the same name: {', '.join(twice)}. Rename or remove one.")
        return policies

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
