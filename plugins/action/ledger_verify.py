# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that the ledger holds what was written, from the controller."""

from __future__ import annotations

from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.evenkeel.release.plugins.module_utils._ledger import verifier
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger import checkpoints, heads, session, settings, store, verify, views
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.errors import LedgerError

SPEC = {
    "heads": {"type": "path"},
    # Public, whatever its name says.
    "key": {"type": "str", "no_log": False},
    "checkpoint": {"type": "path"},
    "witnesses": {"type": "list", "elements": "str"},
    "quorum": {"type": "int"},
    "ledger_url": {"type": "str", "no_log": True},
}


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _unused, args = self.validate_argument_spec(argument_spec=SPEC, required_by={"checkpoint": ("key",), "witnesses": ("key",), "quorum": ("witnesses",)})
        variables = settings.templated(task_vars, self._templar.template)
        try:
            url = args["ledger_url"] or settings.ledger_url(variables.get)
            return {**result, **_verify(url, variables, args, dry=self._task.check_mode)}
        except LedgerError as exc:
            return {**result, "failed": True, "msg": str(exc)}


def _verify(url, variables, args, *, dry):
    if not store.exists(url):
        raise LedgerError("There is no ledger to verify at this place. Next: correct evenkeel_ledger_url or evenkeel_state_dir.")
    path = args["heads"]
    remembered = heads.read(path) if path else {}
    with session.open_for(url, variables) as opened:
        report = verify.verify(opened, expect=remembered)
        if not report.ok:
            lines = "\n".join(f"- {fault}" for fault in report.faults)
            return {
                "failed": True,
                "msg": f"The ledger {opened.name} is damaged, {len(report.faults)} faults in {report.entries} entries:\n{lines}\n"
                "Next: keep the file as evidence, restore the ledger from a backup and verify that with the same heads.",
                "report": report.as_dict(),
            }
        signed = _signed(opened, args) if args["key"] else {}
        open_intents = [entry.as_dict() for entry in views.open_intents(opened.entries(phase=("intent", "outcome")))]
    new = {name: head._asdict() for name, head in report.heads.items()}
    changed = bool(path) and new != remembered
    if changed and not dry:
        heads.write(path, new)
    return {"changed": changed, "report": report.as_dict(), "open_intents": open_intents, **signed}


def _signed(opened, args):
    """What the last checkpoint says of the ledger, by the keys that the caller trusts."""
    try:
        witnesses = tuple(map(verifier.Key.parse, args["witnesses"] or []))
        trust = verifier.Trust(verifier.Key.parse(args["key"]), witnesses, len(witnesses) if args["quorum"] is None else args["quorum"])
        given = Path(args["checkpoint"]).read_text(encoding="utf-8") if args["checkpoint"] else None
        checkpoint, _walk = verifier.ledger(checkpoints.Reader(opened), trust, given)
    except (verifier.ProofError, OSError, UnicodeDecodeError) as exc:
        raise LedgerError(
            f"The ledger {opened.name} is not what was signed: {exc}. Next: keep the store and the checkpoint as evidence, restore the ledger from a backup"
            " and verify that with the same checkpoint."
        ) from exc
    return {"signed": {"name": checkpoint.origin, "size": checkpoint.size}}
