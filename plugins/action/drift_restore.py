# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the wanted items and their contents from the controller's store to the host; only contents that it will write travel."""

from __future__ import annotations

import json
import os
import tempfile

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import Broken, StoreError, open_objects
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._remediate import held

MODULE = "evenkeel.release.drift_restore"
OURS = ("baseline", "keys", "paths", "store", "available", "contents_file")


class ActionModule(ActionBase):
    TRANSFERS_FILES = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = json.loads(json.dumps(dict(self._task.args)))
        variables = settings.templated(task_vars, self._templar.template)
        try:
            store = open_objects(str(args.get("store") or settings.object_store(variables.get)))
            return {**result, **self._restore(store, args, task_vars)}
        except (StoreError, Broken) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _restore(self, store, args, task_vars):
        items, faults = _wanted(store, args)
        if faults:
            return {"failed": True, "msg": faults}
        asked = {name: value for name, value in args.items() if name not in OURS}
        asked["items"] = items
        digests = [item["sha256"] for item in items.values() if item and isinstance(item.get("sha256"), str)]
        asked["available"] = held.had(store, digests)
        # The host says first what it lacks: most of what a baseline names is there as it was.
        planned = self._ask(asked, task_vars)
        if planned.get("failed") or not planned.get("changed"):
            return planned if planned.get("failed") else self._execute_module(module_name=MODULE, module_args=asked, task_vars=task_vars)
        if self._task.check_mode and not self._task.diff:
            return planned
        if planned["needs"]:
            asked["contents_file"] = self._send(held.packed(store, planned["needs"]))
        return self._execute_module(module_name=MODULE, module_args=asked, task_vars=task_vars)

    def _ask(self, asked, task_vars):
        before = self._task.check_mode, self._task.diff
        self._task.check_mode, self._task.diff = True, False
        try:
            return self._execute_module(module_name=MODULE, module_args=asked, task_vars=task_vars)
        finally:
            self._task.check_mode, self._task.diff = before

    def _send(self, contents):
        shell = self._connection._shell
        if not shell.tmpdir:
            self._make_tmp_path()
        descriptor, path = tempfile.mkstemp()
        try:
            with open(descriptor, "w", encoding="ascii") as stream:
                json.dump(contents, stream)
            remote = shell.join_path(shell.tmpdir, "contents")
            self._transfer_file(path, remote)
        finally:
            os.unlink(path)
        self._fixup_perms2((shell.tmpdir, remote))
        return remote


def _wanted(store, args):
    keys = args.get("keys", args.get("paths")) or []
    if args.get("items") is not None and (args.get("baseline") or keys):
        return {}, "Restoring was refused: items and baseline with keys exclude each other. Give one of them."
    if args.get("items") is not None:
        return args["items"], ""
    if not args.get("baseline"):
        return {}, "Restoring was refused: neither items nor baseline is given, so nothing says what is wanted. Give items, or baseline with keys."
    return held.items_of(store.record(args["baseline"]), [str(key) for key in keys]), ""
