# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signs what the ledger holds, on the controller."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import checkpoints, session, settings, store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.signer import Signer

SPEC = {
    "name": {"type": "str", "required": True},
    "key": {"type": "str", "required": True, "no_log": True},
    "kept": {"type": "path"},
    "kept_note": {"type": "str", "default": ""},
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
            if not store.exists(url):
                raise LedgerError("There is no ledger to sign at this place. Next: correct evenkeel_ledger_url or evenkeel_state_dir.")
            signer = Signer.load(str(args["name"]), str(args["key"]))
            with session.open_for(url, variables) as opened:
                return {**result, **_sign(opened, signer, [_read(args["kept"]), str(args["kept_note"])], dry=self._task.check_mode)}
        except LedgerError as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _sign(opened, signer, kept, *, dry):
    made = checkpoints.make(opened, signer, kept=kept, dry=dry)
    return {"changed": made.added > 0, "note": made.note, "size": made.size, "added": made.added, "verifier_key": str(signer.key)}


def _read(path):
    """A file that isn't there yet is no fault: the first checkpoint is kept after it was made."""
    if not path or not Path(path).exists():
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise LedgerError(f"Reading the checkpoint kept in {path} failed: {exc}. Next: name the file of a checkpoint, or a new one.") from exc
