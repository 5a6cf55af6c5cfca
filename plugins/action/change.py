# SPDX-License-Identifier: GPL-3.0-or-later
"""Open a change for a deployment, bring it through its states, review it, and say where it stands."""

from __future__ import annotations

import os
from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import gather
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.errors import ApprovalError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change import records
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.errors import ChangeError
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.states import CLOSE_CODES
from ansible_collections.evenkeel.release.plugins.plugin_utils._change.work import Work
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import of_people
from ansible_collections.evenkeel.release.plugins.plugin_utils._governance import settings as governance
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import actor, session, settings, store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

WALK = ("assessed", "scheduled", "implementing", "reviewed", "closed", "canceled", "reverted")
SPEC = {
    "state": {"type": "str", "default": "checked", "choices": ["opened", *WALK, "checked"]},
    "environment": {"type": "str", "required": True},
    "release": {"type": "str", "default": ""},
    "change": {"type": "str", "default": ""},
    "service": {"type": "str", "default": ""},
    "act": {"type": "str", "default": "deploy"},
    "plan": {"type": "dict"},
    "changes_dir": {"type": "path", "default": ""},
    "releases_dir": {"type": "path", "default": ""},
    "summary": {"type": "str", "default": ""},
    "assigned_to": {"type": "str", "default": ""},
    "emergency": {"type": "dict", "options": {"reason": {"type": "str", "required": True}, "incident": {"type": "str", "default": ""}}},
    "start": {"type": "str"},
    "end": {"type": "str"},
    "incidents": {"type": "list", "elements": "dict"},
    # A number of keys, nothing secret: the name alone makes Ansible suspect it.
    "keys_changed": {"type": "int", "no_log": False},
    "one_way": {"type": "bool"},
    "approvals": {"type": "list", "elements": "dict", "default": []},
    "maintenance": {"type": "list", "elements": "dict", "default": []},
    "blackout": {"type": "list", "elements": "dict", "default": []},
    "accept_conflicts": {"type": "str", "default": ""},
    "deployment": {"type": "str", "default": ""},
    "close_code": {"type": "str", "default": "", "choices": ["", *CLOSE_CODES]},
    "notes": {"type": "str", "default": ""},
    "reason": {"type": "str", "default": ""},
    "review": {"type": "dict"},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if (self._task.check_mode or args["state"] == "checked") and not store.exists(url):
                return {**result, **_work(args, task_vars, None).run(dry=True)}
            with session.open_for(url, variables) as opened:
                work = _work(args, task_vars, opened)
                work.args["approvals"] = _approvals(work, variables, self._templar.template)
                return {**result, **work.run(dry=self._task.check_mode)}
        except (ApprovalError, ChangeError, DeploymentError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _work(args, task_vars, opened):
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Work(plain(args), groups=plain(task_vars["groups"]), hostvars=task_vars["hostvars"], store=opened, now=now)


def _approvals(work, variables, template):
    """Where approvals are signed, only proved ones authorize a change; else those that the task was given."""
    declared = governance.of(variables, template)
    if work.args["state"] != "scheduled" or not declared.approvals_dir or work.store is None:
        return work.args["approvals"]
    if work.args["approvals"]:
        raise ChangeError("Approvals were given by name, and evenkeel_approvals_dir is set: only signed ones count. Leave them out.")
    change = records.find(work.entries, work.args["change"])
    known = gather.known(variables, template)
    return of_people.proved(
        work.store,
        environment=work.environment,
        release=change.release,
        settings=declared,
        variables=known,
        actor=actor.detect(os.environ, known),
        risk=str(change.opening["assessment"]["level"]),
        now=datetime.now(timezone.utc),
    )
