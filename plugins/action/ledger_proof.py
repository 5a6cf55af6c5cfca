# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs about a ledger for those who can't or needn't read it, from the controller."""

from __future__ import annotations

import base64
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.plugin_utils import _files
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import checkpoints, session, settings, store
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "entry": {"type": "str"},
    "dest": {"type": "path"},
    "since": {"type": "int"},
    "size": {"type": "int"},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(
            argument_spec=SPEC,
            mutually_exclusive=[("entry", "since")],
            required_one_of=[("entry", "since")],
            required_by={"entry": ("dest",), "since": ("size",)},
        )
        variables = settings.templated(task_vars, self._templar.template)
        try:
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            if not store.exists(url):
                raise LedgerError("There is no ledger at this place. Next: correct evenkeel_ledger_url or evenkeel_state_dir.")
            with session.open_for(url, variables) as opened:
                if args["since"] is not None:
                    return {**result, "changed": False, "proof": _lines(checkpoints.consistency(opened, args["since"], args["size"]))}
                return {**result, **_entry(opened, str(args["entry"]), Path(args["dest"]), dry=self._task.check_mode)}
        except LedgerError as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _entry(opened, entry, folder, *, dry):
    proof, data = checkpoints.proof(opened, entry)
    texts = {folder / f"{entry}.json": data.decode(), folder / f"{entry}.tlog-proof": str(proof)}
    wrong = {path: text for path, text in texts.items() if _files.differs(path, text)}
    if not dry:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for path, text in wrong.items():
                _files.write(path, text, mode=0o644)
        except OSError as exc:
            raise LedgerError(f"Writing the proof to {folder} failed: {exc}. Next: make that folder writable for this user.") from exc
    return {"changed": bool(wrong), "files": sorted(map(str, texts)), "number": proof.number, "proof": _lines(proof.hashes)}


def _lines(hashes):
    return [base64.b64encode(each).decode() for each in hashes]
