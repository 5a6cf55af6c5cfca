# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell which exceptions from policies there are and how often they were used. Reads only."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._gate import files, waiver_report
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists

SPEC = {
    "policies_dir": {"type": "path", "required": True},
    "waivers_dir": {"type": "path"},
    "soon_days": {"type": "float", "default": 7},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _validated, options = self.validate_argument_spec(SPEC)
        now = datetime.now(timezone.utc)
        folders = [str(options["policies_dir"])]
        try:
            waivers = files.read([], [], policies_dirs=folders, waivers_dir=str(options["waivers_dir"] or ""), today=now.date()).waivers
            entries = self._entries(options, task_vars)
        except (files.PolicyFilesError, LedgerError) as exc:
            raise AnsibleActionFail(str(exc)) from exc
        found = waiver_report.rows(waivers, entries, now=now.isoformat(timespec="seconds"), soon_days=options["soon_days"])
        result.update(changed=False, waivers=found, msg=waiver_report.text(found))
        return result

    def _entries(self, options, task_vars):
        variables = settings.templated(task_vars, self._templar.template)
        url = str(options["ledger_url"] or settings.ledger_url(variables.get))
        if not exists(url):
            return []
        with session.open_for(url, variables) as store:
            return store.entries(kind="gate")
