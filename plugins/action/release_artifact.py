# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Send an artifact that lies on the controller to the hosts that lack it, and only to them."""

from __future__ import annotations

import os

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._artifact import travel
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings

MODULE = "evenkeel.release.release_artifact"


class ActionModule(ActionBase):
    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        source = args.get("source")
        if args.get("state", "present") != "present" or not source:
            return self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        variables = settings.templated(task_vars, self._templar.template)
        path, url = travel.origin(source, args.get("sha256"), variables.get)
        if url:
            return self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        # The digest decides whether anything has to travel: ask the host first, in check mode.
        probe = self._ask(args, task_vars)
        if probe.get("failed") or not probe.get("changed"):
            return probe
        if not os.path.isfile(path):
            return {"failed": True, "msg": travel.missing(source, path)}
        if self._task.check_mode:
            return probe
        args["source"] = self._send(path)
        try:
            return self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _ask(self, args, task_vars):
        check_mode = self._task.check_mode
        self._task.check_mode = True
        try:
            return self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        finally:
            self._task.check_mode = check_mode

    def _send(self, path):
        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "artifact")
        self._transfer_file(path, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        return remote
