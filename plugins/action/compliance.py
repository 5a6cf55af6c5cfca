# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot against a security baseline, on the controller."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.check import check
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.needs import needs
from ansible_collections.evenkeel.release.plugins.plugin_utils._compliance.rules import SEVERITIES, BaselineFault, load
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Broken, StoreError, open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings

SPEC = {
    "baseline": {"type": "str", "required": True},
    "state": {"type": "str", "default": "checked", "choices": ["checked", "needs"]},
    "snapshot": {"type": "dict"},
    "waivers": {"type": "list", "elements": "dict", "default": []},
    "threshold": {"type": "str", "default": "low", "choices": list(SEVERITIES)},
    "store": {"type": "str", "no_log": True},
}
REQUIRED_IF = [("state", "checked", ("snapshot",))]


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=REQUIRED_IF)
        args = plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            baseline = load(args["baseline"])
            if args["state"] == "needs":
                return {**result, "changed": False, "needs": needs(baseline)}
            collectors, items = _seen(args, args["store"] or settings.object_store(variables.get))
        except (BaselineFault, StoreError, Broken, OSError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        answer = check(
            baseline,
            items,
            collectors,
            waivers=args["waivers"],
            today=datetime.now(timezone.utc).date(),
            host=str((task_vars or {}).get("inventory_hostname", "")),
            threshold=args["threshold"],
        )
        return {**result, "changed": False, **answer}


def _seen(args, place):
    """Of a result of drift_snapshot, inline or in the store."""
    given = args["snapshot"]
    inline = given.get("snapshot", given)
    if "items" in inline:
        return inline["collectors"], inline["items"]
    if not given.get("root"):
        raise BaselineFault("The snapshot has neither items nor a root. Give the result of drift_snapshot as it is.")
    record = open_objects(place).record(given["root"])
    return record.collectors, record.all_items()
