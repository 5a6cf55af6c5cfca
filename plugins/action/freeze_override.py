# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grants an exception from a freeze for one release in one environment until a time, and takes it back."""

from __future__ import annotations

from datetime import datetime, timezone

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar import grants, overrides, session, wall
from ansible_collections.evenkeel.release.plugins.plugin_utils._calendar.errors import CalendarError
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment import inventory
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.errors import DeploymentError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session as ledger
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import store as stores
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "state": {"type": "str", "default": "granted", "choices": ["granted", "withdrawn"]},
    "environment": {"type": "str", "required": True},
    "release": {"type": "str", "required": True},
    "freeze": {"type": "str", "required": True},
    "reason": {"type": "str", "required": True},
    "expires": {"type": "str", "default": ""},
    "deployer": {"type": "str", "default": ""},
    "calendars": {"type": "list", "elements": "path", "default": []},
    "max_skew": {"type": "float", "default": 30.0},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=[("state", "granted", ("expires",))])
        args = inventory.plain(args)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            document, _services = inventory.environment_of(
                name=args["environment"], groups=inventory.plain(task_vars["groups"]), hostvars=task_vars["hostvars"]
            )
            known = session.calendars(args["calendars"], [document], today=datetime.now(timezone.utc).date())
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if self._task.check_mode and not stores.exists(url):
                grants.choose(known, document, args["freeze"], at=session.now(None))
                return {**result, "changed": args["state"] == "granted"}
            with ledger.open_for(url, variables) as store:
                return {**result, **self._record(store, args, known, document)}
        except (CalendarError, DeploymentError, LedgerError) as exc:
            return {**result, "failed": True, "msg": str(exc)}

    def _record(self, store, args, known, document):
        now = session.now(store, limit=args["max_skew"])
        entries = session.entries(store, args["environment"])
        made = grants.entry(
            known,
            document,
            entries,
            state=args["state"],
            release=args["release"],
            freeze=args["freeze"],
            reason=args["reason"],
            until=args["expires"],
            by=str(store.actor["name"]),
            deployer=args["deployer"],
            at=now,
        )
        if made is None or self._task.check_mode:
            return {"changed": made is not None, "msg": "Nothing to do: it is so already." if made is None else "It would be recorded."}
        written = ledger.record(store, NewEntry(overrides.KIND, "fact", args["environment"], args["release"], subject=args["state"], body=made))
        until = f" until {made['until']}" if "until" in made else ""
        return {
            "changed": True,
            "entry": written,
            "msg": f"{args['state']}: {made['name']} for {args['release']} in {args['environment']}{until}, {wall.text(now)}",
        }
