# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask for access for a time, grant it, use it, take it back, and ask whether somebody may act."""

from __future__ import annotations

import os
from contextlib import nullcontext
from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._access import grant_steps as steps
from ansible_collections.evenkeel.release.plugins.plugin_utils._access.known import Known
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import gather
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.specs import PLACES
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import exists

WORK = {"checked": steps.checked, "requested": steps.requested, "granted": steps.granted, "used": steps.used, "revoked": steps.revoked, "info": steps.info}
READS = ("checked", "info", "report")
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
        url, dry = args["ledger_url"] or settings.ledger_url(found.get), self._task.check_mode
        try:
            known = Known(args, found, actor=actor.detect(os.environ, found), now=datetime.now(timezone.utc))
            # What only reads may read in check mode too.
            closed = dry and not (args["state"] in READS and exists(url))
            with nullcontext() if closed else session.open_for(url, found) as store:
                known.dry = dry
                return {**result, **WORK[args["state"]](known, store)}
        except (ApprovalError, LedgerError, OSError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
