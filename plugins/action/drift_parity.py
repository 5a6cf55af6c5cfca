# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares two environments by what the controller's store holds of them."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import environments
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import StoreError, open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings

SPEC = {
    "here": {"type": "dict", "required": True},
    "there": {"type": "dict", "required": True},
    "allowed_differences": {"type": "list", "elements": "dict", "default": []},
    "rules": {"type": "dict"},
    "propose": {"type": "bool", "default": False},
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
        here, there, declared = plain([args["here"], args["there"], args["allowed_differences"]])
        faults = [*environments.faults("here", here), *environments.faults("there", there)]
        if faults:
            return {**result, "failed": True, "msg": f"Comparing the environments was refused: {'; '.join(faults)}."}
        variables = settings.templated(task_vars, self._templar.template)
        rules = args["rules"] if args["rules"] is not None else self._templar.template(task_vars.get("evenkeel_drift"))
        try:
            compared = environments.compared(
                here,
                there,
                open_objects(args["store"] or settings.object_store(variables.get)),
                rules=plain(rules or {}),
                declared=declared,
                today=datetime.now(timezone.utc).date(),
                proposals=args["propose"],
            )
        except (StoreError, Broken) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        except KeyError as exc:
            return {
                **result,
                "failed": True,
                "msg": f"Comparing the environments was refused: {exc} is missing in allowed_differences or rules. Next: validate.",
            }
        return {**result, "changed": False, **compared}
