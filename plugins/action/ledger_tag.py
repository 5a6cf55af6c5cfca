# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps checkpoints as tags of a git repository, from the controller."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.module_utils._ledger.verifier import ProofError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import settings, tags
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "note": {"type": "str"},
    "repo": {"type": "path"},
    "remote": {"type": "str", "default": "", "no_log": True},
    "prefix": {"type": "str", "default": "evenkeel-ledger"},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        variables = settings.templated(task_vars, self._templar.template)
        repo = Path(str(args["repo"] or settings.state_dir(variables.get) / "checkpoints.git"))
        try:
            kept = tags.Tags(repo, remote=str(args["remote"]), prefix=str(args["prefix"]))
            changed = kept.keep(str(args["note"]), dry=self._task.check_mode) if args["note"] else False
            newest = kept.newest()
        except (LedgerError, ProofError, OSError) as exc:
            return {**result, "failed": True, "msg": f"Keeping the checkpoint as a tag failed: {exc}"}
        found = newest._asdict() if newest else {"name": "", "size": 0, "note": ""}
        return {**result, "changed": changed, **found}
