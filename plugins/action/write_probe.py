# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures, from the controller, how long nobody can write to a database while its servers are changed."""

from __future__ import annotations

import re

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import process, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade import watch
from ansible_collections.evenkeel.release.plugins.plugin_utils._upgrade.errors import UpgradeError

SERVER = {"address": {"type": "str", "required": True}, "port": {"type": "int", "default": 5432}}
SPEC = {
    "state": {"type": "str", "choices": ["started", "stopped"], "required": True},
    "name": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "dict", "options": SERVER, "default": []},
    "dbname": {"type": "str", "default": "postgres"},
    "user": {"type": "str", "default": "postgres"},
    "password": {"type": "str", "no_log": True},
    "sslmode": {"type": "str", "default": "prefer"},
    "interval": {"type": "float", "default": 0.05},
    "patience": {"type": "float", "default": 1.0},
    "need_first": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_if=[("state", "started", ("servers",))])
        if self._task.check_mode:
            return {**result, "changed": True}
        variables = settings.templated(task_vars, self._templar.template)
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", args["name"])
        file = settings.state_dir(variables.get) / "write_probe" / f"{name}.jsonl"
        try:
            return {**result, **(_started(args, file) if args["state"] == "started" else _stopped(args, file))}
        except UpgradeError as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _started(args, file):
    words = {key: args[key] for key in ("servers", "dbname", "user", "password", "sslmode", "interval")}
    words = {key: str(value) if isinstance(value, str) else value for key, value in words.items()}
    words["servers"] = [{"address": str(server["address"]), "port": int(server["port"])} for server in args["servers"]]
    return {"changed": True, **watch.begin(words, file=file, pid=process.main_pid(), needed=args["need_first"])}


def _stopped(args, file):
    watch.stop(file)
    found = watch.measured(file, patience=args["patience"], interval=args["interval"])
    watch.forget(file)
    return {"changed": True, "downtime": found, "msg": found["says"]}
