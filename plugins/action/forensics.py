# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the host collect a bundle, brings it here, keeps it under its digest and records it."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import plain
from ansible_collections.evenkeel.release.plugins.plugin_utils._forensics import evidence
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import session, settings
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.entry import NewEntry
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

KIND = "report"
OURS = {
    "store": {"type": "path"},
    "environment": {"type": "str"},
    "release": {"type": "str"},
    "deployment": {"type": "str", "default": ""},
    "record": {"type": "bool", "default": True},
    "ledger_url": {"type": "str", "no_log": True},
}
HOST = ("service", "since", "logs", "config", "root", "units", "programs", "supervisor_dir", "given", "lines", "size", "most", "deadline", "dest", "reason")
SPEC = {**OURS, **{name: {"type": "raw"} for name in HOST}, "service": {"type": "str", "required": True}, "secrets": {"type": "raw", "no_log": True}}


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        asked = plain({name: args[name] for name in HOST if args[name] is not None})
        asked["secrets"] = json.dumps(evidence.values(plain(args["secrets"])))
        found = self._execute_module(module_name="evenkeel.release.forensics", module_args=asked, task_vars=task_vars)
        remote = found.pop("remote", None)
        # What was given may be large, and is in the bundle.
        found.pop("invocation", None)
        if found.get("failed") or self._task.check_mode:
            return {**result, **found}
        try:
            return {**result, **found, **self._keep(args, found, remote, task_vars)}
        except (evidence.EvidenceError, LedgerError) as exc:
            return {**result, **found, "failed": True, "msg": f"The bundle of {args['service']} was not kept: {exc}"}
        finally:
            if not args["dest"]:
                self._execute_module(module_name="ansible.legacy.file", module_args={"path": remote, "state": "absent"}, task_vars=task_vars)

    def _keep(self, args, found, remote, task_vars):
        variables = settings.templated(task_vars, self._templar.template)
        # Not fetch_file: with become the connection's user may not read it.
        slurped = self._execute_module(module_name="ansible.legacy.slurp", module_args={"src": remote}, task_vars=task_vars)
        try:
            data = base64.b64decode(slurped["content"])
        except (KeyError, binascii.Error) as exc:
            raise evidence.EvidenceError(f"it could not be fetched: {slurped.get('msg', 'no content came')}") from exc
        store = Path(str(args["store"])) if args["store"] else settings.state_dir(variables.get) / "evidence"
        kept = {"changed": True, "path": str(evidence.keep(store, data, found["sha256"]))}
        if args["record"]:
            kept["entry"] = self._record(args, found, variables, host=str(task_vars["inventory_hostname"]))
        return kept

    def _record(self, args, found, variables, *, host):
        body = evidence.body(plain(found["manifest"]), host=host, digest=found["sha256"], size=found["size"], deployment=args["deployment"])
        entry = NewEntry(
            kind=KIND,
            phase="fact",
            environment=str(args["environment"] if args["environment"] is not None else variables.get("evenkeel_target") or ""),
            release=str(args["release"] if args["release"] is not None else variables.get("evenkeel_version") or ""),
            subject=f"forensics/{host}/{args['service']}",
            body=body,
        )
        with session.open_for(args["ledger_url"] or settings.ledger_url(variables.get), variables) as store:
            return session.record(store, entry)
