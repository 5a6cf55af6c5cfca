# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask for access for a time, grant it, use it, take it back, and ask whether somebody may act."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._access import grant_steps as steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.work import carry_out
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import gather
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.specs import PLACES

WORK = {"checked": steps.checked, "requested": steps.requested, "granted": steps.granted, "used": steps.used, "revoked": steps.revoked, "info": steps.info}
SPEC = {
    **PLACES,
    "state": {"type": "str", "choices": list(WORK), "default": "checked"},
    "environment": {"type": "str", "default": ""},
    "acts": {"type": "list", "elements": "str", "default": []},
    "digest": {"type": "str", "default": ""},
    "valid_for": {"type": "str", "default": "4h"},
    "reason": {"type": "str", "default": ""},
    "environments": {"type": "list", "elements": "dict", "required": True},
    "exports": {"type": "list", "elements": "path", "default": []},
}
REQUIRED_IF = [
    ("state", "checked", ("environment", "acts")),
    ("state", "requested", ("environment", "acts", "reason")),
    ("state", "granted", ("digest",)),
    ("state", "used", ("digest",)),
    ("state", "revoked", ("digest", "reason")),
]


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=REQUIRED_IF)
        found = gather.known(task_vars, self._templar.template)
        return {**result, **carry_out(args, found, WORK, dry=self._task.check_mode)}
