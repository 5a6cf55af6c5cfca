# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the host, sends it the baseline when it lost its copy, and makes a result of its answer.

Where nothing changed nothing is opened or imported here: that is most of the tasks, and the controller has one for each host.
"""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
import time

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase

MODULE = "evenkeel.release.drift_snapshot"
INLINE_LIMIT = 65536
# Of the wire between host and controller; no part of the result.
INNER = ("packed", "spilled", "sha256", "missing", "host_started", "invocation")


class Refused(Exception):
    """The answer is not what the host wrote, or not what it can be."""


class ActionModule(ActionBase):
    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        place, keep = args.pop("store", None), boolean(args.pop("keep", False), strict=False)
        args.pop("baseline_file", None)
        reply = self._ask(args, task_vars)
        if reply.get("failed") or reply.get("skipped"):
            return reply
        if not reply.get("same"):
            reply = self._told(args, reply, task_vars, place=place, keep=keep)
        return {key: value for key, value in reply.items() if key not in INNER}

    def _ask(self, args, task_vars):
        sent = time.time()
        reply = self._execute_module(module_name=MODULE, module_args=args, task_vars=task_vars)
        if "host_started" in reply:
            # As in NTP: how long it took there does not matter, only how unlike the ways there and back are.
            ahead = (reply["host_started"] - sent + reply["host_time"] - time.time()) / 2
            reply["clock_skew"] = round(ahead, 3)
        return reply

    def _told(self, args, reply, task_vars, *, place, keep):
        from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import Broken
        from ansible_collections.evenkeel.release.plugins.plugin_utils._drift import reply as replies
        from ansible_collections.evenkeel.release.plugins.plugin_utils._drift.store import StoreError, open_objects

        how = {"limit": int(args.get("inline_limit") or INLINE_LIMIT), "keep": keep, "writes": not self._task.check_mode}
        baseline = str(args.get("baseline") or "")
        try:
            objects = open_objects(self._place(place, task_vars))
            base = objects.record(baseline) if baseline else None
        except (StoreError, Broken) as exc:
            self._fetched(reply, task_vars, wanted=False)
            return {"failed": True, "msg": str(exc)}
        try:
            if reply.get("missing"):
                reply = self._asked_again(args, base, task_vars)
                if reply.get("failed") or reply.get("same"):
                    return reply
            data = self._fetched(reply, task_vars)
            if base is None:
                return {**reply, **replies.whole(data, reply["root"], objects, **how)}
            return {**reply, **replies.difference(data, reply["root"], base, objects, **how)}
        except StoreError as exc:
            return {"failed": True, "msg": str(exc)}
        except (Refused, Broken) as exc:
            host = task_vars.get("inventory_hostname")
            return {"failed": True, "msg": f"The answer of {host} was refused: {exc}. Nothing of it is used. Look again, and find out who else answers there."}

    def _asked_again(self, args, base, task_vars):
        """With the record of the baseline, which the host has no copy of."""
        from ansible_collections.evenkeel.release.plugins.module_utils._snapshot.record import dump

        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        folder = self._connection._shell.tmpdir
        remote = self._connection._shell.join_path(folder, "baseline")
        with tempfile.NamedTemporaryFile(prefix="evenkeel-baseline-") as local:
            local.write(dump(base))
            local.flush()
            self._transfer_file(local.name, remote)
        self._fixup_perms2((folder, remote))
        try:
            reply = self._ask({**args, "baseline_file": remote}, task_vars)
        finally:
            self._remove_tmp_path(folder)
        if reply.get("missing"):
            raise Refused(f"it could not read the record of the baseline {base.root} that it was sent")
        return reply

    def _fetched(self, reply, task_vars, *, wanted=True):
        """The bytes of the answer. A file that they lie in is removed, whatever happens."""
        if "spilled" not in reply:
            data = base64.b64decode(reply.get("packed") or "")
        else:
            path = str(reply["spilled"])
            try:
                data = self._read(path, task_vars) if wanted else b""
            finally:
                self._low_level_execute_command(self._connection._shell.remove(path))
        if wanted and hashlib.sha256(data).hexdigest() != reply.get("sha256"):
            raise Refused("it was damaged on the way")
        return data

    def _read(self, path, task_vars):
        if self._connection.become is None:
            with tempfile.TemporaryDirectory(prefix="evenkeel-answer-") as folder:
                local = os.path.join(folder, "answer")
                self._connection.fetch_file(path, local)
                with open(local, "rb") as stream:
                    return stream.read()
        # The connection itself may not read a file of the user that we become.
        slurped = self._execute_module(module_name="ansible.legacy.slurp", module_args={"src": path}, task_vars=task_vars)
        if slurped.get("failed"):
            raise Refused(f"its file {path} could not be fetched ({slurped.get('msg')})")
        return base64.b64decode(slurped["content"])

    def _place(self, place, task_vars):
        if place:
            return str(place)
        from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings

        return settings.object_store(settings.templated(task_vars, self._templar.template).get)
