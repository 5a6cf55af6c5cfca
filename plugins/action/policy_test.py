# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the table tests of policies, on the controller."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents import files as documents
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.policies import beside
from ansible_collections.evenkeel.release.plugins.plugin_utils._documents.report import render as render_faults
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import files, junit, table_report, table_test

SPEC = {
    "policies_dirs": {"type": "list", "elements": "path", "required": True},
    "tests": {"type": "list", "elements": "path", "default": []},
    "junit": {"type": "path"},
    "coverage": {"type": "float", "default": 0},
    "mutations": {"type": "int", "default": 0},
    "mutation_score": {"type": "float", "default": 0},
}


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(SPEC)
        today = datetime.now(timezone.utc).date()
        folders = [str(place) for place in options["policies_dirs"]]
        try:
            policies = files.read([], [], policies_dirs=folders, waivers_dir="", today=today).policies
        except files.PolicyFilesError as exc:
            raise AnsibleActionFail(str(exc)) from exc
        tables = self._tables([str(place) for place in options["tests"]] or beside(folders, "tests"), today)
        results = [table_test.run(case) for case in table_test.cases(tables, policies)]
        rows = [one.as_dict() for one in results]
        covered = table_test.coverage(results, policies)
        mutated = table_test.survivors(results, policies, most=options["mutations"])
        faults = table_report.faults(rows, covered, mutated, coverage=options["coverage"], score=options["mutation_score"])
        changed = self._write(options["junit"], junit.document(rows))
        text = table_report.render(rows, covered, mutated, faults)
        result.update(changed=changed, failed=bool(faults), results=rows, coverage=covered, mutations=mutated, msg=text)
        return result

    @staticmethod
    def _tables(places, today):
        found, faults = documents.read("policy_test", places, today=today)
        if faults:
            raise AnsibleActionFail("The tests of the policies can't be used. " + render_faults(faults, {"tables": len(found)}))
        if not found:
            raise AnsibleActionFail("There is no table of cases: write one into the folder tests beside the policies, or pass tests.")
        return [one.value for one in found]

    def _write(self, place, text):
        """True when the file is new or differs."""
        path = Path(str(place)).expanduser() if place else None
        if path is None or not _files.differs(path, text):
            return False
        if not self._task.check_mode:
            path.parent.mkdir(parents=True, exist_ok=True)
            _files.write(path, text, mode=0o644)
        return True
