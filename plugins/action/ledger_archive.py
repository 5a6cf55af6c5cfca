# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moves old entries of the audit trail into files, on the controller."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import archive, ids, session, settings, store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "dest": {"type": "path", "required": True},
    "days": {"type": "float", "required": True},
    "stream": {"type": "str", "default": "audit"},
    # Public, whatever its name says.
    "verifier_key": {"type": "str", "required": True, "no_log": False},
    "ledger_url": {"type": "str", "no_log": True},
}
DAY = 86_400_000_000  # microseconds


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC)
        variables = settings.templated(task_vars, self._templar.template)
        try:
            key = verifier.Key.parse(str(args["verifier_key"]))
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if not store.exists(url):
                raise LedgerError("There is no ledger at this place. Next: correct evenkeel_ledger_url or evenkeel_state_dir.")
            if not args["days"] >= 0:
                raise LedgerError(f"days is {args['days']}, allowed: 0 or more. Nothing was archived.")
            with session.open_for(url, variables) as opened:
                with opened.reading() as connection:
                    before = ids.at(opened.now(connection) - int(args["days"] * DAY))
                moved = archive.move(opened, args["stream"], before=before, folder=Path(str(args["dest"])), key=key, dry=self._task.check_mode)
        except (LedgerError, verifier.ProofError) as exc:
            return {**result, "failed": True, "msg": str(exc)}
        entries = sum(piece.last - piece.first + 1 for piece in moved)
        return {**result, "changed": bool(moved), "archived": entries, "files": [piece._asdict() for piece in moved]}
