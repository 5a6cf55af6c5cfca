# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say which declared fallback a release takes, and why it can't go the usual way. Decides only; the gate is asked when it is deployed."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import fallback, inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists, open_store

KINDS = ("gate", "drift")
SPEC = {
    "environment": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "fallback": {"type": "str", "default": ""},
    "reason": {"type": "str", "default": ""},
    "answered": {"type": "list", "elements": "str", "required": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        args = inventory.plain(args)
        try:
            path = self._path(args, task_vars)
        except (DeploymentError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        return {**result, "changed": False, "path": path, "causes": path["causes"], "says": fallback.tell(path)}

    def _path(self, args, task_vars):
        groups, name = inventory.plain(task_vars["groups"]), args["environment"]
        environment, services = inventory.environment_of(name=name, groups=groups, hostvars=task_vars["hostvars"])
        url = settings.ledger_url(settings.templated(task_vars, self._templar.template).get)
        entries = [entry.as_dict() for entry in open_store(url).entries(kind=KINDS)] if exists(url) else []
        known = fallback.causes(entries, environment=environment, release=args["version"], expected=groups[name], answered=args["answered"])
        chosen = fallback.choose(environment, known, wanted=args["fallback"], reason=args["reason"])
        return fallback.resolve(chosen, known, environment=environment, services=services, groups=groups, reason=args["reason"])
