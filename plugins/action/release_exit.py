# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the exit checks of a release after its deployment, and record whether it is complete."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import standing
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.source import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest import asked, completion, evidence, identity, manifest_files, table
from ansible_collections.evenkeel.release.plugins.plugin_utils._manifest.errors import ManifestError

SPEC = {
    "version": {"type": "str", "required": True},
    "releases_dir": {"type": "path", "required": True},
    "environment": {"type": "str", "required": True},
    "evidence": {"type": "dict", "default": {}},
    "enforce": {"type": "bool", "default": True},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        args = plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            return {**result, **self._work(args, variables, task_vars)}
        except (ManifestError, DeploymentError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}

    def _work(self, args, variables, task_vars):
        now = datetime.now(timezone.utc)
        url = args["ledger_url"] or settings.ledger_url(variables.get)
        known = asked.gather(task_vars, url, now)
        manifest = manifest_files.find(args["releases_dir"], args["version"], today=now.date())
        identity.refuse_changed(known.entries, manifest)
        view = completion.view(known.entries, manifest, args["environment"])
        if view["state"] == "not_deployed":
            raise ManifestError(f"The exit checks of {args['version']} run after its deployment, and {view['why']}. Deploy it first.")
        document = asked.document(known, manifest, args["environment"], args["evidence"])
        document["standing"] = standing.standing(known.entries, args["version"], known.stages, known.now).get(args["environment"])
        document |= {
            key: value for key, value in evidence.sections(manifest, raw=manifest, entries=known.entries, evidence=document).items() if key != "complete"
        }
        body = completion.body(manifest, document, entry=view["deployment"])
        rows = [[check["name"], check["verdict"], check["needed"], check["problem"] or str(check["found"] or "-")] for check in body["checks"]]
        lines = table.grid(("exit check", "verdict", "needed", "found"), rows) if rows else ["The manifest asks for no exit checks."]
        answer = {"verdict": body["verdict"], "checks": body["checks"], "table": lines, "changed": not self._task.check_mode}
        if not self._task.check_mode:
            entry = NewEntry(identity.KIND, "fact", args["environment"], args["version"], subject=completion.SUBJECT, body=body)
            with session.open_for(url, variables) as store:
                answer["entry"] = session.record(store, entry)
        refused = body["verdict"] != "passed" and args["enforce"]
        words = f"Release {args['version']} is {'complete' if body['verdict'] == 'passed' else 'not complete'} in {args['environment']}."
        return {**answer, "failed": refused, "msg": "\n".join([words, *lines])}
