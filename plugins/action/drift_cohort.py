# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares hosts among themselves by what the controller's store holds of them."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import environments, outliers, peers
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.severity import LEVELS
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import StoreError, open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings

SPEC = {
    "hosts": {"type": "dict", "required": True},
    "unseen": {"type": "list", "elements": "str", "default": []},
    "subject": {"type": "str", "default": "hosts"},
    "allowed_differences": {"type": "list", "elements": "dict", "default": []},
    "rules": {"type": "dict"},
    "fail_at": {"type": "str", "default": "low", "choices": list(LEVELS)},
    "store": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        # Values out of templates are tagged: only plain data goes on.
        hosts, unseen, declared = plain([args["hosts"], args["unseen"], args["allowed_differences"]])
        faults = environments.faults("hosts", hosts)
        if faults:
            return {**result, "failed": True, "msg": f"Comparing the hosts was refused: {'; '.join(faults)}."}
        variables = settings.templated(task_vars, self._templar.template)
        rules = args["rules"] if args["rules"] is not None else self._templar.template(task_vars.get("evenkeel_drift"))
        try:
            compared = peers.compared(
                hosts,
                open_objects(args["store"] or settings.object_store(variables.get)),
                rules=plain(rules or {}),
                declared=declared,
                today=datetime.now(timezone.utc).date(),
                unseen=unseen,
            )
        except (StoreError, Broken) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        except KeyError as exc:
            return {
                **result,
                "failed": True,
                "msg": f"Comparing the hosts was refused: {exc} is missing in allowed_differences or rules. Next: validate.",
            }
        lines = outliers.lines(args["subject"], compared, len({*hosts, *unseen}))
        failing = outliers.failing(compared["findings"], args["fail_at"])
        # Shown like the text of a debug task: it is what this is run for.
        return {**result, "changed": False, "_ansible_verbose_always": True, **compared, "failing": failing, "msg": lines}
