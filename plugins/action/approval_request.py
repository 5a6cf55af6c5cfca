# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what people are to sign."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import gather, requests
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.specs import PLACES, SUBJECT
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

LIST = {"type": "list", "elements": "str", "default": []}
SPEC = {
    **PLACES,
    **SUBJECT,
    "statement": {"type": "str", "choices": ["approve", "withdraw", "delegate"], "default": "approve"},
    "people": LIST,
    "mandate": {"type": "str", "default": ""},
    "delegate": {"type": "str", "default": ""},
    "environments": LIST,
    "acts": LIST,
    "groups": LIST,
    "again": {"type": "bool", "default": False},
    "digest": {"type": "str", "default": ""},
    "authors": {"type": "list", "elements": "dict", "default": []},
    "valid_for": {"type": "str", "default": "2d"},
    "reason": {"type": "str", "default": ""},
}
REQUIRED_IF = [
    ("statement", "approve", ("environment", "release", "act")),
    ("statement", "withdraw", ("digest", "people", "reason")),
    ("statement", "delegate", ("people", "delegate", "environments", "reason")),
]
WORK = {"approve": requests.approve, "withdraw": requests.withdraw, "delegate": requests.delegate}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=REQUIRED_IF)
        found = gather.known(task_vars, self._templar.template)
        url = args["ledger_url"] or settings.ledger_url(found.get)
        try:
            # Check mode must not make a ledger.
            with nullcontext() if self._task.check_mode else session.open_for(url, found) as store:
                known = {"requester": actor.detect(os.environ, found), "now": datetime.now(timezone.utc)}
                return {**result, **WORK[args["statement"]](args, found, store, **known)}
        except (ApprovalError, LedgerError, OSError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
